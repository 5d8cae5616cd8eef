import { versionedSteps } from '../baseline.js';
import type { HostFacts, StackEntry } from '../host.js';
import { reaches } from '../layer.js';
import { factTagsOf } from '../match/holds.js';
import { doesGive, needsOf, type StepSpec } from '../step.js';
import { keyOf } from './chain.js';

/** True where a host carries something whose versions may not be those that are wanted. */
export function carriesVersions({ stack }: HostFacts, steps: readonly StepSpec[]): boolean {
  const versioned = versionedSteps(steps);
  return versioned.size > 0 && stack.some(({ step }) => versioned.has(step));
}

/**
 * A host as it counts for these steps, whose versions are said: what it carries of a step at other versions is not
 * what the step would give now, nor is what stands on that. The same host where all of it is.
 */
export function withoutOutdated<Host extends HostFacts>(host: Host, steps: readonly StepSpec[]): Host {
  if (!carriesVersions(host, steps)) return host;
  const kept: StackEntry[] = [];
  const outdated: StackEntry[] = [];
  for (const entry of host.stack)
    (isOutdated(entry, kept, outdated, host, steps) ? outdated : kept).push(entry);
  if (outdated.length === 0) return host;
  const isLost = (tag: string) =>
    outdated.some((entry) => doesGive(entry, tag)) && !kept.some((entry) => doesGive(entry, tag));
  return {
    ...host,
    stack: kept,
    facts: (tag) => (isLost(tag) ? { presence: 'absent' } : host.facts(tag)),
  };
}

function isOutdated(
  entry: StackEntry,
  kept: readonly StackEntry[],
  outdated: readonly StackEntry[],
  { catalogue }: HostFacts,
  steps: readonly StepSpec[],
): boolean {
  const step = steps.find(({ name }) => name === entry.step);
  const needs = step === undefined ? [] : factTagsOf(needsOf(step), catalogue);
  const standsOn = (other: StackEntry) =>
    other.layer === entry.layer
      ? needs.some((tag) => doesGive(other, tag))
      : reaches(other.layer, entry.layer);
  if (outdated.some(standsOn)) return true;
  const wanted = versionedSteps(steps).get(entry.step);
  return wanted !== undefined && keyOf(wanted, kept, catalogue) !== entry.key;
}
