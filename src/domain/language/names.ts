import { fromCanonical, type Operator, type Requirement, TAG_NAME } from '../requirement.js';
import type { Catalogue, TagSpec } from '../tag.js';
import { nearest } from './nearest.js';
import { shown } from './tokens.js';

/** What a name in a requirement stands for. */
type Named =
  | { readonly kind: 'tag'; readonly spec: TagSpec }
  /** An alias; one that is no more than another name of a tag is that tag. */
  | { readonly kind: 'formula'; readonly is: Requirement; readonly text: string };

/** What the catalogue has by this very name. */
export function named(name: string, catalogue: Catalogue): Named | undefined {
  // A family is no tag itself, and its '*' no letter of a name.
  if (!TAG_NAME.test(name)) return undefined;
  const alias = catalogue.alias(name);
  if (alias === undefined) {
    const spec = catalogue.find(name);
    return spec === undefined ? undefined : { kind: 'tag', spec };
  }
  const is = fromCanonical(alias.is);
  const spec = is.kind === 'tag' ? catalogue.find(is.name) : undefined;
  return spec === undefined ? { kind: 'formula', is, text: alias.is } : { kind: 'tag', spec };
}

/** A tag that has values. */
export type Valued = Exclude<TagSpec, { kind: 'flag' | 'device' }>;

/** `kernel-3.3.10+`, taken apart. */
interface Dashed {
  readonly spec: Valued;
  readonly operator: Operator;
  readonly value: string;
  /** Where in the word the value begins. */
  readonly at: number;
}

/** Longest word in which a name and a value are looked for. */
const LONGEST = 300;

/** Reads the dash form: the longest name with values in the catalogue that stands before a dash wins. */
export function dashed(word: string, catalogue: Catalogue): Dashed | undefined {
  for (const dash of dashesOf(word)) {
    const tag = named(word.slice(0, dash), catalogue);
    const value = word.slice(dash + 1).replace(/\+$/, '');
    if (tag?.kind !== 'tag' || value === '') continue;
    if (tag.spec.kind === 'flag' || tag.spec.kind === 'device') continue;
    return { spec: tag.spec, operator: word.endsWith('+') ? '>=' : '=', value, at: dash + 1 };
  }
  return undefined;
}

/** Where dashes stand in a word, the last one first. */
function dashesOf(word: string): readonly number[] {
  if (word.length > LONGEST) return [];
  return [...word.matchAll(/-/g)].map((found) => found.index).reverse();
}

/** Whether a word by itself would be an item. */
export function isItem(word: string, catalogue: Catalogue): boolean {
  return named(word, catalogue) !== undefined || dashed(word, catalogue) !== undefined;
}

/** What to say of a word that is no tag of the catalogue. */
export function unknownName(word: string, catalogue: Catalogue): string {
  const flaw = malformed(word);
  // A version may have letters that no name has: of `kernle-5.4~rc1+` the name is still to be found.
  const hint = word.includes(',') || word.length > LONGEST ? undefined : hintFor(word, catalogue);
  if (flaw !== undefined && hint === undefined) return flaw;
  return `unknown tag '${shown(word)}': ${hint ?? 'the catalogue has no such tag'}`;
}

/** What is wrong with a word as a name; undefined: it could be one. */
export function malformed(word: string): string | undefined {
  if (TAG_NAME.test(word)) return undefined;
  if (word.includes(',')) return `'${shown(word)}' is not understood: one item per line, without commas`;
  const rule = 'letters, digits and . _ : + -, beginning with a letter, at most 100';
  return `'${shown(word)}' is not understood: an item begins with the name of a tag (${rule})`;
}

function hintFor(word: string, catalogue: Catalogue): string | undefined {
  const names = catalogue.names.filter((name) => !name.endsWith(':*'));
  const cuts = dashesOf(word).map((dash) => ({ name: word.slice(0, dash), rest: shown(word.slice(dash)) }));
  for (const { name, rest } of cuts) {
    const tag = named(name, catalogue);
    if (tag?.kind === 'tag' && tag.spec.kind === 'flag') return `${name} is a flag and has no value`;
    if (tag?.kind === 'tag' && tag.spec.kind === 'device')
      return `${name} is a device: write '${name} ${rest.slice(1)}'`;
  }
  const near = nearest(word, names);
  if (near !== undefined) return `did you mean '${near}'?`;
  for (const { name, rest } of cuts) {
    const likely = nearest(name, names);
    const spec = likely === undefined ? undefined : catalogue.find(likely);
    if (spec !== undefined && spec.kind !== 'flag' && spec.kind !== 'device')
      return `did you mean '${likely}${rest}'?`;
  }
  return undefined;
}
