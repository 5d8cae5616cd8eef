import type { Versions } from '../baseline.js';
import { componentsOf } from '../baseline.js';
import { clausesOf, fromCanonical, tagsOf } from '../requirement.js';
import { doesGive, type StepSpec } from '../step.js';
import { type LinkedChange, versionsAt } from './line.js';

/** What everything on a line is at where only these changes of it are in. */
export function versionsWith(line: readonly LinkedChange[], left: readonly LinkedChange[]): Versions {
  return { ...versionsAt(line, 0), ...versionsAt(left, left.length) };
}

/**
 * Whether a test's host is brought to what it needs by a step that takes one of these components, itself or through
 * what other steps need: nothing else can tell whether a change of them does harm.
 */
export function dependsOn(
  requirement: string,
  components: ReadonlySet<string>,
  steps: readonly StepSpec[],
): boolean {
  const asked = new Set<string>();
  const wants = (text: string): boolean =>
    clausesOf(fromCanonical(text))
      .flatMap((clause) => tagsOf(clause))
      .some((tag) => {
        if (asked.has(tag)) return false;
        asked.add(tag);
        return steps.some(
          (step) =>
            doesGive(step, tag) &&
            (componentsOf(step).some((one) => components.has(one)) || wants(step.needs)),
        );
      });
  return wants(requirement);
}

/** Whether a change is one of this very test: what it does depends on nothing more. */
export function isOfTest(
  { kind, component }: Pick<LinkedChange, 'kind' | 'component'>,
  test: string,
): boolean {
  return kind === 'test' && component.slice(component.indexOf('/') + 1) === test;
}

/** Changes that one cannot be put in without, by what they depend on, itself not among them. */
export function neededFor(line: readonly LinkedChange[], change: LinkedChange): readonly LinkedChange[] {
  const found = new Set<LinkedChange>();
  const nameOf = ({ component, facts }: LinkedChange) =>
    facts.name ?? component.split('/').at(-1) ?? component;
  const open = [change];
  for (let one = open.pop(); one !== undefined; one = open.pop())
    for (const { package: name, version } of one.facts.depends ?? [])
      for (const other of version === undefined ? [] : line)
        if (other !== change && !found.has(other) && nameOf(other) === name) {
          found.add(other);
          open.push(other);
        }
  return line.filter((one) => found.has(one));
}
