import type { ChangeFacts, ChangeState } from '../domain/change.js';
import { type Id, showId } from '../domain/id.js';
import type { ComponentKind, WatchedPlace } from '../domain/watch.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { type Page, pageOf, shown } from './view.js';

/** Which changes are wanted; what is not said does not matter. */
export interface ChangeFilter {
  readonly visible: Visible;
  /** This one alone. */
  readonly id?: Id | undefined;
  readonly project?: Id | undefined;
  readonly watch?: string | undefined;
  readonly component?: string | undefined;
  readonly states?: readonly ChangeState[] | undefined;
  /** Only what stands before this place in the line. */
  readonly before?: string | undefined;
  readonly limit: number;
}

interface ChangeRow {
  readonly id: Id;
  readonly project: string;
  readonly component: string;
  readonly watch: string;
  readonly version: string;
  readonly previous: string | null;
  readonly author: string | null;
  readonly owner: string | null;
  readonly title: string;
  readonly link: string | null;
  readonly madeAt: Date | null;
  readonly seenAt: Date;
  readonly source: 'seen' | 'pushed';
  readonly pushedBy: string | null;
  readonly blob: string | null;
  readonly facts: ChangeFacts;
  readonly position: string;
  readonly state: ChangeState;
  readonly why: string;
  readonly stateSince: Date;
}

/** Changes, the newest first; a page of them. */
export async function changesOf(
  sql: Sql,
  filter: ChangeFilter,
): Promise<Page<ReturnType<typeof changeShown>, string>> {
  const { visible, id, project, watch, component, states, before, limit } = filter;
  const rows = await sql.rows<ChangeRow>(
    `SELECT c.id, p.name AS project, k.name AS component, k.watch, c.version, c.previous, c.author,
       coalesce(c.owner, k.owner) AS owner, c.title, c.link, c.made_at AS "madeAt", c.seen_at AS "seenAt", c.source,
       c.pushed_by AS "pushedBy", c.blob, c.facts, c.position, c.state, c.why, c.state_since AS "stateSince"
     FROM change c JOIN component k ON k.id = c.component_id JOIN project p ON p.id = k.project_id
     WHERE ($1::bigint[] IS NULL OR k.project_id = ANY ($1)) AND ($2::bigint IS NULL OR k.project_id = $2)
       AND ($3::text IS NULL OR k.watch = $3) AND ($4::text IS NULL OR k.name = $4)
       AND ($5::text[] IS NULL OR c.state = ANY ($5)) AND ($6::bigint IS NULL OR c.position < $6)
       AND ($8::bigint IS NULL OR c.id = $8)
     ORDER BY c.position DESC LIMIT $7`,
    [
      ...[
        visibleIds(visible),
        project ?? null,
        watch ?? null,
        component ?? null,
        states ?? null,
        before ?? null,
      ],
      ...[limit + 1, id ?? null],
    ],
  );
  const page = pageOf(rows, limit, ({ position }) => position);
  return { ...page, items: page.items.map(changeShown) };
}

function changeShown(row: ChangeRow) {
  const { id, position: _, ...more } = shown(row);
  return { id: showId('change', id), ...more };
}

/** Which components are wanted. */
export interface ComponentFilter {
  readonly visible: Visible;
  readonly project?: Id | undefined;
  readonly watch?: string | undefined;
  /** Only what comes after this name. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Components with what is trusted of them and what is open, by name; a page of them. */
export async function componentsSeen(sql: Sql, { visible, project, watch, after, limit }: ComponentFilter) {
  const rows = await sql.rows<{
    name: string;
    project: string;
    watch: string;
    kind: ComponentKind;
    owner: string | null;
    baseline: string | null;
    baselineSince: Date | null;
    open: number;
    newest: string | null;
  }>(
    `SELECT k.name, p.name AS project, k.watch, k.kind, k.owner, k.baseline, k.baseline_since AS "baselineSince",
       (SELECT count(*)::integer FROM change c WHERE c.component_id = k.id AND c.state IN ('new', 'testing')) AS open,
       (SELECT c.version FROM change c WHERE c.component_id = k.id ORDER BY c.position DESC LIMIT 1) AS newest
     FROM component k JOIN project p ON p.id = k.project_id
     WHERE ($1::bigint[] IS NULL OR k.project_id = ANY ($1)) AND ($2::bigint IS NULL OR k.project_id = $2)
       AND ($3::text IS NULL OR k.watch = $3) AND ($4::text IS NULL OR k.name > $4)
     ORDER BY k.name LIMIT $5`,
    [visibleIds(visible), project ?? null, watch ?? null, after ?? null, limit + 1],
  );
  return pageOf(rows.map(shown), limit, ({ name }) => name);
}

/** The versions that were trusted at a moment, by name of the component; a page of them. Undefined: now. */
export async function baselineAt(sql: Sql, filter: ComponentFilter & { readonly at?: Date | undefined }) {
  const { visible, project, watch, after, limit, at } = filter;
  const rows = await sql.rows<{
    component: string;
    project: string;
    version: string;
    since: Date;
    until: Date | null;
    change: string | null;
    why: string;
  }>(
    `SELECT k.name AS component, p.name AS project, e.version, e.since, e.until, 'c' || e.change_id AS change, e.why
     FROM component k JOIN project p ON p.id = k.project_id
     JOIN baseline_entry e ON e.component_id = k.id AND e.since <= coalesce($6, grid_now())
       AND (e.until IS NULL OR e.until > coalesce($6, grid_now()))
     WHERE ($1::bigint[] IS NULL OR k.project_id = ANY ($1)) AND ($2::bigint IS NULL OR k.project_id = $2)
       AND ($3::text IS NULL OR k.watch = $3) AND ($4::text IS NULL OR k.name > $4)
     ORDER BY k.name LIMIT $5`,
    [visibleIds(visible), project ?? null, watch ?? null, after ?? null, limit + 1, at ?? null],
  );
  return pageOf(rows.map(shown), limit, ({ component }) => component);
}

/** What is watched, when it was read, and why it cannot be. */
export async function watchesSeen(sql: Sql, visible: Visible) {
  const rows = await sql.rows<{
    name: string;
    project: string;
    place: WatchedPlace;
    every: string | null;
    triedAt: Date | null;
    readAt: Date | null;
    trouble: string | null;
    troubleSince: Date | null;
    components: number;
    open: number;
  }>(
    `SELECT w.name, w.spec->>'project' AS project, w.spec->'place' AS place, w.spec->>'every' AS every, w.tried_at AS "triedAt",
       w.read_at AS "readAt", w.trouble, w.trouble_since AS "troubleSince",
       (SELECT count(*)::integer FROM component k WHERE k.watch = w.name) AS components,
       (SELECT count(*)::integer FROM change c JOIN component k ON k.id = c.component_id
        WHERE c.state IN ('new', 'testing') AND k.watch = w.name) AS open
     FROM watch w JOIN project p ON p.name = w.spec->>'project'
     WHERE w.removed_at IS NULL AND ($1::bigint[] IS NULL OR p.id = ANY ($1)) ORDER BY w.name`,
    [visibleIds(visible)],
  );
  return rows.map(({ place, ...row }) => ({ ...shown(row), kind: place.kind, place: placeText(place) }));
}

function placeText(place: WatchedPlace): string {
  switch (place.kind) {
    case 'apt':
      return `${place.url} ${place.suite} ${place.component}`;
    case 'dnf':
      return place.url;
    case 'git':
      return `${place.url} ${place.branch}`;
    case 'image':
      return 'the image catalogue';
    case 'test':
      return `the tests of ${place.project}`;
  }
}
