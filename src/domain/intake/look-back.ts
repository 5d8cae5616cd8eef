import { type BrokenRule, isBrokenBy } from '../culprit/broken-rule.js';
import { risenSince } from '../culprit/drift-up.js';
import type { FailureRecord } from '../culprit/rates.js';

/** From where on what broke a red test may have come, and what the test did before. */
export interface LookBack {
  /** The place of the last run before, among those that were looked at. */
  readonly after: number;
  /** True: no single failure shows it, only how many there are. */
  readonly isRate: boolean;
  readonly record: FailureRecord;
}

/**
 * Where to look for what broke a test whose last run is red: since it passed, where it passed the time before; since it
 * began to fail more often; or, by its own rule, since the last pass before the runs that broke it. What is nearer comes first.
 */
export function lookBack(failed: readonly boolean[], rule: BrokenRule | undefined): readonly LookBack[] {
  const from = (after: number, isRate: boolean): LookBack[] =>
    after < 0 ? [] : [{ after, isRate, record: recordOf(failed.slice(0, isRate ? after + 1 : undefined)) }];
  if (rule !== undefined) {
    const isNews = isBrokenBy(rule, failed) && !isBrokenBy(rule, failed.slice(0, -1));
    return isNews ? from(failed.slice(0, -rule.of).lastIndexOf(false), true) : [];
  }
  const passed = failed.at(-2) === false ? from(failed.length - 2, false) : [];
  return [...passed, ...from((risenSince(failed) ?? 0) - 1, true)];
}

/** Runs that count for a record. */
const OF_LATE = 200;

function recordOf(failed: readonly boolean[]): FailureRecord {
  const late = failed.slice(-OF_LATE);
  return { failures: late.filter(Boolean).length, runs: late.length };
}
