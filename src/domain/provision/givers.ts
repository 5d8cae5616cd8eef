import type { HostFacts } from '../host.js';
import { factsWith, holds } from '../match/holds.js';
import { fromCanonical, normal, type Requirement } from '../requirement.js';
import { doesGive, isRestore, type StepSpec } from '../step.js';
import type { TagFacts } from '../tag.js';
import { voids } from './after.js';

const NOTHING_KNOWN: TagFacts = () => ({ presence: 'unknown' });

/** What decides a formula that cannot be taken apart further: a tag, a comparison or a device, or the contrary. */
export type Literal = Exclude<Requirement, { kind: 'all' | 'any' }>;

/**
 * The formula behind a literal about a derived tag; undefined where it is about one that is seen or given. `within`
 * are the derived tags that led here.
 */
export function behind(
  literal: Literal,
  host: HostFacts,
  within: readonly string[],
): Requirement | undefined {
  const tag = tagOf(literal);
  const source = host.catalogue.find(tag)?.source;
  if (source?.by !== 'formula' || within.includes(tag)) return undefined;
  const formula = fromCanonical(source.is);
  return literal.kind === 'not' ? normal({ kind: 'not', of: formula }) : formula;
}

/** The tag that a literal is about. */
export function tagOf(literal: Literal): string {
  if (literal.kind !== 'not') return literal.name;
  const { of } = literal;
  return of.kind === 'all' || of.kind === 'any' ? '' : of.kind === 'not' ? tagOf(of) : of.name;
}

/**
 * The steps after which a literal could hold: those that give its tag so that it does, and of `not x` the restores
 * that take away what gave x.
 */
export function giversOf(literal: Literal, host: HostFacts, steps: readonly StepSpec[]): readonly StepSpec[] {
  const tag = tagOf(literal);
  return steps.filter((step) => {
    if (doesGive(step, tag))
      return holds(literal, factsWith(NOTHING_KNOWN, step.gives), host.catalogue) === 'yes';
    if (literal.kind !== 'not' || !isRestore(step)) return false;
    return host.stack.some((entry) => doesGive(entry, tag) && voids(step, entry));
  });
}

/** Steps of which at least one must join before a formula can hold that does not hold by these facts. */
export function stepsToward(
  requirement: Requirement,
  facts: TagFacts,
  host: HostFacts,
  steps: readonly StepSpec[],
  within: readonly string[] = [],
): readonly StepSpec[] {
  switch (requirement.kind) {
    case 'all': {
      const first = requirement.of.find((part) => holds(part, facts, host.catalogue) !== 'yes');
      return first === undefined ? [] : stepsToward(first, facts, host, steps, within);
    }
    case 'any':
      return requirement.of.flatMap((part) => stepsToward(part, facts, host, steps, within));
    default: {
      const formula = behind(requirement, host, within);
      if (formula === undefined) return giversOf(requirement, host, steps);
      return stepsToward(formula, facts, host, steps, [...within, tagOf(requirement)]);
    }
  }
}
