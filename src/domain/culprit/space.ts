import type { Choice } from './line-next.js';
import type { Leading } from './line-view.js';
import type { Cause, FreeHost } from './question.js';
import type { RatePoint, Rates } from './rates.js';

/** All that could be the cause, with what is believed of it now; of a line and of a set alike. */
export interface Space {
  readonly leading: Leading;
  /** The rates that are possible before any trial. */
  readonly points: readonly RatePoint[];
  /** Mean rates, over all causes. */
  readonly rates: () => Rates;
  /** Everything that may be the cause, each with its probability. */
  readonly causes: () => readonly Cause[];
  /** Whether a state is bad where the leading cause is true. */
  readonly isBad: (state: number) => boolean;
  /** What free hosts should try, beside what is under way. */
  readonly choices: (underWay: readonly number[], hosts: readonly FreeHost[]) => readonly Choice[];
  /** Whether no trial could tell anything more. */
  readonly isExhausted: () => boolean;
  /** States that must be tried before the leading cause is believed, of a line on which something may have been mended. */
  readonly unlooked: () => readonly number[];
}
