import type { HostFacts } from '../host.js';
import { holds } from '../match/holds.js';
import { whyNot } from '../match/misses.js';
import { canonical, clausesOf, type Requirement } from '../requirement.js';
import { needsOf, type StepSpec } from '../step.js';
import type { Presence } from '../tag.js';
import { factsAfter } from './after.js';
import { behind, giversOf, type Literal, tagOf } from './givers.js';

/** Something that does not hold on a host and that nothing may bring about there. */
export interface Missing {
  /** In canonical spelling, a single tag as a rule. */
  readonly tag: string;
  readonly presence: Exclude<Presence, 'present'>;
  readonly why: string;
}

/**
 * The first clause that does not hold on a host and that no step that may run there brings about, even through what
 * that step needs; one that is known not to hold before one that is only not known. Undefined: each can be met.
 */
export function whatIsMissing(
  clauses: readonly Requirement[],
  host: HostFacts,
  allowed: readonly StepSpec[],
  steps: readonly StepSpec[],
): Missing | undefined {
  const facts = factsAfter(host, []);
  const missing = (
    clause: Requirement,
    above: readonly string[],
    within: readonly string[],
  ): Missing | undefined => {
    const truth = holds(clause, facts, host.catalogue);
    if (truth === 'yes') return undefined;
    if (clause.kind === 'all') return worst(clause.of.map((part) => missing(part, above, within)));
    if (clause.kind === 'any')
      return oneOf(
        clause,
        clause.of.map((part) => missing(part, above, within)),
      );
    const formula = behind(clause, host, within);
    if (formula !== undefined) return missing(formula, above, [...within, tagOf(clause)]);
    const givers = giversOf(clause, host, allowed).filter((step) => !above.includes(step.name));
    const presence = truth === 'no' ? 'absent' : 'unknown';
    const self: Missing = { tag: canonical(clause), presence, why: whyMissing(clause, host, steps) };
    if (givers.length === 0) return self;
    const ways = givers.map((step) =>
      worst(clausesOf(needsOf(step)).map((need) => missing(need, [...above, step.name], []))),
    );
    if (ways.includes(undefined)) return undefined;
    if (presence === 'unknown') return self;
    // Where one way may still turn out to be open it is not out of reach for good.
    return ways.find((way) => way?.presence === 'unknown') ?? ways[0];
  };
  return worst(clauses.map((clause) => missing(clause, [], [])));
}

function worst(found: readonly (Missing | undefined)[]): Missing | undefined {
  return found.find((m) => m?.presence === 'absent') ?? found.find((m) => m !== undefined);
}

/** None of several ways is open; where one may still turn out to be, it is not known. */
function oneOf(clause: Requirement, ways: readonly (Missing | undefined)[]): Missing | undefined {
  const all = ways.flatMap((way) => way ?? []);
  if (all.length < ways.length) return undefined;
  const open = all.find((way) => way.presence === 'unknown');
  if (open !== undefined) return open;
  return { tag: canonical(clause), presence: 'absent', why: all.map((way) => way.why).join('; ') };
}

function whyMissing(clause: Literal, host: HostFacts, steps: readonly StepSpec[]): string {
  const why = whyNot(clause, factsAfter(host, []), host.catalogue);
  const [giver] = giversOf(clause, host, steps);
  const isTag = clause.kind === 'tag';
  if (giver !== undefined)
    return `${why}${isTag ? ', and' : ':'} step ${giver.name} (layer ${giver.layer}) may not run on ${host.name}`;
  return `${why}${isTag ? ' and' : ':'} no step ${clause.kind === 'not' ? 'takes it away' : 'gives it'}`;
}
