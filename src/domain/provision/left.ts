import type { HostFacts, StackEntry } from '../host.js';
import { type Dirties, type Layer, lowest, reaches } from '../layer.js';
import { clearsItsLayer, doesGive, isRestore } from '../step.js';
import type { TagFacts } from '../tag.js';
import { factsAfter, voids } from './after.js';
import { costOn, type PlannedStep } from './chain.js';

/** What a host will be once a chain and then a test that dirties a layer have run there; undefined: as root. */
export function leftBy(
  host: HostFacts,
  chain: readonly PlannedStep[],
  dirties: Dirties = 'packages',
): HostFacts {
  if (host.isolated) return host;
  const carried = standingAfter(host.stack, chain);
  const dirt = dirties === 'nothing' ? undefined : dirties;
  const stack = carried.filter(({ layer }) => dirt === undefined || !reaches(dirt, layer));
  const dirtyFrom = lowest(dirtAfter(host.dirtyFrom, chain), dirt);
  const { dirtyFrom: _, ...rest } = host;
  return {
    ...rest,
    stack,
    used: true,
    ...(dirtyFrom === undefined ? {} : { dirtyFrom }),
    facts: factsLeft(factsAfter(host, chain), carried, stack),
  };
}

/** What keeps to be done there is worth, in expected seconds of provisioning: what a chain takes away and does not bring again. */
export function destroyedBy(host: HostFacts, chain: readonly PlannedStep[]): number {
  const lost = host.stack.filter(
    (entry) => chain.some((step) => voids(step, entry)) && !chain.some((step) => step.key === entry.key),
  );
  return worthOf(lost, host);
}

/** What a test that dirties a layer takes away of what stands when it starts, in expected seconds of provisioning. */
export function harmOf(
  host: HostFacts,
  chain: readonly PlannedStep[],
  dirties: Dirties = 'packages',
): number {
  if (dirties === 'nothing' || host.isolated) return 0;
  const lost = standingAfter(host.stack, chain).filter(({ layer }) => reaches(dirties, layer));
  return worthOf(lost, host, chain);
}

/** What stands on a host, in expected seconds of provisioning. */
export function standingWorth(host: HostFacts): number {
  return worthOf(host.stack, host);
}

function worthOf(
  entries: readonly StackEntry[],
  host: HostFacts,
  chain: readonly PlannedStep[] = [],
): number {
  return entries.reduce((sum, { step }) => {
    const planned = chain.find(({ name }) => name === step);
    return sum + (host.expectedS?.get(step) ?? (planned === undefined ? 0 : costOn(planned, host)));
  }, 0);
}

function standingAfter(stack: readonly StackEntry[], chain: readonly PlannedStep[]): readonly StackEntry[] {
  return chain.reduce(
    (standing, step) => [...standing.filter((entry) => !voids(step, entry)), entryOf(step)],
    stack,
  );
}

function entryOf({ layer, name, key, gives }: PlannedStep): StackEntry {
  return { layer, step: name, key, gives };
}

/** A restore leaves nothing of what was changed at its layer and above, and so does what clears its layer. */
function dirtAfter(dirtyFrom: Layer | undefined, chain: readonly PlannedStep[]): Layer | undefined {
  if (dirtyFrom === undefined) return undefined;
  const isRight = chain.some(
    (step) => (isRestore(step) || clearsItsLayer(step)) && reaches(step.layer, dirtyFrom),
  );
  return isRight ? undefined : dirtyFrom;
}

/** What the test takes away of what was given is not known afterwards. */
function factsLeft(facts: TagFacts, carried: readonly StackEntry[], stack: readonly StackEntry[]): TagFacts {
  if (carried.length === stack.length) return facts;
  const lost = carried.filter((entry) => !stack.includes(entry));
  return (tag) =>
    lost.some((entry) => doesGive(entry, tag)) && !stack.some((entry) => doesGive(entry, tag))
      ? { presence: 'unknown' }
      : facts(tag);
}
