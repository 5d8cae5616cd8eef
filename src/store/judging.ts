import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import type { RunMemory, SeenCase } from '../domain/judge/judge.js';
import { type Past, REMEMBERED_PASSES } from '../domain/judge/unusual.js';
import type { AttemptEnd } from '../domain/outcome.js';
import type { TestSpec } from '../domain/test.js';
import type { Sql } from './store.js';

/** An attempt that has ended, or whose outcome is told before its end, and whose run has no answer yet. */
export interface EndedAttempt {
  readonly runId: Id;
  readonly projectId: Id;
  readonly purpose: 'test' | 'canary' | 'recovery' | 'trial';
  readonly incidentId: Id | null;
  readonly attemptId: Id;
  readonly testId: Id;
  readonly testName: string;
  readonly variantKey: string;
  readonly spec: TestSpec;
  /** The run's demand in this attempt; its requirement includes the grid's default. */
  readonly demanded: Demand;
  readonly owner: string | null;
  readonly target: { readonly host?: string; readonly hostType?: string; readonly step?: string };
  readonly memory: RunMemory;
  readonly cancelledBy: string | null;
  readonly end: AttemptEnd;
  /** It has not ended: only its outcome is told. */
  readonly early: boolean;
  /** It did, after the chain had succeeded and the needed tags had been seen. */
  readonly testStarted: boolean;
  readonly hostId: Id;
  readonly fresh: boolean;
  /** What was found where the host had been booted, before this attempt, by nobody's order. */
  readonly unorderedBoot: string | null;
  readonly begunAt: Date | null;
  /** The steps of the chain that worked, and when each began. */
  readonly chainOk: readonly { readonly step: string; readonly at: string }[];
  readonly cases: readonly SeenCase[];
  /** For whom and how long its host is kept where it fails. */
  readonly hold: { readonly person: string; readonly submission: Id; readonly forS: number } | null;
  readonly last: {
    readonly verdict: 'passed' | 'failed' | 'skipped';
    readonly hadCases: boolean;
    readonly past: Past;
  } | null;
  /** How long the test's own process ran; null: not told. */
  readonly durationMs: number | null;
}

/** The oldest of them with all that the judge asks for. */
export async function endedAttempts(sql: Sql, limit: number): Promise<EndedAttempt[]> {
  return sql.rows<EndedAttempt>(
    `SELECT q.run_id AS "runId", q.project_id AS "projectId", q.purpose, q.incident_id AS "incidentId",
       q.attempt_id AS "attemptId", q.test_id AS "testId", r.test_name AS "testName", r.variant_key AS "variantKey",
       t.spec - 'run' - 'setup' - 'teardown' AS spec, d.spec AS demanded, t.owner, q.target, q.memory,
       q.cancelled_by AS "cancelledBy", coalesce(q.ended, q.decided) AS "end", q.ended IS NULL AS early, num_nulls(a.chain_done_at, a.tags_verified_at, a.test_started_at) = 0 AS "testStarted",
       a.begun_at AS "begunAt", p.host_id AS "hostId", p.fresh, p.unordered_boot AS "unorderedBoot",
       (SELECT coalesce(jsonb_agg(jsonb_build_object('step', s.step, 'at', s.started_at)), '[]') FROM step_run s
          WHERE s.run_id = q.run_id AND s.attempt_id = q.attempt_id AND s.kind = 'chain' AND s.result = 'ok') AS "chainOk",
       coalesce((SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('name', c.name, 'result', c.result, 'at', c.at_byte)) || CASE WHEN m.raw IS NULL
           THEN '{}'::jsonb ELSE jsonb_build_object('measurement', jsonb_build_object('raw', m.raw, 'unit', m.unit)) END ORDER BY c.seq)
         FROM case_result c LEFT JOIN measurement m
           ON m.run_id = c.run_id AND m.attempt_id = c.attempt_id AND m.case_seq = c.seq AND m.handler = ''
         WHERE c.run_id = q.run_id AND c.attempt_id = q.attempt_id), '[]') AS cases,
       (SELECT jsonb_build_object('person', s.actor, 'submission', s.id::text, 'forS', s.hold_s)
         FROM submission s WHERE s.id = r.submission_id AND s.hold_s IS NOT NULL) AS hold,
       (SELECT s.duration_ms FROM step_run s WHERE s.run_id = q.run_id AND s.attempt_id = q.attempt_id AND s.kind = 'test'
         AND s.role = 'main') AS "durationMs",
       (SELECT jsonb_build_object('verdict', l.verdict, 'hadCases', l.had_cases,
           'past', jsonb_build_object('cases', l.past_cases, 'durationsMs', l.past_ms)) FROM test_last l
         WHERE l.project_id = q.project_id AND l.test_name = r.test_name AND l.variant_key = r.variant_key) AS last
     FROM queue q
     JOIN run r ON r.id = q.run_id
     JOIN attempt a ON a.run_id = q.run_id AND a.id = q.attempt_id
     JOIN place p ON p.run_id = q.run_id AND p.attempt_id = q.attempt_id AND p.role = 'main'
     JOIN test t ON t.id = q.test_id
     JOIN demand d ON d.key = q.demand
     WHERE q.ended IS NOT NULL OR q.judge_early ORDER BY q.run_id LIMIT $1`,
    [limit],
  );
}

/** Of the last 20 attempts on a host the tests since its stack was put in place, newest first; canaries change nothing. */
export async function ranBefore(sql: Sql, hostId: Id, attemptId: Id): Promise<Id[]> {
  const rows = await sql.rows<{ attempt_id: Id }>(
    `SELECT attempt_id FROM (SELECT attempt_id, run_id FROM place WHERE host_id = $1 AND attempt_id < $2
       ORDER BY attempt_id DESC LIMIT 20) newest
     WHERE attempt_id > (SELECT stack_attempt FROM host WHERE id = $1)
       AND (SELECT purpose FROM run WHERE id = newest.run_id) IN ('test', 'trial') ORDER BY attempt_id DESC`,
    [hostId, attemptId],
  );
  return rows.map((r) => r.attempt_id);
}

/** A verdict to be written. */
export interface NewVerdict {
  readonly runId: Id;
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'none';
  readonly noVerdict?: string;
  readonly reason: string;
  readonly marks: readonly string[];
  readonly proof?: Id;
  readonly evidence?: Readonly<Record<string, unknown>>;
  /** How many cases were reported. */
  readonly cases: number;
  readonly durationMs?: number;
  /** Its attempt has not ended: see `holdEarly`. */
  readonly early?: boolean;
  /** What is the same of this failure and others of the test. */
  readonly failureSignature?: string;
}

/**
 * Of attempts that have not ended, those of which that is still so, locked until the transaction ends: reports about
 * them and the end of their leases wait.
 */
export async function holdEarly(sql: Sql, attempts: readonly Id[]): Promise<ReadonlySet<Id>> {
  if (attempts.length === 0) return new Set();
  const rows = await sql.rows<{ id: Id }>(
    `SELECT attempt_id AS id FROM queue WHERE attempt_id = ANY($1::bigint[]) AND judge_early
     ORDER BY attempt_id FOR UPDATE`,
    [attempts],
  );
  return new Set(rows.map((row) => row.id));
}

/** Leaves runs to be judged when their attempts have ended. */
export async function leaveToTheEnd(sql: Sql, runs: readonly Id[]): Promise<void> {
  if (runs.length === 0) return;
  await sql.rows(`UPDATE queue SET judge_early = false WHERE run_id = ANY($1::bigint[])`, [runs]);
}

/**
 * Writes verdicts, once each, and clears the runs from queue and seats; one that is early leaves the attempt its seat.
 * Gives the ids that were written.
 */
export async function writeVerdicts(sql: Sql, verdicts: readonly NewVerdict[]): Promise<ReadonlySet<Id>> {
  if (verdicts.length === 0) return new Set();
  const rows = await sql.rows<{ id: Id }>(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS v("runId" bigint, verdict text, "noVerdict" text,
         reason text, marks text[], proof bigint, evidence jsonb, cases integer, "durationMs" float8, early boolean, "failureSignature" text)),
     gone AS (DELETE FROM queue q USING given v WHERE q.run_id = v."runId" AND v.early IS NOT TRUE
       RETURNING q.run_id, q.attempts),
     freed AS (DELETE FROM host_seat s USING given v WHERE s.run_id = v."runId" AND v.early IS NOT TRUE),
     left_ending AS (
       UPDATE queue q SET state = 'ending', since = grid_now(), reason_code = 'ending', judge_early = false
       FROM given v WHERE q.run_id = v."runId" AND v.early AND q.judge_early RETURNING q.run_id, q.attempts),
     judged AS (
       UPDATE run r SET verdict = v.verdict, no_verdict = v."noVerdict", reason = v.reason, marks = v.marks,
         verdict_attempt = v.proof, evidence = v.evidence, failure_signature = v."failureSignature", judged_at = grid_now(), attempts = g.attempts
       FROM given v JOIN (SELECT * FROM gone UNION ALL SELECT * FROM left_ending) g ON g.run_id = v."runId"
       WHERE r.id = v."runId" AND r.verdict IS NULL
       RETURNING r.id, r.project_id, r.test_name, r.variant_key, r.purpose, r.verdict, r.no_verdict, r.reason,
         r.submission_id, v.cases, CASE WHEN r.verdict = 'passed' THEN ARRAY[v.cases] ELSE '{}' END AS passed_cases,
         CASE WHEN r.verdict = 'passed' AND v."durationMs" IS NOT NULL THEN ARRAY[least(v."durationMs", 2147483647)::integer] ELSE '{}' END AS passed_ms),
     remembered AS (
       INSERT INTO test_last (project_id, test_name, variant_key, verdict, run_id, had_cases, past_cases, past_ms)
       SELECT DISTINCT ON (project_id, test_name, variant_key)
         project_id, test_name, variant_key, verdict, id, cases > 0, passed_cases, passed_ms
       FROM judged WHERE verdict <> 'none' AND purpose = 'test'
       ORDER BY project_id, test_name, variant_key, id DESC
       ON CONFLICT (project_id, test_name, variant_key) DO UPDATE SET verdict = EXCLUDED.verdict,
         run_id = EXCLUDED.run_id, had_cases = test_last.had_cases OR EXCLUDED.had_cases, at = grid_now(),
         past_cases = (EXCLUDED.past_cases || test_last.past_cases)[1:${REMEMBERED_PASSES}],
         past_ms = (EXCLUDED.past_ms || test_last.past_ms)[1:${REMEMBERED_PASSES}]),
     told AS (
       INSERT INTO history (project_id, run_id, kind, subject, actor, data)
       SELECT project_id, id, 'run.done', 'r' || id, 'testyard', jsonb_strip_nulls(jsonb_build_object(
         'test', test_name, 'verdict', verdict, 'noVerdict', no_verdict, 'reason', reason,
         'submission', 's' || submission_id)) FROM judged)
     SELECT id FROM judged`,
    [JSON.stringify(verdicts)],
  );
  return new Set(rows.map((r) => r.id));
}

/** A run that gets another attempt, or is held for its test's owner. */
export interface BackInQueue {
  readonly runId: Id;
  readonly demand: string;
  readonly memory: RunMemory;
  readonly reason: string;
  /** Put off until somebody puts it on again. */
  readonly putOff: boolean;
  readonly incident?: Id;
  readonly holdS?: number;
}

/** Puts runs back into the queue and frees their seats. */
export async function putBack(sql: Sql, runs: readonly BackInQueue[]): Promise<void> {
  if (runs.length === 0) return;
  await sql.rows(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g("runId" bigint, demand text, memory jsonb,
         reason text, "putOff" boolean, incident bigint, "holdS" float8)),
     freed AS (DELETE FROM host_seat s USING given g WHERE s.run_id = g."runId"),
     back AS (
       UPDATE queue q SET state = CASE WHEN g.incident IS NULL THEN 'waiting' ELSE 'held' END, since = grid_now(),
         demand = g.demand, memory = g.memory, reason = g.reason,
         reason_code = CASE WHEN g.incident IS NOT NULL THEN 'incident' WHEN g."putOff" THEN 'put_off' ELSE 'again' END,
         not_before = CASE WHEN g."putOff" THEN 'infinity'::timestamptz END,
         deadline = CASE WHEN g.incident IS NOT NULL THEN grid_now() + g."holdS" * interval '1 s' ELSE q.deadline END,
         incident_id = coalesce(g.incident, CASE WHEN q.purpose = 'test' THEN NULL ELSE q.incident_id END),
         attempt_id = NULL, lease_id = NULL, report_seq = 0, ended = NULL, decided = NULL, judge_early = false, claimed_at = NULL, stop_why = NULL
       FROM given g WHERE q.run_id = g."runId"
       RETURNING q.run_id, q.project_id, q.state, q.reason, q.incident_id)
     INSERT INTO history (project_id, run_id, kind, subject, actor, data)
     SELECT project_id, run_id, CASE state WHEN 'held' THEN 'run.held' ELSE 'run.waiting' END, 'r' || run_id,
       'testyard', jsonb_strip_nulls(jsonb_build_object('reason', reason, 'incident', 'i' || incident_id)) FROM back`,
    [JSON.stringify(runs)],
  );
}

/** What one piece of work came to on a host. */
export interface Result {
  readonly host: Id;
  readonly work: string;
  readonly attempt: Id;
  readonly ok: boolean;
  /** When; undefined: now. */
  readonly at?: string;
}

/** Keeps the newest result of every piece of work on every host, and since when it fails in a row. */
export async function keepRecords(sql: Sql, results: readonly Result[]): Promise<void> {
  if (results.length === 0) return;
  await sql.rows(
    `INSERT INTO host_record AS h (host_id, work, ok_attempt, ok_at, bad_attempt, bad_at, bad_since_attempt, bad_since)
     SELECT host, work, coalesce(max(attempt) FILTER (WHERE ok), 0), max(coalesce(at, grid_now())) FILTER (WHERE ok),
       coalesce(max(attempt) FILTER (WHERE NOT ok), 0), max(coalesce(at, grid_now())) FILTER (WHERE NOT ok),
       coalesce(min(attempt) FILTER (WHERE NOT ok), 0), min(coalesce(at, grid_now())) FILTER (WHERE NOT ok)
     FROM jsonb_to_recordset($1::jsonb) AS r(host bigint, work text, attempt bigint, ok boolean, at timestamptz)
     GROUP BY host, work ORDER BY host, work
     ON CONFLICT (host_id, work) DO UPDATE SET
       ok_attempt = greatest(h.ok_attempt, EXCLUDED.ok_attempt), ok_at = greatest(h.ok_at, EXCLUDED.ok_at),
       bad_attempt = greatest(h.bad_attempt, EXCLUDED.bad_attempt), bad_at = greatest(h.bad_at, EXCLUDED.bad_at),
       bad_since_attempt = CASE WHEN EXCLUDED.bad_attempt > 0 AND (h.bad_attempt = 0 OR (h.ok_at, h.ok_attempt) > (h.bad_at, h.bad_attempt))
         THEN EXCLUDED.bad_since_attempt ELSE h.bad_since_attempt END,
       bad_since = CASE WHEN EXCLUDED.bad_attempt > 0 AND (h.bad_attempt = 0 OR (h.ok_at, h.ok_attempt) > (h.bad_at, h.bad_attempt))
         THEN EXCLUDED.bad_since ELSE h.bad_since END`,
    [JSON.stringify(results)],
  );
}
