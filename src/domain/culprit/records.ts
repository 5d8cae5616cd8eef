import { sinceLastGood } from './mends.js';
import type { FailureRecord } from './rates.js';
import type { Search } from './search.js';

/** How often a test failed where it was good, and where it was broken. */
export interface Records {
  readonly record: FailureRecord;
  readonly brokenRecord: FailureRecord;
}

/**
 * What the trials of a search along a line that has found a change say of how the test deceives, those with and without
 * it included: before that change it was good, from there on it was broken. A further search after the same begins with it.
 */
export function recordsAfter({ question, tallies, verification: seen }: Search, found: number): Records {
  const left = sinceLastGood(question, tallies).tallies;
  const sum = (isOf: (state: number) => boolean, more: FailureRecord, from?: FailureRecord): FailureRecord =>
    left
      .filter(({ state }) => isOf(state))
      .reduce(
        ({ failures, runs }, { good, bad }) => ({ failures: failures + bad, runs: runs + good + bad }),
        {
          failures: more.failures + (from?.failures ?? 0),
          runs: more.runs + (from?.runs ?? 0),
        },
      );
  const [withIt, withoutIt] = [
    { failures: seen?.badWith ?? 0, runs: (seen?.badWith ?? 0) + (seen?.goodWith ?? 0) },
    { failures: seen?.badWithout ?? 0, runs: (seen?.badWithout ?? 0) + (seen?.goodWithout ?? 0) },
  ];
  return {
    record: sum((state) => state < found, withoutIt, question.record),
    brokenRecord: sum((state) => state >= found, withIt, question.brokenRecord),
  };
}
