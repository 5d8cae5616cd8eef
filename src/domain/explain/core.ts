import { type Bits, hasBit, hostsOf } from '../match/bits.js';

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
  const failed = failedTogether(met, among);
  const everything = 2 ** met.length - 1;
  let best = everything;
  for (let chosen = 0; chosen < everything; chosen++) {
    if (size(chosen) < size(best) && failed.every((clauses) => (clauses & chosen) !== 0)) best = chosen;
  }
  return { clauses: all.filter((n) => (best >> n) & 1), isSmallest: true };
}

/** By host, as bits: the clauses that it fails; of equal ones one, and none that says less than another. */
function failedTogether(met: readonly Bits[], among: Bits): readonly number[] {
  const seen = new Uint8Array(2 ** met.length);
  for (const host of hostsOf(among)) {
    let fails = 0;
    for (let n = 0; n < met.length; n++) if (!hasBit(met[n] as Bits, host)) fails |= 1 << n;
    seen[fails] = 1;
  }
  const distinct = [...seen.keys()].filter((fails) => seen[fails] === 1).sort((a, b) => size(a) - size(b));
  const least: number[] = [];
  for (const fails of distinct) if (least.every((other) => (other & fails) !== other)) least.push(fails);
  return least;
}

function size(clauses: number): number {
  let count = 0;
  for (let left = clauses; left !== 0; left &= left - 1) count++;
  return count;
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
  for (let word = 0; word < among.length; word++) {
    let left = among[word] as number;
    for (const n of clauses) left &= met[n]?.[word] ?? 0;
    if (left !== 0) return false;
  }
  return true;
}
