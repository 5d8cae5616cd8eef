import { digestOf } from './digest.js';
import { type CatalogueProblem, Expansion, unknownTag } from './language/expansion.js';
import { fromCanonical, TAG_NAME, tagsOf } from './requirement.js';
import type { Alias, Catalogue, TagSpec } from './tag.js';

/** Words of the language, which can be no names. */
const KEYWORDS: ReadonlySet<string> = new Set(['not', 'and', 'or']);
/** Tags that follow from tags that follow from tags. */
const MOST_DEPTH = 40;
/** Members of families that are remembered: the same few are asked for again and again. */
const MOST_REMEMBERED = 5000;

/**
 * The catalogue of these tags and aliases, whose formulas are in canonical spelling and may speak of each other in any
 * order. The same entry twice is one entry; a name with two meanings, a name that is not there, and what stands for
 * or follows from itself are problems. Of a family's members one may have an entry of its own, which then counts.
 */
export function makeCatalogue(
  tags: readonly TagSpec[],
  aliases: readonly Alias[],
): { readonly catalogue: Catalogue } | { readonly problems: readonly CatalogueProblem[] } {
  const problems = [...[...tags, ...aliases].flatMap(nameProblem), ...tags.flatMap(derivedProblem)];
  const specs = onePerName(tags, problems);
  const written = onePerName(aliases, problems);
  for (const alias of written.values()) {
    const tag = findTag(alias.name, specs);
    if (tag !== undefined) problems.push(twoMeanings(tag, alias));
  }
  const find = remembering((name) => findTag(name, specs));
  const names = [...specs.keys(), ...written.keys()].sort();
  const expanded = new Expansion(written, find, names);
  problems.push(...expanded.problems);
  for (const spec of specs.values()) problems.push(...formulaProblems(spec, find, names));
  problems.push(...circles(specs));
  if (problems.length > 0) return { problems };
  return { catalogue: { find, alias: (name) => expanded.aliases.get(name), names } };
}

function nameProblem({ name }: { readonly name: string }): readonly CatalogueProblem[] {
  if (KEYWORDS.has(name)) return [{ name, message: `'${name}' is a word of the requirement language` }];
  if (TAG_NAME.test(name) || (name.endsWith(':*') && TAG_NAME.test(name.slice(0, -1)))) return [];
  const rule =
    "letters, digits and . _ : + -, beginning with a letter, at most 100; of a family with ':*' at its end";
  return [{ name, message: `'${name}' cannot be the name of a tag: ${rule}` }];
}

function derivedProblem({ name, kind, source }: TagSpec): readonly CatalogueProblem[] {
  if (source.by !== 'formula') return [];
  if (kind !== 'flag')
    return [{ name, message: `'${name}' follows from a formula, and so is a flag, not a ${kind}` }];
  if (name.endsWith(':*'))
    return [{ name, message: `'${name}' is a family, which one formula cannot tell apart` }];
  return [];
}

type Entry = { readonly name: string; readonly meaning: string; readonly owner?: string };

function onePerName<E extends Entry>(entries: readonly E[], problems: CatalogueProblem[]): Map<string, E> {
  const found = new Map<string, E>();
  for (const entry of entries) {
    const other = found.get(entry.name);
    if (other === undefined) found.set(entry.name, entry);
    else if (digestOf(other) !== digestOf(entry)) problems.push(twoMeanings(other, entry));
  }
  return found;
}

function twoMeanings(one: Entry, other: Entry): CatalogueProblem {
  const say = ({ name, meaning, owner }: Entry) =>
    `${name.endsWith(':*') ? `${name}, ` : ''}'${meaning}'${owner === undefined ? '' : ` (${owner})`}`;
  const same = say(one) === say(other) ? ', which differ in what else is said of them' : '';
  return {
    name: other.name,
    message: `'${other.name}' has two meanings: ${say(one)} and ${say(other)}${same}`,
  };
}

/** The own entry of a name, else that of the closest family, under the name asked for. */
function findTag(name: string, specs: ReadonlyMap<string, TagSpec>): TagSpec | undefined {
  const own = specs.get(name);
  if (own !== undefined || !TAG_NAME.test(name)) return own;
  for (let colon = name.lastIndexOf(':'); colon > 0; colon = name.lastIndexOf(':', colon - 1)) {
    const family = colon === name.length - 1 ? undefined : specs.get(`${name.slice(0, colon)}:*`);
    if (family !== undefined) return { ...family, name };
  }
  return undefined;
}

function remembering(find: Catalogue['find']): Catalogue['find'] {
  const known = new Map<string, TagSpec | undefined>();
  return (name) => {
    if (known.has(name)) return known.get(name);
    if (known.size >= MOST_REMEMBERED) known.clear();
    const spec = find(name);
    known.set(name, spec);
    return spec;
  };
}

function formulaProblems(
  { name, source }: TagSpec,
  find: Catalogue['find'],
  names: readonly string[],
): readonly CatalogueProblem[] {
  if (source.by !== 'formula') return [];
  return tagsOf(fromCanonical(source.is))
    .filter((tag) => find(tag) === undefined)
    .map((tag) => ({ name, message: `'${name}' follows from an unknown tag: ${unknownTag(tag, names)}` }));
}

/** Derived tags that follow from themselves, each circle once. */
function circles(specs: ReadonlyMap<string, TagSpec>): readonly CatalogueProblem[] {
  const problems: CatalogueProblem[] = [];
  const clear = new Set<string>();
  const walk = (name: string, within: readonly string[]): void => {
    const source = specs.get(name)?.source;
    if (clear.has(name) || source?.by !== 'formula') return;
    if (within.includes(name)) {
      const circle = [...within.slice(within.indexOf(name)), name].join(' -> ');
      problems.push({ name, message: `'${name}' follows from itself: ${circle}` });
      return;
    }
    if (within.length >= MOST_DEPTH)
      problems.push({ name, message: `'${name}' follows from others more than ${MOST_DEPTH} deep` });
    else for (const tag of tagsOf(fromCanonical(source.is))) walk(tag, [...within, name]);
    clear.add(name);
  };
  for (const name of specs.keys()) walk(name, []);
  return problems;
}
