/** How a test may deceive: `a` is the probability of failing where all is good, `b` of passing where it is bad. */
export interface Rates {
  readonly a: number;
  readonly b: number;
}

/** One pair of rates that is thought possible, with what the evidence is multiplied by. */
export interface RatePoint extends Rates {
  readonly prior: number;
  readonly logs: readonly [fail: number, pass: number, failBad: number, passBad: number];
}

/** How often a test failed where nothing is thought to have been broken. */
export interface FailureRecord {
  readonly failures: number;
  readonly runs: number;
}

const FAILS_THOUGH_GOOD = [0.002, 0.02, 0.05, 0.1, 0.2, 0.35];
const PASSES_THOUGH_BAD = [0.002, 0.05, 0.1, 0.2, 0.3, 0.5];
/** A test's record weighs as much as so many trials at most: it was taken on other days. */
const MOST_PSEUDO_COUNTS = 20;
/** A rate of nought would make one lucky pass final. */
const LEAST_RATE = 1e-6;

const NO_RECORD: FailureRecord = { failures: 0, runs: 0 };

/** All pairs of rates with their prior: by the test's own record while it was in order, and by that of when it was known to be broken. */
export function rateGrid(
  good: FailureRecord = NO_RECORD,
  bad: FailureRecord = NO_RECORD,
): readonly RatePoint[] {
  const ofA = FAILS_THOUGH_GOOD.map((a) => likelihood(a, good));
  const ofB = PASSES_THOUGH_BAD.map((b) => likelihood(1 - b, bad));
  const sum = sumOf(ofA) * sumOf(ofB);
  return FAILS_THOUGH_GOOD.flatMap((a, n) =>
    PASSES_THOUGH_BAD.map((b, m) => point({ a, b }, ((ofA[n] as number) * (ofB[m] as number)) / sum)),
  );
}

/** Of a record, of what fails at this rate. */
function likelihood(rate: number, { failures, runs }: FailureRecord): number {
  const weight = runs === 0 ? 0 : Math.min(1, MOST_PSEUDO_COUNTS / runs);
  return Math.exp(weight * (failures * Math.log(rate) + (runs - failures) * Math.log(1 - rate)));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

/** The one pair of rates that is known. */
export function knownRates({ a, b }: Rates): readonly RatePoint[] {
  return [point({ a: Math.max(a, LEAST_RATE), b: Math.max(b, LEAST_RATE) }, 1)];
}

function point({ a, b }: Rates, prior: number): RatePoint {
  return { a, b, prior, logs: [Math.log(a), Math.log(1 - a), Math.log(1 - b), Math.log(b)] };
}

/** Entropy, in bits, of something that happens with this probability. */
export function entropy(p: number): number {
  return p <= 0 || p >= 1 ? 0 : -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p));
}

/** Bits that one trial can tell at most: the capacity of the binary asymmetric channel (Shannon 1948). */
export function capacity({ a, b }: Rates): number {
  const slope = 1 - a - b;
  if (slope <= 0) return 0;
  const best = 1 / (1 + 2 ** ((entropy(b) - entropy(a)) / slope));
  const share = Math.min(1, Math.max(0, (best - a) / slope));
  return entropy(a + share * slope) - share * entropy(b) - (1 - share) * entropy(a);
}

/**
 * Bits by which one trial can speak at most for the one of two hypotheses that is true: the larger Kullback-Leibler
 * divergence between the outcomes of a good and of a bad state (Burnashev 1976).
 */
export function confirmation({ a, b }: Rates): number {
  return Math.max(divergence(1 - b, a), divergence(a, 1 - b));
}

function divergence(p: number, q: number): number {
  const part = (x: number, y: number) =>
    x === 0 ? 0 : y === 0 ? Number.POSITIVE_INFINITY : x * Math.log2(x / y);
  return part(p, q) + part(1 - p, 1 - q);
}
