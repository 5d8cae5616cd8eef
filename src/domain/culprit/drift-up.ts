import { type FailureRate, rateOf } from './failure-rate.js';

/**
 * Watches ordinary runs for a test that begins to fail more often: a generalised likelihood ratio in the manner of
 * Page's cumulative sum (1954), one sum for each rate that it may have risen to.
 */
export interface DriftUp {
  readonly sums: readonly number[];
}

const RISEN_TO = [0.35, 0.5, 0.7, 0.9, 0.99];
/** So high that a test that goes on as before reaches it once in tens of thousands of runs. */
const ALARM = 11.2;

/** Before any run. */
export const NO_DRIFT: DriftUp = { sums: RISEN_TO.map(() => 0) };

/** After one more run of a test that failed as often as `before` says. */
export function driftAfter({ sums }: DriftUp, failed: boolean, before: FailureRate): DriftUp {
  const usual = rateOf(before);
  return {
    sums: RISEN_TO.map((rate, n) => {
      if (rate <= usual) return 0;
      const step = failed ? Math.log(rate / usual) : Math.log((1 - rate) / (1 - usual));
      return Math.max(0, (sums[n] as number) + step);
    }),
  };
}

/** Whether it fails more often than it did. */
export function hasRisen({ sums }: DriftUp): boolean {
  return sums.some((sum) => sum >= ALARM);
}

/** The plain rule, for those who ask for it: more than nine of the last ten runs failed. */
export function failsNineOfTen(failed: readonly boolean[]): boolean {
  return failed.length >= 10 && failed.slice(-10).filter(Boolean).length > 9;
}
