import type { Question } from './question.js';
import { entropy, type Rates } from './rates.js';
import { membersOf, type SetBelief } from './set-belief.js';
import { union } from './set-causes.js';
import type { Installs } from './set-installs.js';

/** A set that could be tried. */
interface Candidate {
  readonly set: readonly number[];
  /** For each cause, whether it would make this set bad. */
  readonly isBad: Uint8Array;
}

/** Random sets, beside those that are made for the likeliest causes. */
const RANDOM_SETS = 128;
/** Futures that are drawn to see what trials tell together. */
const FUTURES = 48;
/** Bits, times the probability of getting them, below which a trial is not worth its host. */
const WORTH = 0.002;
/** Causes less likely than this do not decide what to try next. */
const NEGLIGIBLE = 1e-7;

/** The sets that tell most together, at most `count` of them; none where nothing can be learnt any more. */
export function nextSets(
  question: Question,
  belief: SetBelief,
  installs: Installs,
  refused: readonly (readonly number[])[],
  underWay: readonly (readonly number[])[],
  count: number,
  turn: number,
): readonly (readonly number[])[] {
  const roll = rollFrom((question.seed ?? 1) * 7919 + turn);
  const gone = new Set(refused.map((set) => set.join()));
  const candidates = candidateSets(question, belief, roll)
    .filter((set) => !gone.has(set.join()))
    .map((set) => ({ set, isBad: badIn(belief, set) }));
  const foresight = new Foresight(belief, roll);
  for (const set of underWay) foresight.choose(badIn(belief, set));
  const chosen: (readonly number[])[] = [];
  while (chosen.length < count) {
    const best = bestOf(candidates, installs, foresight);
    if (best === undefined) break;
    chosen.push(best.set);
    foresight.choose(best.isBad);
  }
  return chosen;
}

function bestOf(
  candidates: readonly Candidate[],
  installs: Installs,
  foresight: Foresight,
): Candidate | undefined {
  let [best, most]: [Candidate | undefined, number] = [undefined, WORTH];
  for (const candidate of candidates) {
    const bits = foresight.information(candidate.isBad);
    const worth = bits > most ? bits * installs.probability(candidate.set) : 0;
    if (worth > most) [best, most] = [candidate, worth];
  }
  return best;
}

/** Whether each cause makes a set bad, with the environment, which always does, and flakiness, which never does. */
function badIn({ causes, p }: SetBelief, set: readonly number[]): Uint8Array {
  const members = membersOf(set, Math.max(0, ...set));
  const isBad = new Uint8Array(p.length);
  causes.forEach(({ first, second }, n) => {
    if (members[first] === 1 && members[second] === 1) isBad[n] = 1;
  });
  isBad[causes.length] = 1;
  return isBad;
}

/**
 * What will be believed once the trials that are chosen have told: drawn so many times from what is believed now, each time
 * with a cause and the outcomes that it might bring. A further trial is worth what it would tell then, on the average: what
 * trials tell together, chosen one after the other, as BatchBALD does (Kirsch, van Amersfoort and Gal 2019).
 */
class Foresight {
  /** Causes that are possible at all. */
  private readonly alive: Int32Array;
  /** How likely each of these is in each drawn future, one future after the other. */
  private readonly weights: Float64Array;
  /** The cause behind each future. */
  private readonly behind: Int32Array;
  /** What a cause adds to the chance of a bad outcome where it makes a set bad. */
  private readonly adds: Float64Array;
  private readonly noise: { readonly good: Float64Array; readonly bad: Float64Array };
  private futures = 1;

  constructor(
    private readonly belief: SetBelief,
    private readonly roll: () => number,
  ) {
    const { p, a, b } = belief;
    this.alive = Int32Array.from(p.keys()).filter((n) => (p[n] as number) > NEGLIGIBLE);
    const count = this.alive.length;
    this.weights = new Float64Array(FUTURES * count);
    this.behind = new Int32Array(FUTURES);
    this.adds = new Float64Array(count);
    this.noise = { good: new Float64Array(count), bad: new Float64Array(count) };
    this.alive.forEach((n, i) => {
      this.adds[i] = 1 - (b[n] as number) - (a[n] as number);
      this.noise.good[i] = (p[n] as number) * entropy(a[n] as number);
      this.noise.bad[i] = (p[n] as number) * entropy(b[n] as number);
      this.weights[i] = p[n] as number;
    });
  }

  /** This trial is chosen: every future has an outcome of it. */
  choose(isBad: Uint8Array): void {
    if (this.futures === 1) this.draw();
    const { a, b } = this.belief;
    const count = this.alive.length;
    for (let future = 0; future < this.futures; future++) {
      const cause = this.behind[future] as number;
      const chance = isBad[cause] === 1 ? 1 - (b[cause] as number) : (a[cause] as number);
      const cameBad = this.roll() < chance;
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const n = this.alive[i] as number;
        const bad = isBad[n] === 1 ? 1 - (b[n] as number) : (a[n] as number);
        const at = future * count + i;
        this.weights[at] = (this.weights[at] as number) * (cameBad ? bad : 1 - bad);
        sum += this.weights[at] as number;
      }
      for (let i = 0; i < count; i++)
        this.weights[future * count + i] = (this.weights[future * count + i] as number) / sum;
    }
  }

  /** Bits that a trial tells beside those that are chosen. */
  information(isBad: Uint8Array): number {
    const count = this.alive.length;
    const bad: number[] = [];
    let noise = 0;
    for (let i = 0; i < count; i++) {
      const isIn = isBad[this.alive[i] as number] === 1;
      if (isIn) bad.push(i);
      noise += (isIn ? this.noise.bad[i] : this.noise.good[i]) as number;
    }
    const { a } = this.belief;
    let told = 0;
    for (let future = 0; future < this.futures; future++) {
      const from = future * count;
      let chance = 0;
      for (let i = 0; i < count; i++)
        chance += (this.weights[from + i] as number) * (a[this.alive[i] as number] as number);
      for (const i of bad) chance += (this.weights[from + i] as number) * (this.adds[i] as number);
      told += entropy(Math.min(1, chance));
    }
    return told / this.futures - noise;
  }

  /** Futures begin: causes are drawn as evenly as they are likely. */
  private draw(): void {
    const { p } = this.belief;
    const count = this.alive.length;
    this.futures = FUTURES;
    let [i, sum] = [0, p[this.alive[0] as number] as number];
    const all = this.alive.reduce((total, n) => total + (p[n] as number), 0);
    for (let future = 0; future < FUTURES; future++) {
      const quantile = ((future + this.roll()) / FUTURES) * all;
      while (sum < quantile && i < count - 1) sum += p[this.alive[++i] as number] as number;
      this.behind[future] = this.alive[i] as number;
      for (let n = 0; n < count; n++) this.weights[future * count + n] = p[this.alive[n] as number] as number;
    }
  }
}

/** Closed sets that may be worth a trial. */
function candidateSets(
  { changes }: Question,
  belief: SetBelief,
  roll: () => number,
): readonly (readonly number[])[] {
  const { closures } = belief;
  const all = Array.from({ length: changes }, (_, n) => n + 1);
  const sets: (readonly number[])[] = [[], all];
  for (const { first, second } of likeliest(belief, 3)) {
    sets.push(union(closures[first - 1] ?? [], closures[second - 1] ?? []));
    for (const change of [first, second]) sets.push(all.filter((one) => !needs(closures, one, change)));
  }
  const weights = weightsOf(belief, changes);
  for (let n = 0; n < RANDOM_SETS; n++)
    sets.push(...halving(belief, inOrder(all, n % 2 === 0 ? weights : undefined, roll)));
  const seen = new Map(sets.map((set) => [set.join(), set]));
  return [...seen.values()];
}

function needs(closures: readonly (readonly number[])[], change: number, other: number): boolean {
  return closures[change - 1]?.includes(other) ?? false;
}

/** The likeliest causes that are changes. */
function likeliest({ causes, p }: SetBelief, count: number): readonly { first: number; second: number }[] {
  const best: number[] = [];
  for (let n = 0; n < causes.length; n++) {
    if (best.length < count || (p[n] as number) > (p[best.at(-1) as number] as number)) {
      best.push(n);
      best.sort((one, other) => (p[other] as number) - (p[one] as number));
      if (best.length > count) best.pop();
    }
  }
  return best.flatMap((n) => causes[n] ?? []);
}

/** How much speaks for each change, alone or in pairs. */
function weightsOf({ causes, p }: SetBelief, changes: number): Float64Array {
  const weights = new Float64Array(changes + 1).fill(0.2 / changes);
  causes.forEach(({ first, second }, n) => {
    for (const change of [first, second]) weights[change] = (weights[change] as number) + (p[n] as number);
  });
  return weights;
}

/** The changes in a random order, the weightier ones rather early (Efraimidis and Spirakis 2006). */
function inOrder(
  all: readonly number[],
  weights: Float64Array | undefined,
  roll: () => number,
): readonly number[] {
  return all
    .map((change) => ({ change, key: -Math.log(roll() + 1e-12) / (weights?.[change] ?? 1) }))
    .sort((one, other) => one.key - other.key)
    .map(({ change }) => change);
}

/** The closed sets along an order of changes between which half of what is believed is bad. */
function halving(belief: SetBelief, order: readonly number[]): readonly (readonly number[])[] {
  const { causes, closures, p } = belief;
  const entered = new Int32Array(order.length + 1).fill(order.length);
  order.forEach((change, n) => {
    for (const one of closures[change - 1] ?? []) if ((entered[one] as number) > n) entered[one] = n;
  });
  // The place in the order from which on each cause is in, and the mass that enters there.
  const enters = new Float64Array(order.length);
  let sum = p[causes.length] as number;
  causes.forEach(({ first, second }, n) => {
    const place = Math.max(entered[first] as number, entered[second] as number);
    enters[place] = (enters[place] as number) + (p[n] as number);
  });
  let length = 0;
  while (length < order.length && sum < 0.5) sum += enters[length++] as number;
  return [length - 1, length]
    .filter((count) => count >= 0)
    .map((count) => {
      const set: number[] = [];
      for (let change = 1; change <= order.length; change++)
        if ((entered[change] as number) < count) set.push(change);
      return set;
    });
}

/** Mean rates, over all causes. */
export function meanSetRates({ p, a, b }: SetBelief): Rates {
  const mean = { a: 0, b: 0 };
  p.forEach((share, n) => {
    mean.a += share * (a[n] as number);
    mean.b += share * (b[n] as number);
  });
  return mean;
}

/** Numbers from a seed (Marsaglia's xorshift). */
function rollFrom(seed: number): () => number {
  let state = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4_294_967_296;
  };
}
