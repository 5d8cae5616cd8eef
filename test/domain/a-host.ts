import type { HostFacts, StackEntry } from '../../src/domain/host.js';
import { LAYERS } from '../../src/domain/layer.js';
import type { Candidate } from '../../src/domain/plan/fit.js';
import type { Presence } from '../../src/domain/requirement.js';
import type { StepSpec } from '../../src/domain/step.js';

/** A host whose tags are what is said; all else is absent. Every layer of it may be changed. */
export function facts(
  tags: Readonly<Record<string, Presence>> = {},
  more: Partial<HostFacts> = {},
): HostFacts {
  const stack = more.stack ?? [];
  const produced = new Set(stack.flatMap((entry) => entry.gives));
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
    presenceOf: (tag) => tags[tag] ?? (produced.has(tag) ? 'present' : 'absent'),
    ...more,
  };
}

/** A host as planning sees it. */
export function candidate(
  tags: Readonly<Record<string, Presence>> = {},
  more: Partial<Candidate> = {},
): Candidate {
  return { ...facts(tags, more), okAttempt: '0', ...more };
}

/** What a stack holds, of a step. */
export function entry({ layer, name, gives }: StepSpec): StackEntry {
  return { layer, step: name, key: `key of ${name}`, gives };
}
