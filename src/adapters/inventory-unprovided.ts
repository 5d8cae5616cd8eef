import type { Inventory } from '../domain/inventory.js';
import { fromCanonical, tagsOf } from '../domain/requirement.js';
import type { Catalogue } from '../domain/tag.js';
import type { InventoryProblem } from './inventory-thing.js';

/** Tags that steps and tests ask for and that no look, probe, host or step provides: nothing could serve them. */
export function unprovided(
  inventory: Inventory,
  catalogue: Catalogue,
  placeOf: (kind: 'step' | 'test', name: string) => { file: string; line: number; column: number },
): readonly InventoryProblem[] {
  const provided = new Set([
    ...[...inventory.hosts, ...inventory.types].flatMap(({ tags }) => tags.map(({ tag }) => tag)),
    ...inventory.steps.flatMap(({ gives }) => gives.flatMap((given) => tagsOf(fromCanonical(given)))),
  ]);
  const isProvided = (name: string, open: readonly string[] = []): boolean => {
    const spec = catalogue.find(name);
    if (spec === undefined || provided.has(name) || open.includes(name)) return true;
    if (spec.source.by !== 'formula') return spec.source.by !== 'word';
    // One that can hold without any tag, such as `not x`, needs none.
    return positive(spec.source.is).every((one) => isProvided(one, [...open, name]));
  };
  const lacking = (formula: string) => positive(formula).filter((name) => !isProvided(name));
  const say = (kind: 'step' | 'test', name: string, formula: string) =>
    lacking(formula).map((tag) => ({
      ...placeOf(kind, name),
      message: `${kind} '${name}' needs '${tag}', which no host declares, no step gives and no probe sees`,
    }));
  return [
    ...inventory.steps.flatMap(({ name, needs }) => say('step', name, needs)),
    ...inventory.tests.flatMap(({ name, requirement }) => say('test', name, requirement)),
  ];
}

/** The tags without which a formula cannot hold: those of its clauses that are neither negated nor one of several. */
function positive(formula: string): readonly string[] {
  const requirement = fromCanonical(formula);
  const clauses = requirement.kind === 'all' ? requirement.of : [requirement];
  return [
    ...new Set(
      clauses.flatMap((clause) => (clause.kind === 'any' || clause.kind === 'not' ? [] : tagsOf(clause))),
    ),
  ];
}
