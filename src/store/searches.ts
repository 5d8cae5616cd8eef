import type { Search } from '../domain/culprit/search.js';
import type { Id } from '../domain/id.js';
import type { LeftBehind, LinkedChange } from '../domain/intake/line.js';
import type { Predicate } from '../domain/intake/reading.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { pageOf, shown } from './view.js';

/** A search as its row has it, for people. */
export interface SearchRow {
  readonly id: Id;
  readonly projectId: Id;
  readonly project: string;
  readonly intake: string | null;
  readonly test: string;
  /** The name of the test's file in its repository; where it has none, what a copy of it would be called. */
  readonly testFile: string;
  readonly predicate: Predicate;
  readonly line: readonly LinkedChange[];
  readonly value: Search;
  /** The change that does harm only together with the one that is searched for: the search asks for its partner. */
  readonly partnerOf: Id | null;
  readonly actor: string;
  /** Whether what it finds is held back and told, though a person began it. */
  readonly consequences: boolean;
  readonly openedAt: Date;
  readonly closedAt: Date | null;
  readonly why: string;
}

const SEARCHES = `SELECT s.id, s.project_id AS "projectId", p.name AS project, 'n' || s.intake_id AS intake, t.name AS test,
  coalesce(substring(t.spec->'source'->>'path' FROM '[^/]+$'), t.name || CASE WHEN t.spec ? 'lava' THEN '.yaml' ELSE '.sh' END)
    AS "testFile", s.predicate, s.line, s.value, s.partner_of AS "partnerOf", s.actor, s.consequences,
  s.opened_at AS "openedAt", s.closed_at AS "closedAt", s.why
  FROM search s JOIN project p ON p.id = s.project_id JOIN test t ON t.id = s.test_id
  WHERE ($1::bigint[] IS NULL OR s.project_id = ANY ($1))`;

/** What of a list is wanted, newest first. */
export interface Wanted {
  readonly visible: Visible;
  /** true: only those that are not over. */
  readonly open?: boolean | undefined;
  readonly before?: Id | undefined;
  readonly limit: number;
}

/** Searches that may be seen, newest first. */
export async function listSearches(sql: Sql, { visible, open, before, limit }: Wanted) {
  const rows = await sql.rows<SearchRow>(
    `${SEARCHES} AND ($2::boolean IS NULL OR (s.closed_at IS NULL) = $2) AND ($3::bigint IS NULL OR s.id < $3)
     ORDER BY s.id DESC LIMIT $4`,
    [visibleIds(visible), open ?? null, before ?? null, limit + 1],
  );
  return pageOf(rows, limit, ({ id }) => id);
}

/** One search, if it may be seen. */
export async function findSearch(sql: Sql, visible: Visible, id: Id): Promise<SearchRow | undefined> {
  const [row] = await sql.rows<SearchRow>(`${SEARCHES} AND s.id = $2`, [visibleIds(visible), id]);
  return row;
}

/** The search for what does harm only together with what a search found; undefined: there was none. */
export async function partnerSearch(sql: Sql, search: Id): Promise<SearchRow | undefined> {
  const [row] = await sql.rows<SearchRow>(
    `${SEARCHES} AND s.parent_id = $2 AND s.partner_of IS NOT NULL ORDER BY s.id DESC LIMIT 1`,
    [null, search],
  );
  return row;
}

/** Trials of a search that are shown: the latest. */
const TRIALS_SHOWN = 500;

/** The trials of a search, the first first, with their runs. */
export async function trialsOf(sql: Sql, search: Id) {
  const rows = await sql.rows<{
    id: number;
    state: number;
    for: 'search' | 'with' | 'without';
    host: string;
    run: string | null;
    outcome: string | null;
    reason: string | null;
    askedAt: Date;
    toldAt: Date | null;
  }>(
    `SELECT t.id, (t.asked->>'state')::integer AS state, t.asked->>'why' AS for, t.asked->>'host' AS host, 'r' || r.id AS run,
       t.outcome, r.reason, t.asked_at AS "askedAt", t.told_at AS "toldAt"
     FROM (SELECT * FROM trial WHERE search_id = $1 ORDER BY id DESC LIMIT ${TRIALS_SHOWN}) t
     LEFT JOIN run r ON r.submission_id = t.submission_id ORDER BY t.id`,
    [search],
  );
  return rows.map(shown);
}

interface PinRow {
  readonly component: string;
  readonly version: string;
  readonly change: string;
  readonly changeVersion: string;
  readonly search: string;
  readonly project: string;
  readonly behind: readonly LeftBehind[];
  readonly since: Date;
  readonly liftedAt: Date | null;
  readonly why: string;
}

/** Which pins are wanted, newest first. */
export interface WantedPins extends Wanted {
  readonly search?: Id | undefined;
}

/** Components that are held back, or were. */
export async function listPins(sql: Sql, { visible, open, before, limit, search }: WantedPins) {
  const rows = await sql.rows<PinRow & { readonly key: Id }>(
    `SELECT n.id AS key, k.name AS component, n.version, 'c' || n.change_id AS change, c.version AS "changeVersion",
       'q' || n.search_id AS search, p.name AS project, n.behind, n.since, n.lifted_at AS "liftedAt", n.why
     FROM pin n JOIN component k ON k.id = n.component_id JOIN change c ON c.id = n.change_id
     JOIN project p ON p.id = k.project_id
     WHERE ($1::bigint[] IS NULL OR k.project_id = ANY ($1)) AND ($2::boolean IS NULL OR (n.lifted_at IS NULL) = $2)
       AND ($3::bigint IS NULL OR n.id < $3) AND ($5::bigint IS NULL OR n.search_id = $5)
     ORDER BY n.id DESC LIMIT $4`,
    [visibleIds(visible), open ?? null, before ?? null, limit + 1, search ?? null],
  );
  const page = pageOf(rows, limit, ({ key }) => key);
  return {
    ...page,
    items: page.items.map(({ key: _, behind, ...row }) => ({
      ...shown(row),
      behind: behind.map(({ change, why }) => ({ change: `c${change}`, why })),
    })),
  };
}

/** Whose change a search found it to be, and what they said to that. */
export async function accusationsOf(sql: Sql, search: Id) {
  const rows = await sql.rows<{
    change: string;
    component: string;
    version: string;
    owner: string;
    madeAt: Date;
    answer: 'not_mine' | 'fixed_in' | 'snoozed' | null;
    detail: string | null;
    answeredBy: string | null;
    answeredAt: Date | null;
    until: Date | null;
    withdrawnAt: Date | null;
    upheldBy: string | null;
  }>(
    `SELECT 'c' || a.change_id AS change, k.name AS component, c.version, a.owner, a.made_at AS "madeAt", a.answer, a.detail,
       a.answered_by AS "answeredBy", a.answered_at AS "answeredAt", a.until, a.withdrawn_at AS "withdrawnAt",
       a.upheld_by AS "upheldBy" FROM accusation a JOIN change c ON c.id = a.change_id JOIN component k ON k.id = c.component_id
     WHERE a.search_id = $1 ORDER BY a.id`,
    [search],
  );
  return rows.map(shown);
}

/** More is told of no search at once. */
const TOLD_SHOWN = 100;

/** What people were told of a search, the oldest first. */
export async function toldOfSearch(sql: Sql, search: Id) {
  const rows = await sql.rows<{
    message: string;
    via: 'mail' | 'web_hook' | 'digest';
    to: string;
    kind: string;
    at: Date;
    sentAt: Date | null;
    givenUpAt: Date | null;
  }>(
    `SELECT 'm' || id AS message, via, recipient AS to, kind, at, sent_at AS "sentAt", given_up_at AS "givenUpAt"
     FROM message WHERE thread = 'q' || $1::bigint ORDER BY id LIMIT ${TOLD_SHOWN}`,
    [search],
  );
  return rows.map(shown);
}

interface IntakeRow {
  readonly id: Id;
  readonly project: string;
  readonly watch: string;
  readonly state: 'testing' | 'searching' | 'passed' | 'stopped';
  readonly line: readonly LinkedChange[];
  readonly without: readonly Id[];
  readonly tests: readonly string[];
  readonly flaky: readonly string[];
  readonly submission: string | null;
  readonly searches: readonly string[];
  /** What each change of the line came to, and why. */
  readonly stand: Readonly<Record<Id, { readonly state: string; readonly why: string }>>;
  readonly tries: number;
  readonly openedAt: Date;
  readonly closedAt: Date | null;
  readonly why: string;
}

/** Intakes that may be seen, newest first. */
export async function listIntakes(sql: Sql, { visible, open, before, limit }: Wanted) {
  const rows = await sql.rows<IntakeRow>(
    `SELECT i.id, p.name AS project, i.watch, i.state, i.line, i.without, 's' || i.submission_id AS submission, i.tries,
       i.opened_at AS "openedAt", i.closed_at AS "closedAt", i.why,
       ARRAY(SELECT name FROM test WHERE id = ANY (i.tests) ORDER BY name) AS tests,
       ARRAY(SELECT name FROM test WHERE id = ANY (i.flaky) ORDER BY name) AS flaky,
       ARRAY(SELECT 'q' || s.id FROM search s WHERE s.intake_id = i.id ORDER BY s.id) AS searches,
       coalesce((SELECT jsonb_object_agg(c.id, jsonb_build_object('state', c.state, 'why', c.why)) FROM change c
         WHERE c.id IN (SELECT (e->>'id')::bigint FROM jsonb_array_elements(i.line) AS e)), '{}') AS stand
     FROM intake i JOIN project p ON p.id = i.project_id
     WHERE ($1::bigint[] IS NULL OR i.project_id = ANY ($1)) AND ($2::boolean IS NULL OR (i.closed_at IS NULL) = $2)
       AND ($3::bigint IS NULL OR i.id < $3) ORDER BY i.id DESC LIMIT $4`,
    [visibleIds(visible), open ?? null, before ?? null, limit + 1],
  );
  const page = pageOf(rows, limit, ({ id }) => id);
  return { ...page, items: page.items.map(intakeShown) };
}

function intakeShown({ id, line, without, stand, ...row }: IntakeRow) {
  const out = new Set(without);
  return {
    ...shown(row),
    tests: [...row.tests],
    flaky: [...row.flaky],
    searches: [...row.searches],
    id: `n${id}`,
    changes: line.map((change) => ({
      id: `c${change.id}`,
      component: change.component,
      ...(change.from === undefined ? {} : { from: change.from }),
      to: change.to,
      leftOut: out.has(change.id),
      state: stand[change.id]?.state ?? '',
      why: stand[change.id]?.why ?? '',
    })),
  };
}
