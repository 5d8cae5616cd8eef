import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import { factsWith } from '../domain/match/holds.js';
import type { Answer, Way } from '../domain/plan/fit.js';
import type { FitIndex } from '../domain/plan/fit-index.js';
import { type Instrument, leased, type UnitsTaken } from '../domain/plan/instruments.js';
import { promiseOf, sightOf } from '../domain/plan/promise.js';
import type { ResourceLimits } from '../domain/plan/resource-limits.js';
import { stackAfter } from '../domain/provision/after.js';
import { canonical, fromCanonical } from '../domain/requirement.js';
import { doesGive, type StepSpec } from '../domain/step.js';
import type { PlacePlan, TagProbe } from '../protocol/messages.js';
import { takesStep } from '../protocol/terms.js';
import type { LiveExecutor, NewAttempt } from '../store/assigning.js';
import type { WaitingDemand } from '../store/waiting.js';
import type { KnownHost, World } from '../store/world.js';
import type { Claims } from './claims.js';
import type { Settings } from './settings.js';
import type { Underway } from './underway.js';

/** More attempts are not made in one go. */
export const MOST_ATTEMPTS = 500;

/** What planning goes by, beside the world. */
export interface PlanMeans {
  readonly settings: Settings;
  readonly claims: Claims;
  /** What earlier beats found; undefined: every host is asked anew. */
  readonly fits?: FitIndex;
  /** What earlier beats began; undefined: nobody waits for a host that is at work. */
  readonly underway?: Underway;
}

/** What is free and who may use it. */
export interface Means extends PlanMeans {
  readonly world: World;
  readonly hosts: readonly KnownHost[];
  readonly executors: readonly LiveExecutor[];
  readonly taken: ReadonlyMap<Id, ReadonlySet<number>>;
  readonly units: UnitsTaken;
  readonly limits: ResourceLimits;
}

/** Whether an executor works on a host. */
export function doesReach({ name }: LiveExecutor, host: { readonly executor?: string }): boolean {
  return host.executor === undefined || host.executor === name;
}

/** A step that came into the protocol after an executor was made. */
export function tooNew(steps: readonly StepSpec[], { version }: LiveExecutor): StepSpec | undefined {
  return steps.find(({ action }) => !takesStep(action, version));
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
export class Openings {
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
