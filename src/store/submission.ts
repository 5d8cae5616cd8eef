import type { AskedTarget } from '../domain/demand.js';
import { type Id, showId } from '../domain/id.js';
import type { Artefact } from '../domain/submit/artefact.js';
import type { Variant } from '../domain/submit/matrix.js';
import type { LeftOut } from '../domain/submit/unfold.js';
import { type Visible, visibleIds } from './access.js';
import { chronicle } from './chronicle.js';
import { IS_FINISHED } from './night.js';
import { type Sql, type Transaction, wake } from './store.js';
import { pageOf, shown } from './view.js';

/** Who asked for something with which idempotency key, and a digest of what. */
export interface OnceKey {
  readonly tokenId: Id;
  readonly key: string;
  readonly request: Buffer;
}

/** What a key was answered with; `other_request`: it was used for something else. */
export async function answerOf<Answer>(
  sql: Sql,
  { tokenId, key, request }: OnceKey,
): Promise<Answer | 'other_request' | undefined> {
  const [earlier] = await sql.rows<{ same: boolean; response: Answer }>(
    `SELECT request_digest = $3 AS same, response FROM idempotency WHERE token_id = $1 AND key = $2`,
    [tokenId, key, request],
  );
  if (earlier === undefined) return undefined;
  return earlier.same ? earlier.response : 'other_request';
}

/** Does `work` once for a key, and else answers as before; concurrent requests wait for the first. */
export async function once<Answer>(
  tx: Sql,
  { tokenId, key, request }: OnceKey,
  work: () => Promise<Answer>,
): Promise<Answer | 'other_request'> {
  const mine = await tx.rows(
    `INSERT INTO idempotency (token_id, key, request_digest, status, response) VALUES ($1, $2, $3, 0, 'null')
     ON CONFLICT (token_id, key) DO NOTHING RETURNING key`,
    [tokenId, key, request],
  );
  if (mine.length === 0) {
    const earlier = await answerOf<Answer>(tx, { tokenId, key, request });
    if (earlier === undefined) throw new Error('An idempotency key was forgotten while it was used');
    return earlier;
  }
  const answer = await work();
  await tx.rows(`UPDATE idempotency SET status = 201, response = $3 WHERE token_id = $1 AND key = $2`, [
    tokenId,
    key,
    JSON.stringify(answer),
  ]);
  return answer;
}

/** Forgets keys a week after their use. */
export async function forgetOldKeys(sql: Sql): Promise<void> {
  await sql.rows(`DELETE FROM idempotency WHERE at < grid_now() - interval '7 days'`);
}

const artefactsWith = (more: string) => `coalesce((
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('name', u.name, 'url', u.url, 'blob', u.blob_digest,
      'digest', u.digest, 'buildId', u.build_id${more})) ORDER BY u.name)
    FROM artefact u WHERE u.submission_id = r.submission_id), '[]')`;

/** SQL text: what is under test in the run of a row `r`, by name. */
export const ARTEFACTS_OF_RUN = artefactsWith('');

/** The same, for people: with how long each is that was uploaded. */
export const SIZED_ARTEFACTS_OF_RUN = artefactsWith(
  `, 'bytes', (SELECT b.bytes FROM blob b WHERE b.digest = u.blob_digest)`,
);

/** A submission that has been understood and may be accepted. */
export interface NewSubmission {
  readonly projectId: Id;
  readonly name: string;
  readonly actor: string;
  readonly tests: readonly Id[];
  readonly variants: readonly Variant[];
  /** Values for parameters of LAVA definitions. */
  readonly params: Variant;
  readonly targets: readonly AskedTarget[];
  readonly priority: number;
  readonly queueTimeoutS?: number | undefined;
  /** What nothing can serve waits until something can. */
  readonly wait: boolean;
  /** For so long a host on which a run fails is kept for whoever submitted it; unset: not at all. */
  readonly holdS?: number | undefined;
  /** Who is told of its end; unset: nobody. */
  readonly mailTo?: string | undefined;
  readonly artefacts: readonly Artefact[];
}

/**
 * Accepts a submission: from now on it is never lost. The scheduler unfolds it into runs. Gives it as it is until
 * then; `project` is its project's name.
 */
export async function acceptSubmission(tx: Transaction, submission: NewSubmission, project: string) {
  const { projectId, name, actor, tests, variants, targets } = submission;
  const sizes = { name, tests: tests.length, variants: variants.length, targets: targets.length };
  const [made] = await tx.rows<{ id: Id; createdAt: Date }>(
    `WITH made AS (
       INSERT INTO submission (project_id, name, source, actor, tests, variants, targets, priority, queue_timeout,
         wait, hold_s, params, mail_to)
       VALUES ($1, $2, 'user', $3, $4::bigint[], $5, $6, $7, make_interval(secs => $8::double precision), $15, $16, $17, $18)
       RETURNING id, created_at),
     brought AS (
       INSERT INTO artefact (submission_id, name, url, blob_digest, digest, build_id)
       SELECT made.id, a.* FROM made CROSS JOIN
         unnest($9::text[], $10::text[], $11::text[], $12::text[], $13::text[]) AS a (name, url, blob_digest, digest, build_id)),
     told AS (
       INSERT INTO history (project_id, kind, subject, actor, data)
       SELECT $1, 'submission.accepted', 's' || id, $3, $14::jsonb FROM made)
     SELECT id, created_at AS "createdAt" FROM made`,
    [
      projectId,
      name,
      actor,
      tests,
      JSON.stringify(variants),
      JSON.stringify(targets),
      submission.priority,
      submission.queueTimeoutS ?? null,
      submission.artefacts.map((artefact) => artefact.name),
      submission.artefacts.map((artefact) => artefact.url ?? null),
      submission.artefacts.map((artefact) => artefact.blob ?? null),
      submission.artefacts.map((artefact) => artefact.digest ?? null),
      submission.artefacts.map((artefact) => artefact.buildId ?? null),
      JSON.stringify(sizes),
      submission.wait,
      submission.holdS ?? null,
      JSON.stringify(submission.params),
      submission.mailTo ?? null,
    ],
  );
  if (made === undefined) throw new Error('an insert gives its row');
  await wake(tx, 'testyard_scheduler', 'testyard_history');
  const counts = { waiting: 0, held: 0, running: 0, passed: 0, failed: 0, skipped: 0, none: 0 };
  const view = { id: showId('submission', made.id), project, name, actor, createdAt: made.createdAt, counts };
  return shown(view);
}

/** A new submission of the one test, variant and target of a run that is done, with what was under test then. */
export async function retryRun(
  tx: Transaction,
  run: { readonly id: Id; readonly projectId: Id },
  actor: string,
): Promise<Id> {
  const [made] = await tx.rows<{ id: Id }>(
    `INSERT INTO submission (project_id, name, source, actor, tests, variants, targets, priority, queue_timeout, wait,
       hold_s, retry_of)
     SELECT r.project_id, s.name, 'user', $2, ARRAY[r.test_id], jsonb_build_array(r.variant),
            jsonb_build_array(r.target), s.priority, s.queue_timeout, s.wait, s.hold_s, r.id
     FROM run r JOIN submission s ON s.id = r.submission_id WHERE r.id = $1 RETURNING id`,
    [run.id, actor],
  );
  const id = made?.id ?? '';
  await tx.rows(
    `INSERT INTO artefact (submission_id, name, url, blob_digest, digest, build_id)
     SELECT $2, a.name, a.url, a.blob_digest, a.digest, a.build_id
     FROM artefact a JOIN run r ON r.submission_id = a.submission_id WHERE r.id = $1`,
    [run.id, id],
  );
  const entry = { project: run.projectId, actor };
  await chronicle(tx, [
    {
      ...entry,
      kind: 'submission.accepted',
      subject: showId('submission', id),
      data: { retryOf: showId('run', run.id) },
    },
    {
      ...entry,
      run: run.id,
      kind: 'run.retried',
      subject: showId('run', run.id),
      data: { submission: showId('submission', id) },
    },
  ]);
  await wake(tx, 'testyard_scheduler', 'testyard_history');
  return id;
}

/** Which runs of a submission are to be repeated. */
export type Unhappy = 'failed' | 'none';

/** The runs of a submission that are done with this verdict, oldest first; of tests, not of the grid's own work. */
export async function runsWith(sql: Sql, submission: Id, verdict: Unhappy): Promise<readonly Id[]> {
  const rows = await sql.rows<{ id: Id }>(
    `SELECT id FROM run WHERE submission_id = $1 AND verdict = $2 AND purpose = 'test' ORDER BY id`,
    [submission, verdict],
  );
  return rows.map((row) => row.id);
}

/** One new submission that makes these runs of another once more: the same tests, variants, targets and artefacts. */
export async function retryRuns(
  tx: Transaction,
  of: { readonly id: Id; readonly projectId: Id },
  runs: readonly Id[],
  actor: string,
): Promise<Id> {
  const [made] = await tx.rows<{ id: Id }>(
    `INSERT INTO submission (project_id, name, source, actor, tests, priority, queue_timeout, wait, hold_s, repeats)
     SELECT s.project_id, s.name, 'user', $3, ARRAY(SELECT DISTINCT r.test_id FROM unnest($2::bigint[]) AS u(id)
         CROSS JOIN LATERAL (SELECT test_id FROM run WHERE run.id = u.id OFFSET 0) r),
       s.priority, s.queue_timeout, s.wait, s.hold_s, $2::bigint[]
     FROM submission s WHERE s.id = $1 RETURNING id`,
    [of.id, runs, actor],
  );
  const id = made?.id ?? '';
  await tx.rows(
    `INSERT INTO artefact (submission_id, name, url, blob_digest, digest, build_id)
     SELECT $2, name, url, blob_digest, digest, build_id FROM artefact WHERE submission_id = $1`,
    [of.id, id],
  );
  const entry = { project: of.projectId, actor };
  const submission = showId('submission', id);
  await chronicle(tx, [
    {
      ...entry,
      kind: 'submission.accepted',
      subject: submission,
      data: { retryOf: showId('submission', of.id), runs: runs.length },
    },
    ...runs.map((run) => ({
      ...entry,
      run,
      kind: 'run.retried',
      subject: showId('run', run),
      data: { submission },
    })),
  ]);
  await wake(tx, 'testyard_scheduler', 'testyard_history');
  return id;
}

/** How long these blobs are, those that are there. */
export async function blobSizes(sql: Sql, digests: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await sql.rows<{ digest: string; bytes: number }>(
    `SELECT b.digest, b.bytes::float8 AS bytes FROM blob b WHERE b.digest = ANY ($1::text[])`,
    [digests],
  );
  return new Map(rows.map(({ digest, bytes }) => [digest, bytes]));
}

interface SubmissionRow {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly actor: string;
  readonly createdAt: Date;
  readonly runCount: number | null;
  readonly leftOut: (Omit<LeftOut, 'names' | 'tests'> & { names: string[]; tests: string[] })[] | null;
  readonly counts: Record<'waiting' | 'held' | 'running' | 'passed' | 'failed' | 'skipped' | 'none', number>;
}

/** `chosen` is SQL text of this file that gives rows of `submission`. */
const submissionsOf = (chosen: string) => `
  SELECT 's' || s.id AS id, p.name AS project, s.name, s.actor, s.created_at AS "createdAt",
         s.run_count AS "runCount", s.left_out AS "leftOut", c.counts
  FROM (${chosen}) s JOIN project p ON p.id = s.project_id
  CROSS JOIN LATERAL (
    SELECT jsonb_build_object(
      'waiting', count(*) FILTER (WHERE r.verdict IS NULL AND coalesce(q.state, 'waiting') = 'waiting'),
      'held', count(*) FILTER (WHERE r.verdict IS NULL AND q.state = 'held'),
      'running', count(*) FILTER (WHERE r.verdict IS NULL AND q.state = 'running'),
      'passed', count(*) FILTER (WHERE r.verdict = 'passed'),
      'failed', count(*) FILTER (WHERE r.verdict = 'failed'),
      'skipped', count(*) FILTER (WHERE r.verdict = 'skipped'),
      'none', count(*) FILTER (WHERE r.verdict = 'none')) AS counts
    FROM run r LEFT JOIN LATERAL (
      SELECT state FROM queue WHERE queue.run_id = r.id AND r.verdict IS NULL OFFSET 0) q ON true
    WHERE r.submission_id = s.id) c
  ORDER BY s.id DESC`;

/** Submissions that may be seen, newest first, older than `before`; of a name, or only the finished ones, where wanted. */
export async function listSubmissions(
  sql: Sql,
  visible: Visible,
  before: Id | undefined,
  limit: number,
  wanted: { readonly name?: string | undefined; readonly finished?: boolean } = {},
) {
  const rows = await sql.rows<SubmissionRow>(
    submissionsOf(`SELECT * FROM submission s
      WHERE ($1::bigint[] IS NULL OR project_id = ANY ($1)) AND ($2::bigint IS NULL OR id < $2)
        AND ($4::text IS NULL OR name = $4) ${wanted.finished ? `AND ${IS_FINISHED}` : ''}
      ORDER BY id DESC LIMIT $3`),
    [visibleIds(visible), before ?? null, limit + 1, wanted.name ?? null],
  );
  return pageOf(rows.map(shown), limit, (last) => last.id.slice(1));
}

/** One submission, if it may be seen. */
export async function findSubmission(sql: Sql, visible: Visible, id: Id) {
  const [row] = await sql.rows<SubmissionRow>(
    submissionsOf(
      `SELECT * FROM submission WHERE id = $2 AND ($1::bigint[] IS NULL OR project_id = ANY ($1))`,
    ),
    [visibleIds(visible), id],
  );
  return row === undefined ? undefined : shown(row);
}

/** The project of a submission, if it may be seen. */
export async function projectOfSubmission(sql: Sql, visible: Visible, id: Id): Promise<Id | undefined> {
  const [row] = await sql.rows<{ project_id: Id }>(
    `SELECT project_id FROM submission WHERE id = $2 AND ($1::bigint[] IS NULL OR project_id = ANY ($1))`,
    [visibleIds(visible), id],
  );
  return row?.project_id;
}

/** Asks for the end of every run of a submission that is not done; one not yet unfolded gets none. */
export async function cancelSubmission(
  tx: Transaction,
  submission: { readonly id: Id; readonly projectId: Id },
  actor: string,
  why: string,
): Promise<void> {
  const unborn = await tx.rows(
    `UPDATE submission SET unfolded_at = grid_now(), run_count = 0 WHERE id = $1 AND unfolded_at IS NULL RETURNING id`,
    [submission.id],
  );
  const runs = await tx.rows<{ run_id: Id }>(
    `UPDATE queue SET cancelled_by = $2 WHERE cancelled_by IS NULL
       AND run_id IN (SELECT id FROM run WHERE submission_id = $1 AND verdict IS NULL) RETURNING run_id`,
    [submission.id, actor],
  );
  if (unborn.length + runs.length === 0) return;
  const entry = { project: submission.projectId, actor };
  await chronicle(tx, [
    {
      ...entry,
      kind: 'submission.cancel_asked',
      subject: showId('submission', submission.id),
      data: { why, runs: runs.length },
    },
    ...runs.map(({ run_id }) => ({
      ...entry,
      run: run_id,
      kind: 'run.cancel_asked',
      subject: showId('run', run_id),
      data: { why },
    })),
  ]);
  await wake(tx, 'testyard_scheduler', 'testyard_executors', 'testyard_history');
}
