import type { HostFacts } from '../host.js';
import { LAYERS, reaches } from '../layer.js';
import { holds } from '../match/holds.js';
import { clausesOf, type Requirement } from '../requirement.js';
import { clearsItsLayer, disagree, needsOf, type StepSpec } from '../step.js';
import type { TagFacts } from '../tag.js';
import { factsAfter, isUndoneBy } from './after.js';

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
 * The order to run steps in: lower layers first, within a layer restores and reboots first, then whatever has what it needs, by
 * name. One that takes from another of its layer what that needs (`not x`) waits for it, and so does one of which
 * something would decay by the other; of two that give a tag differently the one chosen later has the last word.
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
  const mustPrecede = (other: StepSpec, step: StepSpec) =>
    (disagree(step, other) && chosen.indexOf(other) < chosen.indexOf(step)) ||
    (isUndoneBy(step, other, host) && !isUndoneBy(other, step, host));
  for (;;) {
    const layer = waiting[0]?.layer;
    // What a step of its layer gave before it a restore or a reboot would take away.
    const clearing = waiting.filter((step) => step.layer === layer && clearsItsLayer(step));
    const turn = clearing.length > 0 ? clearing : waiting.filter((step) => step.layer === layer);
    const ready = turn.filter((step) => unmet(step, order).length === 0);
    const harms = (step: StepSpec) =>
      ready.some((other) => other !== step && unmet(other, [...order, step]).length > 0);
    const isEarly = (step: StepSpec) => turn.some((other) => other !== step && mustPrecede(other, step));
    const next = ready.find((step) => !harms(step) && !isEarly(step)) ?? ready[0];
    if (next === undefined) break;
    order.push(next);
    waiting.splice(waiting.indexOf(next), 1);
  }
  const stuck = waiting.filter((step) => step.layer === waiting[0]?.layer);
  return {
    order,
    stuck: stuck.map((step) => ({ step, needs: unmet(step, order), facts: factsAt(step, order) })),
    all: [...order, ...chosen.filter((step) => waiting.includes(step)).sort(byLayer)],
  };
}

function byPlace(a: StepSpec, b: StepSpec): number {
  return byLayer(a, b) || (a.name < b.name ? -1 : 1);
}

function byLayer(a: StepSpec, b: StepSpec): number {
  return (
    LAYERS.indexOf(a.layer) - LAYERS.indexOf(b.layer) || Number(clearsItsLayer(b)) - Number(clearsItsLayer(a))
  );
}
