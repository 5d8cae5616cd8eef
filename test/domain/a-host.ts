import type { HostFacts, StackEntry } from '../../src/domain/host.js';
import { LAYERS } from '../../src/domain/layer.js';
import { factsWith } from '../../src/domain/match/holds.js';
import type { Candidate } from '../../src/domain/plan/candidate.js';
import type { StepSpec } from '../../src/domain/step.js';
import type { StepAction } from '../../src/domain/step-action.js';
import type { Catalogue, Presence, Sighting, TagFacts } from '../../src/domain/tag.js';
import { tag } from './a-catalogue.js';

/** What a host is said to have: a presence, the one value of a tag, or all that was seen. */
export type Said = Readonly<Record<string, Presence | { readonly is: string } | Sighting>>;

/** A catalogue in which every name is a flag. */
export const FLAGS_ONLY: Catalogue = { find: (name) => tag(name), alias: () => undefined, names: [] };

/** The facts that are said; all else is absent. */
export function known(said: Said): TagFacts {
  return (name) => {
    const one = said[name] ?? 'absent';
    if (one === 'present') return { presence: one, instances: [{ place: '', raw: '' }] };
    if (typeof one === 'string') return { presence: one };
    return 'is' in one ? { presence: 'present', instances: [{ place: '', raw: one.is }] } : one;
  };
}

/** A host whose tags are what is said, and what its stack gives; all else is absent. Every layer may be changed. */
export function facts(said: Said = {}, more: Partial<HostFacts> = {}): HostFacts {
  const stack = more.stack ?? [];
  const own = known(said);
  const produced = factsWith(
    own,
    stack.flatMap((entry) => entry.gives),
  );
  return {
    id: '1',
    name: 'one',
    pool: 'default',
    type: 'generic',
    seats: 1,
    expendable: LAYERS,
    canRestore: true,
    offline: false,
    health: 'good',
    healthWhy: 'new',
    isolated: false,
    stack,
    used: false,
    facts: (name) => (name in said ? own(name) : produced(name)),
    catalogue: FLAGS_ONLY,
    ...more,
  };
}

/** A host as planning sees it. */
export function candidate(said: Said = {}, more: Partial<Candidate> = {}): Candidate {
  return { ...facts(said, more), okAttempt: '0', ...more };
}

/** What a stack holds, of a step. */
export function entry({ layer, name, gives }: StepSpec): StackEntry {
  return { layer, step: name, key: `key of ${name}`, gives };
}

/** What puts in the package of each of these components, at the version that counts. */
export function packagesOf(...components: readonly string[]): Extract<StepAction, { kind: 'packages' }> {
  const install = components.map((component) => ({ name: component.split('/')[1] ?? component, component }));
  return { kind: 'packages', by: 'apt', install, remove: [], hold: [], unhold: [], files: [], from: [] };
}
