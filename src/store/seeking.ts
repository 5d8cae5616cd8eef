import type { Versions } from '../domain/baseline.js';
import type { BrokenRule } from '../domain/culprit/broken-rule.js';
import type { Outcome, Trial } from '../domain/culprit/question.js';
import type { FailureRecord } from '../domain/culprit/rates.js';
import type { Search } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import type { LeftBehind, LinkedChange } from '../domain/intake/line.js';
import type { Predicate, SeenBad, Tried } from '../domain/intake/reading.js';
import type { PastHarm } from '../domain/intake/scores.js';
import type { WatchSpec } from '../domain/watch.js';
import { chronicle } from './chronicle.js';
import type { Sql, Transaction } from './store.js';
import { cancelSubmission } from './submission.js';

/** Changes of one watch that came together. */
export interface Intake {
  readonly id: Id;
  readonly watch: string;
  readonly projectId: Id;
  readonly line: readonly LinkedChange[];
  readonly tests: readonly Id[];
  /** Tests of which it was found that they fail now and then in any state: they decide nothing here. */
  readonly flaky: readonly Id[];
  /** Changes that are left out by now. */
  readonly without: readonly Id[];
  readonly state: 'testing' | 'searching';
  /** The runs with all that is left; undefined: not asked for yet. */
  readonly submissionId: Id | null;
  /** How often runs without an answer were made again. */
  readonly tries: number;
  /** One run has shown that all that is left can be put in, and that its host lives. */
  readonly probed: boolean;
  /** How earlier runs with what is left were bad, where no test was asked: of it all the next try goes by. */
  readonly seen: readonly SeenBad[];
  /** Tests of which it was found that what is left holds by their own rule, though they fail now and then. */
  readonly held: readonly Id[];
}

/** The intakes that are not over. */
export function openIntakes(sql: Sql): Promise<readonly Intake[]> {
  return sql.rows<Intake>(
    `SELECT id, watch, project_id AS "projectId", line, tests, flaky, without, state, submission_id AS "submissionId", tries, probed, seen, held
     FROM intake WHERE closed_at IS NULL ORDER BY id`,
  );
}

/** Opens one; there is one open for each watch at most. */
export async function openIntake(
  sql: Sql,
  intake: Pick<Intake, 'watch' | 'projectId' | 'line' | 'tests'>,
  why: string,
): Promise<Id> {
  const { watch, projectId, line, tests } = intake;
  const [row] = await sql.rows<{ id: Id }>(
    `INSERT INTO intake (watch, project_id, line, tests, why) VALUES ($1, $2, $3, $4::bigint[], $5) RETURNING id`,
    [watch, projectId, JSON.stringify(line), tests, why],
  );
  const id = row?.id ?? '';
  const changes = line.map((change) => showId('change', change.id));
  await chronicle(sql, [
    {
      ...{ kind: 'intake.opened', subject: showId('intake', id), project: projectId },
      data: { watch, changes, tests: tests.length, why },
    },
  ]);
  return id;
}

/** What has become of an intake, and why. */
export async function changeIntake(
  sql: Sql,
  { id, projectId }: Pick<Intake, 'id' | 'projectId'>,
  change: {
    readonly state?: Intake['state'] | 'passed' | 'stopped';
    readonly submissionId?: Id | null;
    readonly without?: readonly Id[];
    readonly flaky?: readonly Id[];
    readonly tries?: number;
    readonly probed?: boolean;
    readonly seen?: readonly SeenBad[];
    readonly held?: readonly Id[];
  },
  why: string,
): Promise<void> {
  await sql.rows(
    `UPDATE intake SET state = coalesce($2, state), why = $3,
       submission_id = CASE WHEN $4 THEN $5::bigint ELSE submission_id END,
       without = coalesce($6::bigint[], without), flaky = coalesce($7::bigint[], flaky), tries = coalesce($8, tries),
       probed = coalesce($9, probed AND $6 IS NULL), seen = coalesce($10::jsonb, CASE WHEN $6 IS NULL THEN seen ELSE '[]' END),
       held = coalesce($11::bigint[], CASE WHEN $6 IS NULL THEN held ELSE '{}' END),
       closed_at = CASE WHEN $2 IN ('passed', 'stopped') THEN grid_now() END
     WHERE id = $1 AND closed_at IS NULL`,
    [
      id,
      change.state ?? null,
      why,
      change.submissionId !== undefined,
      change.submissionId ?? null,
      change.without ?? null,
      change.flaky ?? null,
      change.tries ?? null,
      change.probed ?? null,
      change.seen === undefined ? null : JSON.stringify(change.seen),
      change.held ?? null,
    ],
  );
  const { submissionId: submission, without, state } = change;
  await chronicle(sql, [
    {
      ...{ kind: `intake.${state ?? 'goes_on'}`, subject: showId('intake', id), project: projectId },
      data: {
        why,
        ...(submission && { submission: showId('submission', submission) }),
        ...(without && { without: without.map((one) => showId('change', one)) }),
      },
    },
  ]);
}

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

/** Watches of the inventory that have changes nobody has looked at, and no open intake. */
export async function watchesWithNews(
  sql: Sql,
): Promise<readonly (WatchSpec & { readonly projectId: Id })[]> {
  const rows = await sql.rows<{ spec: WatchSpec; projectId: Id }>(
    `SELECT w.spec, p.id AS "projectId" FROM watch w JOIN project p ON p.name = w.spec->>'project'
     WHERE w.removed_at IS NULL AND NOT EXISTS (SELECT FROM intake i WHERE i.watch = w.name AND i.closed_at IS NULL)
       AND EXISTS (SELECT FROM component k JOIN change c ON c.component_id = k.id AND c.state = 'new' WHERE k.watch = w.name)
     ORDER BY w.name`,
  );
  return rows.map(({ spec, projectId }) => ({ ...spec, projectId }));
}

/** A watch of the inventory, or one that was there. */
export async function watchOf(sql: Sql, name: string): Promise<WatchSpec | undefined> {
  const [row] = await sql.rows<{ spec: WatchSpec }>(`SELECT spec FROM watch WHERE name = $1`, [name]);
  return row?.spec;
}

/** A component that is held back. */
export interface Pin {
  readonly id: Id;
  readonly componentId: Id;
  readonly version: string;
  readonly changeId: Id;
  readonly searchId: Id;
}

/** The pins of components that one of these changes takes past what is held back, each with that change. */
export function passedPins(
  sql: Sql,
  changes: readonly Id[],
): Promise<readonly { readonly id: Id; readonly change: Id }[]> {
  return sql.rows(
    `SELECT p.id, max(m.id) AS change FROM pin p JOIN change held ON held.id = p.change_id
     JOIN change m ON m.component_id = p.component_id AND m.id = ANY ($1::bigint[]) AND m.position > held.position
     WHERE p.lifted_at IS NULL GROUP BY p.id ORDER BY p.id`,
    [changes],
  );
}

/** A commit that is held back, and from where on its branch something is known of what came after it. */
export interface HeldCommit {
  readonly held: LinkedChange;
  /** How many of the commits that were asked about come before it. */
  readonly place: number;
  /** The search that found it. */
  readonly search: Id;
  /** The last commit of the last search for the same; it was bad. */
  readonly head: Id;
  readonly headVersion: string;
}

/** The commits that are held back on the branch of these, in order, with what each was found to break. */
export function heldOn(
  sql: Sql,
  commits: readonly Id[],
): Promise<readonly (HeldCommit & { readonly test: string; readonly predicate: Predicate })[]> {
  return sql.rows(
    `SELECT jsonb_strip_nulls(jsonb_build_object('id', c.id::text, 'componentId', k.id::text, 'component', k.name, 'kind', k.kind,
         'from', k.baseline, 'to', c.version, 'facts', c.facts)) AS held,
       (SELECT count(*)::integer FROM change b WHERE b.id = ANY ($1::bigint[]) AND b.position < c.position) AS place,
       p.search_id AS search, t.name AS test, s.predicate, last.head, last.version AS "headVersion"
     FROM pin p JOIN change c ON c.id = p.change_id JOIN component k ON k.id = p.component_id AND k.kind = 'git'
     JOIN search s ON s.id = p.search_id JOIN test t ON t.id = s.test_id
     CROSS JOIN LATERAL (SELECT o.line->-1->>'id' AS head, o.line->-1->>'to' AS version FROM search o
       JOIN test u ON u.id = o.test_id AND u.name = t.name
       WHERE o.id >= s.id AND o.project_id = s.project_id AND o.predicate = s.predicate AND o.actor = s.actor
         AND o.line->-1->>'componentId' = k.id::text ORDER BY o.id DESC LIMIT 1) last
     WHERE p.lifted_at IS NULL AND p.component_id IN (SELECT component_id FROM change WHERE id = ANY ($1::bigint[]))
     ORDER BY c.position`,
    [commits],
  );
}

/** How many of a watch's components were pinned within the last day. */
export async function pinsOfDay(sql: Sql, watch: string): Promise<number> {
  const [row] = await sql.rows<{ pins: number }>(
    `SELECT count(*)::integer AS pins FROM pin p JOIN component k ON k.id = p.component_id
     WHERE k.watch = $1 AND p.since > grid_now() - interval '1 day'`,
    [watch],
  );
  return row?.pins ?? 0;
}

/** Holds a component at a version. */
export async function pinComponent(
  sql: Sql,
  pin: Omit<Pin, 'id'> & { readonly component: string; readonly projectId: Id },
  behind: readonly LeftBehind[],
  why: string,
): Promise<void> {
  const { componentId, version, changeId, searchId, component, projectId } = pin;
  await sql.rows(
    `INSERT INTO pin (component_id, version, change_id, search_id, behind, why) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT DO NOTHING`,
    [componentId, version, changeId, searchId, JSON.stringify(behind), why],
  );
  await chronicle(sql, [
    {
      ...{ kind: 'pin.set', subject: `component:${component}`, project: projectId },
      data: { version, change: showId('change', changeId), search: showId('search', searchId), behind, why },
    },
  ]);
}

/** Lets a component go on. */
export async function liftPin(sql: Sql, pin: Id, why: string, actor = 'testyard'): Promise<void> {
  const rows = await sql.rows<{ component: string; project: Id; search: Id; change: Id }>(
    `UPDATE pin p SET lifted_at = grid_now(), why = $2 FROM component k
     WHERE p.id = $1 AND p.lifted_at IS NULL AND k.id = p.component_id
     RETURNING k.name AS component, k.project_id AS project, p.search_id AS search, p.change_id AS change`,
    [pin, why],
  );
  await chronicle(
    sql,
    rows.map(({ component, project, search, change }) => ({
      ...{ kind: 'pin.lifted', subject: `component:${component}`, project, actor },
      data: { why, search: showId('search', search), change: showId('change', change) },
    })),
  );
}

/** Notes whose change it was; true where that is new. */
export async function accuse(sql: Sql, search: Id, change: Id, owner: string): Promise<boolean> {
  const rows = await sql.rows(
    `INSERT INTO accusation (search_id, change_id, owner) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id`,
    [search, change, owner],
  );
  return rows.length > 0;
}

/** Tests of a project by name or label, as the inventory has them; all where none are named. */
export function testsFor(
  sql: Sql,
  project: Id,
  named: readonly string[] | undefined,
): Promise<readonly { readonly id: Id; readonly name: string; readonly requirement: string }[]> {
  return sql.rows(
    `SELECT id, name, requirement FROM test WHERE project_id = $1 AND listed
       AND ($2::text[] IS NULL OR name = ANY ($2) OR coalesce(spec->'labels', '[]') ?| $2)
     ORDER BY name`,
    [project, named ?? null],
  );
}

/** How often a test failed and passed of late, in ordinary runs. */
export async function failureRecord(sql: Sql, project: Id, test: string): Promise<FailureRecord | undefined> {
  const [row] = await sql.rows<FailureRecord>(
    `SELECT count(*) FILTER (WHERE verdict = 'failed')::integer AS failures,
       count(*) FILTER (WHERE verdict IN ('passed', 'failed'))::integer AS runs
     FROM (SELECT verdict FROM run WHERE project_id = $1 AND test_name = $2 AND purpose = 'test' AND verdict IS NOT NULL
       ORDER BY id DESC LIMIT 200) r`,
    [project, test],
  );
  return row === undefined || row.runs === 0 ? undefined : row;
}

/** What a test says itself of when it is broken. */
export async function ruleOf(sql: Sql, test: Id): Promise<BrokenRule | undefined> {
  const [row] = await sql.rows<{ rule: BrokenRule | null }>(
    `SELECT spec->'broken' AS rule FROM test WHERE id = $1`,
    [test],
  );
  return row?.rule ?? undefined;
}

/** What a test asks for and how long it runs, and how long steps take, in seconds as far as they were seen: the mean over all hosts. */
export async function whatItTakes(
  sql: Sql,
  test: Id,
  steps: readonly string[],
): Promise<{
  readonly requirement: string;
  readonly runS: number | null;
  readonly stepS: Readonly<Record<string, number>>;
}> {
  const [row] = await sql.rows<{ requirement: string; runS: number | null; stepS: Record<string, number> }>(
    `SELECT t.requirement,
       (SELECT (sum(seconds) / nullif(sum(worked), 0))::float8 FROM learned_cost WHERE what = 'test:' || t.project_id || ':' || t.name) AS "runS",
       (SELECT coalesce(jsonb_object_agg(l.step, l.took), '{}') FROM (SELECT substr(what, 6) AS step, sum(seconds) / sum(worked) AS took
          FROM learned_cost WHERE what = ANY ($2::text[]) GROUP BY what HAVING sum(worked) > 0) l) AS "stepS"
     FROM test t WHERE t.id = $1`,
    [test, steps.map((step) => `step:${step}`)],
  );
  if (row === undefined) throw new Error(`there is no test ${test}`);
  return row;
}

/** How often changes of these components did harm so far, by the component's name. */
export async function harmOf(sql: Sql, components: readonly Id[]): Promise<ReadonlyMap<string, PastHarm>> {
  const rows = await sql.rows<PastHarm & { component: string }>(
    `SELECT k.name AS component, (SELECT count(*)::integer FROM change WHERE component_id = k.id) AS changes,
       (SELECT count(DISTINCT a.change_id)::integer FROM accusation a JOIN change c ON c.id = a.change_id
          WHERE c.component_id = k.id AND a.withdrawn_at IS NULL) AS blamed
     FROM component k WHERE k.id = ANY ($1::bigint[])`,
    [components],
  );
  return new Map(rows.map(({ component, ...past }) => [component, past]));
}

/** Changes that are still being tried are looked at anew when something else has come. */
export async function stillTried(sql: Sql, changes: readonly Id[]): Promise<readonly Id[]> {
  const rows = await sql.rows<{ id: Id }>(
    `SELECT id FROM change WHERE id = ANY ($1::bigint[]) AND state = 'testing' ORDER BY position`,
    [changes],
  );
  return rows.map(({ id }) => id);
}

/** The versions that are trusted of the components of a watch, by the name of the package. */
export async function standingOf(sql: Sql, watch: string): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.rows<{ name: string; baseline: string }>(
    `SELECT substr(name, length(watch) + 2) AS name, baseline FROM component
     WHERE watch = $1 AND kind <> 'git' AND baseline IS NOT NULL`,
    [watch],
  );
  return new Map(rows.map(({ name, baseline }) => [name, baseline]));
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

/** A test that was red of late, and what it did before. */
export interface Red {
  readonly projectId: Id;
  readonly run: Id;
  readonly testId: Id;
  readonly testName: string;
  readonly requirement: string;
  /** What it says itself of when it is broken. */
  readonly broken: BrokenRule | null;
  readonly signature: string | null;
}

/** Keeps these reds until `takeReds` has asked for them, where anything is watched at all. */
export async function keepReds(sql: Sql, runs: readonly Id[]): Promise<void> {
  if (runs.length === 0) return;
  await sql.rows(
    `INSERT INTO new_red (run_id) SELECT unnest($1::bigint[])
     WHERE EXISTS (SELECT FROM baseline_entry WHERE change_id IS NOT NULL) ON CONFLICT DO NOTHING`,
    [runs],
  );
}

/** The new reds, the last of each test; of tests that nobody searches for, nor has within a day. They are asked for once. */
export function takeReds(sql: Sql): Promise<readonly Red[]> {
  return sql.rows<Red>(
    `WITH red AS (DELETE FROM new_red RETURNING run_id),
     known AS (SELECT DISTINCT ON (r.project_id, r.test_name) r.* FROM red JOIN run r ON r.id = red.run_id
       ORDER BY r.project_id, r.test_name, r.id DESC)
     SELECT k.project_id AS "projectId", k.id AS run, k.test_id AS "testId", k.test_name AS "testName", t.requirement,
       t.spec->'broken' AS broken, k.failure_signature AS signature
     FROM known k JOIN test t ON t.id = k.test_id
     WHERE NOT EXISTS (SELECT FROM search s JOIN test o ON o.id = s.test_id WHERE o.project_id = k.project_id
         AND o.name = k.test_name AND (s.closed_at IS NULL OR s.opened_at > grid_now() - interval '1 day'))
     ORDER BY k.id`,
  );
}

/** Verdicts that count when a test is looked back at. */
const LOOKED_BACK = 400;

/** What the ordinary runs of a test came to up to one of them, the last one last. */
export async function ordinaryRuns(
  sql: Sql,
  { projectId, testName, run }: Pick<Red, 'projectId' | 'testName' | 'run'>,
): Promise<readonly { readonly failed: boolean; readonly createdAt: Date }[]> {
  const rows = await sql.rows<{ failed: boolean; createdAt: Date }>(
    `SELECT verdict = 'failed' AS failed, created_at AS "createdAt" FROM run
     WHERE project_id = $1 AND test_name = $2 AND id <= $3 AND purpose = 'test' AND verdict IN ('passed', 'failed')
     ORDER BY id DESC LIMIT ${LOOKED_BACK}`,
    [projectId, testName, run],
  );
  return rows.reverse();
}

/** What of the baseline has moved from one moment on until another and is there still, in the order in which it did. */
export async function movedBetween(
  sql: Sql,
  project: Id,
  since: Date,
  until: Date,
): Promise<readonly LinkedChange[]> {
  const rows = await sql.rows<Omit<LinkedChange, 'from'> & { from: string | null }>(
    `SELECT c.id, m.id AS "componentId", m.name AS component, m.kind, b.version AS from, e.version AS to, c.facts
     FROM component m JOIN baseline_entry e ON e.component_id = m.id AND e.until IS NULL AND e.since >= $2 AND e.since <= $3
     JOIN change c ON c.id = e.change_id
     LEFT JOIN LATERAL (SELECT version FROM baseline_entry o WHERE o.component_id = e.component_id AND o.id < e.id
       ORDER BY o.id DESC LIMIT 1) b ON true
     WHERE m.project_id = $1 ORDER BY e.since, c.position`,
    [project, since, until],
  );
  return rows.map(({ from, ...change }) => ({ ...change, ...(from !== null && { from }) }));
}
