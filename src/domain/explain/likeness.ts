import type { HostFacts } from '../host.js';
import { type Bits, hasBit } from '../match/bits.js';
import type { Sets } from '../match/column.js';
import type { HostIndex } from '../match/host-index.js';
import { clausesOf, fromCanonical, type Requirement } from '../requirement.js';
import type { Catalogue } from '../tag.js';

/** A single tag, comparison or device form, with the hosts on which it holds. */
type Leaf = Exclude<Requirement, { kind: 'all' | 'any' | 'not' }>;

/** The leaves of formulas as hosts have them: hosts alike in these are the same to whoever asks for no other. */
export function leafSets(
  formulas: readonly Requirement[],
  index: HostIndex,
  catalogue: Catalogue,
): readonly Sets[] {
  const leaves = new Map<string, Leaf>();
  formulas.forEach((formula) => {
    gather(formula, catalogue, leaves);
  });
  return [...leaves.values()].map((leaf) => index.match(index.compile(leaf)));
}

function gather(formula: Requirement, catalogue: Catalogue, into: Map<string, Leaf>): void {
  if (formula.kind === 'all' || formula.kind === 'any') {
    for (const part of formula.of) gather(part, catalogue, into);
    return;
  }
  if (formula.kind === 'not') {
    gather(formula.of, catalogue, into);
    return;
  }
  const key = JSON.stringify(formula);
  if (into.has(key)) return;
  into.set(key, formula);
  const source = catalogue.find(formula.name)?.source;
  if (source?.by === 'formula') gather(fromCanonical(source.is), catalogue, into);
}

/** What one host is in these sets, a letter for each. */
export function lettersOf(host: number, sets: readonly Sets[]): string {
  let letters = '';
  for (const { yes, maybe } of sets) letters += letterOf(host, yes, maybe);
  return letters;
}

function letterOf(host: number, yes: Bits, maybe: Bits): string {
  return hasBit(yes, host) ? 'y' : hasBit(maybe, host) ? '?' : 'n';
}

/** What decides the steps that may run on a host and what they find there, its tags left aside. */
export function meansOf({ expendable, canRestore, isolated, stack, used, dirtyFrom }: HostFacts): string {
  const standing = stack.map(({ layer, step, key }) => `${layer} ${step} ${key}`);
  return [expendable.join(), canRestore, isolated, used, dirtyFrom ?? '', ...standing].join('\n');
}

/** Clauses that are more than one tag or comparison, of which a host may lack this part or that. */
export function compoundClauses(requirement: Requirement, catalogue: Catalogue): readonly Requirement[] {
  return clausesOf(requirement).filter((clause) => {
    if (clause.kind === 'any' || clause.kind === 'all' || clause.kind === 'not') return true;
    return catalogue.find(clause.name)?.source.by === 'formula';
  });
}
