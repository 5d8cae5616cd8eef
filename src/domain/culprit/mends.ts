import type { Question } from './question.js';
import { knownRates, type RatePoint, rateGrid } from './rates.js';
import { type Tally, tallyOf } from './tally.js';

/**
 * A line on which what was broken may have been mended and broken again. Between a good and a bad state there is a step
 * from good to bad, whatever lies before: so the line begins anew at the last state that is good, and before a change
 * is named the states after it are looked at for a later good one. Short mends may be missed where many changes come after.
 */
export interface Mending {
  readonly question: Question;
  /** Of the states that are in question still. */
  readonly tallies: readonly Tally[];
}

/** How much better 'it is good' must explain the trials of a state than 'it is bad', and the other way round. */
const GOOD = 100;
const BAD = 1 / 3;
/** States after a change that are looked at before it is named, spread evenly. */
const MOST_LOOKS = 32;

const kept = new WeakMap<readonly Tally[], Mending & { readonly of: Question }>();
const later = new WeakMap<Question, Map<number, Question>>();

/** What is left of a line from its last good state on; all of it where nothing was ever mended. */
export function sinceLastGood(question: Question, tallies: readonly Tally[]): Mending {
  if (question.mends !== true) return { question, tallies };
  const known = kept.get(tallies);
  if (known?.of === question) return known;
  const odds = goodOdds(question, tallies);
  const first = tallies.findLast((one) => one.state < question.changes && odds(one) >= GOOD)?.state ?? 0;
  const left =
    first === 0
      ? { question, tallies }
      : { question: questionFrom(question, first), tallies: tallies.filter(({ state }) => state >= first) };
  kept.set(tallies, { ...left, of: question });
  return left;
}

/**
 * The states after a supposed culprit that must be tried before it is believed, the most telling first: those of which a
 * trial or two say that they are good, then the middles of what nobody has looked at.
 */
export function unlooked(question: Question, tallies: readonly Tally[], culprit: number): readonly number[] {
  if (question.mends !== true) return [];
  const odds = goodOdds(question, tallies);
  const after = tallies.filter(({ state }) => state > culprit && state < question.changes);
  const doubtful = after.filter((one) => one.good > 0 && odds(one) > BAD).map(({ state }) => state);
  const looked = [culprit, ...after.map(({ state }) => state), question.changes];
  const looks: number[] = [];
  for (let left = MOST_LOOKS - after.length; left > 0; left--) {
    const middle = middleOfWidest(looked);
    if (middle === undefined) break;
    looked.push(middle);
    looks.push(middle);
  }
  return [...doubtful, ...looks];
}

function middleOfWidest(states: readonly number[]): number | undefined {
  const sorted = [...states].sort((a, b) => a - b);
  let [from, to] = [0, 1];
  sorted.forEach((state, n) => {
    const next = sorted[n + 1] ?? state;
    // Of equal ones the later: what is broken now is likelier to be young.
    if (next - state >= to - from) [from, to] = [state, next];
  });
  return to - from > 1 ? Math.floor((from + to) / 2) : undefined;
}

/** The question about what comes after a state, in the numbers of the whole line. */
function questionFrom(question: Question, first: number): Question {
  const known = later.get(question) ?? new Map<number, Question>();
  later.set(question, known);
  const made = known.get(first) ?? { ...question, first };
  known.set(first, made);
  return made;
}

/** How much better a state's trials are explained by its being good, over the rates that the bad end leaves likely. */
function goodOdds(question: Question, tallies: readonly Tally[]): (tally: Tally) => number {
  const points =
    question.rates === undefined
      ? rateGrid(question.record, question.brokenRecord)
      : knownRates(question.rates);
  const last = tallyOf(tallies, question.changes);
  const weights = points.map((point) => point.prior * Math.exp(logOf(point, last, 'bad')));
  return (tally) => {
    let [good, bad] = [0, 0];
    points.forEach((point, n) => {
      good += (weights[n] as number) * Math.exp(logOf(point, tally, 'good'));
      bad += (weights[n] as number) * Math.exp(logOf(point, tally, 'bad'));
    });
    return bad === 0 ? Number.POSITIVE_INFINITY : good / bad;
  };
}

function logOf(
  { logs: [fail, pass, failBad, passBad] }: RatePoint,
  tally: Tally,
  is: 'good' | 'bad',
): number {
  return is === 'good' ? tally.bad * fail + tally.good * pass : tally.bad * failBad + tally.good * passBad;
}
