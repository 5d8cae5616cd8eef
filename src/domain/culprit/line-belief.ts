import type { Question } from './question.js';
import { knownRates, type RatePoint, rateGrid } from './rates.js';
import type { Tally } from './tally.js';

/**
 * What is believed of a line of N changes. Hypothesis 0 is 'the environment', 1..N 'this change', N + 1 'flaky'.
 * Hypotheses between the same two tried states explain all trials equally well, so that few numbers say everything:
 * group g holds the hypotheses from `first[g]` to before `first[g + 1]`.
 */
export interface LineBelief {
  readonly prior: LinePrior;
  readonly first: readonly number[];
  /** What the prior of a hypothesis of each group is multiplied by. */
  readonly scale: readonly number[];
  /** Mean rates where the cause is in this group. */
  readonly a: readonly number[];
  readonly b: readonly number[];
}

interface LinePrior {
  readonly points: readonly RatePoint[];
  /** Prior of the hypotheses before each; the last is 1. */
  readonly before: Float64Array;
}

/** The share of the prior that goes by scores; the rest is equal, so that a wrong score costs little. */
const BY_SCORE = 0.8;
const FLAKY = 0.3;
const ENVIRONMENT = 0.1;

const priors = new WeakMap<Question, LinePrior>();

/** The prior of a question, kept with it: it is read at every trial. */
export function linePrior(question: Question): LinePrior {
  const kept = priors.get(question);
  if (kept !== undefined) return kept;
  const { changes, flaky = FLAKY, environment = ENVIRONMENT } = question;
  const shares = changeShares(question);
  const before = new Float64Array(changes + 3);
  before[1] = environment;
  shares.forEach((share, n) => {
    before[n + 2] = (before[n + 1] as number) + share * (1 - flaky - environment);
  });
  before[changes + 2] = (before[changes + 1] as number) + flaky;
  const all = before[changes + 2] as number;
  for (let n = 1; n < before.length; n++) before[n] = (before[n] as number) / all;
  const points =
    question.rates === undefined
      ? rateGrid(question.record, question.brokenRecord)
      : knownRates(question.rates);
  const prior = { points, before };
  priors.set(question, prior);
  return prior;
}

/** How likely each change is before any trial, if it is one of them; what a person weighed is in it. */
export function changeShares({ changes, scores, weights, first = 0 }: Question): readonly number[] {
  const sum = scores?.slice(first).reduce((all, one) => all + one, 0) ?? 0;
  const even = 1 / (changes - first);
  return Array.from({ length: changes }, (_, n) => {
    if (n < first) return 0;
    const scored = sum > 0 ? ((scores?.[n] ?? 0) / sum) * BY_SCORE + even * (1 - BY_SCORE) : even;
    return scored * (weights?.[n] ?? 1);
  });
}

/** Bayes over all causes and all rates, from the trials counted so far. */
export function lineBelief(question: Question, tallies: readonly Tally[]): LineBelief {
  const prior = linePrior(question);
  const tried = tallies.filter(({ good, bad }) => good + bad > 0);
  const first = [0, ...tried.map(({ state }) => state + 1)];
  const mass = first.map((from, n) => {
    const to = first[n + 1] ?? question.changes + 2;
    return (prior.before[to] as number) - (prior.before[from] as number);
  });
  const groups = new RateSums(prior.points, mass);
  const counts = { failGood: 0, passGood: 0, failBad: 0, passBad: 0 };
  for (const { good, bad } of tried) {
    counts.failBad += bad;
    counts.passBad += good;
  }
  // A cause in the first group makes every tried state bad; each further group begins past one that is good.
  groups.put(0, counts);
  tried.forEach(({ good, bad }, n) => {
    counts.failBad -= bad;
    counts.passBad -= good;
    counts.failGood += bad;
    counts.passGood += good;
    groups.put(n + 1, counts);
  });
  return { prior, first, ...groups.weighed() };
}

/** What each group's evidence comes to, over all rates. */
export class RateSums {
  private readonly logs: Float64Array;
  private highest = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly points: readonly RatePoint[],
    /** The prior of each group. */
    private readonly mass: readonly number[],
  ) {
    this.logs = new Float64Array(points.length * mass.length);
  }

  /** Takes the trials as one group sees them. */
  put(group: number, counts: { failGood: number; passGood: number; failBad: number; passBad: number }): void {
    const { points, logs, mass } = this;
    for (let n = 0; n < points.length; n++) {
      const [failGood, passGood, failBad, passBad] = (points[n] as RatePoint).logs;
      const log =
        counts.failGood * failGood +
        counts.passGood * passGood +
        counts.failBad * failBad +
        counts.passBad * passBad;
      logs[group * points.length + n] = log;
      if (log > this.highest && (mass[group] as number) > 0) this.highest = log;
    }
  }

  /** By what each group's prior mass is multiplied, so that all masses sum to one; and its mean rates. */
  weighed(): { scale: number[]; a: number[]; b: number[] } {
    const { points, logs, mass, highest } = this;
    const scale: number[] = [];
    const means = { a: [] as number[], b: [] as number[] };
    let all = 0;
    for (let group = 0; group < mass.length; group++) {
      let [sum, a, b] = [0, 0, 0];
      const log0 = group * points.length;
      for (let n = 0; n < points.length; n++) {
        const point = points[n] as RatePoint;
        const weight = point.prior * Math.exp((logs[log0 + n] as number) - highest);
        sum += weight;
        a += weight * point.a;
        b += weight * point.b;
      }
      scale.push(sum);
      means.a.push(sum === 0 ? (points[0] as RatePoint).a : a / sum);
      means.b.push(sum === 0 ? (points[0] as RatePoint).b : b / sum);
      // What is excluded may explain the trials best of all, and overflow: it counts for nothing.
      if ((mass[group] as number) > 0) all += sum * (mass[group] as number);
    }
    return { scale: scale.map((one, n) => ((mass[n] as number) > 0 ? one / all : 0)), ...means };
  }
}
