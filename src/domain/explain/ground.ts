import type { Demand } from '../demand.js';
import type { HostIndex } from '../match/host-index.js';
import { driftsOf, familyOf, type TagRecord } from '../match/known.js';
import type { Candidate, OpenIncident } from '../plan/candidate.js';
import { keptAway, outsideOf, shutSteps } from '../plan/kept-away.js';
import { type Chain, planChain, type Wish } from '../provision/chain.js';
import { fromCanonical, type Requirement } from '../requirement.js';
import { givenBy, isRestore, needsOf, type StepSpec } from '../step.js';
import type { Catalogue } from '../tag.js';
import { compoundClauses, leafSets, lettersOf, meansOf } from './likeness.js';
import type { HostState, Question, QueueFacts, Reach, TagNote } from './question.js';

/** A host with all that is on record about its tags. */
export interface GroundHost extends Candidate {
  readonly record: TagRecord;
}

/** What explanations are made on: the grid as it is, or a lab as its files say it is. */
export interface Ground {
  readonly catalogue: Catalogue;
  readonly index: HostIndex;
  /** By the numbers of the index. */
  readonly hosts: ReadonlyMap<number, GroundHost>;
  readonly steps: readonly StepSpec[];
  readonly incidents: readonly OpenIncident[];
  /** Tags that some step gives, or gave to a host that can be restored. */
  readonly givable: ReadonlySet<string>;
  /** Canonical; added to every run that does not contradict it. */
  readonly defaultRequirement: string;
  /** Why the grid starts nothing at all. */
  readonly stopped?: string;
  /** Seats that are taken there. */
  readonly taken: (host: GroundHost) => number;
  /** Why no executor works there now; undefined: one does. `full`: those that reach it have no room. */
  readonly away: (host: GroundHost) => { readonly why: string } | 'full' | undefined;
}

/** Tags that steps give, and those that a restore could take away again. */
export function givableTags(steps: readonly StepSpec[], hosts: Iterable<GroundHost>): ReadonlySet<string> {
  const tags = new Set(steps.flatMap(({ gives }) => gives.map((item) => givenBy(item).tag)));
  if (!steps.some(isRestore)) return tags;
  for (const { stack } of hosts)
    for (const { gives } of stack) for (const item of gives) tags.add(givenBy(item).tag);
  return tags;
}

/** What is asked of `explain` so that it answers for a demand as the scheduler would decide. */
export function questionOf(demand: Demand, ground: Ground, queue?: QueueFacts): Question {
  const { catalogue, index, hosts, givable, stopped } = ground;
  const requirement = fromCanonical(demand.requirement);
  const planning = new Planning(demand, requirement, ground);
  const states = new Map<number, HostState>();
  for (const [number, host] of hosts)
    states.set(
      number,
      stateOf(host, demand, ground, () => planning.likeness(number, host)),
    );
  const asksAlways = demand.fresh || demand.target.step !== undefined;
  return {
    requirement,
    catalogue,
    index,
    hosts: states,
    givable,
    reachable: (number, wanted) => planning.reach(number, wanted),
    noteOf: (number, tag) => noteOf(hosts.get(number), tag, catalogue),
    ...(asksAlways ? { asksAlways } : {}),
    ...(stopped === undefined ? {} : { stopped }),
    ...(queue === undefined ? {} : { queue }),
  };
}

function stateOf(host: GroundHost, demand: Demand, ground: Ground, likeness: () => string): HostState {
  const barred = outsideOf(demand, host);
  const { name, type, pool, seats } = host;
  const shut = shutOf(host, demand, ground);
  const away = ground.away(host);
  let alike: string | undefined;
  return {
    name,
    type,
    pool,
    ...(barred === undefined ? {} : { barred }),
    offline: host.offline,
    health: isForCheck(demand) && host.health !== 'maintenance' ? 'good' : host.health,
    healthWhy: host.healthWhy,
    ...(shut === undefined ? {} : { shut }),
    seats,
    taken: away === 'full' ? seats : ground.taken(host),
    get likeness() {
      alike ??= likeness();
      return alike;
    },
  };
}

/** Work that the grid gives itself to find out about one host goes there whatever is thought of it. */
function isForCheck({ purpose, target }: Demand): boolean {
  return (purpose === 'canary' || purpose === 'recovery') && target.host !== undefined;
}

/** What keeps the demand away for now, beside what `HostState` has words of its own for. */
function shutOf(host: GroundHost, demand: Demand, { incidents, away }: Ground): string | undefined {
  const kept = keptAway(demand, host, incidents);
  if (kept === undefined) {
    const gone = away(host);
    return gone === undefined || gone === 'full' ? undefined : gone.why;
  }
  switch (kept.code) {
    case 'host_offline':
    case 'host_maintenance':
    case 'host_quarantined':
    case 'host_suspect':
      return undefined;
    case 'avoided':
      return 'an attempt of this run broke off there, and no other work has succeeded there since';
    case 'host_reserved':
      return kept.why.replace(`${host.name} `, 'it ');
    default:
      return kept.why;
  }
}

/** What steps can do for one demand. */
class Planning {
  private readonly means = new Map<number, string>();
  private sets: ReturnType<typeof leafSets> | undefined;

  constructor(
    private readonly demand: Demand,
    private readonly requirement: Requirement,
    private readonly ground: Ground,
  ) {}

  /** Made only for hosts that steps are asked about. */
  likeness(number: number, host: GroundHost): string {
    const { steps, index, catalogue, incidents } = this.ground;
    this.sets ??= leafSets(
      [...steps.map(needsOf), ...compoundClauses(this.requirement, catalogue)],
      index,
      catalogue,
    );
    const known = this.means.get(number) ?? meansOf(host);
    this.means.set(number, known);
    const shut = [...shutSteps(this.demand, host, incidents, steps).keys()].join();
    return `${known}\n${shut}\n${lettersOf(number, this.sets)}`;
  }

  reach(number: number, wanted: Requirement): Reach {
    const found = this.ground.hosts.get(number);
    if (found === undefined) return { ok: false, why: 'there is no such host' };
    // The answer is for all hosts that are alike, and so names none of them.
    const host = { ...found, name: 'it' };
    const { demand, requirement, ground } = this;
    const { step } = demand.target;
    const isWhole = wanted === requirement;
    const wish: Wish = {
      requirement: wanted,
      fresh: demand.fresh && isWhole,
      ...(step === undefined || !isWhole ? {} : { mustRun: step }),
    };
    const ever = planChain(wish, host, ground.steps);
    if (!ever.ok)
      return { ok: false, why: ever.why, ...(ever.presence === 'unknown' ? { maybe: true } : {}) };
    const shut = shutSteps(demand, found, ground.incidents, ground.steps);
    if (shut.size === 0) return reached(ever);
    const now = planChain(
      wish,
      host,
      ground.steps.filter(({ name }) => !shut.has(name)),
    );
    if (now.ok) return reached(now);
    const held = ever.steps.flatMap(({ name }) => shut.get(name) ?? [])[0];
    return { ...reached(ever), shut: held?.title ?? now.why };
  }
}

function reached({ costS, steps }: Extract<Chain, { ok: true }>): Extract<Reach, { ok: true }> {
  const wholeHost = steps.some(({ layer }) => layer !== 'use');
  return { ok: true, costS, steps: steps.map(({ name }) => name), ...(wholeHost ? { wholeHost } : {}) };
}

function noteOf(host: GroundHost | undefined, tag: string, catalogue: Catalogue): TagNote | undefined {
  if (host === undefined) return undefined;
  const { record, facts } = host;
  const source = catalogue.find(tag)?.source;
  if (source?.by !== 'probe' && source?.by !== 'look') return undefined;
  if (driftsOf(record, catalogue).some(({ declared }) => declared.tag === tag)) return { kind: 'drift' };
  if (facts(tag).presence !== 'unknown') return undefined;
  const looked = record.looked.get(tag) ?? record.looked.get(familyOf(tag) ?? tag);
  return looked === undefined
    ? { kind: 'not looked yet' }
    : looked
      ? undefined
      : { kind: 'look failed', why: '' };
}
