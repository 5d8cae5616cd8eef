import { changeShares } from './line-belief.js';
import type { Question } from './question.js';

/** Changes that break it together, with all that they need. */
export interface SetCause {
  /** The changes, one or two; more where nothing could tell them apart. */
  readonly changes: readonly number[];
  /** Two changes in a state mean that all that the cause needs is there: a state is closed. */
  readonly first: number;
  readonly second: number;
  readonly prior: number;
}

/** The causes that a set of changes has, and what each change brings with it. */
export interface SetCauses {
  readonly causes: readonly SetCause[];
  readonly environment: number;
  readonly flaky: number;
  /** All that each change needs, itself among it; by number less one. */
  readonly closures: readonly (readonly number[])[];
}

/** Of the changes, how likely it is that one alone breaks it; the rest is pairs. */
const SINGLES = 0.85;
const FLAKY = 0.3;
const ENVIRONMENT = 0.1;

const kept = new WeakMap<Question, SetCauses>();

/** Singles and pairs; those that come with the same changes are one, since no state could tell them apart. */
export function setCauses(question: Question): SetCauses {
  const known = kept.get(question);
  if (known !== undefined) return known;
  const { changes, flaky = FLAKY, environment = ENVIRONMENT } = question;
  const closures = closuresOf(changes, question.needs ?? []);
  const merged = merge(closures, changeShares(question));
  const all = merged.reduce((sum, { prior }) => sum + prior, 0);
  const rest = all === 0 ? 0 : (1 - flaky - environment) / all;
  const causes = merged.map((cause) => ({ ...cause, prior: cause.prior * rest }));
  const found = { causes, environment, flaky, closures };
  kept.set(question, found);
  return found;
}

function merge(closures: readonly (readonly number[])[], shares: readonly number[]): readonly SetCause[] {
  const byClosure = new Map<string, SetCause>();
  const add = (changes: readonly number[], key: string, prior: number) => {
    const same = byClosure.get(key);
    const [first, second] = [changes[0] as number, changes.at(-1) as number];
    if (same === undefined) byClosure.set(key, { changes, first, second, prior });
    else {
      // One that needs all the others is named alone; a circle by all its changes.
      const joins = same.changes.length === 1 && changes.length === 1;
      byClosure.set(key, {
        ...same,
        changes: joins ? [...same.changes, ...changes] : same.changes,
        prior: same.prior + prior,
      });
    }
  };
  const share = (change: number) => shares[change - 1] as number;
  closures.forEach((closure, n) => {
    add([n + 1], closure.join(), SINGLES * share(n + 1));
  });
  const pairs = pairSum(shares);
  for (let i = 1; i <= closures.length; i++)
    for (let j = i + 1; j <= closures.length; j++) {
      const prior = pairs === 0 ? 0 : ((1 - SINGLES) * share(i) * share(j)) / pairs;
      add([i, j], union(closures[i - 1] as number[], closures[j - 1] as number[]).join(), prior);
    }
  return [...byClosure.values()];
}

/** The sum of the products of all pairs. */
function pairSum(shares: readonly number[]): number {
  const sum = shares.reduce((all, one) => all + one, 0);
  return (sum ** 2 - shares.reduce((all, one) => all + one ** 2, 0)) / 2;
}

/** Changes that are in one of two rising lists, rising. */
export function union(one: readonly number[], other: readonly number[]): readonly number[] {
  return [...new Set([...one, ...other])].sort((a, b) => a - b);
}

function closuresOf(changes: number, needs: readonly (readonly number[])[]): readonly (readonly number[])[] {
  return Array.from({ length: changes }, (_, n) => {
    const found = new Set<number>();
    const ahead = [n + 1];
    for (let change = ahead.pop(); change !== undefined; change = ahead.pop()) {
      if (found.has(change)) continue;
      found.add(change);
      ahead.push(...(needs[change - 1] ?? []));
    }
    return [...found].sort((a, b) => a - b);
  });
}
