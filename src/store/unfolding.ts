import type { Versions } from '../domain/baseline.js';
import type { AskedTarget, Demand, Target } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import type { Matrix, Variant } from '../domain/submit/matrix.js';
import type { LeftOut } from '../domain/submit/unfold.js';
import type { Sql } from './store.js';
import { testAt } from './test-version.js';

/** A submission that has not been unfolded into runs yet. */
export interface PendingSubmission {
  readonly id: Id;
  readonly projectId: Id;
  readonly project: string;
  readonly purpose: Demand['purpose'];
  readonly incidentId?: Id;
  readonly priority: number;
  readonly queueTimeoutS?: number;
  readonly retryOf?: Id;
  /** Runs that it repeats, in place of tests x variants x targets. */
  readonly repeats?: readonly Repeated[];
  /** What nothing can serve waits until something can. */
  readonly wait: boolean;
  readonly variants: readonly Variant[];
  /** Values for parameters of LAVA definitions. */
  readonly params: Variant;
  readonly targets: readonly AskedTarget[];
  /** What components are to be at, instead of what the baseline says of them. */
  readonly versions?: Versions;
  readonly tests: readonly {
    readonly id: Id;
    readonly name: string;
    readonly requirement: string;
    readonly requirementKey: string;
    readonly matrix?: Matrix;
    readonly prefer?: readonly string[];
  }[];
}

/** A run that is made once more. */
export interface Repeated {
  readonly run: Id;
  readonly test: Id;
  readonly variant: Variant;
  readonly target: AskedTarget;
}

/** A run to be made: `never` ends it at once as not compatible. */
export interface NewRun {
  readonly testId: Id;
  readonly testName: string;
  readonly variant: Variant;
  readonly variantKey: string;
  readonly target: AskedTarget;
  readonly requirementKey: string;
  readonly demandKey: string;
  readonly never?: string;
  readonly retryOf?: Id;
}

/** The oldest submissions that are still to be unfolded. */
export async function pendingSubmissions(sql: Sql, limit: number): Promise<PendingSubmission[]> {
  const rows = await sql.rows<{
    id: Id;
    project_id: Id;
    project: string;
    purpose: Demand['purpose'];
    incident_id: Id | null;
    priority: number;
    timeout_s: number | null;
    retry_of: Id | null;
    wait: boolean;
    variants: Variant[];
    params: Variant;
    targets: AskedTarget[];
    tests: Id[];
    repeats: readonly Repeated[] | null;
    versions: Versions | null;
    known: readonly Named[] | null;
  }>(
    `SELECT id, project_id, (SELECT p.name FROM project p WHERE p.id = s.project_id) AS project, purpose, incident_id, priority, extract(epoch FROM queue_timeout)::float8 AS timeout_s,
       retry_of, wait, variants, params, targets, tests, versions,
       CASE WHEN s.repeats IS NOT NULL THEN (SELECT jsonb_agg(jsonb_build_object('run', r.id::text,
           'test', r.test_id::text, 'variant', r.variant, 'target', r.target) ORDER BY r.id)
         FROM unnest(s.repeats) AS u(id) CROSS JOIN LATERAL (SELECT * FROM run WHERE run.id = u.id OFFSET 0) r)
       END AS repeats,
       (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('asked', t.id::text, 'id', coalesce(at.id, t.id)::text,
          'name', t.name, 'requirement', coalesce(at.requirement, t.requirement),
          'requirementKey', coalesce(at.requirement_key, t.requirement_key), 'matrix', coalesce(at.spec, t.spec)->'matrix',
          'prefer', coalesce(at.spec, t.spec)->'prefer', 'params', coalesce(at.spec, t.spec)->'lava'->'params')))
        FROM test t LEFT JOIN ${testAt('s.versions')} ON s.versions IS NOT NULL WHERE t.id = ANY(s.tests)) AS known
     FROM submission s WHERE unfolded_at IS NULL ORDER BY id LIMIT $1`,
    [limit],
  );
  return rows.map((r) => ({
    id: r.id,
    projectId: r.project_id,
    project: r.project,
    wait: r.wait,
    purpose: r.purpose,
    priority: r.priority,
    variants: r.variants,
    params: r.params,
    targets: r.targets,
    tests: namedIn(r),
    ...(r.incident_id === null ? {} : { incidentId: r.incident_id }),
    ...(r.timeout_s === null ? {} : { queueTimeoutS: r.timeout_s }),
    ...(r.retry_of === null ? {} : { retryOf: r.retry_of }),
    ...(r.repeats === null ? {} : { repeats: r.repeats }),
    ...(r.versions === null ? {} : { versions: r.versions }),
  }));
}

/** A test that was asked for, in the version that counts where the submission says versions. */
type Named = PendingSubmission['tests'][number] & { readonly asked: Id };

/** What a submission names, in its order. */
function namedIn(row: {
  readonly id: Id;
  readonly tests: readonly Id[];
  readonly known: readonly Named[] | null;
}) {
  const { id: submission, tests, known } = row;
  const found = new Map((known ?? []).map(({ asked, ...test }) => [asked, test]));
  return tests.map((id) => {
    const test = found.get(id);
    if (test === undefined) throw new Error(`submission ${submission} names test ${id}, which is not there`);
    return test;
  });
}

/** Makes the runs of a submission: each waits in the queue or has its verdict, never neither. */
export async function insertRuns(
  sql: Sql,
  from: Pick<
    PendingSubmission,
    'id' | 'projectId' | 'purpose' | 'priority' | 'queueTimeoutS' | 'retryOf' | 'incidentId'
  >,
  runs: readonly NewRun[],
  leftOut: readonly LeftOut[],
): Promise<void> {
  await sql.rows(
    `WITH open AS (SELECT 1 AS one FROM submission WHERE id = $3 AND unfolded_at IS NULL FOR UPDATE),
     given AS (
       SELECT nextval('run_id_seq') AS id, g.* FROM open CROSS JOIN jsonb_to_recordset($1::jsonb) AS g(
         "testId" bigint, "testName" text, variant jsonb, "variantKey" text, target jsonb,
         "requirementKey" text, "demandKey" text, never text, "retryOf" bigint)),
     made AS (
       INSERT INTO run (id, project_id, submission_id, purpose, test_id, test_name, variant, variant_key, target,
         requirement_key, retry_of, verdict, no_verdict, reason, judged_at)
       SELECT id, $2, $3, $4, "testId", "testName", variant, "variantKey", target, "requirementKey", coalesce("retryOf", $5),
         CASE WHEN never IS NOT NULL THEN 'none' END, CASE WHEN never IS NOT NULL THEN 'not_compatible' END,
         never, CASE WHEN never IS NOT NULL THEN grid_now() END
       FROM given),
     waiting AS (
       INSERT INTO queue (run_id, project_id, purpose, test_id, demand, target, priority, turn_at, deadline, incident_id, owner)
       SELECT id, $2, $4, "testId", "demandKey", target, $6,
         grid_now() - $6 * (SELECT ageing_s FROM grid) * interval '1 s', grid_now() + $7 * interval '1 s', $8,
         CASE WHEN $4 = 'test' THEN $2::bigint || ' ' || (SELECT actor FROM submission WHERE id = $3) ELSE '' END
       FROM given WHERE never IS NULL),
     told AS (
       INSERT INTO history (project_id, run_id, kind, subject, actor, data)
       SELECT $2, id, CASE WHEN never IS NULL THEN 'run.accepted' ELSE 'run.done' END, 'r' || id, 'testyard',
         jsonb_build_object('test', "testName", 'submission', 's' || $3::bigint)
           || CASE WHEN never IS NULL THEN '{}'::jsonb ELSE
             jsonb_build_object('verdict', 'none', 'noVerdict', 'not_compatible', 'reason', never) END
       FROM given)
     UPDATE submission SET unfolded_at = grid_now(), run_count = (SELECT count(*) FROM given), left_out = $9
     FROM open WHERE submission.id = $3`,
    [
      JSON.stringify(runs),
      from.projectId,
      from.id,
      from.purpose,
      from.retryOf ?? null,
      from.priority,
      from.queueTimeoutS ?? null,
      from.purpose === 'test' ? null : (from.incidentId ?? null),
      leftOut.length === 0 ? null : JSON.stringify(leftOut),
    ],
  );
}

/** Makes the rows that runs with equal demands share. */
export async function ensureDemands(sql: Sql, demands: ReadonlyMap<string, Demand>): Promise<void> {
  await sql.rows(
    `INSERT INTO demand (key, spec) SELECT d.key, d.spec FROM jsonb_to_recordset($1::jsonb) AS d(key text, spec jsonb)
     ON CONFLICT (key) DO NOTHING`,
    [JSON.stringify([...demands].map(([key, spec]) => ({ key, spec })))],
  );
}

/** Work that the grid gives itself: a canary or a recovery check, in its own project. */
export async function submitOwnWork(
  sql: Sql,
  work: {
    readonly purpose: 'canary' | 'recovery';
    readonly incident?: Id;
    readonly target: Target;
    readonly why: string;
  },
): Promise<void> {
  await sql.rows(
    `INSERT INTO submission (project_id, name, source, actor, tests, targets, priority, purpose, incident_id, queue_timeout)
     SELECT p.id, $1, 'grid', 'testyard', ARRAY[t.id], jsonb_build_array($2::jsonb), 100000, $3, $4, interval '10 minutes'
     FROM project p JOIN test t ON t.project_id = p.id AND t.name = 'canary'
     WHERE p.name = 'testyard' ORDER BY t.listed DESC, t.id DESC LIMIT 1`,
    [work.why, JSON.stringify(work.target), work.purpose, work.incident ?? null],
  );
}
