import type { Versions } from '../domain/baseline.js';
import type { Guidance } from '../domain/culprit/question.js';
import { guided, type Search } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import type { Past, Recorded } from '../domain/intake/between.js';
import { type Visible, visibleIds } from './access.js';
import { chronicle } from './chronicle.js';
import { endTrials } from './hunts.js';
import type { Sql, Transaction } from './store.js';

/** A run that is over, with the versions that were in it. */
export interface RunWithVersions {
  readonly id: Id;
  readonly projectId: Id;
  readonly testId: Id;
  readonly test: string;
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'none' | null;
  readonly noVerdict: string | null;
  readonly signature: string | null;
  readonly outcome: string | null;
  readonly versions: Versions;
}

/**
 * A run that may be seen, and the versions of all components when it was attempted: those it was asked for with, else
 * those of the baseline at that moment.
 */
export async function runWithVersions(
  sql: Sql,
  visible: Visible,
  run: Id,
): Promise<RunWithVersions | undefined> {
  const [row] = await sql.rows<RunWithVersions>(
    `SELECT r.id, r.project_id AS "projectId", r.test_id AS "testId", r.test_name AS test, r.verdict,
       r.no_verdict AS "noVerdict", r.failure_signature AS signature, last.outcome,
       (SELECT coalesce(jsonb_object_agg(k.name, e.version), '{}') FROM component k
          JOIN baseline_entry e ON e.component_id = k.id
            AND e.since <= coalesce(last.created_at, r.created_at)
            AND (e.until IS NULL OR e.until > coalesce(last.created_at, r.created_at))
          WHERE k.project_id = r.project_id) || coalesce(s.versions, '{}') AS versions
     FROM run r JOIN submission s ON s.id = r.submission_id
     LEFT JOIN LATERAL (SELECT a.created_at, a.outcome FROM attempt a WHERE a.run_id = $2 ORDER BY a.id DESC LIMIT 1) last ON true
     WHERE r.id = $2 AND ($1::bigint[] IS NULL OR r.project_id = ANY ($1))`,
    [visibleIds(visible), run],
  );
  return row;
}

/** The versions that are trusted now of the components of a project. */
export async function trustedIn(sql: Sql, project: Id): Promise<Versions> {
  const [row] = await sql.rows<{ versions: Versions }>(
    `SELECT coalesce(jsonb_object_agg(name, baseline), '{}') AS versions FROM component
     WHERE project_id = $1 AND baseline IS NOT NULL`,
    [project],
  );
  return row?.versions ?? {};
}

/** All that was recorded of components, without what was taken back or refused. */
export async function pastOf(sql: Sql, project: Id, components: readonly string[]): Promise<Past> {
  const changes = await sql.rows<Omit<Recorded, 'position'> & { position: string }>(
    `SELECT c.id, c.component_id AS "componentId", k.name AS component, k.kind, c.version AS to, c.facts, c.position,
       c.source = 'pushed' AS pushed
     FROM component k JOIN change c ON c.component_id = k.id
     WHERE k.project_id = $1 AND k.name = ANY ($2::text[]) AND c.state NOT IN ('withdrawn', 'refused') ORDER BY c.position`,
    [project, components],
  );
  const entries = await sql.rows<{ component: string; version: string }>(
    `SELECT k.name AS component, e.version FROM component k JOIN baseline_entry e ON e.component_id = k.id
     WHERE k.project_id = $1 AND k.name = ANY ($2::text[])`,
    [project, components],
  );
  const found = new Map<string, Set<string>>();
  for (const { component, version } of entries)
    found.set(component, (found.get(component) ?? new Set()).add(version));
  return { changes: changes.map((row) => ({ ...row, position: BigInt(row.position) })), found };
}

/** Says of a person's search that what it finds has consequences. */
export async function giveConsequences(sql: Sql, search: Id): Promise<void> {
  await sql.rows(`UPDATE search SET consequences = true WHERE id = $1`, [search]);
}

/** The grid itself, as the beginner of a search. */
const GRID = 'testyard';

/** Who began a search, where it was a person, and whether what it finds is to be held back. */
export async function askerOf(
  sql: Sql,
  search: Id,
): Promise<{ readonly actor: string; readonly consequences: boolean } | undefined> {
  const [row] = await sql.rows<{ actor: string; consequences: boolean }>(
    `SELECT actor, consequences FROM search WHERE id = $1 AND actor <> '${GRID}'`,
    [search],
  );
  return row;
}

/** Whether a person began a search. */
export async function wasAsked(sql: Sql, search: Id): Promise<boolean> {
  return (await askerOf(sql, search)) !== undefined;
}

/** Within a transaction: a search is guided by what a person knows; false where it is over. What ends by it is concluded by the scheduler. */
export async function guideSearch(
  tx: Transaction,
  search: Id,
  guidance: readonly Guidance[],
  actor: string,
): Promise<boolean> {
  const [row] = await tx.rows<{ projectId: Id; value: Search; open: boolean }>(
    `SELECT project_id AS "projectId", value, closed_at IS NULL AND value->>'phase' <> 'done' AS open
     FROM search WHERE id = $1 FOR UPDATE`,
    [search],
  );
  if (row?.open !== true) return false;
  const value = guidance.reduce(guided, row.value);
  await tx.rows(`UPDATE search SET value = $2 WHERE id = $1`, [search, JSON.stringify(value)]);
  if (guidance.some(({ kind }) => kind === 'stop'))
    await endTrials(tx, { id: search, projectId: row.projectId }, actor);
  const subject = showId('search', search);
  await chronicle(
    tx,
    guidance.map(({ kind, ...data }) => ({
      kind: kind === 'stop' ? 'search.stopped' : 'search.guided',
      subject,
      project: row.projectId,
      actor,
      data: { ...data, what: kind },
    })),
  );
  return true;
}
