import fc from 'fast-check';
import type { AttributeTest, Operator, Requirement } from '../../src/domain/requirement.js';
import type { Catalogue, TagSpec, Value } from '../../src/domain/tag.js';
import { canonicalValue } from '../../src/domain/value.js';
import { BYTES, COUNT, catalogueOf, KERNEL, NATURAL, TEXT, tag } from './a-catalogue.js';

/** A random catalogue with some of its formulas, each value in its one spelling. */
export interface Lab {
  readonly catalogue: Catalogue;
  readonly formulas: readonly Requirement[];
}

const NAMES = ['a', 'b', 'g++', 'e1000-82540em', 'a-1', 'cmd:x', 'N_o.t', 'x', 'pci'];
const oddText = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.constantFrom('x', 'not', 'a b', '"', '\\', "it's", '10de:*', '(', '\u202e', '5.10'),
  )
  .filter((text) => text.trim() === text && text !== '' && !/[\p{Cc}\p{Cs}]/u.test(text));

const kinds = fc.constantFrom<Value>(KERNEL, NATURAL, BYTES, COUNT, TEXT);

function someValue(value: Value): fc.Arbitrary<string> {
  const raw =
    value.kind === 'text'
      ? oddText
      : value.kind === 'quantity'
        ? fc
            .tuple(fc.nat(2000), fc.constantFrom(...(value.unit === '' ? [''] : ['B', 'kB', 'GiB'])))
            .map((of) => of.join(''))
        : fc.tuple(fc.nat(9), fc.nat(12), fc.nat(3)).map((parts) => parts.join('.'));
  return raw.map((text) => canonicalValue(value, text));
}

const operatorsOf = (value: Value): readonly Operator[] =>
  value.kind === 'text' ? ['=', '!='] : ['=', '!=', '>', '>=', '<', '<='];

function someLeaf(spec: TagSpec): fc.Arbitrary<Requirement> {
  const { name } = spec;
  const bare = fc.constant<Requirement>({ kind: 'tag', name });
  if (spec.kind === 'flag') return bare;
  if (spec.kind === 'device') return fc.oneof(bare, someDevice(name, spec.attributes));
  const compare = fc
    .tuple(fc.constantFrom(...operatorsOf(spec)), someValue(spec))
    .map(([operator, value]): Requirement => ({ kind: 'compare', name, operator, value }));
  if (spec.kind === 'text') return fc.oneof(bare, compare);
  const range = fc
    .tuple(someValue(spec), fc.constantFrom<Operator>('>', '>='), fc.constantFrom<Operator>('<', '<='))
    .map(
      ([value, low, high]): Requirement => ({
        kind: 'device',
        name,
        where: [
          { attribute: '', operator: high, value: `9${value}` },
          { attribute: '', operator: low, value },
        ],
        count: 1,
      }),
    );
  return fc.oneof(bare, compare, range);
}

function someDevice(name: string, attributes: Readonly<Record<string, Value>>): fc.Arbitrary<Requirement> {
  // One test of each attribute: two might be at odds, which is refused.
  const tests = Object.entries(attributes).map(([attribute, value]) =>
    fc
      .tuple(fc.constantFrom(...operatorsOf(value)), someValue(value))
      .map(([operator, text]): AttributeTest => ({ attribute, operator, value: text })),
  );
  return fc
    .record({
      id: fc.option(fc.constantFrom('10de:1b80', '10DE:*', 'x', 'an id', 'and', 'not', 'a', 'beef:1b80'), {
        nil: undefined,
      }),
      place: fc.option(fc.constantFrom('01:00.0', '0000:01:00.0', '0001:01:00.0', 'eth0', 'slot 1', 'x'), {
        nil: undefined,
      }),
      where: fc.tuple(...tests).chain((all) => fc.shuffledSubarray(all)),
      count: fc.integer({ min: 1, max: 3 }),
    })
    .map(({ id, place, where, count }) => ({
      kind: 'device',
      name,
      ...(id === undefined ? {} : { id }),
      ...(place === undefined ? {} : { place }),
      where,
      count,
    }));
}

/** Formulas over these leaves, of every form and depth. */
export function someFormula(leaf: fc.Arbitrary<Requirement>): fc.Arbitrary<Requirement> {
  return fc.letrec<{ it: Requirement }>((tie) => ({
    it: fc.oneof(
      { depthSize: 'medium' },
      leaf,
      fc.array(tie('it'), { maxLength: 4 }).map((of): Requirement => ({ kind: 'all', of })),
      fc.array(tie('it'), { maxLength: 4 }).map((of): Requirement => ({ kind: 'any', of })),
      tie('it').map((of): Requirement => ({ kind: 'not', of })),
    ),
  })).it;
}

const someSpec = (name: string): fc.Arbitrary<TagSpec> =>
  fc.oneof(
    fc.constant(tag(name)),
    kinds.map((kind) => tag(name, kind)),
    fc
      .dictionary(fc.constantFrom('speed', 'driver', 'x', 'not', 'a'), kinds, { maxKeys: 3 })
      .map((attributes) => tag(name, { kind: 'device', attributes })),
  );

/** A random lab. */
export const someLab: fc.Arbitrary<Lab> = fc
  .subarray(NAMES, { minLength: 1 })
  .chain((names) => fc.tuple(...names.map(someSpec)))
  .chain((specs) =>
    fc.record({
      catalogue: fc.constant(catalogueOf(specs)),
      formulas: fc.array(someFormula(fc.oneof(...specs.map(someLeaf))), { minLength: 1, maxLength: 5 }),
    }),
  );

/** The same formula said otherwise: turned about, nested, twice over, by De Morgan's laws. */
export function saidOtherwise(formula: Requirement): fc.Arbitrary<Requirement> {
  const deeper: fc.Arbitrary<Requirement> = ((): fc.Arbitrary<Requirement> => {
    switch (formula.kind) {
      case 'tag':
        return fc.constantFrom<Requirement>(formula, {
          kind: 'device',
          name: formula.name,
          where: [],
          count: 1,
        });
      case 'compare':
        return fc.constant(formula);
      case 'device':
        return fc
          .shuffledSubarray([...formula.where], { minLength: formula.where.length })
          .map((where) => ({ ...formula, where: [...where, ...where.slice(0, 1)] }));
      case 'not':
        return saidOtherwise(formula.of).map((of) => ({ kind: 'not', of }));
      case 'all':
      case 'any':
        return fc.tuple(...formula.of.map(saidOtherwise)).chain((of) => turned(formula.kind, of));
    }
  })();
  return deeper.chain((one) =>
    fc.constantFrom<Requirement>(
      one,
      { kind: 'all', of: [one] },
      { kind: 'any', of: [one, one] },
      { kind: 'not', of: { kind: 'not', of: one } },
      { kind: 'all', of: [one, { kind: 'all', of: [] }] },
      { kind: 'any', of: [{ kind: 'any', of: [] }, one] },
    ),
  );
}

function turned(kind: 'all' | 'any', of: readonly Requirement[]): fc.Arbitrary<Requirement> {
  return fc
    .tuple(fc.shuffledSubarray([...of], { minLength: of.length }), fc.nat(of.length), fc.boolean())
    .map(([parts, cut, contrary]): Requirement => {
      const nested: readonly Requirement[] = [...parts.slice(0, cut), { kind, of: parts.slice(cut) }];
      if (!contrary) return { kind, of: nested };
      const other = kind === 'all' ? 'any' : 'all';
      return { kind: 'not', of: { kind: other, of: nested.map((part) => ({ kind: 'not', of: part })) } };
    });
}
