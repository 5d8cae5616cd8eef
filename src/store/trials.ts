import type { Versions } from '../domain/baseline.js';
import type { Id } from '../domain/id.js';
import type { Tried } from '../domain/intake/reading.js';
import type { Sql } from './store.js';

/** SQL text: what a run `r` came to, as `Tried` has it; it counts once its last attempt has ended. */
const TRIED = `r.verdict, r.no_verdict AS "noVerdict", r.reason, r.failure_signature AS signature, last.outcome,
  last.detail->'outcome'->>'step' AS step, last.detail->'outcome'->>'message' AS message,
  (last.detail->'outcome'->>'refused')::boolean AS refused, last.detail->'outcome'->>'resource' AS resource,
  last.host_id AS host, last.id AS attempt`;

const LAST = `LEFT JOIN LATERAL (SELECT a.id, a.outcome, a.detail, p.host_id FROM attempt a
    LEFT JOIN place p ON p.run_id = a.run_id AND p.attempt_id = a.id
    WHERE a.run_id = r.id ORDER BY a.id DESC LIMIT 1) last ON true`;

const IS_OVER = `r.verdict IS NOT NULL AND NOT EXISTS (SELECT FROM queue q WHERE q.run_id = r.id)`;

interface TriedRow {
  verdict: Tried['verdict'];
  noVerdict: string | null;
  reason: string;
  signature: string | null;
  outcome: string | null;
  step: string | null;
  message: string | null;
  refused: boolean | null;
  resource: string | null;
  host: Id | null;
  attempt: Id | null;
}

function tried({ verdict, reason, ...row }: TriedRow): Tried {
  const said = Object.entries(row).filter(([, value]) => value !== null);
  return { verdict, reason, ...Object.fromEntries(said) };
}

/** Trials of a search that are as if they had never been asked for, at most. */
const MOST_WITHDRAWN = 40;

/** A trial that is over. */
export interface EndedTrial {
  readonly hunt: Id;
  readonly trial: number;
  readonly run: Id;
  readonly tried: Tried;
  /**
   * Its state came to nothing on another host too, and since then other states came to something; or so many trials came
   * to nothing that to wait for better times would be to wait for ever.
   */
  readonly hasErred: boolean;
}

/** Trials that are over and have not been told. */
export async function endedTrials(sql: Sql): Promise<readonly EndedTrial[]> {
  const rows = await sql.rows<TriedRow & Omit<EndedTrial, 'tried'>>(
    `SELECT t.search_id AS hunt, t.id AS trial, r.id AS run, EXISTS (SELECT FROM trial e JOIN trial o
         ON o.search_id = e.search_id AND o.outcome IN ('good', 'bad', 'other') AND o.asked_at >= e.told_at
       WHERE e.search_id = t.search_id AND e.outcome IN ('withdrawn', 'error') AND e.asked->>'state' = t.asked->>'state'
         AND e.asked->>'host' <> t.asked->>'host')
       OR (SELECT count(*) FROM trial w WHERE w.search_id = t.search_id AND w.outcome = 'withdrawn') >= ${MOST_WITHDRAWN}
       AS "hasErred", ${TRIED}
     FROM search s JOIN trial t ON t.search_id = s.id AND t.told_at IS NULL
     JOIN run r ON r.submission_id = t.submission_id ${LAST}
     WHERE s.closed_at IS NULL AND ${IS_OVER} ORDER BY t.search_id, r.judged_at, t.id`,
  );
  return rows.map(({ hunt, trial, run, hasErred, ...row }) => ({
    hunt,
    trial,
    run,
    hasErred,
    tried: tried(row),
  }));
}

/** A run of a submission that is over. */
export interface EndedRun {
  readonly run: Id;
  readonly test: Id;
  readonly testName: string;
  readonly tried: Tried;
}

/** The runs of a submission; undefined while not all of them are over. */
export async function endedRuns(sql: Sql, submission: Id): Promise<readonly EndedRun[] | undefined> {
  const rows = await sql.rows<TriedRow & { run: Id; test: Id; testName: string; over: boolean }>(
    `SELECT r.id AS run, coalesce((SELECT t.id FROM test t WHERE t.id = ANY (s.tests) AND t.name = r.test_name LIMIT 1), r.test_id) AS test, r.test_name AS "testName", ${IS_OVER} AS over, ${TRIED}
     FROM submission s JOIN run r ON r.submission_id = s.id ${LAST}
     WHERE s.id = $1 AND s.unfolded_at IS NOT NULL ORDER BY r.id`,
    [submission],
  );
  if (rows.length === 0 || rows.some(({ over }) => !over)) return undefined;
  return rows.map(({ run, test, testName, over: _, ...row }) => ({ run, test, testName, tried: tried(row) }));
}

/** Asks for runs with components at these versions, which are nobody's but the grid's own business. */
export async function submitTrials(
  sql: Sql,
  asked: {
    readonly projectId: Id;
    readonly name: string;
    readonly tests: readonly Id[];
    /** The one host; undefined: any. */
    readonly host?: string;
    /** How often each test is run: once unless said. */
    readonly times?: number;
    /** 0 unless said. */
    readonly priority?: number;
    readonly versions: Versions;
  },
): Promise<Id> {
  const { projectId, name, tests, host, versions, times = 1, priority = 0 } = asked;
  const target = host === undefined ? {} : { host };
  const [row] = await sql.rows<{ id: Id }>(
    `INSERT INTO submission (project_id, name, source, actor, tests, targets, priority, purpose, queue_timeout, versions)
     VALUES ($1, $2, 'grid', 'testyard', $3::bigint[], $4, $6, 'trial', interval '1 day', $5) RETURNING id`,
    [
      projectId,
      name,
      tests,
      JSON.stringify(Array.from({ length: times }, () => target)),
      JSON.stringify(versions),
      priority,
    ],
  );
  return row?.id ?? '';
}

/** The last trial of a search that broke off in its chain. */
export async function lastBroken(
  sql: Sql,
  search: Id,
): Promise<{ readonly run: Id; readonly tried: Tried } | undefined> {
  const [row] = await sql.rows<TriedRow & { run: Id }>(
    `SELECT r.id AS run, ${TRIED} FROM trial t JOIN run r ON r.submission_id = t.submission_id ${LAST}
     WHERE t.search_id = $1 AND last.outcome = 'chain_failed' ORDER BY t.told_at DESC, t.id DESC LIMIT 1`,
    [search],
  );
  if (row === undefined) return undefined;
  const { run, ...rest } = row;
  return { run, tried: tried(rest) };
}
