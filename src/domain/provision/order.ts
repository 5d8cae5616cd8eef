import type { HostFacts } from '../host.js';
import { LAYERS, reaches } from '../layer.js';
import { holds } from '../match/holds.js';
import { clausesOf, type Requirement } from '../requirement.js';
import { isRestore, needsOf, type StepSpec } from '../step.js';
import type { TagFacts } from '../tag.js';
import { factsAfter } from './after.js';

/** A step that cannot run after the others of its set, and the clauses of its needs that are not met. */
export interface Stuck {
  readonly step: StepSpec;
  readonly needs: readonly Requirement[];
  /** What would be known when it ran. */
  readonly facts: TagFacts;
}

/** What can be made of a set of steps. */
export interface Ordered {
  /** Those that can run, in the order to run them. */
  readonly order: readonly StepSpec[];
  /** The first ones that never get what they need this way. */
  readonly stuck: readonly Stuck[];
  /** All of them, as if those could run too. */
  readonly all: readonly StepSpec[];
}

/**
 * The order to run steps in: lower layers first, within a layer restores first, then whatever has what it needs, by
 * name; one that takes from another of its layer what that needs (`not x`) waits for it.
 */
export function inOrder(chosen: readonly StepSpec[], host: HostFacts): Ordered {
  const order: StepSpec[] = [];
  const waiting = [...chosen].sort(byPlace);
  const factsAt = (step: StepSpec, before: readonly StepSpec[]) =>
    factsAfter(
      host,
      before,
      chosen.filter((other) => other !== step && reaches(other.layer, step.layer)),
    );
  const unmet = (step: StepSpec, before: readonly StepSpec[]) => {
    const needs = clausesOf(needsOf(step));
    if (needs.length === 0) return needs;
    const facts = factsAt(step, before);
    return needs.filter((clause) => holds(clause, facts, host.catalogue) !== 'yes');
  };
  for (;;) {
    const layer = waiting[0]?.layer;
    const ready = waiting.filter((step) => step.layer === layer && unmet(step, order).length === 0);
    const harms = (step: StepSpec) =>
      ready.some((other) => other !== step && unmet(other, [...order, step]).length > 0);
    const next = ready.find((step) => !harms(step)) ?? ready[0];
    if (next === undefined) break;
    order.push(next);
    waiting.splice(waiting.indexOf(next), 1);
  }
  const stuck = waiting.filter((step) => step.layer === waiting[0]?.layer);
  return {
    order,
    stuck: stuck.map((step) => ({ step, needs: unmet(step, order), facts: factsAt(step, order) })),
    all: [...order, ...waiting],
  };
}

function byPlace(a: StepSpec, b: StepSpec): number {
  return (
    LAYERS.indexOf(a.layer) - LAYERS.indexOf(b.layer) ||
    Number(isRestore(b)) - Number(isRestore(a)) ||
    (a.name < b.name ? -1 : 1)
  );
}
