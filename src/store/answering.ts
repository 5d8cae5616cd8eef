import type { OwnersAnswer } from '../domain/answer/answer.js';
import type { Fix } from '../domain/answer/fix.js';
import type { ChangeState } from '../domain/change.js';
import { type Id, showId } from '../domain/id.js';
import type { Predicate } from '../domain/intake/reading.js';
import type { ComponentKind } from '../domain/watch.js';
import { type Visible, visibleIds } from './access.js';
import { chronicle } from './chronicle.js';
import type { Hunt } from './hunts.js';
import type { Sql } from './store.js';

/** Whose change a search found it to be. */
export interface Accusation {
  readonly id: Id;
  readonly search: Id;
  readonly projectId: Id;
  readonly test: string;
  readonly predicate: Predicate;
  readonly change: Id;
  readonly componentId: Id;
  readonly component: string;
  readonly kind: ComponentKind;
  readonly version: string;
  /** Where the change stands in the line. */
  readonly position: string;
  readonly state: ChangeState;
  readonly owner: string;
  readonly answer: OwnersAnswer['kind'] | null;
  readonly withdrawnAt: Date | null;
  /** The admin who decided that it is this change after all. */
  readonly upheldBy: string | null;
}

const ACCUSATION = `SELECT a.id, a.search_id AS search, s.project_id AS "projectId", t.name AS test, s.predicate, a.change_id AS change,
  k.id AS "componentId", k.name AS component, k.kind, c.version, c.position, c.state, a.owner, a.answer, a.withdrawn_at AS "withdrawnAt",
  a.upheld_by AS "upheldBy" FROM accusation a JOIN search s ON s.id = a.search_id JOIN test t ON t.id = s.test_id
  JOIN change c ON c.id = a.change_id JOIN component k ON k.id = c.component_id`;

/** The accusations of a search that may be seen. */
export function accusationsIn(sql: Sql, visible: Visible, search: Id): Promise<readonly Accusation[]> {
  return sql.rows<Accusation>(
    `${ACCUSATION} WHERE a.search_id = $2 AND ($1::bigint[] IS NULL OR s.project_id = ANY ($1)) ORDER BY a.id`,
    [visibleIds(visible), search],
  );
}

/** One accusation. */
export async function accusationById(sql: Sql, id: Id): Promise<Accusation | undefined> {
  const [row] = await sql.rows<Accusation>(`${ACCUSATION} WHERE a.id = $1`, [id]);
  return row;
}

/**
 * Notes an answer; false where the accusation was withdrawn before. The last one counts, but that letters wait and that
 * a version mends it are two things: neither takes the other back.
 */
export async function noteAnswer(
  sql: Sql,
  { id, search, projectId, change, component, version }: Accusation,
  answer: OwnersAnswer,
  by: string,
): Promise<boolean> {
  const detail =
    answer.kind === 'fixed_in' ? answer.version : answer.kind === 'not_mine' ? answer.why || null : null;
  const until = answer.kind === 'snoozed' ? answer.until : null;
  const rows =
    answer.kind === 'snoozed'
      ? await sql.rows(`${SNOOZED} RETURNING id`, [id, until, by])
      : await sql.rows(`${ANSWERED} RETURNING id`, [id, answer.kind, detail, by]);
  if (rows.length === 0) return false;
  await chronicle(sql, [
    {
      ...{ kind: KINDS[answer.kind], subject: showId('search', search), project: projectId, actor: by },
      data: {
        ...{ change: showId('change', change), component, version },
        ...(detail === null ? {} : { detail }),
        ...(until === null ? {} : { until: until.toISOString() }),
      },
    },
  ]);
  return true;
}

/** Letters of a search to somebody that wait to be sent wait until then. */
export async function holdLetters(sql: Sql, search: Id, recipient: string, until: Date): Promise<void> {
  await sql.rows(
    `UPDATE message SET due_at = greatest(due_at, $3) WHERE thread = 'q' || $1::bigint AND recipient = $2 AND via = 'mail'
       AND sent_at IS NULL AND given_up_at IS NULL`,
    [search, recipient, until],
  );
}

const SNOOZED = `UPDATE accusation SET until = $2, answer = coalesce(answer, 'snoozed'),
    answered_by = CASE WHEN answer = 'fixed_in' THEN answered_by ELSE $3 END,
    answered_at = CASE WHEN answer = 'fixed_in' THEN answered_at ELSE grid_now() END
  WHERE id = $1 AND withdrawn_at IS NULL`;
const ANSWERED = `UPDATE accusation SET answer = $2, detail = $3, answered_by = $4, answered_at = grid_now(),
    until = CASE WHEN $2 = 'fixed_in' THEN until END, upheld_by = CASE WHEN $2 = 'fixed_in' THEN upheld_by END,
    withdrawn_at = CASE WHEN $2 = 'not_mine' THEN grid_now() END
  WHERE id = $1 AND withdrawn_at IS NULL`;

const KINDS = {
  not_mine: 'accusation.withdrawn',
  fixed_in: 'accusation.fixed_in',
  snoozed: 'accusation.snoozed',
} as const;

/** The pins that hold a change back by what a search found. */
export async function pinsFor(sql: Sql, search: Id, change: Id): Promise<readonly Id[]> {
  const rows = await sql.rows<{ id: Id }>(
    `SELECT id FROM pin WHERE search_id = $1 AND change_id = $2 AND lifted_at IS NULL ORDER BY id`,
    [search, change],
  );
  return rows.map(({ id }) => id);
}

/** Who took back, within the last week, that one of these changes breaks the test of a hunt; undefined: nobody. */
export async function withdrawnLately(
  sql: Sql,
  { testName, projectId }: Pick<Hunt, 'testName' | 'projectId'>,
  changes: readonly Id[],
): Promise<{ readonly change: Id; readonly search: Id; readonly by: string } | undefined> {
  const [row] = await sql.rows<{ change: Id; search: Id; by: string }>(
    `SELECT a.change_id AS change, a.search_id AS search, a.answered_by AS by FROM accusation a
     JOIN search s ON s.id = a.search_id JOIN test t ON t.id = s.test_id
     WHERE a.change_id = ANY ($1::bigint[]) AND a.withdrawn_at > grid_now() - interval '7 days'
       AND s.project_id = $2 AND t.name = $3 ORDER BY a.id DESC LIMIT 1`,
    [changes, projectId, testName],
  );
  return row;
}

/** The fixes that were announced for what is held back in a watch. */
export async function fixesIn(sql: Sql, watch: string): Promise<readonly Fix[]> {
  const rows = await sql.rows<Omit<Fix, 'position'> & { position: string | null }>(
    `SELECT p.component_id AS "componentId", a.detail AS version, a.search_id AS search,
       (SELECT min(f.position) FROM change f WHERE f.component_id = p.component_id AND f.position > held.position
          AND CASE WHEN k.kind IN ('apt', 'dnf') THEN f.version = a.detail ELSE starts_with(f.version, a.detail) END) AS position
     FROM pin p JOIN component k ON k.id = p.component_id AND k.watch = $1 JOIN change held ON held.id = p.change_id
     JOIN accusation a ON a.search_id = p.search_id AND a.change_id = p.change_id AND a.answer = 'fixed_in'
     WHERE p.lifted_at IS NULL ORDER BY p.id`,
    [watch],
  );
  return rows.map(({ position, ...fix }) => ({
    ...fix,
    ...(position === null ? {} : { position: BigInt(position) }),
  }));
}

/** Where in the line the known versions of a component stand that begin so. */
export async function placesOf(sql: Sql, component: Id, digits: string): Promise<readonly bigint[]> {
  const rows = await sql.rows<{ position: string }>(
    `SELECT position FROM change WHERE component_id = $1 AND starts_with(version, $2)`,
    [component, digits],
  );
  return rows.map(({ position }) => BigInt(position));
}

/** Says of a new change what it waits for. */
export async function noteWaiting(sql: Sql, change: Id, why: string): Promise<void> {
  await sql.rows(`UPDATE change SET why = $2 WHERE id = $1 AND state = 'new' AND why <> $2`, [change, why]);
}

/** The addresses of people, by their names. */
export async function readPeople(sql: Sql): Promise<Readonly<Record<string, string>>> {
  const [row] = await sql.rows<{ people: Readonly<Record<string, string>> }>(`SELECT people FROM grid`);
  return row?.people ?? {};
}

/** The moment it is for the grid. */
export async function gridNow(sql: Sql): Promise<Date> {
  const [row] = await sql.rows<{ now: Date }>(`SELECT grid_now() AS now`);
  if (row === undefined) throw new Error('there is always a moment');
  return row.now;
}
