import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import { factsWith } from '../domain/match/holds.js';
import { type Answer, why } from '../domain/plan/fit.js';
import { FitIndex } from '../domain/plan/fit-index.js';
import { leased, UnitsTaken } from '../domain/plan/instruments.js';
import { promiseOf, sightOf } from '../domain/plan/promise.js';
import { stackAfter } from '../domain/provision/after.js';
import { doesGive } from '../domain/step.js';
import type { PlacePlan, TagProbe } from '../protocol/messages.js';
import {
  type Assigned,
  assign,
  type LiveExecutor,
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
}

/** What is to be written, as queue and hosts were when they were looked at. */
interface Weighed {
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
  const [demands, executors, taken] = await Promise.all([
    waitingDemands(sql),
    liveExecutors(sql),
    seatsTaken(sql),
  ]);
  if (demands.length === 0) return { found: NOTHING, attempts: [], says: [], holds: [] };
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
  const attempts = await match(sql, able, answers, { ...means, world, hosts, executors, taken, units });
  const says: { key: string; code: string; reason: string }[] = [];
  const holds: { key: string; incident: Id; reason: string }[] = [];
  const hopeless: { key: string; reason: string; fresh: boolean }[] = [];
  const wantCanary = new Map<Id, KnownHost>();
  const wantLook = new Map<Id, KnownHost>();
  for (const demand of demands) {
    const answer = answers.get(demand.key);
    if (answer === undefined) continue;
    const reachable = answer.fits.some((f) =>
      executors.some((x) => f.host.executor === undefined || f.host.executor === x.name),
    );
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
        reason: hasInstruments
          ? (equipmentShort(demand.spec, answer, world, units) ?? reason.reason)
          : reason.reason,
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
  return { found: { hopeless, ...wants }, attempts, says: news, holds };
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

async function write(
  tx: Transaction,
  { attempts, says, holds }: Weighed,
  { settings }: PlanMeans,
): Promise<readonly Assigned[]> {
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
}

/** Takes runs in their order and gives each the cheapest host that has a seat and an executor to work on it. */
async function match(
  sql: Sql,
  demands: readonly WaitingDemand[],
  answers: ReadonlyMap<string, Answer>,
  means: Means,
): Promise<NewAttempt[]> {
  const free = new Map(
    means.hosts.map((h) => {
      const taken = means.taken.get(h.id) ?? new Set<number>();
      return [h.id, Array.from({ length: h.seats }, (_, i) => i + 1).filter((seat) => !taken.has(seat))];
    }),
  );
  const room = means.executors.map((x) => ({ ...x }));
  const servable = demands.filter((d) =>
    answers.get(d.key)?.fits.some((f) => (free.get(f.host.id)?.length ?? 0) > 0),
  );
  const seats = [...free.values()].reduce((sum, list) => sum + list.length, 0);
  const slots = Math.min(
    seats,
    room.reduce((sum, x) => sum + Math.max(x.room, 0), 0),
    MOST_ATTEMPTS,
  );
  if (servable.length === 0 || slots <= 0) return [];
  const specs = new Map(demands.map((d) => [d.key, d.spec]));
  const attempts: NewAttempt[] = [];
  for (const head of await headOfDemand(
    sql,
    servable.map((d) => d.key),
    slots,
    means.settings.fairShare,
  )) {
    const demand = specs.get(head.demand);
    const answer = answers.get(head.demand);
    if (demand === undefined || answer === undefined) continue;
    const chosen = choose(demand, answer, free, room, means);
    if (chosen === undefined) continue;
    const { chain } = chosen.fit;
    const host = chosen.host;
    // A chain with a step below `use` needs all seats.
    const others = (free.get(host.id) ?? []).filter((seat) => seat !== chosen.seat);
    const kept = chain.steps.some((s) => s.layer !== 'use') ? others : [];
    free.set(host.id, kept.length > 0 ? [] : others);
    chosen.executor.room -= 1;
    const observe = demand.purpose === 'canary' || demand.purpose === 'recovery';
    const units = means.units.take(chosen.instruments);
    const instruments = leased(chosen.instruments, units);
    const place = placePlan(host, chosen.seat, chosen.fit.chain, demand.requirement, observe, means.world);
    attempts.push({
      runId: head.runId,
      demand: head.demand,
      lease: chosen.executor.lease,
      hostId: host.id,
      seat: chosen.seat,
      kept,
      units,
      requirement: demand.requirement,
      fresh: chain.fresh,
      handOver: means.claims.waits(chosen.executor.lease),
      place: instruments.length === 0 ? place : { ...place, instruments },
    });
    if (attempts.length >= slots) break;
  }
  return attempts;
}

function choose(
  demand: Demand,
  answer: Answer,
  free: ReadonlyMap<Id, readonly number[]>,
  room: readonly { lease: Id; name: string; room: number }[],
  { world, units }: Means,
) {
  for (const fit of answer.fits) {
    const host = world.byId.get(fit.host.id);
    const seats = free.get(fit.host.id) ?? [];
    const seat = seats[0];
    if (host === undefined || seat === undefined) continue;
    if (fit.chain.steps.some((s) => s.layer !== 'use') && seats.length < host.seats) continue;
    const instruments = units.asked(demand.requirement, host.instruments);
    if (units.busy(instruments) !== undefined) continue;
    const executor = [...room]
      .filter((x) => x.room > 0 && (host.executor === undefined || host.executor === x.name))
      .sort((a, b) => b.room - a.room)[0];
    const live = room.find((x) => x.lease === executor?.lease);
    if (live !== undefined) return { fit, host, seat, executor: live, instruments };
  }
  return undefined;
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
