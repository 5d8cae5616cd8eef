import { digestOf } from './digest.js';
import { nearest } from './language/nearest.js';
import { canonical, fromCanonical, normal, type Requirement, TAG_NAME, tagsOf } from './requirement.js';
import type { Alias, Catalogue, TagSpec } from './tag.js';

/** Something wrong with an entry of the catalogue, by its name. */
export interface CatalogueProblem {
  readonly name: string;
  readonly message: string;
}

/** Words of the language, which can be no names. */
const KEYWORDS: ReadonlySet<string> = new Set(['not', 'and', 'or']);
/** Aliases that stand for aliases, and tags that follow from tags: at most so deep, and so long when written out. */
const MOST_DEPTH = 40;
const MOST_PARTS = 500;
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
  const expanded = expandAliases(written, find, problems);
  const names = [...specs.keys(), ...written.keys()].sort();
  for (const spec of specs.values()) problems.push(...formulaProblems(spec, find, names));
  problems.push(...circles(specs));
  if (problems.length > 0) return { problems };
  return { catalogue: { find, alias: (name) => expanded.get(name), names } };
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

/** Every alias with the aliases in it written out. */
function expandAliases(
  aliases: ReadonlyMap<string, Alias>,
  find: Catalogue['find'],
  problems: CatalogueProblem[],
): ReadonlyMap<string, Alias> {
  const done = new Map<string, { readonly alias: Alias; readonly is: Requirement; readonly parts: number }>();
  const NEVER: Requirement = { kind: 'any', of: [] };
  const names = [...aliases.keys()];
  const expand = (alias: Alias, within: readonly string[]): { is: Requirement; parts: number } => {
    const known = done.get(alias.name);
    if (known !== undefined) return known;
    const flaw = (message: string) => {
      problems.push({ name: alias.name, message });
      return { is: NEVER, parts: 1 };
    };
    if (within.includes(alias.name)) {
      const circle = [...within.slice(within.indexOf(alias.name)), alias.name].join(' -> ');
      return flaw(`'${alias.name}' stands for itself: ${circle}`);
    }
    if (within.length >= MOST_DEPTH)
      return flaw(`'${alias.name}' is named by aliases more than ${MOST_DEPTH} deep`);
    let parts = 0;
    const replace = (part: Requirement): Requirement => {
      parts += 1;
      if (part.kind === 'not') return { kind: 'not', of: replace(part.of) };
      if (part.kind === 'all' || part.kind === 'any') return { kind: part.kind, of: part.of.map(replace) };
      const inner = part.kind === 'tag' ? aliases.get(part.name) : undefined;
      if (inner === undefined) {
        if (find(part.name) === undefined)
          flaw(`'${alias.name}' stands for an unknown tag: ${unknown(part.name, names)}`);
        return part;
      }
      const expansion = expand(inner, [...within, alias.name]);
      parts += expansion.parts;
      return parts > MOST_PARTS ? NEVER : expansion.is;
    };
    const written = replace(fromCanonical(alias.is));
    const tooLong = parts > MOST_PARTS;
    if (tooLong) flaw(`'${alias.name}' has more than ${MOST_PARTS} parts when written out`);
    const is = tooLong ? NEVER : normal(written);
    const result = { alias: { ...alias, is: canonical(is) }, is, parts: tooLong ? 1 : parts };
    done.set(alias.name, result);
    return result;
  };
  for (const alias of aliases.values()) expand(alias, []);
  return new Map([...done].map(([name, { alias }]) => [name, alias]));
}

function formulaProblems(
  { name, source }: TagSpec,
  find: Catalogue['find'],
  names: readonly string[],
): readonly CatalogueProblem[] {
  if (source.by !== 'formula') return [];
  return tagsOf(fromCanonical(source.is))
    .filter((tag) => find(tag) === undefined)
    .map((tag) => ({ name, message: `'${name}' follows from an unknown tag: ${unknown(tag, names)}` }));
}

function unknown(tag: string, names: readonly string[]): string {
  const near = nearest(tag, names);
  return near === undefined ? `'${tag}'` : `'${tag}'; did you mean '${near}'?`;
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
