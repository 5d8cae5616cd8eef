/**
 * How often a test fails while nothing is thought to be broken, as a Beta posterior that forgets: what was seen 200
 * runs ago counts half. One is kept for each test and class of environment.
 */
export interface FailureRate {
  /** Failures and passes, each worth less with every later run. */
  readonly failures: number;
  readonly passes: number;
}

/** Runs after which an outcome counts half. */
const HALF_LIFE = 200;
/** No test is trusted to fail less often. */
const LEAST = 0.005;
/** Before any run: one failure in fifty, and not much of an opinion. */
const BEFORE = { failures: 0.04, passes: 1.96 };

/** A test of which nothing is known. */
export const UNKNOWN_RATE: FailureRate = { failures: 0, passes: 0 };

/** After one more ordinary run. */
export function withRun({ failures, passes }: FailureRate, failed: boolean): FailureRate {
  const fade = 0.5 ** (1 / HALF_LIFE);
  return { failures: failures * fade + (failed ? 1 : 0), passes: passes * fade + (failed ? 0 : 1) };
}

/** The rate, at its mean. */
export function rateOf({ failures, passes }: FailureRate): number {
  const [failed, all] = [failures + BEFORE.failures, failures + passes + BEFORE.failures + BEFORE.passes];
  return Math.max(LEAST, failed / all);
}
