import type { AskedTarget } from '../domain/demand.js';
import { type Id, showId } from '../domain/id.js';
import { type Judged, judgedOf } from '../domain/judge/attribution.js';
import { attributed } from '../domain/judge/said.js';
import type { SeenCase } from '../domain/judge/seen-case.js';
import type { NoVerdict, Outcome } from '../domain/outcome.js';
import type { Artefact } from '../domain/submit/artefact.js';
import type { TestSource } from '../domain/submit/source.js';
import { type Visible, visibleIds } from './access.js';
import { chronicle } from './chronicle.js';
import { type Sql, type Transaction, wake } from './store.js';
import { SIZED_ARTEFACTS_OF_RUN } from './submission.js';
import { pageOf, type Shown, shown } from './view.js';
import { WHY_WAITING } from './waiting.js';

/** Which runs are wanted; unset: any. */
export interface RunQuestion {
  readonly visible: Visible;
  readonly purpose: 'test' | 'canary' | 'recovery' | 'trial';
  readonly submission?: Id | undefined;
  readonly test?: string | undefined;
  readonly state?: 'waiting' | 'held' | 'running' | 'done' | undefined;
  readonly verdict?: 'passed' | 'failed' | 'skipped' | 'none' | undefined;
  readonly before?: Id | undefined;
  readonly limit: number;
}

interface RunRow {
  readonly id: string;
  readonly project: string;
  readonly submission: string;
  readonly purpose: 'test' | 'canary' | 'recovery' | 'trial';
  readonly test: string;
  readonly variant: Record<string, string>;
  readonly target: AskedTarget;
  readonly requirement: string;
  readonly state: 'waiting' | 'held' | 'running' | 'done';
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'none' | null;
  readonly noVerdict: NoVerdict | null;
  readonly reason: string;
  readonly reasonCode: string | null;
  readonly marks: string[];
  readonly incident: string | null;
  readonly deadline: Date | null;
  readonly host: string | null;
  readonly attempts: number;
  readonly retryOf: string | null;
  readonly failure: string | null;
  readonly known: { readonly id: string; readonly link: string; readonly why: string } | null;
  readonly createdAt: Date;
  readonly judgedAt: Date | null;
}

/** `chosen` is SQL text of this file that gives rows of `run`, as few as are shown. */
const runsOf = (chosen: string, more = '') => `
  SELECT 'r' || r.id AS id, p.name AS project, 's' || r.submission_id AS submission, r.purpose,
         r.test_name AS test, r.variant, r.target, t.requirement,
         CASE WHEN r.verdict IS NOT NULL THEN 'done' ELSE coalesce(q.state, 'waiting') END AS state,
         r.verdict, r.no_verdict AS "noVerdict", r.marks,
         CASE WHEN r.verdict IS NOT NULL THEN r.reason ELSE coalesce(w.reason, q.reason, 'just accepted') END AS reason,
         CASE WHEN r.verdict IS NULL THEN coalesce(w.code, q.reason_code) END AS "reasonCode",
         'i' || q.incident_id AS incident, q.deadline, h.name AS host,
         greatest(r.attempts, coalesce(q.attempts, 0)) AS attempts, 'r' || r.retry_of AS "retryOf",
         r.failure_signature AS failure, k.known,
         r.created_at AS "createdAt", r.judged_at AS "judgedAt" ${more}
  FROM (${chosen}) r JOIN project p ON p.id = r.project_id JOIN test t ON t.id = r.test_id
  LEFT JOIN queue q ON q.run_id = r.id AND q.state <> 'ending'
  LEFT JOIN LATERAL (${WHY_WAITING}) w ON true
  LEFT JOIN LATERAL (
    SELECT host.name FROM place JOIN host ON host.id = place.host_id WHERE place.run_id = r.id
    ORDER BY place.attempt_id DESC, place.role <> 'main', place.role LIMIT 1) h ON true
  LEFT JOIN LATERAL (
    SELECT jsonb_build_object('id', 'k' || f.id, 'link', f.link, 'why', f.why) AS known FROM known_failure f
    WHERE f.project_id = r.project_id AND f.test_name = r.test_name AND f.signature = r.failure_signature
      AND f.removed_at IS NULL) k ON true
  ORDER BY r.id DESC`;

/** How runs are told apart; every way to them adds the rest. */
const WANTED = `($3::bigint IS NULL OR run.submission_id = $3) AND ($4::text IS NULL OR run.test_name = $4)
  AND ($6::text IS NULL OR run.verdict = $6) AND ($7::bigint IS NULL OR run.id < $7)`;

/** What is not done is few: from the queue to the runs, one by one. */
const FROM_QUEUE = `SELECT run.* FROM queue CROSS JOIN LATERAL (SELECT * FROM run WHERE run.id = queue.run_id OFFSET 0) run
  WHERE queue.state = $5 AND run.verdict IS NULL AND queue.purpose = $2
    AND ($1::bigint[] IS NULL OR queue.project_id = ANY ($1)) AND ${WANTED}
  ORDER BY queue.run_id DESC LIMIT $8`;

/** Through all runs from the newest on: everybody's, or those of one submission. */
const FROM_RUNS = `SELECT run.* FROM run WHERE run.purpose = $2 AND ($1::bigint[] IS NULL OR run.project_id = ANY ($1))
    AND ($5::text IS NULL OR run.verdict IS NOT NULL) AND ${WANTED}
  ORDER BY run.id DESC LIMIT $8`;

/**
 * A page of each project, and of these the newest. The range stands for equality: its order is that of the
 * project's index only, and a project that nobody uses any more is not looked for among all runs.
 */
const FROM_PROJECTS = `SELECT run.* FROM project CROSS JOIN LATERAL (
    SELECT * FROM run WHERE run.project_id BETWEEN project.id AND project.id AND run.purpose = $2
      AND ($5::text IS NULL OR run.verdict IS NOT NULL) AND ${WANTED}
    ORDER BY run.project_id, run.id DESC LIMIT $8) run
  WHERE $1::bigint[] IS NULL OR project.id = ANY ($1)
  ORDER BY run.id DESC LIMIT $8`;

/** Runs that may be seen, newest first. */
export async function listRuns(sql: Sql, question: RunQuestion) {
  const undone = question.state !== undefined && question.state !== 'done';
  const ofProjects =
    question.submission === undefined && (question.visible !== 'all' || question.test !== undefined);
  const rows = await sql.rows<RunRow>(runsOf(undone ? FROM_QUEUE : ofProjects ? FROM_PROJECTS : FROM_RUNS), [
    visibleIds(question.visible),
    question.purpose,
    question.submission ?? null,
    question.test ?? null,
    question.state ?? null,
    question.verdict ?? null,
    question.before ?? null,
    question.limit + 1,
  ]);
  return pageOf(rows.map(shown), question.limit, (last) => last.id.slice(1));
}

const ONE = `SELECT * FROM run WHERE id = $2 AND ($1::bigint[] IS NULL OR project_id = ANY ($1))`;

/** One run, if it may be seen. */
export async function findRun(sql: Sql, visible: Visible, id: Id) {
  const [row] = await sql.rows<RunRow>(runsOf(ONE), [visibleIds(visible), id]);
  return row === undefined ? undefined : shown(row);
}

/** What must be known of a run before something is done to it, if it may be seen. */
export async function findRunState(sql: Sql, visible: Visible, id: Id) {
  const [row] = await sql.rows<{ projectId: Id; done: boolean; purpose: string }>(
    `SELECT project_id AS "projectId", verdict IS NOT NULL AS done, purpose FROM (${ONE}) r`,
    [visibleIds(visible), id],
  );
  return row;
}

interface DetailRow {
  readonly evidence: Record<string, unknown> | null;
  readonly artefacts: (Artefact & { readonly bytes?: number })[];
  readonly source: TestSource | null;
  readonly verdictAttempt: string | null;
  readonly kept: {
    readonly host: string;
    readonly person: string;
    readonly until: string;
    readonly over: boolean;
  } | null;
}

/** `kept`: the host that was kept for whoever submitted it, since it failed there. */
const DETAIL = `, r.evidence, t.spec->'source' AS source, ${SIZED_ARTEFACTS_OF_RUN} AS artefacts,
  'a' || r.verdict_attempt AS "verdictAttempt",
  (SELECT jsonb_build_object('host', vh.name, 'person', v.person,
     'until', to_char(v.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'over', v.ended_at IS NOT NULL)
   FROM reservation v JOIN host vh ON vh.id = v.host_id WHERE v.run_id = r.id ORDER BY v.id DESC LIMIT 1) AS kept`;

/** A run with all its attempts, if it may be seen. */
export async function findRunDetail(sql: Sql, visible: Visible, id: Id) {
  const [row] = await sql.rows<RunRow & DetailRow>(runsOf(ONE, DETAIL), [visibleIds(visible), id]);
  if (row === undefined) return undefined;
  return { ...shown(row), attemptList: await attemptsOf(sql, id) };
}

type JudgedSpec = Parameters<typeof attributed>[1]['spec'];

async function attemptsOf(sql: Sql, runId: Id) {
  const attempts = await sql.rows<{
    key: Id;
    id: string;
    number: number;
    executor: string;
    createdAt: Date;
    begunAt: Date | null;
    chainDoneAt: Date | null;
    tagsVerifiedAt: Date | null;
    testStartedAt: Date | null;
    endedAt: Date | null;
    outcome: string | null;
    detail: Record<string, unknown> | null;
    spec: JudgedSpec;
  }>(
    `SELECT a.id AS key, 'a' || a.id AS id, a.number, coalesce(x.name, '') AS executor, a.created_at AS "createdAt",
            a.begun_at AS "begunAt", a.chain_done_at AS "chainDoneAt", a.tags_verified_at AS "tagsVerifiedAt",
            a.test_started_at AS "testStartedAt", a.ended_at AS "endedAt", a.outcome, a.detail,
            (SELECT t.spec - 'run' - 'setup' - 'teardown' FROM run r JOIN test t ON t.id = r.test_id WHERE r.id = a.run_id) AS spec
     FROM attempt a LEFT JOIN lease l ON l.id = a.lease_id LEFT JOIN executor x ON x.id = l.executor_id
     WHERE a.run_id = $1 ORDER BY a.id`,
    [runId],
  );
  const [places, steps, cases, measured, attachments] = [
    await placesOf(sql, runId),
    await stepsOf(sql, runId),
    await casesOf(sql, runId),
    await measuredIn(sql, runId),
    await attachmentsOf(sql, runId),
  ];
  return attempts.map(({ key, spec, ...attempt }) => ({
    ...shown(attempt),
    places: places.get(key) ?? [],
    steps: steps.get(key) ?? [],
    cases: judgedCases(cases.get(key) ?? [], spec, attempt.detail),
    measured: measured.get(key) ?? [],
    attachments: attachments.get(key) ?? [],
  }));
}

/** Cases with what their results are worth, where that is not the whole truth. */
function judgedCases<Case extends SeenCase>(
  cases: readonly Case[],
  spec: JudgedSpec,
  detail: Record<string, unknown> | null,
): (Case & { readonly judged?: Judged & { tags: string[] } })[] {
  const outcome = detail?.outcome as Outcome | undefined;
  const worths = outcome && attributed(outcome, { spec, cases })?.cases;
  return cases.map((one, index) => {
    const judged = judgedOf(worths?.[index]);
    return judged === undefined ? one : { ...one, judged: { ...judged, tags: [...judged.tags] } };
  });
}

async function placesOf(sql: Sql, runId: Id) {
  const rows = await sql.rows<{
    key: Id;
    role: string;
    host: string;
    seat: number;
    fresh: boolean;
    dirtied: string | null;
    outputBytes: number;
    outputCut: number;
  }>(
    `SELECT p.attempt_id AS key, p.role, h.name AS host, p.seat, p.fresh, p.dirtied,
            p.output_bytes::double precision AS "outputBytes", p.output_cut::double precision AS "outputCut"
     FROM place p JOIN host h ON h.id = p.host_id WHERE p.run_id = $1 ORDER BY p.attempt_id, p.role`,
    [runId],
  );
  return byAttempt(rows);
}

async function stepsOf(sql: Sql, runId: Id) {
  const rows = await sql.rows<{
    key: Id;
    role: string;
    seq: number;
    kind: 'chain' | 'setup' | 'test' | 'teardown';
    step: string;
    layer: string | null;
    startedAt: Date;
    result: string | null;
    exitCode: number | null;
    durationS: number | null;
    message: string | null;
  }>(
    `SELECT attempt_id AS key, role, seq, kind, step, layer, started_at AS "startedAt", result,
            exit_code AS "exitCode", duration_ms / 1000 AS "durationS", message
     FROM step_run WHERE run_id = $1 ORDER BY attempt_id, role, seq`,
    [runId],
  );
  return byAttempt(rows);
}

async function casesOf(sql: Sql, runId: Id) {
  const rows = await sql.rows<{
    key: Id;
    seq: number;
    name: string;
    result: 'pass' | 'fail' | 'skip' | 'unknown';
    message: string;
    measurement: { raw: string; unit: string; value?: number } | null;
    at: number | null;
  }>(
    `SELECT c.attempt_id AS key, c.seq, c.name, c.result, c.message, c.at_byte::double precision AS at,
            (SELECT jsonb_strip_nulls(jsonb_build_object('raw', m.raw, 'value', m.value, 'unit', m.unit))
             FROM measurement m WHERE m.run_id = c.run_id AND m.attempt_id = c.attempt_id AND m.case_seq = c.seq
               AND m.handler = ''
             ORDER BY m.seq LIMIT 1) AS measurement
     FROM case_result c WHERE c.run_id = $1 ORDER BY c.attempt_id, c.seq`,
    [runId],
  );
  return byAttempt(rows);
}

/** What handlers measured. */
async function measuredIn(sql: Sql, runId: Id) {
  const rows = await sql.rows<{
    key: Id;
    handler: string;
    name: string;
    case: string | null;
    raw: string;
    value: number | null;
    unit: string;
  }>(
    `SELECT m.attempt_id AS key, m.handler, m.name, c.name AS case, m.raw, m.value, m.unit
     FROM measurement m LEFT JOIN case_result c
       ON c.run_id = m.run_id AND c.attempt_id = m.attempt_id AND c.seq = m.case_seq
     WHERE m.run_id = $1 AND m.handler <> '' ORDER BY m.attempt_id, m.seq`,
    [runId],
  );
  return byAttempt(rows);
}

async function attachmentsOf(sql: Sql, runId: Id) {
  const rows = await sql.rows<{
    key: Id;
    name: string;
    mediaType: string;
    case: string | null;
    handler: string | null;
    digest: string;
    bytes: number;
  }>(
    `SELECT attempt_id AS key, name, media_type AS "mediaType", case_name AS case, nullif(handler, '') AS handler,
       blob_digest AS digest, bytes::float8 AS bytes
     FROM attachment WHERE run_id = $1 ORDER BY attempt_id, seq`,
    [runId],
  );
  return byAttempt(rows);
}

/** A file that was left in a run that may be seen; undefined: there is none of this digest. */
export async function findAttachment(
  sql: Sql,
  visible: Visible,
  runId: Id,
  digest: string,
): Promise<{ readonly mediaType: string; readonly bytes: number } | undefined> {
  const [row] = await sql.rows<{ mediaType: string; bytes: number }>(
    `SELECT f.media_type AS "mediaType", f.bytes::float8 AS bytes FROM attachment f JOIN run r ON r.id = f.run_id
     WHERE f.run_id = $2 AND r.id = $2 AND f.blob_digest = $3 AND ($1::bigint[] IS NULL OR r.project_id = ANY ($1)) LIMIT 1`,
    [visibleIds(visible), runId, digest],
  );
  return row;
}

function byAttempt<Row extends { readonly key: Id }>(rows: readonly Row[]) {
  const groups = new Map<Id, Shown<Omit<Row, 'key'>>[]>();
  for (const { key, ...row } of rows) {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [shown(row)]);
    else group.push(shown(row));
  }
  return groups;
}

/** Asks for the end of a run; false where it is done or was asked before. */
export async function cancelRun(
  tx: Transaction,
  run: { readonly id: Id; readonly projectId: Id },
  actor: string,
  why: string,
): Promise<boolean> {
  const asked = await tx.rows(
    `UPDATE queue SET cancelled_by = $2 WHERE run_id = $1 AND cancelled_by IS NULL AND state <> 'ending' RETURNING run_id`,
    [run.id, actor],
  );
  if (asked.length === 0) return false;
  await chronicle(tx, [
    {
      project: run.projectId,
      run: run.id,
      kind: 'run.cancel_asked',
      subject: showId('run', run.id),
      actor,
      data: { why },
    },
  ]);
  await wake(tx, 'testyard_scheduler', 'testyard_executors', 'testyard_history');
  return true;
}
