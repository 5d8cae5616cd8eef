import type { State } from './question.js';
import type { RatePoint } from './rates.js';
import type { Tally } from './tally.js';

/** The trials with and without a supposed culprit, which are kept apart from those of the search. */
export interface Verification {
  /** The rates that are possible, with how likely they were when it began. */
  readonly points: readonly RatePoint[];
  /** The changes that are supposed to break it, together. */
  readonly changes: readonly number[];
  readonly probability: number;
  /** The states with them and without. */
  readonly with: State;
  readonly without: State;
  /** Hosts that had a part in the search. */
  readonly used: readonly string[];
  readonly onFreshHosts: boolean;
  readonly badWith: number;
  readonly goodWith: number;
  readonly badWithout: number;
  readonly goodWithout: number;
}

/** What trials with and without came to so far. */
export type Verified = 'accepted' | 'rejected' | 'undecided' | 'open';

const ACCEPT = Math.log(1000);
const REJECT = Math.log(1 / 100);
/** Trials with and without, together. */
export const MOST_VERIFYING = 64;
/** How often a test may fail that the change has nothing to do with: any rate, as likely as any other. */
const NO_EFFECT = [0.002, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.998];

/**
 * Rates as likely as the trials of the search left them, if it is the culprit: without what they taught, tests that
 * pass half of the time though broken would hardly ever be verified.
 */
export function ratesAfter(
  points: readonly RatePoint[],
  tallies: readonly Tally[],
  isBad: (state: number) => boolean,
): readonly RatePoint[] {
  const logs = points.map(({ prior, logs: [fail, pass, failBad, passBad] }) =>
    tallies.reduce(
      (sum, { state, bad, good }) =>
        sum + (isBad(state) ? bad * failBad + good * passBad : bad * fail + good * pass),
      Math.log(prior),
    ),
  );
  const all = logSum(logs);
  return points.map((point, n) => ({ ...point, prior: Math.exp((logs[n] as number) - all) }));
}

/**
 * Wald's sequential test of 'it is the culprit' against 'it has no effect', each over all rates that are possible
 * under it, as the log of the ratio of their likelihoods.
 */
export function logRatio(trials: Verification): number {
  const { points, badWith, goodWith, badWithout, goodWithout } = trials;
  const culprit = points.map(
    ({ prior, logs: [fail, pass, failBad, passBad] }) =>
      Math.log(prior) + badWithout * fail + goodWithout * pass + badWith * failBad + goodWith * passBad,
  );
  const [bad, good] = [badWith + badWithout, goodWith + goodWithout];
  const nothing = NO_EFFECT.map(
    (rate) => bad * Math.log(rate) + good * Math.log(1 - rate) - Math.log(NO_EFFECT.length),
  );
  return logSum(culprit) - logSum(nothing);
}

function logSum(logs: readonly number[]): number {
  const highest = Math.max(...logs);
  return highest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - highest), 0));
}

/** Whether enough was seen: 1,000 : 1 for it, 100 : 1 against, or as many trials as there may be. */
export function verified(trials: Verification): Verified {
  const log = logRatio(trials);
  if (log >= ACCEPT) return 'accepted';
  if (log <= REJECT) return 'rejected';
  return verifyingTrials(trials) >= MOST_VERIFYING ? 'undecided' : 'open';
}

/** Trials that were counted for and against. */
export function verifyingTrials({ badWith, goodWith, badWithout, goodWithout }: Verification): number {
  return badWith + goodWith + badWithout + goodWithout;
}

/** The fewest more trials with which anything could be decided, were all of them to say what they are hoped to. */
export function fewestLeft(trials: Verification): number {
  let ahead = trials;
  let count = 0;
  while (verified(ahead) === 'open') {
    const balance = ahead.badWith + ahead.goodWith - ahead.badWithout - ahead.goodWithout;
    ahead =
      balance <= 0
        ? { ...ahead, badWith: ahead.badWith + 1 }
        : { ...ahead, goodWithout: ahead.goodWithout + 1 };
    count++;
  }
  return count;
}
