import { type Arrival, type ChangeFacts, type ChangeState, inLine } from '../domain/change.js';
import { type Id, showId } from '../domain/id.js';
import type { LinkedChange } from '../domain/intake/line.js';
import { CHANGE_MOVES, sourcesOf } from '../domain/states.js';
import type { ComponentKind, WatchSpec } from '../domain/watch.js';
import { chronicle } from './chronicle.js';
import { liftPin, pinsOf } from './holding-back.js';
import type { Sql, Transaction } from './store.js';

/** Changes and baseline are written by one transaction at a time. */
const LOCK = `SELECT pg_advisory_xact_lock(7470022)`;

/** What a look at a watched place has found. */
export interface Seen {
  readonly arrivals: readonly Arrival[];
  /** True: all that is there; what is not listed is there no more. */
  readonly isAll: boolean;
}

/** What has come of a look. */
export interface Recorded {
  /** Components that nobody had seen: they are in the baseline as they were found. */
  readonly taken: number;
  /** New changes, in their line. */
  readonly changes: readonly Id[];
}

/** A component as it was before a look. */
interface Known {
  readonly id: Id;
  readonly name: string;
  readonly project: Id;
  readonly baseline: string | null;
}

/**
 * Records what is at a watched place. A component that is seen for the first time goes straight into the baseline;
 * each later version is a change, and older ones that nobody has looked at yet are superseded. The same twice changes nothing.
 */
export async function recordArrivals(
  tx: Transaction,
  watch: Pick<WatchSpec, 'name' | 'project' | 'place'>,
  { arrivals, isAll }: Seen,
): Promise<Recorded> {
  await tx.rows(LOCK);
  const before = await componentsOf(tx, watch.name);
  const isFirst = ({ component }: Arrival) => !before.has(component);
  // The last of a component's own line is the one to begin with.
  const firsts = [...new Map(arrivals.filter(isFirst).map((one) => [one.component, one])).values()];
  await takeAsFound(tx, watch, firsts);
  const others = arrivals.filter(
    (one) => !isFirst(one) && before.get(one.component)?.baseline !== one.version,
  );
  const back = [...(await putBack(tx, before, others)), ...(await publish(tx, before, others))];
  const news = await addChanges(tx, before, inLine(others), { source: 'seen' });
  // Each commit of a branch is a place on its line.
  if (watch.place.kind !== 'git') await supersede(tx, [...news, ...back]);
  if (isAll) await withdrawGone(tx, before, arrivals);
  return { taken: firsts.length, changes: news };
}

/** A candidate that somebody put before the grid. */
export interface Pushed {
  readonly by: string;
  /** Whose signature it bears, for people; undefined: none was asked for. */
  readonly signer?: string;
  /** Digest of the file; undefined: it is a commit. */
  readonly blob?: string;
}

/** Records a candidate; `known` where there is a change of this version already, `unknown_component` as it says. */
export async function recordPush(
  tx: Transaction,
  arrival: Arrival,
  project: Id,
  pushed: Pushed,
): Promise<{ readonly change: Id } | 'known' | 'unknown_component'> {
  await tx.rows(LOCK);
  const [component] = await tx.rows<Known>(
    `SELECT id, name, project_id AS project, baseline FROM component WHERE project_id = $1 AND name = $2`,
    [project, arrival.component],
  );
  if (component === undefined) return 'unknown_component';
  if (component.baseline === arrival.version) return 'known';
  // Nobody has published it: what comes of it is for whoever pushed it.
  const own = { ...arrival, owner: pushed.by };
  const [change] = await addChanges(tx, new Map([[component.name, component]]), [own], {
    source: 'pushed',
    ...pushed,
  });
  return change === undefined ? 'known' : { change };
}

/** A change, as whoever tests, searches or tells needs it. */
export interface Change {
  readonly id: Id;
  readonly componentId: Id;
  readonly component: string;
  readonly kind: ComponentKind;
  /** The version of the component that is trusted now. */
  readonly baseline: string | null;
  readonly watch: string;
  readonly project: Id;
  readonly version: string;
  readonly previous: string | null;
  readonly author: string | null;
  readonly owner: string | null;
  readonly title: string;
  readonly link: string | null;
  readonly madeAt: Date | null;
  readonly seenAt: Date;
  readonly source: 'seen' | 'pushed';
  readonly pushedBy: string | null;
  readonly blob: string | null;
  readonly facts: ChangeFacts;
  readonly position: string;
  readonly state: ChangeState;
  readonly why: string;
}

const CHANGE_COLUMNS = `c.id, c.component_id AS "componentId", k.name AS component, k.kind, k.baseline, k.watch, k.project_id AS project, c.version,
  c.previous, c.author, coalesce(c.owner, k.owner) AS owner, c.title, c.link, c.made_at AS "madeAt", c.seen_at AS "seenAt",
  c.source, c.pushed_by AS "pushedBy", c.blob, c.facts, c.position, c.state, c.why`;

/** Changes of a watch that nobody has looked at yet, in their line. */
export async function newChanges(sql: Sql, watch: string): Promise<readonly Change[]> {
  return await sql.rows<Change>(
    `SELECT ${CHANGE_COLUMNS} FROM change c JOIN component k ON k.id = c.component_id
     WHERE c.state = 'new' AND k.watch = $1 ORDER BY c.position`,
    [watch],
  );
}

/** These changes, in their line. */
export async function readChanges(sql: Sql, ids: readonly Id[]): Promise<readonly Change[]> {
  return await sql.rows<Change>(
    `SELECT ${CHANGE_COLUMNS} FROM change c JOIN component k ON k.id = c.component_id
     WHERE c.id = ANY ($1::bigint[]) ORDER BY c.position`,
    [ids],
  );
}

/** Gives changes a state, where there is a legal move to it; gives those that moved. `why`: of all, or of each. */
export async function setChangeState(
  tx: Sql,
  ids: readonly Id[],
  state: ChangeState,
  why: string | readonly string[],
  actor = 'testyard',
): Promise<readonly Id[]> {
  if (ids.length === 0) return [];
  const whys = ids.map((_, at) => (typeof why === 'string' ? why : (why[at] ?? '')).slice(0, 2000));
  const moved = await tx.rows<{
    id: Id;
    project: Id;
    component: string;
    version: string;
    from: ChangeState;
    why: string;
  }>(
    `UPDATE change c SET state = $2, why = g.why, state_since = grid_now()
     FROM unnest($1::bigint[], $3::text[]) AS g(id, why), change o JOIN component k ON k.id = o.component_id
     WHERE o.id = g.id AND c.id = g.id AND c.state = ANY ($4::text[])
     RETURNING c.id, k.project_id AS project, k.name AS component, c.version, o.state AS "from", c.why`,
    [ids, state, whys, sourcesOf(CHANGE_MOVES, state)],
  );
  await chronicle(
    tx,
    moved.map(({ id, project, ...data }) => ({
      ...{ kind: `change.${state}`, subject: showId('change', id), project, actor, data },
    })),
  );
  return moved.map(({ id }) => id);
}

/** One component that gets another version into the baseline. */
export interface BaselineMove {
  readonly component: Id;
  readonly version: string;
  /** The change that brought the version; undefined: it was there before any change. */
  readonly change?: Id | undefined;
}

/** Moves the baseline, forth or back, all at once; gives its new edition. What is there already is left alone. */
export async function moveBaseline(
  tx: Sql,
  moves: readonly BaselineMove[],
  why: string,
  actor = 'testyard',
): Promise<string> {
  await tx.rows(LOCK);
  const moved = await tx.rows<{
    project: Id;
    name: string;
    version: string;
    from: string | null;
    change: Id | null;
  }>(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(component bigint, version text, change bigint)),
     moving AS (SELECT k.id, k.project_id, k.name, k.baseline, g.version, g.change FROM given g
       JOIN component k ON k.id = g.component AND k.baseline IS DISTINCT FROM g.version),
     ended AS (UPDATE baseline_entry e SET until = grid_now() FROM moving m WHERE e.component_id = m.id AND e.until IS NULL),
     put AS (UPDATE component k SET baseline = m.version, baseline_change_id = m.change, baseline_since = grid_now()
       FROM moving m WHERE k.id = m.id)
     SELECT project_id AS project, name, version, baseline AS "from", change FROM moving`,
    [JSON.stringify(moves)],
  );
  if (moved.length === 0) return await editionOf(tx);
  // Beside the end of the entries before them they would be two that are open.
  await tx.rows(
    `INSERT INTO baseline_entry (component_id, version, change_id, why)
     SELECT id, baseline, baseline_change_id, $2 FROM component k
     WHERE id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT FROM baseline_entry e WHERE e.component_id = k.id AND e.until IS NULL)`,
    [moves.map(({ component }) => component), why.slice(0, 2000)],
  );
  await setChangeState(
    tx,
    moved.flatMap(({ change }) => (change === null ? [] : [change])),
    'in_baseline',
    why,
    actor,
  );
  const [row] = await tx.rows<{ edition: string }>(
    `UPDATE grid SET baseline_edition = baseline_edition + 1 RETURNING baseline_edition AS edition`,
  );
  const edition = row?.edition ?? '0';
  await chronicle(
    tx,
    moved.map(({ project, name, version, from, change }) => ({
      ...{ kind: 'baseline.moved', subject: `component:${name}`, project, actor },
      data: {
        version,
        ...(from && { from }),
        ...(change && { change: showId('change', change) }),
        why,
        edition,
      },
    })),
  );
  return edition;
}

/** The versions that are trusted now, by name of the component, and the edition: it grows with every move. */
export interface Baseline {
  readonly edition: string;
  readonly versions: ReadonlyMap<string, string>;
}

/** The baseline of everything that is watched. */
export async function readBaseline(sql: Sql): Promise<Baseline> {
  // One statement: an edition goes with the versions that it had.
  const [row] = await sql.rows<{ edition: string; versions: Readonly<Record<string, string>> }>(
    `SELECT baseline_edition AS edition, (SELECT coalesce(jsonb_object_agg(k.name, k.baseline), '{}') FROM component k
       JOIN watch w ON w.name = k.watch AND w.removed_at IS NULL WHERE k.baseline IS NOT NULL) AS versions FROM grid`,
  );
  return { edition: row?.edition ?? '0', versions: new Map(Object.entries(row?.versions ?? {})) };
}

/** The edition of the baseline, to see cheaply whether it has moved. */
export async function editionOf(sql: Sql): Promise<string> {
  const [row] = await sql.rows<{ edition: string }>(`SELECT baseline_edition AS edition FROM grid`);
  return row?.edition ?? '0';
}

/** Those of these changes of whose components a newer one has been seen since. */
export async function overtaken(sql: Sql, changes: readonly Id[]): Promise<readonly Id[]> {
  const rows = await sql.rows<{ id: Id }>(
    `SELECT c.id FROM change c WHERE c.id = ANY ($1::bigint[]) AND c.source = 'seen'
       AND EXISTS (SELECT FROM change n WHERE n.component_id = c.component_id AND n.position > c.position
         AND n.source = 'seen' AND n.state = 'new') ORDER BY c.position`,
    [changes],
  );
  return rows.map(({ id }) => id);
}

/** The changes that brought what a project trusts now, in their line, each from what was trusted before it. */
export async function trustedChanges(sql: Sql, project: Id): Promise<readonly LinkedChange[]> {
  const rows = await sql.rows<Omit<LinkedChange, 'from'> & { from: string | null }>(
    `SELECT c.id, k.id AS "componentId", k.name AS component, k.kind, k.baseline AS to, c.facts,
       (SELECT o.version FROM baseline_entry o WHERE o.component_id = k.id AND o.until IS NOT NULL
        ORDER BY o.id DESC LIMIT 1) AS from
     FROM component k JOIN change c ON c.id = k.baseline_change_id WHERE k.project_id = $1 ORDER BY c.position`,
    [project],
  );
  return rows.map(({ from, ...change }) => ({ ...change, ...(from !== null && { from }) }));
}

async function componentsOf(sql: Sql, watch: string): Promise<ReadonlyMap<string, Known>> {
  const rows = await sql.rows<Known>(
    `SELECT id, name, project_id AS project, baseline FROM component WHERE watch = $1`,
    [watch],
  );
  return new Map(rows.map((row) => [row.name, row]));
}

async function takeAsFound(
  tx: Transaction,
  watch: Pick<WatchSpec, 'name' | 'project' | 'place'>,
  firsts: readonly Arrival[],
): Promise<void> {
  if (firsts.length === 0) return;
  const why = 'taken as it was found';
  const [project] = await tx.rows<{ id: Id }>(`SELECT id FROM project WHERE name = $1`, [watch.project]);
  if (project === undefined) throw new Error(`there is no project '${watch.project}'`);
  await tx.rows(
    `WITH put AS (INSERT INTO component (project_id, watch, name, kind, owner, baseline, baseline_since)
       SELECT $2, $3, g.component, $4, g.owner, g.version, grid_now()
       FROM jsonb_to_recordset($1::jsonb) AS g(component text, owner text, version text) RETURNING id, baseline)
     INSERT INTO baseline_entry (component_id, version, why) SELECT id, baseline, $5 FROM put`,
    [
      JSON.stringify(firsts.map(({ component, owner, version }) => ({ component, owner, version }))),
      project.id,
      watch.name,
      watch.place.kind,
      why,
    ],
  );
  const [row] = await tx.rows<{ edition: string }>(
    `UPDATE grid SET baseline_edition = baseline_edition + 1 RETURNING baseline_edition AS edition`,
  );
  const data = { count: firsts.length, why, edition: row?.edition };
  await chronicle(tx, [
    { kind: 'components.taken', subject: `watch:${watch.name}`, project: project.id, data },
  ]);
}

/** Changes that were there before and are what their place has again; gives them. */
async function putBack(
  tx: Transaction,
  known: ReadonlyMap<string, Known>,
  arrivals: readonly Arrival[],
): Promise<readonly Id[]> {
  const rows = await tx.rows<{ id: Id }>(
    `SELECT c.id FROM jsonb_to_recordset($1::jsonb) AS g(component bigint, version text)
     JOIN change c ON c.component_id = g.component AND c.version = g.version AND c.source = 'seen'
     JOIN component k ON k.id = c.component_id LEFT JOIN change b ON b.id = k.baseline_change_id
     WHERE c.state IN ('withdrawn', 'superseded') OR (c.state = 'in_baseline' AND b.position > c.position)
     ORDER BY c.position`,
    [
      JSON.stringify(
        arrivals.map((one) => ({ component: known.get(one.component)?.id, version: one.version })),
      ),
    ],
  );
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  // They stand at the end of the line: what came after them there is gone.
  await tx.rows(
    `UPDATE change c SET position = g.place + (SELECT max(position) FROM change)
     FROM unnest($1::bigint[]) WITH ORDINALITY AS g(id, place) WHERE c.id = g.id`,
    [ids],
  );
  return await setChangeState(tx, ids, 'new', 'its place has gone back to it');
}

/**
 * Candidates that came to nothing and are at their place now, at the same version: what is there is another thing, and its
 * owner's. Gives them.
 */
async function publish(
  tx: Transaction,
  known: ReadonlyMap<string, Known>,
  arrivals: readonly Arrival[],
): Promise<readonly Id[]> {
  const why = 'it has been published';
  const given = arrivals.map(({ component, ...one }) => ({ ...one, component: known.get(component)?.id }));
  const rows = await tx.rows<{ id: Id }>(
    `WITH was AS (SELECT c.id, g.*, row_number() OVER (ORDER BY c.position) AS place
       FROM jsonb_to_recordset($1::jsonb) AS g(component bigint, version text, author text, owner text, title text, link text,
         "madeAt" timestamptz, facts jsonb)
       JOIN change c ON c.component_id = g.component AND c.version = g.version AND c.source = 'pushed'
         AND c.state IN ('blamed', 'uninstallable', 'withdrawn', 'superseded', 'refused'))
     UPDATE change c SET source = 'seen', pushed_by = NULL, blob = NULL, author = w.author, owner = w.owner, title = w.title,
       link = w.link, made_at = w."madeAt", facts = w.facts, position = w.place + (SELECT max(position) FROM change)
     FROM was w WHERE c.id = w.id RETURNING c.id`,
    [JSON.stringify(given)],
  );
  const ids = rows.map(({ id }) => id);
  for (const pin of await pinsOf(tx, ids)) await liftPin(tx, pin, why);
  return await setChangeState(tx, ids, 'new', why);
}

/** Adds what is not known yet, at the end of the line; gives the new ones. */
async function addChanges(
  tx: Transaction,
  known: ReadonlyMap<string, Known>,
  arrivals: readonly Arrival[],
  { source, by, blob, signer }: Partial<Pushed> & { readonly source: 'seen' | 'pushed' },
): Promise<readonly Id[]> {
  const given = arrivals.map(({ component, ...one }, place) => ({
    ...{ ...one, place, component: known.get(component)?.id },
  }));
  const why =
    source === 'seen' ? 'it has arrived' : `pushed by ${by}${signer ? `, signed by ${signer}` : ''}`;
  const added = await tx.rows<{
    id: Id;
    component: Id;
    version: string;
    title: string;
    owner: string | null;
  }>(
    `WITH given AS (SELECT g.*, lag(g.version) OVER (PARTITION BY g.component ORDER BY g.place) AS before
       FROM jsonb_to_recordset($1::jsonb) AS g(place bigint, component bigint, version text, author text, owner text,
         title text, link text, "madeAt" timestamptz, facts jsonb)
       WHERE NOT EXISTS (SELECT FROM change c WHERE c.component_id = g.component AND c.version = g.version))
     INSERT INTO change (component_id, version, previous, author, owner, title, link, made_at, source, pushed_by, blob,
       facts, position, why)
     SELECT g.component, g.version, coalesce(g.before,
         (SELECT c.version FROM change c WHERE c.component_id = g.component AND c.source = 'seen'
          AND c.state NOT IN ('withdrawn', 'refused') ORDER BY c.position DESC LIMIT 1),
         (SELECT k.baseline FROM component k WHERE k.id = g.component)),
       g.author, g.owner, g.title, g.link, g."madeAt", $2, $3, $4, g.facts,
       1 + g.place + coalesce((SELECT max(position) FROM change), 0), $5
     FROM given g ORDER BY g.place
     RETURNING id, component_id AS component, version, title, owner`,
    [JSON.stringify(given), source, by ?? null, blob ?? null, why],
  );
  const byId = new Map([...known.values()].map((one) => [one.id, one]));
  await chronicle(
    tx,
    added.flatMap(({ id, component, ...data }) => {
      const { name, project } = byId.get(component) ?? {};
      const all = { component: name, ...data, why };
      return project === undefined || name === undefined
        ? []
        : [
            {
              kind: 'change.new',
              subject: showId('change', id),
              project,
              actor: by ?? 'testyard',
              data: all,
            },
          ];
    }),
  );
  return added.map(({ id }) => id);
}

/** What of the same components came before these, and nobody has looked at. */
async function supersede(tx: Transaction, news: readonly Id[]): Promise<void> {
  if (news.length === 0) return;
  const open = await openChanges(tx);
  const isNew = new Set(news);
  const last = new Map<Id, OpenChange>();
  for (const one of open) if (isNew.has(one.id)) last.set(one.component, one);
  const old = open.flatMap((one): readonly (readonly [Id, string])[] => {
    const by = last.get(one.component);
    return by === undefined || Number(one.position) >= Number(by.position)
      ? []
      : [[one.id, `${by.version} has arrived`]];
  });
  await setChangeState(
    tx,
    old.map(([id]) => id),
    'superseded',
    old.map(([, why]) => why),
  );
}

/** What was seen and nobody has looked at. */
interface OpenChange {
  readonly id: Id;
  readonly component: Id;
  readonly version: string;
  readonly position: string;
}

/** Of all watches, in their line: there are few of them, while a join with thousands of components could go any way. */
function openChanges(sql: Sql): Promise<readonly OpenChange[]> {
  return sql.rows<OpenChange>(
    `SELECT id, component_id AS component, version, position FROM change
     WHERE state IN ('new', 'uninstallable') AND source = 'seen' ORDER BY position`,
  );
}

/** What was seen, is not in the baseline yet, and is there no more. */
async function withdrawGone(
  tx: Transaction,
  known: ReadonlyMap<string, Known>,
  arrivals: readonly Arrival[],
): Promise<void> {
  const open = await openChanges(tx);
  const names = new Map([...known.values()].map(({ id, name }) => [id, name]));
  const there = new Set(arrivals.map(({ component, version }) => `${component} ${version}`));
  const gone = open.filter(({ component, version }) => {
    const name = names.get(component);
    return name !== undefined && !there.has(`${name} ${version}`);
  });
  await setChangeState(
    tx,
    gone.map(({ id }) => id),
    'withdrawn',
    'its place has it no more',
  );
}
