import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import type { Dirties } from '../domain/layer.js';
import { factsWith } from '../domain/match/holds.js';
import { type Answer, type Fit, why } from '../domain/plan/fit.js';
import { FitIndex } from '../domain/plan/fit-index.js';
import { type Instrument, leased, UnitsTaken } from '../domain/plan/instruments.js';
import { Pairing } from '../domain/plan/pairing.js';
import { promiseOf, sightOf } from '../domain/plan/promise.js';
import { ResourceLimits } from '../domain/plan/resource-limits.js';
import type { Soon } from '../domain/plan/soon.js';
import { stackAfter } from '../domain/provision/after.js';
import { canonical, fromCanonical } from '../domain/requirement.js';
import { doesGive, type StepSpec } from '../domain/step.js';
import type { PlacePlan, TagProbe } from '../protocol/messages.js';
import { takesStep } from '../protocol/terms.js';
import {
  type Assigned,
  assign,
  type LiveExecutor,
  limitedResources,
  liveExecutors,
  type NewAttempt,
  notHandedOut,
  seatsTaken,
  unitsTaken,
} from '../store/assigning.js';
import { decide } from '../store/leader.js';
import type { Handout } from '../store/recording.js';
import { type Sql, type Store, type Transaction, wake } from '../store/store.js';
import { headOfDemand, holdDemand, sayWhy, type WaitingDemand, waitingDemands } from '../store/waiting.js';
import { type KnownHost, okAttempts, type World } from '../store/world.js';
import type { Claims } from './claims.js';
import type { Settings } from './settings.js';
import type { Unfolding } from './submit.js';
import type { Underway } from './underway.js';

type Way = Extract<Fit, { kind: 'yes' }>;

/** What planning found that others must see to. */
export interface Planned {
  readonly assigned: number;
  /** More may wait than could be looked at in one go. */
  readonly isPart: boolean;
  /** Demands that nothing can serve any more, with why. */
  readonly hopeless: readonly { readonly key: string; readonly reason: string; readonly fresh: boolean }[];
  /** Hosts that wait for other work to succeed on them before a run may come back. */
  readonly wantCanary: readonly KnownHost[];
  /** Hosts that might serve a run if only their probes worked. */
  readonly wantLook: readonly KnownHost[];
}

/** Nothing waits, or nothing can be done for it. */
export const NOTHING: Planned = {
  assigned: 0,
  isPart: false,
  hopeless: [],
  wantCanary: [],
  wantLook: [],
};

/** More attempts are not made in one go. */
const MOST_ATTEMPTS = 500;

/** What planning goes by, beside the world. */
export interface PlanMeans {
  readonly settings: Settings;
  readonly claims: Claims;
  /** What earlier beats found; undefined: every host is asked anew. */
  readonly fits?: FitIndex;
  /** What earlier beats began; undefined: nobody waits for a host that is at work. */
  readonly underway?: Underway;
}

/** What is to be written, as queue and hosts were when they were looked at. */
interface Weighed {
  readonly begun: readonly Begun[];
  readonly found: Omit<Planned, 'assigned' | 'isPart'>;
  readonly attempts: readonly NewAttempt[];
  readonly says: readonly { readonly key: string; readonly code: string; readonly reason: string }[];
  readonly holds: readonly { readonly key: string; readonly incident: Id; readonly reason: string }[];
}

/** Matches what waits with hosts that can serve it, gives it to executors, and says why the rest waits. */
export async function plan(store: Store, epoch: string, world: World, means: PlanMeans): Promise<Planned> {
  const weighed = await weigh(store, world, means);
  const isNews = weighed.attempts.length + weighed.says.length + weighed.holds.length > 0;
  const assigned = isNews ? await decide(store, epoch, (tx) => write(tx, weighed, means)) : [];
  await handOver(store, assigned, means);
  return { ...weighed.found, assigned: assigned.length, isPart: isFull(weighed) };
}

/**
 * As `plan`, after that has been written which makes runs wait: all of it is committed at once. `before` is being
 * read while the transaction begins, and says all its statements together.
 */
export async function planAfter(
  before: Promise<Unfolding>,
  store: Store,
  epoch: string,
  world: World,
  means: PlanMeans,
): Promise<Planned> {
  before.catch(() => {});
  const { assigned, ...planned } = await decide(store, epoch, async (tx) => {
    const { unfold, isPart } = await before;
    // Said together, carried out in this order.
    const [, weighed] = await Promise.all([unfold(tx), weigh(tx, world, means)]);
    const assigned = await write(tx, weighed, means);
    return { ...weighed.found, assigned, isPart: isPart || isFull(weighed) };
  });
  await handOver(store, assigned, means);
  return { ...planned, assigned: assigned.length };
}

function isFull({ attempts }: Weighed): boolean {
  return attempts.length >= MOST_ATTEMPTS;
}

async function weigh(sql: Sql, world: World, means: PlanMeans): Promise<Weighed> {
  const [demands, executors, taken, limited] = await Promise.all([
    waitingDemands(sql),
    liveExecutors(sql),
    seatsTaken(sql),
    limitedResources(sql),
  ]);
  if (demands.length === 0) return { begun: [], found: NOTHING, attempts: [], says: [], holds: [] };
  const { hosts } = world;
  const okOf = demands.some((d) => d.spec.avoid.length > 0) ? await okAttempts(sql) : new Map<Id, Id>();
  const fits = means.fits ?? new FitIndex();
  const answers = fits.answers(new Map(demands.map((d) => [d.key, d.spec])), world, okOf);

  const stopped =
    world.grid.state === 'online' ? undefined : `the grid is ${world.grid.state}: ${world.grid.why}`;
  // What is to show that an incident is over goes on where it was that incident which halted the grid.
  const goesOn = (spec: Demand) =>
    stopped === undefined || (world.grid.byIncident && spec.purpose === 'recovery');
  const able = demands.filter(({ spec }) => goesOn(spec));
  const hasInstruments = hosts.some(({ instruments }) => instruments.length > 0);
  const units = new UnitsTaken(hasInstruments ? await unitsTaken(sql) : new Map());
  const limits = new ResourceLimits(limited);
  const { begun, waits } = await match(sql, able, answers, {
    ...means,
    world,
    hosts,
    executors,
    taken,
    units,
    limits,
  });
  const says: { key: string; code: string; reason: string }[] = [];
  const holds: { key: string; incident: Id; reason: string }[] = [];
  const hopeless: { key: string; reason: string; fresh: boolean }[] = [];
  const wantCanary = new Map<Id, KnownHost>();
  const wantLook = new Map<Id, KnownHost>();
  for (const demand of demands) {
    const answer = answers.get(demand.key);
    if (answer === undefined) continue;
    const reachable = answer.fits.some((f) => executors.some((x) => doesReach(x, f.host)));
    const reason = why(answer, hosts.length, reachable ? 'busy' : 'no_executor');
    // A red that waits for a fresh host is said where none can be had, whoever waits for what.
    if (reason.kind === 'never' && demand.spec.wait && !demand.spec.fresh)
      says.push({
        key: demand.key,
        code: 'not_compatible',
        reason: `waits for another inventory: ${reason.reason}`,
      });
    else if (reason.kind === 'never')
      hopeless.push({ key: demand.key, reason: reason.reason, fresh: demand.spec.fresh });
    else if (stopped !== undefined && !goesOn(demand.spec))
      says.push({ key: demand.key, code: 'grid_stopped', reason: stopped });
    else if (reason.kind === 'held' && demand.spec.purpose === 'test')
      holds.push({ key: demand.key, ...reason });
    else
      says.push({
        key: demand.key,
        code: reason.kind === 'held' ? 'incident' : reason.code,
        reason:
          waitsFor(waits.get(demand.key)) ??
          (hasInstruments ? equipmentShort(demand.spec, answer, world, units) : undefined) ??
          resourceFull(answer, limits) ??
          executorTooOld(answer, executors) ??
          reason.reason,
      });
    if (answer.fits.length === 0) {
      for (const later of answer.laters) {
        const host = world.byId.get(later.host.id);
        if (later.code === 'avoided' && host !== undefined) wantCanary.set(host.id, host);
        if (later.code === 'unknown_tags' && host !== undefined) wantLook.set(host.id, host);
      }
    }
  }
  const wants = { wantCanary: [...wantCanary.values()], wantLook: [...wantLook.values()] };
  const news = says.filter((s) => {
    const before = demands.find((d) => d.key === s.key);
    return before?.reasonCode !== s.code || before.reason !== s.reason;
  });
  const attempts = begun.map(({ attempt }) => attempt);
  return { begun, found: { hopeless, ...wants }, attempts, says: news, holds };
}

function waitsFor(host: string | undefined): string | undefined {
  if (host === undefined) return undefined;
  return `waits for ${host}: it should be free, much as it is needed, before another host could be brought into that state`;
}

/** Why a demand waits that every host could serve only with an instrument of which all units are taken. */
function equipmentShort(
  { requirement }: Demand,
  { fits }: Answer,
  { byId }: World,
  units: UnitsTaken,
): string | undefined {
  const busy = fits.map(({ host }) =>
    units.busy(units.asked(requirement, byId.get(host.id)?.instruments ?? [])),
  );
  const names = [...new Set(busy.flatMap((one) => (one === undefined ? [] : [one.name])))];
  if (names.length === 0 || busy.includes(undefined)) return undefined;
  return `waits for ${names.join(' or ')}: every unit that its hosts could have is taken`;
}

/** Why a demand waits that every host could serve only by a chain for which a resource has no room just now. */
function resourceFull({ fits }: Answer, limits: ResourceLimits): string | undefined {
  const full = fits.map(({ chain }) => limits.full(chain.steps));
  const first = full.find((one) => one !== undefined);
  if (first === undefined || full.includes(undefined)) return undefined;
  return `waits for ${first.name}: ${first.limit} at a time may use it, and as many do`;
}

/** Why a demand waits that every host could serve only by a step which the executors that reach it are too old for. */
function executorTooOld({ fits }: Answer, executors: readonly LiveExecutor[]): string | undefined {
  const reasons = fits.map(({ host, chain }) => {
    const able = executors.filter((x) => doesReach(x, host));
    const lacks = able.map((x) => [x, tooNew(chain.steps, x)] as const);
    return lacks.every(([, step]) => step !== undefined) ? lacks[0] : undefined;
  });
  const [first] = reasons;
  if (first === undefined || reasons.includes(undefined)) return undefined;
  const [executor, step] = first;
  return `waits for a newer executor: ${executor.name} speaks protocol ${executor.version}, and cannot carry out ${step?.name} (${step?.action.kind})`;
}

/** Whether an executor works on a host. */
function doesReach({ name }: LiveExecutor, host: { readonly executor?: string }): boolean {
  return host.executor === undefined || host.executor === name;
}

/** A step that came into the protocol after an executor was made. */
function tooNew(steps: readonly StepSpec[], { version }: LiveExecutor): StepSpec | undefined {
  return steps.find(({ action }) => !takesStep(action, version));
}

async function write(
  tx: Transaction,
  { attempts, begun, says, holds }: Weighed,
  { settings, underway }: PlanMeans,
): Promise<readonly Assigned[]> {
  for (const { attempt, way, test } of begun) underway?.begin(attempt.runId, way, test);
  const assigned = attempts.length > 0 ? await assign(tx, attempts) : [];
  await sayWhy(tx, says);
  for (const hold of holds) await holdDemand(tx, hold.key, hold.incident, hold.reason, settings.holdS);
  // What is handed over wakes nobody: its claim waits in this process.
  const wakes = assigned.some(({ handout }) => handout === undefined);
  await wake(tx, 'testyard_history', ...(wakes ? (['testyard_executors'] as const) : []));
  return assigned;
}

/** Gives committed assignments to the claims that wait for them; one that has ended meanwhile asks again. */
async function handOver(store: Store, assigned: readonly Assigned[], { claims }: PlanMeans): Promise<void> {
  const byLease = new Map<Id, Handout[]>();
  for (const { lease, handout } of assigned) {
    if (handout !== undefined) byLease.set(lease, [...(byLease.get(lease) ?? []), handout]);
  }
  const missed = [...byLease].flatMap(([lease, handouts]) =>
    claims.give(lease, handouts) ? [] : handouts.map(({ attempt }) => attempt),
  );
  if (missed.length === 0) return;
  await notHandedOut(store, missed);
  await wake(store, 'testyard_executors');
}

interface Means extends PlanMeans {
  readonly world: World;
  readonly hosts: readonly KnownHost[];
  readonly executors: readonly LiveExecutor[];
  readonly taken: ReadonlyMap<Id, ReadonlySet<number>>;
  readonly units: UnitsTaken;
  readonly limits: ResourceLimits;
}

/** An attempt that is to begin. */
interface Begun {
  readonly attempt: NewAttempt;
  readonly way: Way;
  readonly test: { readonly dirties?: Dirties; readonly takesS: number };
}

/** Of each demand the first so many runs are looked at, where fewer hosts are free. */
const LEAST_HEADS = 8;

/**
 * Gives runs hosts that have a seat, and an executor to work on them, as `Pairing` says; a run for which a busy host
 * will soon do at less cost waits for that. `waits`: the names of those hosts, by demand.
 */
async function match(
  sql: Sql,
  demands: readonly WaitingDemand[],
  answers: ReadonlyMap<string, Answer>,
  means: Means,
): Promise<{ readonly begun: readonly Begun[]; readonly waits: ReadonlyMap<string, string> }> {
  const begun: Begun[] = [];
  const waits = new Map<string, string>();
  const openings = new Openings(demands, means);
  const servable = demands.filter(({ key }) => openings.hasSeat(answers.get(key)));
  const { slots } = openings;
  if (servable.length === 0 || slots <= 0) return { begun, waits };
  const keys = servable.map(({ key }) => key);
  const heads = await headOfDemand(sql, keys, Math.max(slots, LEAST_HEADS), means.settings.fairShare);
  const testOf = new Map(heads.map((head) => [head.runId, testAbout(head)]));
  const pairing = new Pairing(
    heads,
    (demand) => answers.get(demand)?.fits ?? [],
    (way, demand) => openings.find(way, demand) !== undefined,
  );
  let soon: Soon | undefined;
  while (begun.length < slots) {
    const pair = pairing.next();
    if (pair === undefined) break;
    const { head, way } = pair;
    const demand = openings.demand(head.demand);
    const test = testOf.get(head.runId);
    const opening = openings.find(way, head.demand);
    if (demand === undefined || opening === undefined || test === undefined) continue;
    if (way.chain.costS > 0 && demand.purpose === 'test' && means.underway !== undefined) {
      soon ??= await means.underway.soon(sql, means.world);
      const rather = soon.rather(demand, way.chain.costS, test);
      if (rather !== undefined) waits.set(head.demand, rather.name);
      if (rather !== undefined) continue;
    }
    const attempt = openings.take(opening, { runId: head.runId, demand: head.demand });
    begun.push({ attempt, way, test });
  }
  return { begun, waits };
}

function testAbout({
  dirties,
  takesS,
}: {
  readonly dirties?: Dirties | null;
  readonly takesS: number;
}): Begun['test'] {
  return { takesS, ...(dirties === undefined || dirties === null ? {} : { dirties }) };
}

/** Somewhere that an attempt could begin. */
interface Opening {
  readonly way: Way;
  readonly host: KnownHost;
  readonly seat: number;
  readonly executor: { lease: Id; room: number };
  readonly instruments: readonly Instrument[];
}

/** Seats, executors and instruments that are free, less and less as they are taken. */
class Openings {
  private readonly free: Map<Id, readonly number[]>;
  private readonly room: (LiveExecutor & { room: number })[];
  private readonly specs: ReadonlyMap<string, Demand>;

  constructor(
    demands: readonly WaitingDemand[],
    private readonly means: Means,
  ) {
    this.free = new Map(
      means.hosts.map((h) => {
        const taken = means.taken.get(h.id) ?? new Set<number>();
        return [h.id, Array.from({ length: h.seats }, (_, i) => i + 1).filter((seat) => !taken.has(seat))];
      }),
    );
    this.room = means.executors.map((x) => ({ ...x }));
    this.specs = new Map(demands.map((d) => [d.key, d.spec]));
  }

  /** So many attempts could begin at most. */
  get slots(): number {
    const seats = [...this.free.values()].reduce((sum, list) => sum + list.length, 0);
    const room = this.room.reduce((sum, x) => sum + Math.max(x.room, 0), 0);
    return Math.min(seats, room, MOST_ATTEMPTS);
  }

  hasSeat(answer: Answer | undefined): boolean {
    return answer?.fits.some((f) => (this.free.get(f.host.id)?.length ?? 0) > 0) === true;
  }

  demand(key: string): Demand | undefined {
    return this.specs.get(key);
  }

  find(way: Way, demandKey: string): Opening | undefined {
    const { world, units, limits } = this.means;
    const host = world.byId.get(way.host.id);
    const seats = this.free.get(way.host.id) ?? [];
    const seat = seats[0];
    if (host === undefined || seat === undefined) return undefined;
    if (needsWhole(way) && seats.length < host.seats) return undefined;
    const instruments = units.asked(this.demand(demandKey)?.requirement ?? '', host.instruments);
    if (units.busy(instruments) !== undefined || limits.full(way.chain.steps) !== undefined) return undefined;
    const [executor] = this.room
      .filter((x) => x.room > 0 && doesReach(x, host) && tooNew(way.chain.steps, x) === undefined)
      .sort((a, b) => b.room - a.room);
    return executor === undefined ? undefined : { way, host, seat, executor, instruments };
  }

  take(
    { way, host, seat, executor, instruments }: Opening,
    run: { readonly runId: Id; readonly demand: string },
  ): NewAttempt {
    const { units, claims, world } = this.means;
    const demand = this.demand(run.demand);
    if (demand === undefined) throw new Error('what waits has a demand');
    const others = (this.free.get(host.id) ?? []).filter((one) => one !== seat);
    const kept = needsWhole(way) ? others : [];
    this.free.set(host.id, kept.length > 0 ? [] : others);
    executor.room -= 1;
    const { purpose, requirement } = demand;
    const observe = purpose === 'canary' || purpose === 'recovery';
    this.means.limits.take(way.chain.steps);
    const taken = units.take(instruments);
    const handled = leased(instruments, taken);
    const place = placePlan(host, seat, way.chain, promisedFor(demand, world), observe, world);
    return {
      ...run,
      lease: executor.lease,
      hostId: host.id,
      seat,
      kept,
      units: taken,
      requirement,
      fresh: way.chain.fresh,
      handOver: claims.waits(executor.lease),
      place: handled.length === 0 ? place : { ...place, instruments: handled },
    };
  }
}

/** A chain with a step below `use` needs all seats. */
function needsWhole({ chain }: Way): boolean {
  return chain.steps.some((step) => step.layer !== 'use');
}

/** What must be seen after the chain: what the run needs; of a step that is checked, what it claims to give. */
function promisedFor({ requirement, target }: Demand, { steps }: World): string {
  const step = steps.find(({ name }) => name === target.step);
  return step === undefined
    ? requirement
    : canonical({ kind: 'all', of: [requirement, ...step.gives].map(fromCanonical) });
}

function placePlan(
  host: KnownHost,
  seat: number,
  chain: Extract<Answer['fits'][number]['chain'], { ok: true }>,
  requirement: string,
  observe: boolean,
  world: World,
): PlacePlan {
  const given = chain.steps.flatMap((step) => step.gives);
  const { promised, sights } = promiseOf(requirement, world.catalogue, factsWith(host.facts, given));
  const verify = sights.map((sight): TagProbe => {
    const step =
      chain.steps.find((s) => doesGive(s, sight.tag))?.name ??
      host.stack.find((e) => doesGive(e, sight.tag))?.step;
    return { ...sight, ...(step === undefined ? {} : { step }) };
  });
  const others = observe
    ? world.visible.flatMap((name) => {
        const spec = world.catalogue.find(name);
        return (spec && sightOf(spec)) ?? [];
      })
    : [];
  // What is kept of the stack, or taken to be fresh, must still be as it was left.
  const relies =
    !host.isolated &&
    (chain.fresh || host.stack.length > 0) &&
    !chain.steps.some((s) => s.action.kind === 'restore');
  return {
    role: 'main',
    host: {
      id: host.id,
      name: host.name,
      transport: host.transport,
      expendable: host.expendable,
      ...(host.restore === undefined ? {} : { restore: host.restore }),
    },
    seat,
    chain: chain.steps,
    verify,
    observe: others,
    ...(requirement === '' ? {} : { promised }),
    fresh: chain.fresh,
    stack: stackAfter(host.stack, chain.steps),
    ...(observe ? {} : { record: true }),
    ...(relies && host.fingerprint !== undefined ? { expected: host.fingerprint } : {}),
  };
}
