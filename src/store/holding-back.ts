import { type Id, showId } from '../domain/id.js';
import type { LeftBehind, LinkedChange } from '../domain/intake/line.js';
import type { Predicate } from '../domain/intake/reading.js';
import { chronicle } from './chronicle.js';
import type { Sql } from './store.js';

/** A component that is held back. */
export interface Pin {
  readonly id: Id;
  readonly componentId: Id;
  readonly version: string;
  readonly changeId: Id;
  readonly searchId: Id;
}

/** The pins of components that one of these changes takes past what is held back, each with that change. */
export function passedPins(
  sql: Sql,
  changes: readonly Id[],
): Promise<readonly { readonly id: Id; readonly change: Id }[]> {
  return sql.rows(
    `SELECT p.id, max(m.id) AS change FROM pin p JOIN change held ON held.id = p.change_id
     JOIN change m ON m.component_id = p.component_id AND m.id = ANY ($1::bigint[]) AND m.position > held.position
     WHERE p.lifted_at IS NULL GROUP BY p.id ORDER BY p.id`,
    [changes],
  );
}

/** The pins of what does harm only together with another change, of which one of these is a newer version; each with that one. */
export function partnerPins(
  sql: Sql,
  changes: readonly Id[],
): Promise<readonly { readonly id: Id; readonly held: Id; readonly change: Id }[]> {
  return sql.rows(
    `SELECT p.id, p.change_id AS held, max(m.id) AS change FROM pin p
     JOIN accusation a ON a.search_id = p.search_id AND a.change_id <> p.change_id AND a.withdrawn_at IS NULL
       AND NOT EXISTS (SELECT FROM pin o WHERE o.search_id = p.search_id AND o.change_id = a.change_id)
     JOIN change partner ON partner.id = a.change_id
     JOIN change m ON m.component_id = partner.component_id AND m.id = ANY ($1::bigint[]) AND m.position > partner.position
     WHERE p.lifted_at IS NULL GROUP BY p.id, p.change_id ORDER BY p.id`,
    [changes],
  );
}

/** The pins that stand because of these changes. */
export async function pinsOf(sql: Sql, changes: readonly Id[]): Promise<readonly Id[]> {
  if (changes.length === 0) return [];
  const rows = await sql.rows<{ id: Id }>(
    `SELECT id FROM pin WHERE change_id = ANY ($1::bigint[]) AND lifted_at IS NULL ORDER BY id`,
    [changes],
  );
  return rows.map(({ id }) => id);
}

/** A commit that is held back, and from where on its branch something is known of what came after it. */
export interface HeldCommit {
  readonly held: LinkedChange;
  /** How many of the commits that were asked about come before it. */
  readonly place: number;
  /** The search that found it. */
  readonly search: Id;
  /** The last commit of the last search for the same; it was bad. */
  readonly head: Id;
  readonly headVersion: string;
}

/** The commits that are held back on the branch of these, in order, with what each was found to break; a candidate is on no branch. */
export function heldOn(
  sql: Sql,
  commits: readonly Id[],
): Promise<readonly (HeldCommit & { readonly test: string; readonly predicate: Predicate })[]> {
  return sql.rows(
    `SELECT jsonb_strip_nulls(jsonb_build_object('id', c.id::text, 'componentId', k.id::text, 'component', k.name, 'kind', k.kind,
         'from', k.baseline, 'to', c.version, 'facts', c.facts)) AS held,
       (SELECT count(*)::integer FROM change b WHERE b.id = ANY ($1::bigint[]) AND b.position < c.position) AS place,
       p.search_id AS search, t.name AS test, s.predicate, last.head, last.version AS "headVersion"
     FROM pin p JOIN change c ON c.id = p.change_id JOIN component k ON k.id = p.component_id AND k.kind = 'git'
     JOIN search s ON s.id = p.search_id JOIN test t ON t.id = s.test_id
     CROSS JOIN LATERAL (SELECT o.line->-1->>'id' AS head, o.line->-1->>'to' AS version FROM search o
       JOIN test u ON u.id = o.test_id AND u.name = t.name
       WHERE o.id >= s.id AND o.project_id = s.project_id AND o.predicate = s.predicate AND o.actor = s.actor
         AND o.line->-1->>'componentId' = k.id::text ORDER BY o.id DESC LIMIT 1) last
     WHERE p.lifted_at IS NULL AND c.source = 'seen'
       AND p.component_id IN (SELECT component_id FROM change WHERE id = ANY ($1::bigint[]))
     ORDER BY c.position`,
    [commits],
  );
}

/** How many of a watch's components were pinned within the last day. */
export async function pinsOfDay(sql: Sql, watch: string): Promise<number> {
  const [row] = await sql.rows<{ pins: number }>(
    `SELECT count(*)::integer AS pins FROM pin p JOIN component k ON k.id = p.component_id
     WHERE k.watch = $1 AND p.since > grid_now() - interval '1 day'`,
    [watch],
  );
  return row?.pins ?? 0;
}

/** Holds a component at a version. */
export async function pinComponent(
  sql: Sql,
  pin: Omit<Pin, 'id'> & { readonly component: string; readonly projectId: Id },
  behind: readonly LeftBehind[],
  why: string,
): Promise<void> {
  const { componentId, version, changeId, searchId, component, projectId } = pin;
  await sql.rows(
    `INSERT INTO pin (component_id, version, change_id, search_id, behind, why) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT DO NOTHING`,
    [componentId, version, changeId, searchId, JSON.stringify(behind), why],
  );
  await chronicle(sql, [
    {
      ...{ kind: 'pin.set', subject: `component:${component}`, project: projectId },
      data: { version, change: showId('change', changeId), search: showId('search', searchId), behind, why },
    },
  ]);
}

/** Lets a component go on. */
export async function liftPin(sql: Sql, pin: Id, why: string, actor = 'testyard'): Promise<void> {
  const rows = await sql.rows<{ component: string; project: Id; search: Id; change: Id }>(
    `UPDATE pin p SET lifted_at = grid_now(), why = $2 FROM component k
     WHERE p.id = $1 AND p.lifted_at IS NULL AND k.id = p.component_id
     RETURNING k.name AS component, k.project_id AS project, p.search_id AS search, p.change_id AS change`,
    [pin, why],
  );
  await chronicle(
    sql,
    rows.map(({ component, project, search, change }) => ({
      ...{ kind: 'pin.lifted', subject: `component:${component}`, project, actor },
      data: { why, search: showId('search', search), change: showId('change', change) },
    })),
  );
}

/** Notes whose change it was; true where that is new. */
export async function accuse(sql: Sql, search: Id, change: Id, owner: string): Promise<boolean> {
  const rows = await sql.rows(
    `INSERT INTO accusation (search_id, change_id, owner) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id`,
    [search, change, owner],
  );
  return rows.length > 0;
}
