import { UNKNOWN_RATE } from '../culprit/failure-rate.js';
import type { Conclusion, FreeHost, Trial } from '../culprit/question.js';
import { type Class, classOf, nextReruns, type Reruns } from '../culprit/rerun.js';
import type { Search } from '../culprit/search.js';
import { tallyOf } from '../culprit/tally.js';

/**
 * What a new failure is, before anything is searched for: reruns of the state in which it failed, with controls on the
 * last good one. They are trials of the search itself, so that it begins with what they have told.
 */
export function classified(search: Search): Class | undefined {
  return hasBegun(search) ? 'broken' : classOf(rerunsOf(search));
}

/** The next reruns and controls, once those before have all come back. */
export function nextForClass(search: Search, hosts: readonly FreeHost[]): readonly Trial[] {
  if (search.pending.length > 0) return [];
  const { reruns, controls } = nextReruns(rerunsOf(search), hosts.length);
  return hosts.slice(0, reruns + controls).map(({ name: host, at }, n) => {
    const state = n < controls ? 0 : search.question.changes;
    return {
      id: search.next + n,
      host,
      state,
      why: 'search',
      switches: (at ?? search.carried[host]) !== state,
    };
  });
}

/** The answer where it is no change; undefined where it is one, or may be. */
export function noChange(search: Search, found: Class): Conclusion | undefined {
  if (found !== 'flaky' && found !== 'environment') return undefined;
  const { failed, passed, controlsFailed, controlsPassed } = rerunsOf(search);
  // What passes now and then in either state flakes, however little it did so before.
  const doesPass = passed > 0 && controlsPassed > 0;
  if (found === 'environment' && !doesPass) return { kind: 'environment', probability: SURE };
  const failures = failed + controlsFailed;
  return {
    kind: 'flaky',
    probability: SURE,
    rate: failures / Math.max(1, failures + passed + controlsPassed),
  };
}

/** The sequential test is wrong once in a thousand. */
const SURE = 0.999;

/** Only a search asks for anything between the two ends. */
function hasBegun({ question, tallies, pending, phase }: Search): boolean {
  const isBetween = ({ state }: { readonly state: number }) => state !== 0 && state !== question.changes;
  return phase !== 'search' || tallies.some(isBetween) || pending.some(isBetween);
}

function rerunsOf({ question: { changes, record, rule }, tallies }: Search): Reruns {
  const [last, first] = [tallyOf(tallies, changes), tallyOf(tallies, 0)];
  return {
    before:
      record === undefined
        ? UNKNOWN_RATE
        : { failures: record.failures, passes: record.runs - record.failures },
    failed: last.bad + last.other,
    passed: last.good,
    controlsFailed: first.bad + first.other,
    controlsPassed: first.good,
    ...(rule === undefined ? {} : { rule }),
  };
}
