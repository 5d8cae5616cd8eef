import type { BrokenRule } from '../domain/culprit/broken-rule.js';
import type { Id } from '../domain/id.js';
import type { LinkedChange } from '../domain/intake/line.js';
import type { Sql } from './store.js';

/** A test that was red of late, and what it did before. */
export interface Red {
  readonly projectId: Id;
  readonly run: Id;
  readonly testId: Id;
  readonly testName: string;
  readonly requirement: string;
  /** What it says itself of when it is broken. */
  readonly broken: BrokenRule | null;
  readonly signature: string | null;
}

/** Keeps these reds until `takeReds` has asked for them, where anything is watched at all. */
export async function keepReds(sql: Sql, runs: readonly Id[]): Promise<void> {
  if (runs.length === 0) return;
  await sql.rows(
    `INSERT INTO new_red (run_id) SELECT unnest($1::bigint[])
     WHERE EXISTS (SELECT FROM baseline_entry WHERE change_id IS NOT NULL) ON CONFLICT DO NOTHING`,
    [runs],
  );
}

/** The new reds, the last of each test; of tests that nobody searches for, nor has within a day. They are asked for once. */
export function takeReds(sql: Sql): Promise<readonly Red[]> {
  return sql.rows<Red>(
    `WITH red AS (DELETE FROM new_red RETURNING run_id),
     known AS (SELECT DISTINCT ON (r.project_id, r.test_name) r.* FROM red JOIN run r ON r.id = red.run_id
       ORDER BY r.project_id, r.test_name, r.id DESC)
     SELECT k.project_id AS "projectId", k.id AS run, k.test_id AS "testId", k.test_name AS "testName", t.requirement,
       t.spec->'broken' AS broken, k.failure_signature AS signature
     FROM known k JOIN test t ON t.id = k.test_id
     WHERE NOT EXISTS (SELECT FROM search s JOIN test o ON o.id = s.test_id WHERE o.project_id = k.project_id
         AND o.name = k.test_name AND (s.closed_at IS NULL OR s.opened_at > grid_now() - interval '1 day'))
     ORDER BY k.id`,
  );
}

/** Verdicts that count when a test is looked back at. */
const LOOKED_BACK = 400;

/** What the ordinary runs of a test came to up to one of them, the last one last. */
export async function ordinaryRuns(
  sql: Sql,
  { projectId, testName, run }: Pick<Red, 'projectId' | 'testName' | 'run'>,
): Promise<readonly { readonly failed: boolean; readonly createdAt: Date }[]> {
  const rows = await sql.rows<{ failed: boolean; createdAt: Date }>(
    `SELECT verdict = 'failed' AS failed, created_at AS "createdAt" FROM run
     WHERE project_id = $1 AND test_name = $2 AND id <= $3 AND purpose = 'test' AND verdict IN ('passed', 'failed')
     ORDER BY id DESC LIMIT ${LOOKED_BACK}`,
    [projectId, testName, run],
  );
  return rows.reverse();
}

/**
 * What of the baseline has moved from one moment on until another and is there still, in the order in which it did: of each
 * component every version that it went through, but for those that it has left backwards.
 */
export async function movedBetween(
  sql: Sql,
  project: Id,
  since: Date,
  until: Date,
): Promise<readonly LinkedChange[]> {
  const rows = await sql.rows<Entry>(
    `SELECT c.id, m.id AS "componentId", m.name AS component, m.kind, e.version AS to, c.facts, e.since >= $2 AS moved
     FROM component m JOIN baseline_entry last ON last.component_id = m.id AND last.until IS NULL AND last.since >= $2 AND last.since <= $3
     JOIN baseline_entry e ON e.component_id = m.id AND (e.until IS NULL OR e.until > $2)
     LEFT JOIN change c ON c.id = e.change_id
     WHERE m.project_id = $1 ORDER BY e.since, e.id, c.position`,
    [project, since, until],
  );
  const ways = new Map<Id, Entry[]>();
  for (const entry of rows) {
    const way = ways.get(entry.componentId);
    if (way === undefined) ways.set(entry.componentId, [entry]);
    else way.push(entry);
  }
  const still = new Set([...ways.values()].flatMap(stillThere));
  const before = new Map<Id, string>();
  return rows.flatMap((entry) => {
    if (!still.has(entry)) return [];
    const from = before.get(entry.componentId);
    before.set(entry.componentId, entry.to);
    const { moved, id, ...rest } = entry;
    return moved && id !== null ? [{ ...rest, id, ...(from !== undefined && { from }) }] : [];
  });
}

/** What was trusted of one component for a time. */
interface Entry extends Omit<LinkedChange, 'id' | 'from'> {
  /** The change that brought it; null: none did. */
  readonly id: Id | null;
  readonly moved: boolean;
}

/** The entries of one component that lead to where it is, without those that were left backwards. */
function stillThere(entries: readonly Entry[]): readonly Entry[] {
  const way: Entry[] = [];
  for (const entry of entries) {
    const back = way.findIndex(({ to }) => to === entry.to);
    if (back < 0) way.push(entry);
    else way.length = back + 1;
  }
  return way;
}
