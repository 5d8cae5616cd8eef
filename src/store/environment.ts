import type { Id } from '../domain/id.js';
import type { Artefact } from '../domain/submit/artefact.js';
import type { TestSource } from '../domain/submit/source.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { ARTEFACTS_OF_RUN } from './submission.js';

/** What is known of the environment of a run's attempt that counts: the one with the verdict, else the last recorded. */
export interface RecordedEnvironment {
  readonly run: string;
  readonly test: string;
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'none' | null;
  readonly attempt: string;
  readonly host: string;
  readonly at: Date;
  /** Digests of the blobs, part by part. */
  readonly parts: Readonly<Record<string, string>>;
  readonly stack: Readonly<Record<string, string>> | null;
  readonly source: TestSource | null;
  readonly testDigest: string;
  readonly artefacts: readonly Artefact[];
}

/** The environment record of a run that may be seen; undefined: none was taken. */
export async function findEnvironment(
  sql: Sql,
  visible: Visible,
  runId: Id,
): Promise<RecordedEnvironment | undefined> {
  const [row] = await sql.rows<RecordedEnvironment>(
    `SELECT 'r' || r.id AS run, r.test_name AS test, r.verdict, 'a' || p.attempt_id AS attempt, h.name AS host,
       coalesce(a.test_started_at, a.created_at) AS at, p.environment AS parts, a.plan->0->'stack' AS stack,
       t.spec->'source' AS source, t.digest AS "testDigest", ${ARTEFACTS_OF_RUN} AS artefacts
     FROM run r JOIN place p ON p.run_id = r.id JOIN attempt a ON a.run_id = r.id AND a.id = p.attempt_id
     JOIN host h ON h.id = p.host_id JOIN test t ON t.id = r.test_id
     WHERE r.id = $2 AND p.run_id = $2 AND a.run_id = $2 AND ($1::bigint[] IS NULL OR r.project_id = ANY ($1))
       AND p.environment IS NOT NULL
     ORDER BY p.attempt_id = r.verdict_attempt DESC NULLS LAST, p.attempt_id DESC, p.role LIMIT 1`,
    [visibleIds(visible), runId],
  );
  return row;
}

/** Runs of a test that are looked through for its last pass. */
const MOST_LOOKED_THROUGH = 200;

/** The newest run of a test that has come to something, and the last pass of the same variant before it. */
export interface SinceLastPass {
  readonly now: Id;
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'none';
  /** Undefined: none of its last runs passed. */
  readonly pass: Id | null;
}

/** Undefined: no run of this test is done. */
export async function sinceLastPass(
  sql: Sql,
  projectId: Id,
  test: string,
): Promise<SinceLastPass | undefined> {
  const [row] = await sql.rows<SinceLastPass>(
    `WITH lately AS (
       SELECT id, verdict, variant FROM run WHERE project_id = $1 AND test_name = $2 AND purpose = 'test'
       ORDER BY project_id, test_name, id DESC LIMIT ${MOST_LOOKED_THROUGH}),
     newest AS (SELECT * FROM lately WHERE verdict IS NOT NULL ORDER BY id DESC LIMIT 1)
     SELECT n.id AS now, n.verdict, (
       SELECT l.id FROM lately l WHERE l.verdict = 'passed' AND l.id < n.id AND l.variant = n.variant
       ORDER BY l.id DESC LIMIT 1) AS pass
     FROM newest n`,
    [projectId, test],
  );
  return row;
}
