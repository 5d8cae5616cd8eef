import { fileURLToPath } from 'node:url';
import { readTags } from '../adapters/inventory-files.js';
import { makeCatalogue } from '../domain/catalogue.js';
import { nearest } from '../domain/language/nearest.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import { holds } from '../domain/match/holds.js';
import { promiseOf } from '../domain/plan/promise.js';
import { fromCanonical, tagsOf } from '../domain/requirement.js';
import type { Catalogue, Sighting, TagFacts } from '../domain/tag.js';
import type { PlacePlan } from '../protocol/messages.js';
import type { Knowledge } from './place.js';
import { type Lack, lacksOf } from './run-lacks.js';

/** What must be seen before a test starts, or all that it needs and that can never be here. */
export type Needs = Pick<PlacePlan, 'verify' | 'promised'> | { readonly lacks: readonly Lack[] };

/** The catalogue that comes along: what every Linux machine can be asked, and the samples' own tags. */
export async function catalogueHere(): Promise<Catalogue> {
  const own = await readTags(fileURLToPath(new URL('../../inventory', import.meta.url)));
  const made = makeCatalogue([...STANDARD_TAGS, ...own], []);
  if ('problems' in made) throw new Error(made.problems[0]?.message);
  return made.catalogue;
}

/** What is known before it is looked at of a machine of which nothing is declared; nobody is root on this one. */
export function factsHere(catalogue: Catalogue, isLocal: boolean): TagFacts {
  return (tag): Sighting => {
    if (tag === 'root' && isLocal) return { presence: 'absent' };
    return { presence: catalogue.find(tag)?.source.by === 'word' ? 'absent' : 'unknown' };
  };
}

/**
 * What must be seen before a test starts that needs `requirement`, or why it cannot run here. Nothing is taken for
 * granted: a tag that nobody can look at and nobody declared is not there.
 */
export function needsOf(requirement: string, known: Knowledge, isLocal: boolean): Needs {
  const { catalogue, facts } = known;
  const formula = fromCanonical(requirement);
  const unknown = tagsOf(formula).filter((name) => catalogue.find(name) === undefined);
  if (unknown.length > 0) return { lacks: unknown.map((name) => unheardOf(name, catalogue)) };
  if (holds(formula, facts, catalogue) === 'no')
    return { lacks: lacksOf(requirement, facts, known, isLocal).filter(({ isSure }) => isSure) };
  const { promised, sights } = promiseOf(requirement, catalogue, facts);
  return { verify: sights, promised };
}

function unheardOf(name: string, catalogue: Catalogue): Lack {
  const near = nearest(name, catalogue.names);
  const why = `needs ${name}: nothing here knows how to see it`;
  return {
    clause: name,
    isSure: true,
    why,
    ...(near === undefined ? {} : { hint: `did you mean '${near}'?` }),
  };
}
