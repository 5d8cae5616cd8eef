import type { Demand } from '../demand.js';
import { leftBy, standingWorth } from '../provision/left.js';
import type { Candidate } from './candidate.js';
import type { Fit, Way } from './fit.js';
import { type Head, POINT_S } from './pairing.js';
import { type Busy, WAITING } from './soon.js';

/** A run that waits, with what is needed to think of what comes after it. */
export interface Coming {
  readonly head: Head;
  readonly demand: Demand;
  /** Seconds that its test should take. */
  readonly takesS: number;
}

/** A run and the host on which it should be next; `way`: it is free, and the run may begin. */
export interface Turn {
  readonly run: Coming;
  readonly host: Candidate;
  readonly way?: Way;
}

/** More runs, hosts and questions are not looked at: then who goes next is chosen pair by pair. */
const MOST_RUNS = 16;
const MOST_HOSTS = 16;
const MOST_QUESTIONS = 1500;
/** What stands on hosts in the end is worth this share of what it would cost to bring it there. */
const STANDING = 0.3;
/** What a preference is worth, in seconds: less than anything that a step could cost. */
const PREFERENCE_S = 0.001;
/** Rounds in which runs are moved for the better. */
const ROUNDS = 20;

/** Whether all that waits and all that serves it is so little that it can be looked at as a whole. */
export function isSmall(runs: readonly Coming[], hosts: number): boolean {
  const demands = new Set(runs.map(({ head }) => head.demand)).size;
  const lines = new Set(runs.map(({ head }) => lineOf(head))).size;
  if (runs.length > MOST_RUNS || hosts > MOST_HOSTS) return false;
  return hosts * (1 + lines) * demands <= MOST_QUESTIONS;
}

/**
 * Which run should be where, in which order, if nothing else came: all runs and hosts together, instead of the best
 * pair again and again. What is made small is provisioning, and each run's waiting by how it stands in its turn; what
 * is left standing at the end counts in its favour. Runs are put in one by one, each time the one that adds
 * least; then single runs, and parts of two hosts' rows, change places as long as that is better. Only the first of each row is of
 * consequence: with every change of queue or hosts all is thought over again.
 *
 * `ways`: how a free host could begin on a demand now. `ask`: whether and how a host could serve it as it will be left.
 */
export function lookAhead(
  runs: readonly Coming[],
  free: readonly Candidate[],
  busy: readonly Busy[],
  ways: (demand: string, host: Candidate) => Way | undefined,
  ask: (demand: Demand, host: Candidate) => Fit,
): readonly Turn[] {
  const rows = [
    ...free.map((host) => new Row(host, 0, ways, ask)),
    ...busy.map(({ host, inS }) => new Row(host, inS, undefined, ask)),
  ];
  const weight = weightsOf(runs, rows);
  for (const row of rows) row.weight = weight;
  const placed = fill(runs, rows);
  for (let round = 0, isBetter = true; isBetter && round < ROUNDS; round++)
    isBetter = [moveEach(placed, rows), crossEach(rows)].includes(true);
  keepTurns(runs, rows);
  return rows.flatMap((row) => row.turns());
}

/** Of runs that differ in nothing that matters here each has the place of its turn. */
function keepTurns(runs: readonly Coming[], rows: readonly Row[]): void {
  const places = rows
    .flatMap((row) => row.starts().map((atS, place) => ({ row, place, atS })))
    .sort((a, b) => a.atS - b.atS);
  const lists = new Map(rows.map((row) => [row, [...row.list]]));
  const inTurn = runs.filter((run) => rows.some(({ list }) => list.includes(run)));
  for (const { row, place } of places) {
    const one = row.list[place];
    const next = inTurn.findIndex((run) => one !== undefined && isLike(run, one));
    lists.get(row)?.splice(place, 1, ...inTurn.splice(next, 1));
  }
  for (const [row, list] of lists) row.put(list, row.cost);
}

function isLike(a: Coming, b: Coming): boolean {
  return lineOf(a.head) === lineOf(b.head) && a.takesS === b.takesS;
}

function lineOf({ demand, dirties }: Head): string {
  return `${dirties} ${demand}`;
}

/** What a second of waiting is worth, in seconds of provisioning: who is a point ahead goes first, as pair by pair. */
function weightsOf(runs: readonly Coming[], rows: readonly Row[]): (run: Coming) => number {
  const least = Math.min(...runs.map(({ head }) => head.points));
  const takesS = runs.reduce((sum, run) => sum + run.takesS + cheapest(run, rows), 0) / runs.length;
  return ({ head }) => WAITING + ((head.points - least) * POINT_S) / Math.max(takesS, 1);
}

function cheapest(run: Coming, rows: readonly Row[]): number {
  const costs = rows.map((row) => row.firstCost(run)).filter(Number.isFinite);
  return costs.length === 0 ? 0 : Math.min(...costs);
}

/** What a host is in a row: as it is, or as one run after another leaves it. */
interface State {
  readonly host: Candidate;
  readonly worth: number;
  readonly ways: Map<string, Way | undefined>;
  readonly next: Map<string, State>;
}

/** What is to run on one host, one after the other. */
class Row {
  list: readonly Coming[] = [];
  /** What the row costs, in seconds of provisioning. */
  cost = 0;
  private readonly start: State;
  private readonly states = new Map<string, State>();
  weight: (run: Coming) => number = () => WAITING;

  constructor(
    private readonly host: Candidate,
    private readonly inS: number,
    private readonly now: ((demand: string, host: Candidate) => Way | undefined) | undefined,
    private readonly ask: (demand: Demand, host: Candidate) => Fit,
  ) {
    this.start = stateOf(host);
    this.cost = this.costOf([]);
  }

  put(list: readonly Coming[], cost: number): void {
    this.list = list;
    this.cost = cost;
  }

  firstCost(run: Coming): number {
    return this.wayFrom(this.start, run)?.chain.costS ?? Number.POSITIVE_INFINITY;
  }

  /** Of these runs in this order; infinite where one of them could not be served there. `starts`: is told when each starts. */
  costOf(list: readonly Coming[], starts: number[] = []): number {
    let state = this.start;
    let [atS, cost] = [this.inS, 0];
    for (const run of list) {
      const way = this.wayFrom(state, run);
      if (way === undefined) return Number.POSITIVE_INFINITY;
      const { costS, fresh } = way.chain;
      atS += costS;
      starts.push(atS);
      cost += costS + this.weight(run) * atS + (Number(fresh) - way.preferred) * PREFERENCE_S;
      atS += run.takesS;
      state = this.after(state, run, way);
    }
    return cost - STANDING * state.worth;
  }

  /** When each test of the row should start, in seconds from now. */
  starts(): readonly number[] {
    const starts: number[] = [];
    this.costOf(this.list, starts);
    return starts;
  }

  /** The first of the row where the host is free; where it is at work all of the row wait for it. */
  turns(): readonly Turn[] {
    return this.list.map((run, n) => {
      const way = n === 0 && this.now !== undefined ? this.wayFrom(this.start, run) : undefined;
      return { run, host: this.host, ...(way === undefined ? {} : { way }) };
    });
  }

  private wayFrom(state: State, { head, demand }: Coming): Way | undefined {
    if (state.ways.has(head.demand)) return state.ways.get(head.demand);
    let way: Way | undefined;
    if (state === this.start && this.now !== undefined) way = this.now(head.demand, this.host);
    else {
      const fit = this.ask(demand, state.host);
      way = fit.kind === 'yes' ? fit : undefined;
    }
    state.ways.set(head.demand, way);
    return way;
  }

  private after(state: State, { head }: Coming, { chain }: Way): State {
    const line = lineOf(head);
    const known = state.next.get(line);
    if (known !== undefined) return known;
    const host = { ...state.host, ...leftBy(state.host, chain.steps, head.dirties) };
    const key = JSON.stringify([host.dirtyFrom, host.stack.map((entry) => entry.key)]);
    const same = this.states.get(key) ?? stateOf(host);
    this.states.set(key, same);
    state.next.set(line, same);
    return same;
  }
}

function stateOf(host: Candidate): State {
  return { host, worth: standingWorth(host), ways: new Map(), next: new Map() };
}

/** Puts the runs in one after the other, each time the one that adds least; gives those that some host could serve. */
function fill(runs: readonly Coming[], rows: readonly Row[]): readonly Coming[] {
  const placed: Coming[] = [];
  for (;;) {
    const left = runs.filter((run) => !placed.includes(run));
    const [next] = left
      .flatMap((run) => bestPlace(run, rows) ?? [])
      .sort((one, other) => one.more - other.more);
    if (next === undefined) return placed;
    next.row.put(next.list, next.cost);
    placed.push(next.run);
  }
}

/** Where a run costs least; `without`: it is taken out of that row. */
function bestPlace(
  run: Coming,
  rows: readonly Row[],
  without?: { readonly row: Row; readonly list: readonly Coming[]; readonly cost: number },
) {
  let best: (NonNullable<typeof without> & { readonly run: Coming; readonly more: number }) | undefined;
  for (const row of rows) {
    const { list: among, cost: before } = row === without?.row ? without : row;
    for (let place = 0; place <= among.length; place++) {
      const list = [...among.slice(0, place), run, ...among.slice(place)];
      const cost = row.costOf(list);
      const more = cost - before;
      if (more < (best?.more ?? Number.POSITIVE_INFINITY)) best = { row, list, cost, run, more };
    }
  }
  return best;
}

/** How many runs of two rows change places. */
const PARTS = [
  [1, 1],
  [2, 0],
  [0, 2],
  [2, 1],
  [1, 2],
  [2, 2],
] as const;
/** Of less than this nothing is changed. */
const TINY = 1e-6;

function moveEach(runs: readonly Coming[], rows: readonly Row[]): boolean {
  let isBetter = false;
  for (const run of runs) {
    const row = rows.find(({ list }) => list.includes(run));
    if (row === undefined) continue;
    const list = row.list.filter((one) => one !== run);
    const without = { row, list, cost: row.costOf(list) };
    if (!Number.isFinite(without.cost)) continue;
    const best = bestPlace(run, rows, without);
    if (best === undefined || best.more >= row.cost - without.cost - TINY) continue;
    row.put(without.list, without.cost);
    best.row.put(best.list, best.cost);
    isBetter = true;
  }
  return isBetter;
}

function crossEach(rows: readonly Row[]): boolean {
  let isBetter = false;
  rows.forEach((a, n) => {
    for (const b of rows.slice(n + 1)) isBetter = cross(a, b) || isBetter;
  });
  return isBetter;
}

/** Exchanges parts of two rows where that is better: their ends, or up to two runs each. */
function cross(a: Row, b: Row): boolean {
  let isBetter = false;
  const tryOut = (i: number, ofA: number, j: number, ofB: number): void => {
    const [fromA, fromB] = [a.list.slice(i, i + ofA), b.list.slice(j, j + ofB)];
    const [listA, listB] = [
      [...a.list.slice(0, i), ...fromB, ...a.list.slice(i + ofA)],
      [...b.list.slice(0, j), ...fromA, ...b.list.slice(j + ofB)],
    ];
    const [costA, costB] = [a.costOf(listA), b.costOf(listB)];
    if (costA + costB >= a.cost + b.cost - TINY) return;
    a.put(listA, costA);
    b.put(listB, costB);
    isBetter = true;
  };
  for (let i = 0; i <= a.list.length; i++) {
    for (let j = 0; j <= b.list.length; j++) {
      tryOut(i, a.list.length - i, j, b.list.length - j);
      for (const [ofA, ofB] of PARTS) tryOut(i, ofA, j, ofB);
    }
  }
  return isBetter;
}
