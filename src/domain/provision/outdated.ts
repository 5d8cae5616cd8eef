import { componentsOf, type Versions, versionedSteps } from '../baseline.js';
import type { HostFacts, StackEntry } from '../host.js';
import { reaches } from '../layer.js';
import { factTagsOf } from '../match/holds.js';
import { doesGive, givenBy, needsOf, type StepSpec } from '../step.js';
import { keyOf, mayRun } from './chain.js';

/** True where a host has something whose versions may not be those that are wanted. */
export function carriesVersions({ stack, facts }: HostFacts, steps: readonly StepSpec[]): boolean {
  const versioned = versionedSteps(steps);
  if (versioned.size === 0) return false;
  return (
    stack.some(({ step }) => versioned.has(step)) ||
    tagsAtVersions(steps).some((tag) => facts(tag).presence === 'present')
  );
}

const tagsOf = new WeakMap<readonly StepSpec[], readonly string[]>();

/** What steps that take versions from components give; every host is asked for it, and it is read once. */
function tagsAtVersions(steps: readonly StepSpec[]): readonly string[] {
  const known = tagsOf.get(steps);
  if (known !== undefined) return known;
  const given = [...versionedSteps(steps).values()].flatMap(({ gives }) =>
    gives.map((item) => givenBy(item).tag),
  );
  const tags = [...new Set(given)];
  tagsOf.set(steps, tags);
  return tags;
}

/**
 * A host as it counts for these steps, whose versions are said: what it carries of a step at other versions is not
 * what the step would give now, nor is what stands on that. What is there by no step, or by one of which nothing is
 * known any more, has no version: where `asked` says one, or where the step can put it right, it is as if it were not
 * there. The same host where all of it counts.
 */
export function withoutOutdated<Host extends HostFacts>(
  host: Host,
  steps: readonly StepSpec[],
  asked: Versions = {},
): Host {
  if (!carriesVersions(host, steps)) return host;
  const kept: StackEntry[] = [];
  const outdated: StackEntry[] = [];
  for (const entry of host.stack)
    (isOutdated(entry, kept, outdated, host, steps) ? outdated : kept).push(entry);
  const isAsked = (step: StepSpec) => componentsOf(step).some((name) => asked[name] !== undefined);
  const putting = [...versionedSteps(steps).values()].filter((step) => isAsked(step) || mayRun(step, host));
  const isKept = (tag: string) => kept.some((entry) => doesGive(entry, tag));
  const isLost = (tag: string) =>
    !isKept(tag) && [...outdated, ...putting].some((giver) => doesGive(giver, tag));
  if (outdated.length === 0 && !putting.some(({ gives }) => gives.some((item) => !isKept(givenBy(item).tag))))
    return host;
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
