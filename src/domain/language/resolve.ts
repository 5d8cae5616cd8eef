import { BUS_ID, itemMeaning, type Requirement } from '../requirement.js';
import type { Catalogue, TagSpec, Value } from '../tag.js';
import { canonicalValue, operatorProblem, valueProblem } from '../value.js';
import { dashed, isItem, malformed, named, unknownName, type Valued } from './names.js';
import { nearest } from './nearest.js';
import { excludeEachOther } from './range.js';
import type { Part, Syntax, Word } from './syntax.js';
import { Refused, shown } from './tokens.js';

type Test = Extract<Part, { kind: 'test' }>;
type Device = Extract<TagSpec, { kind: 'device' }>;

/** What one item says, by what the catalogue knows of its name; throws Refused. */
export function resolve(
  { name, parts }: Extract<Syntax, { kind: 'item' }>,
  catalogue: Catalogue | undefined,
): Requirement {
  if (catalogue === undefined) return withoutCatalogue(name, parts);
  const found = named(name.text, catalogue);
  if (found === undefined) return dashForm(name, parts, catalogue);
  if (found.kind === 'formula') {
    const [first] = parts;
    if (first === undefined) return found.is;
    refuseSecond(first, catalogue);
    throw new Refused(first.at, `${name.text} is a name for '${shown(found.text)}': nothing comes behind it`);
  }
  const { spec } = found;
  switch (spec.kind) {
    case 'flag':
      return flag(spec, parts, catalogue);
    case 'device':
      return device(spec, parts, catalogue);
    default:
      if (parts.length === 0) refuseFamilyDash(name, spec, catalogue);
      return valued(spec, parts, catalogue);
  }
}

/** Nobody knows what names mean: each is a flag. */
function withoutCatalogue(name: Word, parts: readonly Part[]): Requirement {
  const flaw = malformed(name.text);
  if (flaw !== undefined) throw new Refused(name.at, flaw);
  const [first] = parts;
  if (first?.kind === 'word') throw new Refused(first.at, tooMuch(first.word));
  if (first !== undefined)
    throw new Refused(
      first.at,
      `there is no tag catalogue here to say what ${name.text} is: only names can be asked for, nothing behind them`,
    );
  return { kind: 'tag', name: name.text };
}

function dashForm(name: Word, parts: readonly Part[], catalogue: Catalogue): Requirement {
  const found = dashed(name.text, catalogue);
  if (found === undefined) throw new Refused(name.at, unknownName(name.text, catalogue));
  const { spec, operator, value, at } = found;
  const [first] = parts;
  if (first !== undefined) {
    refuseSecond(first, catalogue);
    const whole = `${spec.name} ${operator} ${value}`;
    throw new Refused(
      first.at,
      `nothing comes behind '${shown(name.text)}': a range begins with '${shown(whole)}'`,
    );
  }
  return {
    kind: 'compare',
    name: spec.name,
    operator,
    value: checked(spec, operator, { text: value, at: name.at + at }, name.at),
  };
}

/** `pkg:*` takes in every word that begins so: one that looks like a comparison would never be met. */
function refuseFamilyDash(name: Word, spec: Valued, catalogue: Catalogue): void {
  const [, tag, value] = /^(.{1,100}?)-([0-9].*)\+$/.exec(name.text) ?? [];
  if (tag === undefined || value === undefined || catalogue.names.includes(spec.name)) return;
  throw new Refused(
    name.at,
    `'${shown(name.text)}' may be the name of a tag as a whole: write '${tag} >= ${value}'`,
  );
}

function flag({ name }: TagSpec, parts: readonly Part[], catalogue: Catalogue): Requirement {
  const [first] = parts;
  if (first === undefined) return { kind: 'tag', name };
  refuseSecond(first, catalogue);
  if (first.kind === 'word') throw new Refused(first.at, tooMuch(first.word));
  if (first.kind === 'test')
    throw new Refused(
      first.at,
      `${name} is a flag, there or not, without a value: write '${name}' or 'not ${name}'`,
    );
  throw new Refused(first.at, `${name} is a flag, there or not: '@' and 'x' ask for devices`);
}

function valued(spec: Valued, parts: readonly Part[], catalogue: Catalogue): Requirement {
  const { name } = spec;
  const tests = parts.map((part, index) => {
    refuseSecond(part, catalogue);
    if (part.kind === 'word') throw new Refused(part.at, tooMuch(part.word, spec));
    if (part.kind !== 'test')
      throw new Refused(part.at, `${name} is no device: only devices have '@' and 'x'`);
    if (part.attribute !== undefined)
      throw new Refused(part.attribute.at, `${name} has no attributes: write '${name} ${part.operator} ...'`);
    refuseApart(part, parts[index + 1], spec);
    return { ...part, value: { ...part.value, text: checked(spec, part.operator, part.value, part.at) } };
  });
  refuseImpossible(name, spec, tests);
  return itemMeaning(name, tests);
}

function device(spec: Device, parts: readonly Part[], catalogue: Catalogue): Requirement {
  const seen = new Set<Part['kind']>();
  const read = parts.map((part, index): Part => {
    if (part.kind === 'test') return deviceTest(spec, part, parts[index + 1], catalogue);
    if (part.kind === 'word' && !BUS_ID.test(part.word.text)) refuseSecond(part, catalogue);
    if (seen.has(part.kind)) throw new Refused(part.at, TWICE[part.kind]);
    seen.add(part.kind);
    if (part.kind === 'word') refuseId(part.word);
    if (part.kind === 'place' && part.place.text.trim() === '')
      throw new Refused(part.place.at, "after '@' comes a place: @ 01:00.0");
    return part;
  });
  for (const [attribute, value] of Object.entries(spec.attributes))
    refuseImpossible(
      attribute,
      value,
      read.flatMap((part) => (part.kind === 'test' && part.attribute?.text === attribute ? [part] : [])),
    );
  return itemMeaning(spec.name, read);
}

const TWICE = {
  word: 'this item has two ids: a device has one, and a value with spaces stands in double quotes',
  place: "this item has two places: a device is in one, so write 'a @ 01:00.0 | a @ 02:00.0'",
  count: 'this item says twice how many',
} as const;

function refuseId({ text, at, quoted }: Word): void {
  if (!quoted && isCount(text)) throw new Refused(at, `'${text}' is written 'x ${text.slice(1)}'`);
  const stars = text.split('*').length - 1;
  if (text.trim() === '' || text.length > 200) throw new Refused(at, 'an id has 1 to 200 characters');
  if (stars > 1 || (stars === 1 && !/[^:]:\*$/.test(text)))
    throw new Refused(
      at,
      `'${shown(text)}' is not understood as an id: '*' stands at its end only, after a ':'`,
    );
}

function deviceTest(
  { name, attributes }: Device,
  part: Test,
  next: Part | undefined,
  catalogue: Catalogue,
): Test {
  const { attribute, operator, value } = part;
  if (attribute === undefined)
    throw new Refused(
      part.at,
      `${name} is a device without a value of its own: name an attribute before '${operator}'`,
    );
  const spec = Object.hasOwn(attributes, attribute.text) ? attributes[attribute.text] : undefined;
  if (attribute.text === 'id' && operator === '=')
    throw new Refused(attribute.at, `the id of a ${name} stands behind its name, without a sign`);
  if (spec === undefined) refuseSecond(part, catalogue);
  if (spec === undefined) throw new Refused(attribute.at, unknownAttribute(name, attribute.text, attributes));
  refuseApart(part, next, spec);
  return { ...part, value: { ...value, text: checked(spec, operator, value, part.at) } };
}

function unknownAttribute(device: string, attribute: string, attributes: Device['attributes']): string {
  if (attribute === 'place') return `the place of a ${device} stands behind '@'`;
  const known = Object.keys(attributes);
  const near = attribute.length > 100 ? undefined : nearest(attribute, known);
  const all = known.length === 0 ? 'it has none' : `it has ${known.slice(0, 20).join(', ')}`;
  return `${device} has no attribute '${shown(attribute)}': ${near === undefined ? all : `did you mean '${near}'?`}`;
}

/** The value in its one spelling. */
function checked(
  spec: Value,
  operator: Test['operator'],
  value: Pick<Word, 'text' | 'at'>,
  operatorAt: number,
): string {
  const noOrder = operatorProblem(spec, operator);
  if (noOrder !== undefined) throw new Refused(operatorAt, noOrder);
  const flaw = valueProblem(spec, value.text);
  if (flaw !== undefined) throw new Refused(value.at, flaw);
  return canonicalValue(spec, value.text);
}

function refuseImpossible(what: string, spec: Value, tests: readonly Test[]): void {
  const say = ({ operator, value }: Test) => `${operator} ${shown(value.text)}`;
  const plain = tests.map((test) => ({ operator: test.operator, value: test.value.text, test }));
  for (const [index, later] of plain.entries()) {
    const earlier = plain.slice(0, index).find((one) => excludeEachOther(spec, one, later));
    if (earlier !== undefined)
      throw new Refused(later.test.at, `no ${what} is ${say(earlier.test)} and ${say(later.test)} at once`);
  }
}

const JOINING: Readonly<Record<string, string>> = { and: '&', or: '|', AND: '&', OR: '|' };

/** Refuses what begins another item, or tries to join one. */
function refuseSecond(part: Part, catalogue: Catalogue): void {
  const word = part.kind === 'word' ? part.word : part.kind === 'test' ? part.attribute : undefined;
  if (word === undefined || word.quoted) return;
  const { text, at } = word;
  const sign = JOINING[text];
  if (sign !== undefined) throw new Refused(at, `'${text}' is written '${sign}'`);
  if (text === 'not' || isItem(text, catalogue))
    throw new Refused(
      at,
      `one item per line: '${shown(text)}' begins a second one; join them with '&', or give it a line of its own`,
    );
}

/** What to say of a word that nothing asks for, behind a tag of this kind. */
function tooMuch({ text }: Word, spec?: Value): string {
  if (isCount(text)) return `'${text}' is written 'x ${text.slice(1)}'`;
  if (spec?.kind === 'text')
    return `'${shown(text)}' is too much: a value with spaces stands in double quotes`;
  return `'${shown(text)}' is too much: one item per line, and a value with spaces stands in double quotes`;
}

function isCount(word: string): boolean {
  return /^x[0-9]{1,9}$/.test(word);
}

/** `16 GiB`: no quantity by itself, and one together with the word behind it. */
function refuseApart({ value }: Test, next: Part | undefined, spec: Value): void {
  if (spec.kind !== 'quantity' || next?.kind !== 'word') return;
  const whole = value.text + next.word.text;
  if (valueProblem(spec, value.text) !== undefined && valueProblem(spec, whole) === undefined)
    throw new Refused(next.at, `a number and its unit are one word: ${shown(whole)}`);
}
