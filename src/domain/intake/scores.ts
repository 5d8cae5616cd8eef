import { componentsOf } from '../baseline.js';
import { clausesOf, fromCanonical, tagsOf } from '../requirement.js';
import { doesGive, type StepSpec } from '../step.js';
import type { LinkedChange } from './line.js';

/** How often changes of a component did harm so far. */
export interface PastHarm {
  readonly changes: number;
  readonly blamed: number;
}

/** Of a component nobody knows: one change in twenty does harm, and that is not much of an opinion. */
const BEFORE: PastHarm = { changes: 20, blamed: 1 };
/** What a change does of which a test needs nothing, as far as is known: as if it were so many steps away. */
const FARTHEST = 8;

/**
 * How likely each change of a line is to have broken a test, as far as can be told before any trial: the fewer steps lie
 * between its component and what the test asks for, the more files it touches, and the more often changes of its component
 * did harm. Undefined: nothing tells them apart.
 */
export function scoresOf(
  line: readonly LinkedChange[],
  requirement: string,
  steps: readonly StepSpec[],
  past: ReadonlyMap<string, PastHarm>,
): readonly number[] | undefined {
  const far = distances(requirement, steps);
  const scores = line.map(({ component, facts }) => {
    const { changes, blamed } = past.get(component) ?? { changes: 0, blamed: 0 };
    const harm = (blamed + BEFORE.blamed) / (changes + BEFORE.changes);
    const files = facts.files?.length ?? 0;
    return (harm * (1 + Math.log2(1 + files))) / (far.get(component) ?? FARTHEST);
  });
  return scores.every((score) => score === scores[0]) ? undefined : scores;
}

/** How many steps lie between each component and what a requirement asks for: 1 where a step that gives it takes the component itself. */
export function distances(requirement: string, steps: readonly StepSpec[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const asked = new Set<string>();
  let open = [requirement];
  for (let distance = 1; open.length > 0; distance++) {
    const tags = open
      .flatMap((text) => clausesOf(fromCanonical(text)))
      .flatMap((clause) => tagsOf(clause))
      .filter((tag) => !asked.has(tag));
    for (const tag of tags) asked.add(tag);
    const givers = steps.filter((step) => tags.some((tag) => doesGive(step, tag)));
    for (const component of givers.flatMap((step) => componentsOf(step)))
      if (!found.has(component)) found.set(component, distance);
    open = givers.map(({ needs }) => needs);
  }
  return found;
}

/** Searches do not stay with a state for more runs of the test than that. */
const DEAREST = 50;

/** What it costs to bring a host into another state, in runs of the test; undefined: nobody has seen how long it runs. */
export function switchingOf(switchS: number, runS: number | undefined): number | undefined {
  if (runS === undefined) return undefined;
  return Math.min(DEAREST, Math.round(switchS / Math.max(1, runS)));
}
