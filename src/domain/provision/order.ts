import type { HostFacts, StackEntry } from '../host.js';
import { LAYERS, reaches } from '../layer.js';
import { isRestore, needsOf, type StepSpec } from '../step.js';

/** A step that cannot run after the others of its set, and what it still needs. */
export interface Stuck {
  readonly step: StepSpec;
  readonly needs: readonly string[];
}

/**
 * The order to run steps in: lower layers first, within a layer restores first, then whatever has what it needs, by
 * name. `stuck` are those that never get what they need this way.
 */
export function inOrder(
  chosen: readonly StepSpec[],
  host: HostFacts,
): { readonly order: readonly StepSpec[]; readonly stuck: readonly Stuck[] } {
  const order: StepSpec[] = [];
  const waiting = [...chosen].sort(byPlace);
  const unmet = (step: StepSpec) =>
    needsOf(step).filter((tag) => {
      if (order.some((before) => before.gives.includes(tag))) return false;
      const others = chosen.filter((other) => other !== step && reaches(other.layer, step.layer));
      return host.presenceOf(tag) !== 'present' || lost(tag, host, others);
    });
  for (;;) {
    const layer = waiting[0]?.layer;
    const next = waiting.findIndex((step) => step.layer === layer && unmet(step).length === 0);
    const [step] = next < 0 ? [] : waiting.splice(next, 1);
    if (step === undefined) break;
    order.push(step);
  }
  const stuck = waiting.filter((step) => step.layer === waiting[0]?.layer);
  return { order, stuck: stuck.map((step) => ({ step, needs: unmet(step) })) };
}

/** True where a tag that a host has comes from its stack, and these steps take away all that gives it. */
export function lost(tag: string, host: HostFacts, steps: readonly StepSpec[]): boolean {
  const givers = host.stack.filter((entry) => entry.gives.includes(tag));
  return givers.length > 0 && givers.every((entry) => steps.some((step) => voids(step, entry)));
}

/** Whether carrying out a step takes an entry off the stack. */
function voids(step: StepSpec, entry: StackEntry): boolean {
  if (step.layer === entry.layer) return isRestore(step) || step.name === entry.step;
  return reaches(step.layer, entry.layer);
}

function byPlace(a: StepSpec, b: StepSpec): number {
  return (
    LAYERS.indexOf(a.layer) - LAYERS.indexOf(b.layer) ||
    Number(isRestore(b)) - Number(isRestore(a)) ||
    (a.name < b.name ? -1 : 1)
  );
}
