import { type Bits, countBits, hasBit } from '../match/bits.js';
import { whyNot } from '../match/misses.js';
import { canonical } from '../requirement.js';
import { smallestCore } from './core.js';
import { type Near, nearestTo } from './near-value.js';
import type { HostState, Question, Reach, TagNote } from './question.js';
import {
  type AskedClause,
  type Availability,
  allowedHosts,
  askClauses,
  reaching,
  type Standing,
  StepsAsked,
  standingOf,
  tagsUnder,
} from './standing.js';
import { likelyStart, type Start } from './start.js';

/** Why a run does not start, the permanent reasons before the temporary ones. */
export type Status =
  | 'no hosts'
  /** Nothing that this run may use could ever serve it. */
  | 'never'
  /** Hosts could serve it, and this run may use none of them. */
  | 'barred'
  /** No host is known to serve it; some might. */
  | 'not known'
  /** The grid starts nothing. */
  | 'stopped'
  /** Each host that could serve it is offline, unwell or shut. */
  | 'down'
  | 'busy'
  /** A host can take it now. */
  | 'ready';

/** How many of the hosts that the run may use could serve it. */
export interface Counts {
  readonly hosts: number;
  /** As they are, or by steps. */
  readonly ever: number;
  /** Of those: as they are. */
  readonly asTheyAre: number;
  readonly free: number;
  readonly busy: number;
  readonly down: number;
  /** Nothing is known against them. */
  readonly perhaps: number;
  /** Hosts that could serve it and that the run may not use, with why. */
  readonly barred: number;
  readonly barredWhy: string;
  /** Not all hosts could be asked what steps can do there. */
  readonly isCutOff: boolean;
}

/** A clause that no host meets with the others, and what is near. */
export interface CoreClause {
  readonly clause: string;
  /** Hosts that meet it alone. */
  readonly hosts: number;
  readonly unknown: number;
  readonly near: readonly NamedNear[];
}

/** `Near` with the name of the first of its hosts. */
export type NamedNear = Near & { readonly name: string };

/** A clause that a host does not meet. */
export interface Lack {
  readonly clause: string;
  readonly truth: 'no' | 'unknown';
  /** In the host's own values: 'kernel is 5.10.0, needs >= 6.1'. */
  readonly why: string;
  /** What is on record about the tags it rests on. */
  readonly notes: readonly { readonly tag: string; readonly note: TagNote }[];
}

/** One of the nearest hosts. */
export interface NearHost {
  readonly name: string;
  readonly state: HostState;
  readonly available: Availability;
  readonly lacks: readonly Lack[];
  /** Undefined: what it lacks no step gives. */
  readonly reach: Reach | undefined;
}

/** Why a run waits or can never run, and what would do. */
export interface Explanation {
  readonly requirement: string;
  readonly status: Status;
  readonly counts: Counts;
  /** The smallest set of clauses no host meets together; empty where one does, or only their steps conflict. */
  readonly core: readonly CoreClause[];
  /** False: there were too many clauses to be sure; none of the core can be left out. */
  readonly coreIsSmallest: boolean;
  readonly nearest: readonly NearHost[];
  /** Why the grid starts nothing at all. */
  readonly stopped?: string;
  readonly queue?: { readonly place: number; readonly of: number; readonly start: Start };
}

/** Explains where a requirement stands on this grid, for the person whose run it is. */
export function explain(question: Question): Explanation {
  const clauses = askClauses(question);
  const steps = new StepsAsked(question);
  const allowed = allowedHosts(question);
  const standings = new Nearest(question.most ?? 3);
  const counted = { ever: 0, asTheyAre: 0, free: 0, busy: 0, down: 0, perhaps: 0 };
  let [barred, barredWhy] = [0, ''];
  const nobodyMay = countBits(allowed) === 0;
  for (const [host, state] of question.hosts) {
    if (!hasBit(question.index.hosts, host)) continue;
    const standing = standingOf(host, state, clauses, question, steps, standings.furthest);
    if (standing === undefined) continue;
    const serves = standing.reach?.ok === true;
    if (state.barred !== undefined) {
      if (serves && barred++ === 0) barredWhy = state.barred;
      if (nobodyMay) standings.offer(standing);
      continue;
    }
    standings.offer(standing);
    if (serves) {
      counted.ever++;
      counted[standing.available]++;
      if (standing.reach?.ok && standing.reach.steps.length === 0) counted.asTheyAre++;
    } else if (standing.out === 0) counted.perhaps++;
  }
  const counts: Counts = {
    hosts: countBits(allowed),
    ...counted,
    barred,
    barredWhy,
    isCutOff: steps.isCutOff,
  };
  const core = counts.ever > 0 ? undefined : coreOf(clauses, allowed, counts.perhaps === 0, question, steps);
  const closest = new Set(core?.clauses.flatMap(({ near }) => near.flatMap(({ on }) => on)));
  const nearest = standings.best(closest).map((standing) => nearHost(standing, clauses, question));
  const [first] = nearest;
  const { queue } = question;
  return {
    requirement: canonical(question.requirement),
    status: statusOf(counts, question),
    counts,
    core: core?.clauses ?? [],
    coreIsSmallest: core?.isSmallest ?? true,
    nearest,
    ...(question.stopped === undefined ? {} : { stopped: question.stopped }),
    ...(queue === undefined
      ? {}
      : {
          queue: {
            place: queue.place,
            of: queue.of,
            start: likelyStart(queue, first?.reach?.ok ? first.reach.costS : 0),
          },
        }),
  };
}

function statusOf({ ever, free, busy, perhaps, barred }: Counts, { hosts, stopped }: Question): Status {
  if (hosts.size === 0) return 'no hosts';
  if (stopped !== undefined && ever + perhaps > 0) return 'stopped';
  if (free > 0) return 'ready';
  if (busy > 0) return 'busy';
  if (ever > 0) return 'down';
  if (perhaps > 0) return 'not known';
  return barred > 0 ? 'barred' : 'never';
}

/** `orMaybe`: a clause that a host may meet counts as met, so that what is left can never be. */
function coreOf(
  clauses: readonly AskedClause[],
  allowed: Bits,
  orMaybe: boolean,
  question: Question,
  steps: StepsAsked,
): { readonly clauses: readonly CoreClause[]; readonly isSmallest: boolean } | undefined {
  if (countBits(allowed) === 0) return undefined;
  const met = clauses.map((clause) => reaching(clause, orMaybe, question, steps));
  const core = smallestCore(met, allowed);
  if (core === undefined) return undefined;
  const nameOf = (host: number) => question.hosts.get(host)?.name ?? '';
  return {
    isSmallest: core.isSmallest,
    clauses: core.clauses.flatMap((n): readonly CoreClause[] => {
      const clause = clauses[n];
      if (clause === undefined) return [];
      const hosts = countBits(clause.sets.yes);
      const near = hosts > 0 ? [] : nearestTo(clause.requirement, question.index, question.catalogue);
      return [
        {
          clause: clause.text,
          hosts,
          unknown: countBits(clause.sets.maybe) - hosts,
          near: near.map((one) => ({ ...one, name: nameOf(one.on[0] ?? -1) })),
        },
      ];
    }),
  };
}

function nearHost(
  { host, state, available, reach }: Standing,
  clauses: readonly AskedClause[],
  question: Question,
): NearHost {
  const facts = question.index.factsOf(host);
  const lacks = clauses.flatMap(({ sets, text, requirement }): readonly Lack[] => {
    if (facts === undefined || hasBit(sets.yes, host)) return [];
    const notes = tagsUnder(requirement, question.catalogue).flatMap((tag) => {
      const note = question.noteOf?.(host, tag);
      return note === undefined ? [] : [{ tag, note }];
    });
    const truth = hasBit(sets.maybe, host) ? 'unknown' : 'no';
    return [{ clause: text, truth, why: whyNot(requirement, facts, question.catalogue), notes }];
  });
  lacks.sort((a, b) => Number(a.truth === 'unknown') - Number(b.truth === 'unknown'));
  return { name: state.name, state, available, lacks, reach };
}

/** Finds the few nearest of many hosts, and remembers only those that may be among them. */
class Nearest {
  /** Hosts with more clauses out of reach are not among them. */
  furthest = Number.POSITIVE_INFINITY;
  private readonly byOut: Standing[][] = [];

  constructor(private readonly most: number) {}

  offer(standing: Standing): void {
    const { out } = standing;
    if (out > this.furthest) return;
    this.byOut[out] ??= [];
    this.byOut[out].push(standing);
    let count = 0;
    for (let n = 0; n < this.byOut.length && count < this.most; n++) {
      count += this.byOut[n]?.length ?? 0;
      if (count >= this.most) this.furthest = n;
    }
  }

  best(closest: ReadonlySet<number>): readonly Standing[] {
    const found: Standing[] = [];
    for (const standing of this.byOut.flat()) {
      const worst = found[this.most - 1];
      if (worst !== undefined && byNearness(standing, worst, closest) >= 0) continue;
      if (worst !== undefined) found.pop();
      const at = found.findIndex((other) => byNearness(standing, other, closest) < 0);
      found.splice(at < 0 ? found.length : at, 0, standing);
    }
    return found;
  }
}

/**
 * Fewest clauses that are out of reach, fewest unknown, nearest to what no host has, free before busy before down,
 * cheapest, by name.
 */
function byNearness(a: Standing, b: Standing, closest: ReadonlySet<number>): number {
  return (
    a.out - b.out ||
    openOf(a) - openOf(b) ||
    Number(closest.has(b.host)) - Number(closest.has(a.host)) ||
    AVAILABLE.indexOf(a.available) - AVAILABLE.indexOf(b.available) ||
    costOf(a) - costOf(b) ||
    (a.state.name < b.state.name ? -1 : a.state.name > b.state.name ? 1 : 0)
  );
}

const AVAILABLE: readonly Availability[] = ['free', 'busy', 'down'];

/** What is unknown and steps give anyway is no obstacle. */
function openOf({ open, reach }: Standing): number {
  return reach?.ok === true ? 0 : open;
}

function costOf({ reach }: Standing): number {
  return reach?.ok === true ? reach.costS : 0;
}
