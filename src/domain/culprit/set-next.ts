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
const RANDOM_SETS = 48;
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
  const cells = new Cells(belief);
  for (const set of underWay) cells.split(badIn(belief, set));
  const chosen: (readonly number[])[] = [];
  while (chosen.length < count) {
    const best = bestOf(candidates, installs, cells);
    if (best === undefined) break;
    chosen.push(best.set);
    cells.split(best.isBad);
  }
  return chosen;
}

function bestOf(candidates: readonly Candidate[], installs: Installs, cells: Cells): Candidate | undefined {
  let [best, most]: [Candidate | undefined, number] = [undefined, WORTH];
  for (const candidate of candidates) {
    const bits = cells.information(candidate.isBad);
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
 * What trials that are chosen and not told yet will tell apart: causes in one cell look the same to all of them. A
 * further trial is worth what it tells within the cells; and, as far as outcomes deceive, what it tells at all.
 */
class Cells {
  /** Causes that are possible at all. */
  private readonly alive: Int32Array;
  private readonly cell: Int32Array;
  private count = 1;
  /** How far outcomes deceive, from 0 to 1. */
  private readonly doubt: number;
  private readonly noiseGood: Float64Array;
  private readonly noiseBad: Float64Array;

  constructor(private readonly belief: SetBelief) {
    const { p } = belief;
    this.cell = new Int32Array(p.length);
    this.alive = Int32Array.from(p.keys()).filter((n) => (p[n] as number) > NEGLIGIBLE);
    this.noiseGood = p.map((share, n) => share * entropy(belief.a[n] as number));
    this.noiseBad = p.map((share, n) => share * entropy(belief.b[n] as number));
    const { a, b } = meanSetRates(belief);
    this.doubt = Math.min(1, a + b);
  }

  split(isBad: Uint8Array): void {
    const names = new Map<number, number>();
    for (let n = 0; n < this.cell.length; n++) {
      const key = (this.cell[n] as number) * 2 + (isBad[n] as number);
      let name = names.get(key);
      if (name === undefined) {
        name = names.size;
        names.set(key, name);
      }
      this.cell[n] = name;
    }
    this.count = names.size;
  }

  information(isBad: Uint8Array): number {
    const { p, a, b } = this.belief;
    const mass = new Float64Array(this.count);
    const bad = new Float64Array(this.count);
    let [noise, badAll] = [0, 0];
    for (const n of this.alive) {
      const share = p[n] as number;
      const isIn = isBad[n] === 1;
      const chance = share * (isIn ? 1 - (b[n] as number) : (a[n] as number));
      const cell = this.cell[n] as number;
      mass[cell] = (mass[cell] as number) + share;
      bad[cell] = (bad[cell] as number) + chance;
      badAll += chance;
      noise += (isIn ? this.noiseBad[n] : this.noiseGood[n]) as number;
    }
    let within = 0;
    for (let cell = 0; cell < this.count; cell++) {
      const share = mass[cell] as number;
      if (share > 0) within += share * entropy((bad[cell] as number) / share);
    }
    const alone = entropy(badAll) - noise;
    return this.count === 1 ? alone : (1 - this.doubt) * (within - noise) + this.doubt * alone;
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
