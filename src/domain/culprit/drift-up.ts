import { type FailureRate, rateOf, UNKNOWN_RATE, withRun } from './failure-rate.js';

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

/** An alarm is acted on by one of the next reds. */
const LATELY = 10;
/** A test that has begun to fail at one of these rates may have passed by chance so often first: once in a hundred times. */
const PASSES_BEFORE = RISEN_TO.map((rate) => Math.ceil(Math.log(0.01) / Math.log(1 - rate)));

/**
 * From which of these runs on a test may have failed more often than before, where that was lately found; undefined: it
 * does as it did. The newest last, as many of them as are to count.
 */
export function risenSince(failed: readonly boolean[]): number | undefined {
  let [drift, rate] = [NO_DRIFT, UNKNOWN_RATE];
  let began = RISEN_TO.map(() => 0);
  let found: { readonly at: number; readonly from: number } | undefined;
  for (const [n, one] of failed.entries()) {
    const next = driftAfter(drift, one, rate);
    began = began.map((from, k) => (drift.sums[k] === 0 ? n : from));
    rate = withRun(rate, one);
    drift = next;
    if (!hasRisen(drift)) continue;
    const likely = began.filter((_, k) => (next.sums[k] as number) >= ALARM / 2);
    const passed = PASSES_BEFORE.filter((_, k) => (next.sums[k] as number) >= ALARM / 2);
    found = { at: n, from: Math.max(0, Math.min(...likely) - Math.max(...passed)) };
    // What it does from now on is held against what it has come to.
    drift = NO_DRIFT;
  }
  return found !== undefined && failed.length - found.at <= LATELY ? found.from : undefined;
}
