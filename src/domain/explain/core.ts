import { type Bits, countBits } from '../match/bits.js';

/** Above this many clauses the smallest set is not looked for, only one of which every clause is needed. */
const MOST_EXACT = 12;

/** A set of clauses that no host meets together. */
export interface Core {
  /** Numbers of the clauses, ascending. */
  readonly clauses: readonly number[];
  /** No smaller set would do; else only: none of these can be left out. */
  readonly isSmallest: boolean;
}

/**
 * The smallest set of clauses that no host of `among` meets together; undefined where one meets them all. `met`: by
 * clause, the hosts that do. That is the smallest set of conflicting constraints, or, seen from the hosts, the
 * smallest choice of clauses such that each host fails one of them (Reiter, A theory of diagnosis from first
 * principles, 1987: a minimal hitting set). It is NP-hard in the number of clauses, and those are few: up to twelve
 * are tried by size, earlier clauses first; with more, one after another is left out where the rest still has no
 * host (deletion filtering: Chinneck and Dravnieks, 1991).
 */
export function smallestCore(met: readonly Bits[], among: Bits): Core | undefined {
  const all = met.map((_, n) => n);
  if (!isUnmet(all, met, among)) return undefined;
  if (met.length > MOST_EXACT) return { clauses: filtered(all, met, among), isSmallest: false };
  for (let size = 0; size <= met.length; size++) {
    const found = ofSize(size, 0, [], among, met);
    if (found !== undefined) return { clauses: found, isSmallest: true };
  }
  throw new Error('unreachable: all clauses together are unmet');
}

function ofSize(
  size: number,
  from: number,
  chosen: readonly number[],
  left: Bits,
  met: readonly Bits[],
): readonly number[] | undefined {
  if (countBits(left) === 0) return chosen;
  if (size === 0) return undefined;
  for (let n = from; n + size <= met.length; n++) {
    const found = ofSize(size - 1, n + 1, [...chosen, n], common(left, met[n] as Bits), met);
    if (found !== undefined) return found;
  }
  return undefined;
}

function filtered(all: readonly number[], met: readonly Bits[], among: Bits): readonly number[] {
  let kept = all;
  for (const clause of all) {
    const rest = kept.filter((other) => other !== clause);
    if (isUnmet(rest, met, among)) kept = rest;
  }
  return kept;
}

function isUnmet(clauses: readonly number[], met: readonly Bits[], among: Bits): boolean {
  return countBits(clauses.reduce((left, n) => common(left, met[n] as Bits), among)) === 0;
}

function common(a: Bits, b: Bits): Bits {
  return a.map((word, n) => word & (b[n] ?? 0));
}
