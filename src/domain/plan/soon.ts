import type { Demand } from '../demand.js';
import type { Dirties } from '../layer.js';
import { leftBy } from '../provision/left.js';
import type { Candidate } from './candidate.js';
import type { Fit, Way } from './fit.js';

/** A host that is at work, as it should be left. */
export interface Busy {
  readonly host: Candidate;
  /** Seconds until it should be free. */
  readonly inS: number;
}

/** A second of waiting weighs as much as this of a second of provisioning. */
export const WAITING = 0.4;
/** Hosts that are asked for one run. */
const MOST_ASKED = 200;

/**
 * Hosts that are at work and could soon serve what waits, for less than a free one would cost. Each run that waits for
 * one is reckoned with by those who come after it.
 */
export class Soon {
  private readonly busy: { host: Candidate; inS: number }[];

  /** `ask`: whether and how a host as it is left could serve a demand. */
  constructor(
    busy: readonly Busy[],
    readonly ask: (demand: Demand, host: Candidate) => Fit,
  ) {
    this.busy = busy.map((one) => ({ ...one })).sort((a, b) => a.inS - b.inS);
  }

  /** The hosts, who is free first at the front. */
  get hosts(): readonly Busy[] {
    return this.busy;
  }

  /**
   * The host that a run should rather wait for than begin at this cost; it is promised to it. `test`: what it dirties,
   * and how long it should take.
   */
  rather(
    demand: Demand,
    costS: number,
    test: { readonly dirties?: Dirties; readonly takesS: number },
  ): Candidate | undefined {
    let best:
      | {
          readonly one: Soon['busy'][number];
          readonly fit: Way;
          readonly cost: number;
        }
      | undefined;
    let asked = 0;
    for (const one of this.busy) {
      const waiting = WAITING * one.inS;
      if (waiting >= Math.min(costS, best?.cost ?? costS) || ++asked > MOST_ASKED) break;
      const fit = this.ask(demand, one.host);
      if (fit.kind !== 'yes') continue;
      const cost = waiting + fit.chain.costS;
      if (cost < (best?.cost ?? costS)) best = { one, fit, cost };
    }
    if (best === undefined) return undefined;
    const { one, fit } = best;
    one.inS += fit.chain.costS + test.takesS;
    one.host = { ...one.host, ...leftBy(one.host, fit.chain.steps, test.dirties) };
    this.busy.sort((a, b) => a.inS - b.inS);
    return fit.host;
  }
}
