import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import { type Answer, why } from '../domain/plan/fit.js';
import { FitIndex } from '../domain/plan/fit-index.js';
import { UnitsTaken } from '../domain/plan/instruments.js';
import { ResourceLimits } from '../domain/plan/resource-limits.js';
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
import { holdDemand, sayWhy, waitingDemands } from '../store/waiting.js';
import { type KnownHost, okAttempts, type World } from '../store/world.js';
import { type Begun, match } from './match.js';
import { doesReach, MOST_ATTEMPTS, type PlanMeans, tooNew } from './openings.js';
import type { Unfolding } from './submit.js';

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
