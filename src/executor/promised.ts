import { makeCatalogue } from '../domain/catalogue.js';
import { holds } from '../domain/match/holds.js';
import { misses } from '../domain/match/misses.js';
import type { Promised } from '../domain/plan/promise.js';
import { fromCanonical, tagsOf } from '../domain/requirement.js';
import type { Sighting, TagFacts } from '../domain/tag.js';
import type { Seen } from './look.js';

/** Something that was promised of a host and is not so. */
export interface Broken {
  /** The first clause that does not hold, in canonical spelling. */
  readonly tag: string;
  readonly presence: 'absent' | 'unknown';
  /** In words: 'kernel is 5.10.0, needs >= 6.1'. */
  readonly why: string;
  /** The step that claims it, where one does. */
  readonly step?: string;
}

/** What of a requirement does not hold on a host as it was just seen; undefined: all of it does. */
export function brokenPromise(promised: Promised, seen: readonly Seen[]): Broken | undefined {
  const made = makeCatalogue(promised.tags, []);
  if ('problems' in made)
    return { tag: promised.requirement, presence: 'unknown', why: made.problems[0]?.message ?? '' };
  const sightings = new Map<string, Sighting>([
    ...promised.known.map(({ tag, ...sighting }): [string, Sighting] => [tag, sighting]),
    ...seen.map(({ tag, sighting }): [string, Sighting] => [tag, sighting]),
  ]);
  const facts: TagFacts = (tag) => sightings.get(tag) ?? { presence: 'unknown' };
  const requirement = fromCanonical(promised.requirement);
  if (holds(requirement, facts, made.catalogue) === 'yes') return undefined;
  const [miss] = misses(requirement, facts, made.catalogue);
  if (miss === undefined) return { tag: promised.requirement, presence: 'unknown', why: '' };
  const about = tagsOf(fromCanonical(miss.clause));
  const step = seen.find((one) => one.step !== undefined && about.includes(one.tag))?.step;
  return {
    tag: miss.clause,
    presence: miss.truth === 'no' ? 'absent' : 'unknown',
    why: miss.why,
    ...(step === undefined ? {} : { step }),
  };
}
