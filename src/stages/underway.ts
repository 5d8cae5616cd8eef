import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import type { Dirties } from '../domain/layer.js';
import type { Candidate } from '../domain/plan/candidate.js';
import { type Fit, fitOf, type Way } from '../domain/plan/fit.js';
import { type Busy, Soon } from '../domain/plan/soon.js';
import { leftBy } from '../domain/provision/left.js';
import { whoHasSeats } from '../store/assigning.js';
import type { Sql } from '../store/store.js';
import type { World } from '../store/world.js';

/** What a scheduler knows of an attempt that it began. */
interface Begun {
  readonly run: Id;
  /** What the host should be like afterwards. */
  readonly left: Candidate;
  /** How long all of it should take. */
  readonly takesS: number;
  /** What was asked of it, by demand. */
  readonly answers: Map<string, Fit>;
}

/** At least so much of its time is still expected of what takes longer than was thought. */
const REST = 0.1;

/**
 * The attempts that this scheduler has begun, to know what busy hosts will be when they are free. What another one
 * began it does not know: nobody waits for those hosts.
 */
export class Underway {
  private readonly byHost = new Map<Id, Begun>();
  private steps: World['steps'] | undefined;
  private incidents = '';

  /** An attempt begins. Hosts with several seats are never waited for. */
  begin(run: Id, { host, chain }: Way, test: { readonly dirties?: Dirties; readonly takesS: number }): void {
    if (host.seats > 1) return;
    const left = { ...host, ...leftBy(host, chain.steps, test.dirties) };
    const takesS = chain.costS + test.takesS;
    this.byHost.set(host.id, { run, left, takesS, answers: new Map() });
  }

  /** What another scheduler has done meanwhile is not known here. */
  forget(): void {
    this.byHost.clear();
  }

  /** The hosts that are at work now and should soon be free. */
  async soon(sql: Sql, world: World): Promise<Soon> {
    this.follow(world);
    const taken = await whoHasSeats(sql);
    const busy: Busy[] = [];
    const asking = new Map<Id, Begun>();
    for (const { host: id, run, forS } of taken) {
      const begun = this.byHost.get(id);
      const host = world.byId.get(id);
      if (begun?.run !== run || host === undefined || !mayServe(host)) continue;
      asking.set(id, begun);
      busy.push({ host: begun.left, inS: Math.max(begun.takesS - forS, REST * begun.takesS) });
    }
    return new Soon(busy, (demand, host) => this.ask(demand, host, asking.get(host.id), world));
  }

  private ask(demand: Demand, host: Candidate, begun: Begun | undefined, world: World): Fit {
    const isAsLeft = begun?.left === host;
    const key = JSON.stringify(demand);
    const known = isAsLeft ? begun.answers.get(key) : undefined;
    const fit = known ?? fitOf(demand, host, world.steps, world.incidents);
    if (isAsLeft) begun.answers.set(key, fit);
    return fit;
  }

  /** Answers are good as long as nothing but hosts changes. */
  private follow({ steps, incidents }: World): void {
    const text = incidents.map(({ id }) => id).join();
    if (this.steps === steps && this.incidents === text) return;
    this.steps = steps;
    this.incidents = text;
    for (const { answers } of this.byHost.values()) answers.clear();
  }
}

function mayServe({ health, offline, reserved, poolHalted }: Candidate): boolean {
  return health === 'good' && !offline && reserved === undefined && poolHalted === undefined;
}
