import { RateSums } from './line-belief.js';
import type { Question } from './question.js';
import { knownRates, type RatePoint, rateGrid } from './rates.js';
import { type SetCauses, setCauses } from './set-causes.js';
import type { Tally } from './tally.js';

/** What is believed of a set of changes. Causes are numbered as listed, then 'the environment', then 'flaky'. */
export interface SetBelief extends SetCauses {
  readonly points: readonly RatePoint[];
  readonly p: Float64Array;
  /** Mean rates where each cause is true. */
  readonly a: Float64Array;
  readonly b: Float64Array;
}

/** Bayes over all causes and rates. Causes that saw as many good and bad trials are weighed together. */
export function setBelief(
  question: Question,
  tallies: readonly Tally[],
  sets: readonly (readonly number[])[],
): SetBelief {
  const known = setCauses(question);
  const points =
    question.rates === undefined
      ? rateGrid(question.record, question.brokenRecord)
      : knownRates(question.rates);
  const tried = tallies.filter(({ good, bad }) => good + bad > 0);
  const holding = tried.map(({ state }) => membersOf(sets[state] ?? [], question.changes));
  const total = { good: 0, bad: 0 };
  for (const { good, bad } of tried) {
    total.good += good;
    total.bad += bad;
  }
  const priors = [...known.causes.map(({ prior }) => prior), known.environment, known.flaky];
  const groupOf = new Map<number, number>();
  const groups: { mass: number; failBad: number; passBad: number }[] = [];
  const group = priors.map((prior, n) => {
    const cause = known.causes[n];
    // The environment makes every state bad, flakiness none.
    const whole = n === known.causes.length ? total : { good: 0, bad: 0 };
    const { good, bad } = cause === undefined ? whole : seenBad(cause, tried, holding);
    const key = good * (total.bad + 1) + bad;
    let place = groupOf.get(key);
    if (place === undefined) {
      place = groups.length;
      groupOf.set(key, place);
      groups.push({ mass: 0, failBad: bad, passBad: good });
    }
    (groups[place] as { mass: number }).mass += prior;
    return place;
  });
  const sums = new RateSums(
    points,
    groups.map(({ mass }) => mass),
  );
  groups.forEach(({ failBad, passBad }, n) => {
    sums.put(n, { failBad, passBad, failGood: total.bad - failBad, passGood: total.good - passBad });
  });
  const { scale, a, b } = sums.weighed();
  const each = (of: (n: number) => number) => Float64Array.from(priors, (_, n) => of(n));
  return {
    ...known,
    points,
    p: each((n) => (priors[n] as number) * (scale[group[n] as number] as number)),
    a: each((n) => a[group[n] as number] as number),
    b: each((n) => b[group[n] as number] as number),
  };
}

/** Good and bad outcomes in states that a cause makes bad. */
function seenBad(
  { first, second }: { readonly first: number; readonly second: number },
  tried: readonly Tally[],
  holding: readonly Uint8Array[],
): { readonly good: number; readonly bad: number } {
  let [good, bad] = [0, 0];
  for (let n = 0; n < tried.length; n++) {
    const members = holding[n] as Uint8Array;
    if (members[first] === 0 || members[second] === 0) continue;
    good += (tried[n] as Tally).good;
    bad += (tried[n] as Tally).bad;
  }
  return { good, bad };
}

/** Which changes are in a set, by their numbers. */
export function membersOf(set: readonly number[], changes: number): Uint8Array {
  const members = new Uint8Array(changes + 1);
  for (const change of set) members[change] = 1;
  return members;
}
