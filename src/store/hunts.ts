import type { Versions } from '../domain/baseline.js';
import type { Outcome, Trial } from '../domain/culprit/question.js';
import type { Search } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import type { LinkedChange } from '../domain/intake/line.js';
import type { Predicate } from '../domain/intake/reading.js';
import { chronicle } from './chronicle.js';
import type { Sql, Transaction } from './store.js';
import { cancelSubmission } from './submission.js';

/** A hunt that is under way or over. */
export interface Hunt {
  readonly id: Id;
  readonly projectId: Id;
  readonly intakeId: Id | null;
  readonly testId: Id;
  readonly testName: string;
  readonly requirement: string;
  readonly predicate: Predicate;
  /** What is searched for, where it is a failure of the test. */
  readonly signature: string;
  readonly line: readonly LinkedChange[];
  /** What is there in every state. */
  readonly beside: Versions;
  /** The change that does harm only together with the one that is searched for. */
  readonly partnerOf: Id | null;
  /** The search that found that one. */
  readonly parentId: Id | null;
  readonly value: Search;
  /** The share of the grid that its trials may have. */
  readonly share: number;
}

const HUNT = `SELECT s.id, s.project_id AS "projectId", s.intake_id AS "intakeId", s.test_id AS "testId", t.name AS "testName",
  t.requirement, s.predicate, s.signature, s.line, s.beside, s.partner_of AS "partnerOf", s.parent_id AS "parentId", s.value, s.share
  FROM search s JOIN test t ON t.id = s.test_id`;

/** The searches that are not over. */
export function openHunts(sql: Sql): Promise<readonly Hunt[]> {
  return sql.rows<Hunt>(`${HUNT} WHERE s.closed_at IS NULL ORDER BY s.id FOR UPDATE OF s`);
}

/** A search, over or not. */
export async function huntOf(sql: Sql, id: Id): Promise<Hunt | undefined> {
  const [hunt] = await sql.rows<Hunt>(`${HUNT} WHERE s.id = $1`, [id]);
  return hunt;
}

/** Begins a hunt. */
export async function beginHunt(
  sql: Sql,
  hunt: Omit<Hunt, 'id' | 'testName' | 'requirement'>,
  actor: string,
  why: string,
): Promise<Id> {
  const [row] = await sql.rows<{ id: Id }>(
    `INSERT INTO search (project_id, intake_id, test_id, predicate, signature, line, beside, partner_of, value, share, actor, why, parent_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`,
    [
      hunt.projectId,
      hunt.intakeId,
      hunt.testId,
      hunt.predicate,
      hunt.signature,
      JSON.stringify(hunt.line),
      JSON.stringify(hunt.beside),
      hunt.partnerOf,
      JSON.stringify(hunt.value),
      hunt.share,
      actor,
      why,
      hunt.parentId,
    ],
  );
  const id = row?.id ?? '';
  await chronicle(sql, [
    {
      ...{ kind: 'search.opened', subject: showId('search', id), project: hunt.projectId, actor },
      data: { why, changes: hunt.line.length, predicate: hunt.predicate },
    },
  ]);
  return id;
}

/** Whether changes of an intake were searched among for this already. */
export async function wasSought(
  sql: Sql,
  intake: Id,
  line: readonly LinkedChange[],
  predicate: Predicate,
): Promise<boolean> {
  const rows = await sql.rows(
    `SELECT FROM search WHERE intake_id = $1 AND predicate = $2 AND line = $3::jsonb LIMIT 1`,
    [intake, predicate, JSON.stringify(line)],
  );
  return rows.length > 0;
}

/** Keeps what a hunt knows; `over`: why it is. */
export async function keepHunt(
  sql: Sql,
  { id, projectId }: Hunt,
  value: Search,
  over?: string,
): Promise<void> {
  await sql.rows(
    `UPDATE search SET value = $2, why = coalesce($3, why), closed_at = CASE WHEN $3::text IS NOT NULL THEN grid_now() END
     WHERE id = $1 AND closed_at IS NULL`,
    [id, JSON.stringify(value), over ?? null],
  );
  if (over === undefined) return;
  await chronicle(sql, [
    {
      ...{ kind: 'search.done', subject: showId('search', id), project: projectId },
      data: { why: over, conclusion: value.conclusion, trials: value.spent },
    },
  ]);
}

/** Trials of a search that is over tell nobody anything: those that wait or run are given up. */
export async function endTrials(
  tx: Transaction,
  search: { readonly id: Id; readonly projectId: Id },
  actor = 'testyard',
): Promise<void> {
  const open = await tx.rows<{ submission: Id }>(
    `SELECT submission_id AS submission FROM trial WHERE search_id = $1 AND told_at IS NULL ORDER BY id`,
    [search.id],
  );
  const why = `${showId('search', search.id)} is over`;
  for (const { submission } of open)
    await cancelSubmission(tx, { id: submission, projectId: search.projectId }, actor, why);
}

/** Notes that a trial was asked for, as the run of a submission. */
export async function noteTrial(sql: Sql, hunt: Id, trial: Trial, submission: Id): Promise<void> {
  await sql.rows(`INSERT INTO trial (search_id, id, submission_id, asked) VALUES ($1, $2, $3, $4)`, [
    hunt,
    trial.id,
    submission,
    JSON.stringify(trial),
  ]);
}

/** Notes what a trial came to. */
export async function tellTrial(sql: Sql, hunt: Id, trial: number, outcome: Outcome): Promise<void> {
  await sql.rows(
    `UPDATE trial SET outcome = $3, told_at = grid_now() WHERE search_id = $1 AND id = $2 AND told_at IS NULL`,
    [hunt, trial, outcome],
  );
}
