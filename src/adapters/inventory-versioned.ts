import { componentsOf } from '../domain/baseline.js';
import type { Inventory } from '../domain/inventory.js';
import { nearest } from '../domain/language/nearest.js';
import { givenBy, type StepSpec } from '../domain/step.js';
import type { Catalogue } from '../domain/tag.js';
import type { InventoryProblem } from './inventory-thing.js';

/**
 * What is doubtful about steps that take their versions from a watch: one that nobody declared, and tags that no probe
 * looks at, so that a version with which the step only claims to work would be trusted.
 */
export function doubtfulVersions(
  { steps, watches = [] }: Pick<Inventory, 'steps' | 'watches'>,
  catalogue: Catalogue,
  placeOf: (kind: 'step', name: string) => { file: string; line: number; column: number },
): readonly InventoryProblem[] {
  const known = watches.map(({ name }) => name);
  return steps.flatMap((step) => {
    const watch = watchOf(step);
    if (watch === undefined) return [];
    const at = placeOf('step', step.name);
    const near = nearest(watch, known);
    const hint = near === undefined ? 'declare it in watches.yaml' : `did you mean '${near}'?`;
    const unknown = `step '${step.name}' takes its versions from watch '${watch}', which is declared nowhere: ${hint}`;
    const blind = step.gives
      .map((item) => givenBy(item).tag)
      .filter((tag) => catalogue.find(tag)?.source.by === 'word')
      .map(
        (tag) =>
          `step '${step.name}' takes its versions from watch '${watch}' and gives '${tag}', which no probe looks at: give the tag a 'probe:', so that a version with which it is not there is seen`,
      );
    return [...(known.includes(watch) ? [] : [unknown]), ...blind].map((message) => ({ ...at, message }));
  });
}

function watchOf(step: StepSpec): string | undefined {
  return componentsOf(step)[0]?.split('/')[0];
}
