import { fileURLToPath } from 'node:url';
import { readTags } from '../adapters/inventory-files.js';
import { makeCatalogue } from '../domain/catalogue.js';
import { nearest } from '../domain/language/nearest.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import { holds } from '../domain/match/holds.js';
import { misses } from '../domain/match/misses.js';
import { promiseOf } from '../domain/plan/promise.js';
import { fromCanonical, tagsOf } from '../domain/requirement.js';
import type { Catalogue, Sighting, TagFacts } from '../domain/tag.js';
import type { PlacePlan } from '../protocol/messages.js';

/** The catalogue that comes along: what every Linux machine can be asked, and the samples' own tags. */
export async function catalogueHere(): Promise<Catalogue> {
  const own = await readTags(fileURLToPath(new URL('../../inventory', import.meta.url)));
  const made = makeCatalogue([...STANDARD_TAGS, ...own], []);
  if ('problems' in made) throw new Error(made.problems[0]?.message);
  return made.catalogue;
}

/**
 * What must be seen on this machine before a test starts that needs `requirement`, or why it cannot run here.
 * Nothing is taken for granted: a tag that nobody can look at is not there.
 */
export function promisedHere(
  requirement: string,
  catalogue: Catalogue,
): Pick<PlacePlan, 'verify' | 'promised'> | { readonly impossible: string } {
  const formula = fromCanonical(requirement);
  const unknown = tagsOf(formula).find((name) => catalogue.find(name) === undefined);
  if (unknown !== undefined) {
    const near = nearest(unknown, catalogue.names);
    const hint = near === undefined ? '' : ` (did you mean '${near}'?)`;
    return { impossible: `needs ${unknown}: nothing here knows how to see it${hint}` };
  }
  if (holds(formula, facts(catalogue), catalogue) === 'no') {
    const [miss] = misses(formula, facts(catalogue), catalogue);
    const clause = miss?.clause ?? requirement;
    if (clause === 'root')
      return { impossible: 'tests never run as root on the machine itself; a grid has hosts' };
    return { impossible: `needs ${clause}: only a host or a step of a grid gives it` };
  }
  const { promised, sights } = promiseOf(requirement, catalogue, facts(catalogue));
  return { verify: sights, promised };
}

/** What is known of this machine before it is looked at. */
function facts(catalogue: Catalogue): TagFacts {
  return (tag): Sighting => {
    if (tag === 'root') return { presence: 'absent' };
    return { presence: catalogue.find(tag)?.source.by === 'word' ? 'absent' : 'unknown' };
  };
}
