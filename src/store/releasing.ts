import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import type { Sql } from './store.js';

/** Open incidents of tests that have a version newer than any whose setup failed, with the newest. */
export const CHANGED_TESTS = `SELECT i.id AS incident, t.id AS "testId", t.requirement, t.requirement_key AS "requirementKey"
  FROM incident i
  CROSS JOIN LATERAL (SELECT id, requirement, requirement_key FROM test
    WHERE project_id = i.project_id AND name = i.test_name ORDER BY id DESC LIMIT 1) t
  WHERE i.closed_at IS NULL AND i.scope = 'test' AND t.id > (
    SELECT max(r.test_id) FROM evidence e JOIN run r ON r.id = e.run_id WHERE e.incident_id = i.id AND NOT e.ok)`;

/** A test that has changed since its setup was found broken. */
export interface ChangedTest {
  readonly incident: Id;
  readonly testId: Id;
  readonly requirement: string;
  readonly requirementKey: string;
}

/** See CHANGED_TESTS. */
export function changedTests(sql: Sql): Promise<ChangedTest[]> {
  return sql.rows<ChangedTest>(CHANGED_TESTS);
}

/** The runs that an incident holds, with what they asked for. */
export function heldBy(sql: Sql, incident: Id): Promise<{ runId: Id; demanded: Demand }[]> {
  return sql.rows(
    `SELECT q.run_id AS "runId", d.spec AS demanded FROM queue q JOIN demand d ON d.key = q.demand
     WHERE q.incident_id = $1 AND q.state = 'held' FOR UPDATE OF q`,
    [incident],
  );
}

/** Points held runs at another version of their test; history says so. */
export async function pointAt(
  sql: Sql,
  test: ChangedTest,
  runs: readonly { readonly runId: Id; readonly demand: string }[],
): Promise<void> {
  await sql.rows(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g("runId" bigint, demand text)),
     queued AS (UPDATE queue q SET test_id = $2, demand = g.demand, memory = '{}'
       FROM given g WHERE q.run_id = g."runId"),
     pointed AS (UPDATE run r SET test_id = $2, requirement_key = $3 FROM given g WHERE r.id = g."runId"
       RETURNING r.id, r.project_id, r.test_name)
     INSERT INTO history (project_id, run_id, kind, subject, actor, data)
     SELECT project_id, id, 'run.test_changed', 'r' || id, 'testyard',
       jsonb_build_object('test', test_name, 'incident', 'i' || $4::bigint,
         'reason', 'a new version of the test has come: the run goes on with it') FROM pointed`,
    [JSON.stringify(runs), test.testId, test.requirementKey, test.incident],
  );
}
