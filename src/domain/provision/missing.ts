import type { HostFacts } from '../host.js';
import type { Presence } from '../requirement.js';
import { needsOf, type StepSpec } from '../step.js';

/** A tag that a host has not got and that nothing may give it. */
export interface Missing {
  readonly tag: string;
  readonly presence: Exclude<Presence, 'present'>;
  readonly why: string;
}

/**
 * The first tag that a host lacks and that no step that may run there gives, even through what that step needs;
 * one that is known to be absent before one that is only not known. Undefined: each can be given.
 */
export function whatIsMissing(
  tags: readonly string[],
  host: HostFacts,
  allowed: readonly StepSpec[],
  steps: readonly StepSpec[],
): Missing | undefined {
  const missing = (tag: string, above: readonly string[]): Missing | undefined => {
    const presence = host.presenceOf(tag);
    if (presence === 'present') return undefined;
    const givers = allowed.filter((step) => step.gives.includes(tag) && !above.includes(step.name));
    const self: Missing = { tag, presence, why: whyMissing(tag, presence, host, steps) };
    if (givers.length === 0) return self;
    const ways = givers.map((step) =>
      worst(needsOf(step).map((need) => missing(need, [...above, step.name]))),
    );
    if (ways.includes(undefined)) return undefined;
    if (presence === 'unknown') return self;
    // Where one way may still turn out to be open the tag is not out of reach for good.
    return ways.find((way) => way?.presence === 'unknown') ?? ways[0];
  };
  return worst(tags.map((tag) => missing(tag, [])));
}

function worst(found: readonly (Missing | undefined)[]): Missing | undefined {
  return found.find((m) => m?.presence === 'absent') ?? found.find((m) => m !== undefined);
}

function whyMissing(
  tag: string,
  presence: Missing['presence'],
  host: HostFacts,
  steps: readonly StepSpec[],
): string {
  const giver = steps.find((step) => step.gives.includes(tag));
  const known = presence === 'unknown' ? 'is not known there' : 'is not there';
  if (giver === undefined) return `${tag} ${known} and no step gives it`;
  return `${tag} ${known}, and step ${giver.name} (layer ${giver.layer}) may not run on ${host.name}`;
}
