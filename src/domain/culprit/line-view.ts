import { type LineBelief, lineBelief } from './line-belief.js';
import type { Cause, Question, State } from './question.js';
import { entropy, type Rates } from './rates.js';
import { type Tally, untestable } from './tally.js';

/** The likeliest cause, and between which two states it would show. */
export interface Leading extends Cause {
  /** Testable states with and without it that are as near to each other as can be; none where it is no change. */
  readonly with?: State;
  readonly without?: State;
}

/** A line of changes as the evidence lets it be seen now. */
export interface LineView {
  readonly belief: LineBelief;
  /** Probability of each hypothesis. */
  readonly p: Float64Array;
  /** States that can be tested, as far as anybody knows, rising. */
  readonly states: readonly number[];
  /** How likely each of these is testable indeed, by its number. */
  readonly testable: (state: number) => number;
  readonly leading: Leading;
}

/** The nearer a state is to one that cannot be tested, the likelier it shares what ails it. */
const NEIGHBOUR = 0.8;

const views = new WeakMap<readonly Tally[], { readonly question: Question; readonly view: LineView }>();

/** What is believed, as far as it decides what to do next; it is kept with the tallies, which never change. */
export function lineView(question: Question, tallies: readonly Tally[]): LineView {
  const kept = views.get(tallies);
  if (kept?.question === question) return kept.view;
  const view = viewOf(question, tallies);
  views.set(tallies, { question, view });
  return view;
}

/** From here on it is worth to look again at states that are thought untestable, if they alone hide which change it is. */
const NEARLY_FOUND = 0.9;

function viewOf(question: Question, tallies: readonly Tally[]): LineView {
  const belief = lineBelief(question, tallies);
  const p = probabilities(belief);
  const view = viewWithout(untestable(tallies, 'passed over'), question, belief, p);
  const { changes, probability } = view.leading;
  return changes.length > 1 && probability >= NEARLY_FOUND
    ? viewWithout(untestable(tallies, 'given up'), question, belief, p)
    : view;
}

function viewWithout(
  out: readonly number[],
  question: Question,
  belief: LineBelief,
  p: Float64Array,
): LineView {
  const states: number[] = [];
  for (let state = question.first ?? 0; state <= question.changes; state++)
    if (!out.includes(state)) states.push(state);
  const testable = (state: number) =>
    out.reduce((product, one) => product * (1 - NEIGHBOUR ** Math.abs(one - state)), 1);
  return { belief, p, states, testable, leading: leadingOf(p, states) };
}

function probabilities({ prior: { before }, first, scale }: LineBelief): Float64Array {
  const p = new Float64Array(before.length - 1);
  let group = 0;
  for (let cause = 0; cause < p.length; cause++) {
    if (cause === first[group + 1]) group++;
    p[cause] = (scale[group] as number) * ((before[cause + 1] as number) - (before[cause] as number));
  }
  return p;
}

/** Causes with no testable state between them are one: nothing could tell them apart. */
export function causesOf(p: Float64Array, states: readonly number[]): readonly Leading[] {
  const flaky = p.length - 1;
  const ends = [...states, flaky];
  return ends.flatMap((to, n) => {
    const from = n === 0 ? 0 : (ends[n - 1] as number) + 1;
    let probability = 0;
    for (let cause = from; cause <= to; cause++) probability += p[cause] as number;
    return from > to ? [] : [causeOf(from, to, probability, flaky)];
  });
}

function causeOf(from: number, to: number, probability: number, flaky: number): Leading {
  if (from === 0 && to === 0) return { kind: 'environment', changes: [], probability };
  if (from === flaky) return { kind: 'flaky', changes: [], probability };
  const changes: number[] = [];
  for (let change = Math.max(1, from); change <= Math.min(to, flaky - 1); change++) changes.push(change);
  const shown = from > 0 && to < flaky;
  return {
    kind: 'changes',
    changes,
    probability,
    ...(shown ? { without: { state: from - 1 }, with: { state: to } } : {}),
  };
}

function leadingOf(p: Float64Array, states: readonly number[]): Leading {
  const flaky = p.length - 1;
  let [best, bestFrom, bestTo] = [-1, 0, 0];
  let from = 0;
  for (let n = 0; n <= states.length; n++) {
    const to = states[n] ?? flaky;
    let sum = 0;
    for (let cause = from; cause <= to; cause++) sum += p[cause] as number;
    if (sum > best) [best, bestFrom, bestTo] = [sum, from, to];
    from = to + 1;
  }
  return causeOf(bestFrom, bestTo, best, flaky);
}

/** Mean rates over all causes. */
export function meanRates({ belief: { first, a, b }, p }: LineView): Rates {
  const mean = { a: 0, b: 0 };
  first.forEach((from, group) => {
    const to = first[group + 1] ?? p.length;
    let mass = 0;
    for (let cause = from; cause < to; cause++) mass += p[cause] as number;
    mean.a += mass * (a[group] as number);
    mean.b += mass * (b[group] as number);
  });
  return mean;
}

/**
 * What a trial of each state would tell of the cause, in bits: the mutual information of its outcome and the cause,
 * with rates at their means where each cause is true. It calls `each` with the state, the bits and how likely a bad
 * outcome is.
 */
export function informationOf(
  { belief: { first, a, b }, p, states }: LineView,
  each: (state: number, bits: number, bad: number) => void,
): void {
  const last = p.length - 1;
  // As if all causes lay behind the state; then they pass to its other side one by one.
  let [bad, noise] = [0, 0];
  first.forEach((from, group) => {
    const to = first[group + 1] ?? p.length;
    let mass = 0;
    for (let cause = from; cause < to; cause++) mass += p[cause] as number;
    bad += mass * (a[group] as number);
    noise += mass * entropy(a[group] as number);
  });
  let [group, next] = [0, 0];
  let [steps, stepNoise] = [0, 0];
  const enter = () => {
    steps = 1 - (b[group] as number) - (a[group] as number);
    stepNoise = entropy(b[group] as number) - entropy(a[group] as number);
  };
  enter();
  for (let state = 0; state < last; state++) {
    if (state === first[group + 1]) {
      group++;
      enter();
    }
    const mass = p[state] as number;
    bad += mass * steps;
    noise += mass * stepNoise;
    if (state !== states[next]) continue;
    next++;
    each(state, entropy(bad) - noise, bad);
  }
}

/**
 * What several hosts try is drawn together a little, and the ends, where only 'flaky' and 'the environment' are told
 * from changes, get few of them: else one in three would go there before anything is known. Both tuned by simulation.
 */
const INWARDS = 0.9;
const NO_CHANGE = 0.1;

/**
 * The testable states nearest the points that divide what is believed into equal parts: where `count` hosts look at
 * once. Of two causes the same state may be nearest to several points: then it is tried so often.
 */
export function quantileStates({ p, states }: LineView, count: number): readonly number[] {
  const found: number[] = [];
  const last = p.length - 1;
  const all = 1 - (1 - NO_CHANGE) * ((p[0] as number) + (p[last] as number));
  const share = (cause: number) =>
    ((p[cause] as number) * (cause === 0 || cause === last ? NO_CHANGE : 1)) / all;
  let [before, sum, next] = [0, 0, 0];
  let state = -1;
  const ahead = () => {
    before = sum;
    const to = states[next] as number;
    while (state < to) {
      state++;
      sum += share(state);
    }
    next++;
  };
  ahead();
  for (let n = 1; n <= count; n++) {
    const point = 0.5 + (n / (count + 1) - 0.5) * INWARDS;
    while (sum < point && next < states.length) ahead();
    const here = states[next - 1] as number;
    const earlier = states[next - 2];
    found.push(earlier !== undefined && sum - point > point - before ? earlier : here);
  }
  return found;
}
