import type { DeclaredTag } from '../inventory.js';
import { nearest } from '../language/nearest.js';
import { type Part, parse } from '../language/syntax.js';
import { Refused, shown, spelled } from '../language/tokens.js';
import { placeText } from '../requirement.js';
import type { Catalogue, TagSpec, Value } from '../tag.js';
import { valueProblem } from '../value.js';

/** What came of reading a declaration: the tag with its value, or what is wrong with it. */
export type Declared = { readonly tag: DeclaredTag; readonly spec: TagSpec } | { readonly problem: string };

/** Longest value that is declared or given. */
const LONGEST_VALUE = 500;

/**
 * Reads what is declared of a host or given by a step: `root`, `windows = 7sp1`, or a device, its id, place and
 * attributes: `pci 10de:1b80 @ 01:00.0 driver=nvidia`.
 */
export function readDeclared(text: string, catalogue: Catalogue): Declared {
  if (text === '') return { problem: 'empty item: write a tag, or leave it out' };
  if (text.length > 2000) return { problem: 'a declaration has at most 2000 characters' };
  try {
    const tree = parse(text, 1);
    if (tree.kind !== 'item')
      return {
        problem: `'${shown(text)}' is a formula: what is declared is one tag, such as 'memory = 16GiB'`,
      };
    const name = tree.name.text;
    const alias = catalogue.alias(name);
    if (alias !== undefined)
      return { problem: `'${name}' is an alias: declare what it stands for, ${shown(alias.is)}` };
    const spec = catalogue.find(name);
    if (spec === undefined) return { problem: unknownTag(name, catalogue.names) };
    if (spec.source.by === 'formula')
      return { problem: `'${name}' follows from other tags (${shown(spec.source.is)}): declare those` };
    if (name.endsWith(':*')) return { problem: `'${name}' stands for many tags: name one of them` };
    return ofKind(spec, tree.parts);
  } catch (error) {
    if (error instanceof Refused) return { problem: error.message };
    throw error;
  }
}

/** The one spelling of a declaration; it reads back. */
export function declaredText({ tag, place, raw, attributes }: DeclaredTag): string {
  if (attributes === undefined) return raw === '' ? tag : `${tag} = ${spelled(raw)}`;
  const { id, ...others } = attributes;
  return [
    tag,
    ...(id === undefined ? [] : [spelled(id)]),
    ...(place === '' ? [] : [`@ ${spelled(place)}`]),
    ...Object.entries(others).map(([name, value]) => `${name} = ${spelled(value)}`),
  ].join(' ');
}

/** Declarations in their one order, by tag and place. */
export function inOrder(tags: readonly DeclaredTag[]): readonly DeclaredTag[] {
  const key = ({ tag, place }: DeclaredTag) => `${tag} ${place}`;
  return [...tags].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** What to say of a tag that is not in the catalogue. */
function unknownTag(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  const hint = near === undefined ? 'the catalogue has no such tag' : `did you mean '${near}'?`;
  return `unknown tag '${shown(name)}': ${hint}`;
}

function ofKind(spec: TagSpec, parts: readonly Part[]): Declared {
  const { name } = spec;
  switch (spec.kind) {
    case 'flag':
      return parts.length > 0
        ? { problem: `'${name}' is a flag: it is there or not, and has no value` }
        : { spec, tag: { tag: name, place: '', raw: '' } };
    case 'device':
      return device(spec, parts);
    case 'version':
    case 'quantity':
    case 'text': {
      const [only, second] = parts;
      if (only?.kind !== 'test' || only.attribute !== undefined || second !== undefined)
        return { problem: `'${name}' has one value: write '${name} = VALUE'` };
      if (only.operator !== '=') return { problem: `a declared value is exact: write '${name} = VALUE'` };
      const problem = flawOf(spec, only.value.text);
      return problem === undefined
        ? { spec, tag: { tag: name, place: '', raw: only.value.text } }
        : { problem };
    }
  }
}

function device(spec: TagSpec & { readonly kind: 'device' }, parts: readonly Part[]): Declared {
  const { name } = spec;
  let id: string | undefined;
  let place = '';
  const attributes = new Map<string, string>();
  for (const part of parts) {
    if (part.kind === 'count') return { problem: `declare each '${name}' by itself, with its place` };
    if (part.kind === 'place') {
      if (place !== '') return { problem: `'${name}' is in one place` };
      place = placeText(part.place.text);
      if (place === '' || place.length > LONGEST_VALUE) return { problem: `after '@' comes a place` };
    } else if (part.kind === 'word') {
      if (id !== undefined)
        return { problem: `'${shown(part.word.text)}' is too much: '${name}' has one id` };
      id = part.word.text.toLowerCase();
      if (id === '' || id.length > LONGEST_VALUE || id.includes('*'))
        return { problem: `'${shown(id)}' is no id of a device` };
    } else {
      const attribute = part.attribute?.text;
      const problem = attributeProblem(spec, attribute, part.operator, part.value.text);
      if (problem !== undefined) return { problem };
      if (attribute === undefined || attributes.has(attribute))
        return { problem: `'${shown(attribute ?? '')}' stands twice` };
      attributes.set(attribute, part.value.text);
    }
  }
  const others = [...attributes].sort(([a], [b]) => (a < b ? -1 : 1));
  const all = Object.fromEntries([...(id === undefined ? [] : [['id', id] as const]), ...others]);
  return { spec, tag: { tag: name, place, raw: id ?? '', attributes: all } };
}

function attributeProblem(
  spec: TagSpec & { readonly kind: 'device' },
  attribute: string | undefined,
  operator: string,
  value: string,
): string | undefined {
  const known = Object.keys(spec.attributes);
  if (attribute === undefined)
    return `'${spec.name}' is a device: write its id, '@ PLACE' and attributes (${known.join(', ')})`;
  if (operator !== '=') return `a declared value is exact: write '${shown(attribute)} = VALUE'`;
  if (attribute === 'id')
    return `the id of '${spec.name}' stands behind the name: '${spec.name} ${shown(value)}'`;
  const kind = Object.hasOwn(spec.attributes, attribute) ? spec.attributes[attribute] : undefined;
  if (kind !== undefined) return flawOf(kind, value);
  const near = nearest(attribute, known);
  const hint = near === undefined ? `it has ${known.join(', ') || 'none'}` : `did you mean '${near}'?`;
  return `'${spec.name}' has no attribute '${shown(attribute)}': ${hint}`;
}

function flawOf(value: Value, text: string): string | undefined {
  if (text.trim() === '') return 'the value is empty';
  if (text.length > LONGEST_VALUE) return `a value has at most ${LONGEST_VALUE} characters`;
  return valueProblem(value, text);
}
