import { digestOf } from './digest.js';
import { type Part, parse, type Syntax } from './language/syntax.js';
import { Refused, SIGNS, spelled } from './language/tokens.js';

export { nearest } from './language/nearest.js';

/** How a value is compared with a tag's. */
export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=';

/** A test of one attribute of a device. */
export interface AttributeTest {
  /**
   * '' is the value itself: `kernel >= 5.4 < 6.0` wants both of one value, where a host has several. Never with `!=`,
   * which is said of all values and so a clause of its own.
   */
  readonly attribute: string;
  readonly operator: Operator;
  /** Source text, never a number. */
  readonly value: string;
}

/** A formula over tags; whoever walks one switches over `kind` so that the compiler names every place concerned. */
export type Requirement =
  /** The tag is there, whatever its value. */
  | { readonly kind: 'tag'; readonly name: string }
  /** Its value (of several: one of them; with `!=`: none of them) compares so; never that of a tag that is absent. */
  | { readonly kind: 'compare'; readonly name: string; readonly operator: Operator; readonly value: string }
  /**
   * At least `count` instances have this id, this place and these attributes, each within one instance. The id may
   * end in `:*`; its letters' case does not matter.
   */
  | {
      readonly kind: 'device';
      readonly name: string;
      readonly id?: string;
      readonly place?: string;
      readonly where: readonly AttributeTest[];
      readonly count: number;
    }
  /** All of these hold; none of them: always true. */
  | { readonly kind: 'all'; readonly of: readonly Requirement[] }
  /** One of these holds. */
  | { readonly kind: 'any'; readonly of: readonly Requirement[] }
  /** It is known not to hold. */
  | { readonly kind: 'not'; readonly of: Requirement };

/** Whether a formula holds, where tags may be unknown. */
export type Truth = 'yes' | 'no' | 'unknown';

/** A name a tag can have. */
export const TAG_NAME = /^[A-Za-z][A-Za-z0-9._:+-]{0,99}$/;

/** A formula beside the one spelling it has; of several parts `parts` are those. */
interface Spelled {
  readonly requirement: Requirement;
  readonly text: string;
  readonly parts?: readonly Spelled[];
}

/**
 * One formula of every set of equal ones: flat, without twins, in order, `not` only before a single tag or comparison
 * (De Morgan, which holds in three-valued logic too), nothing that is always or never true inside another. Equal is
 * what these laws make equal; that no host can tell two formulas apart is more than they know.
 */
export function normal(requirement: Requirement): Requirement {
  return spell(requirement, false).requirement;
}

/** The one spelling of a requirement; equal requirements have equal texts, and the text reads back. */
export function canonical(requirement: Requirement): string {
  return spell(requirement, false).text;
}

/** Equal requirements have equal keys, 32 hexadecimal digits. */
export function requirementKey(requirement: Requirement): string {
  return digestOf(canonical(requirement));
}

/** What must hold one by one for the whole to hold, each in normal form; none: it always does. */
export function clausesOf(requirement: Requirement): readonly Requirement[] {
  const known = clausesKnown.get(requirement);
  if (known !== undefined) return known;
  const all = normal(requirement);
  const clauses = all.kind === 'all' ? all.of : [all];
  clausesKnown.set(requirement, clauses);
  return clauses;
}

/** The same requirement is asked of every host. */
const clausesKnown = new WeakMap<Requirement, readonly Requirement[]>();

/** Every tag a formula speaks of, each once. */
export function tagsOf(requirement: Requirement): readonly string[] {
  const names = new Set<string>();
  const walk = (part: Requirement): void => {
    switch (part.kind) {
      case 'tag':
      case 'compare':
      case 'device':
        names.add(part.name);
        break;
      case 'all':
      case 'any':
        part.of.forEach(walk);
        break;
      case 'not':
        walk(part.of);
    }
  };
  walk(requirement);
  return [...names];
}

function spell(requirement: Requirement, negated: boolean): Spelled {
  switch (requirement.kind) {
    case 'tag':
    case 'compare':
    case 'device': {
      const leaf = plainest(requirement);
      const text = leafText(leaf);
      return negated
        ? { requirement: { kind: 'not', of: leaf }, text: `not ${text}` }
        : { requirement: leaf, text };
    }
    case 'not':
      return spell(requirement.of, !negated);
    case 'all':
    case 'any': {
      const kind = negated ? contrary(requirement.kind) : requirement.kind;
      const flat = requirement.of.flatMap((part) => {
        const one = spell(part, negated);
        return one.requirement.kind === kind ? (one.parts ?? []) : [one];
      });
      return together(kind, flat);
    }
  }
}

function contrary(kind: 'all' | 'any'): 'all' | 'any' {
  return kind === 'all' ? 'any' : 'all';
}

/** Joins parts none of which is of this kind itself. */
function together(kind: 'all' | 'any', flat: readonly Spelled[]): Spelled {
  // The empty other kind decides: never true among all, always true among any.
  const decides = flat.find(({ parts }) => parts?.length === 0);
  if (decides !== undefined) return decides;
  const parts = [...new Map(flat.map((part) => [part.text, part])).values()].sort(byText);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const requirement = { kind, of: parts.map((part) => part.requirement) };
  if (parts.length === 0) return { requirement, text: kind === 'all' ? '' : 'not ()', parts };
  const texts = parts.map((part) => (part.parts === undefined ? part.text : `(${part.text})`));
  return { requirement, text: texts.join(kind === 'all' ? ' & ' : ' | '), parts };
}

function byText(a: { readonly text: string }, b: { readonly text: string }): number {
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}

type Leaf = Extract<Requirement, { kind: 'tag' | 'compare' | 'device' }>;
type Device = Extract<Requirement, { kind: 'device' }>;

/** A device form that says no more than another form can is that. */
function plainest(leaf: Leaf): Leaf {
  if (leaf.kind !== 'device') return leaf;
  const { kind, name, id, place, count } = leaf;
  const tests = new Map(leaf.where.map((test) => [testText(test), test]));
  const where = [...tests.values()].sort(byTest);
  const [first, second] = where;
  if (id === undefined && place === undefined && count === 1) {
    if (first === undefined) return { kind: 'tag', name };
    if (first.attribute === '' && second === undefined)
      return { kind: 'compare', name, operator: first.operator, value: first.value };
  }
  return {
    kind,
    name,
    ...(id === undefined ? {} : { id: id.toLowerCase() }),
    ...(place === undefined ? {} : { place: placeText(place) }),
    where,
    count,
  };
}

/** One spelling of a place: of a PCI address in lower case, without the domain where it is the first. */
export function placeText(place: string): string {
  const pci = /^(?:0000:)?((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/.exec(place.toLowerCase());
  return pci?.[1] ?? place;
}

function byTest(a: AttributeTest, b: AttributeTest): number {
  if (a.attribute !== b.attribute) return a.attribute < b.attribute ? -1 : 1;
  const order = SIGNS_IN_SPELLING.indexOf(a.operator) - SIGNS_IN_SPELLING.indexOf(b.operator);
  return order || (a.value < b.value ? -1 : 1);
}

const SIGNS_IN_SPELLING: readonly Operator[] = SIGNS;

function leafText(leaf: Leaf): string {
  switch (leaf.kind) {
    case 'tag':
      return leaf.name;
    case 'compare':
      return `${leaf.name} ${leaf.operator} ${spelled(leaf.value)}`;
    case 'device':
      return deviceText(leaf);
  }
}

function deviceText({ name, id, place, where, count }: Device): string {
  const own = where.filter((test) => test.attribute === '');
  const others = where.filter((test) => test.attribute !== '');
  return [
    name,
    ...own.map(testText),
    ...(id === undefined ? [] : [idText(id)]),
    ...(place === undefined ? [] : [`@ ${spelled(place)}`]),
    ...others.map(testText),
    ...(count === 1 ? [] : [`x ${count}`]),
  ].join(' ');
}

/** Ids as buses have them: vendor and product. Whatever else could be a name stands in quotes. */
export const BUS_ID = /^[0-9a-f]{4}:(?:[0-9a-f]{4}|\*)$/i;

function idText(id: string): string {
  return TAG_NAME.test(id) && !BUS_ID.test(id) ? `"${id}"` : spelled(id);
}

function testText({ attribute, operator, value }: AttributeTest): string {
  return `${attribute === '' ? '' : `${attribute} `}${operator} ${spelled(value)}`;
}

/** Formulas that were read back lately: the same few are asked for again and again. */
const readBack = new Map<string, Requirement>();
const MOST_READ_BACK = 5000;
/** Deeper than any requirement that is accepted, aliases expanded. */
const MOST_DEPTH = 600;

/** Reads what `canonical` wrote, in its normal form; throws where the text is something else. */
export function fromCanonical(text: string): Requirement {
  const known = readBack.get(text);
  if (known !== undefined) return known;
  const requirement = text.trim() === '' ? normal({ kind: 'all', of: [] }) : normal(asWritten(text));
  if (readBack.size >= MOST_READ_BACK) readBack.clear();
  readBack.set(text, requirement);
  return requirement;
}

function asWritten(text: string): Requirement {
  try {
    return meaning(parse(text, MOST_DEPTH));
  } catch (error) {
    if (error instanceof Refused) throw new Error(`not a canonical requirement: ${error.message}`);
    throw error;
  }
}

function meaning(tree: Syntax): Requirement {
  switch (tree.kind) {
    case 'item':
      return itemMeaning(tree.name.text, tree.parts);
    case 'not':
      return { kind: 'not', of: meaning(tree.of) };
    case 'all':
    case 'any':
      return { kind: tree.kind, of: tree.of.map(meaning) };
  }
}

/** What an item says, by its form alone. */
export function itemMeaning(name: string, parts: readonly Part[]): Requirement {
  const tests = parts.flatMap((part) => (part.kind === 'test' ? [part] : []));
  const where = tests.map(
    ({ attribute, operator, value }): AttributeTest => ({
      attribute: attribute?.text ?? '',
      operator,
      value: value.text,
    }),
  );
  // That none of the values is this is no test of one value, and so a clause of its own.
  const isClause = (test: AttributeTest) => test.attribute === '' && test.operator === '!=';
  const clauses = where
    .filter(isClause)
    .map(({ operator, value }): Requirement => ({ kind: 'compare', name, operator, value }));
  const rest = parts.filter((part) => part.kind !== 'test');
  if (clauses.length > 0 && rest.length === 0 && clauses.length === where.length)
    return { kind: 'all', of: clauses };
  const id = rest.find((part) => part.kind === 'word')?.word.text;
  const place = rest.find((part) => part.kind === 'place')?.place.text;
  const device: Requirement = {
    kind: 'device',
    name,
    ...(id === undefined ? {} : { id }),
    ...(place === undefined ? {} : { place }),
    where: where.filter((test) => !isClause(test)),
    count: rest.find((part) => part.kind === 'count')?.count ?? 1,
  };
  return { kind: 'all', of: [device, ...clauses] };
}
