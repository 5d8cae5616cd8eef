import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf } from '../../src/domain/digest.js';
import { readId, showId } from '../../src/domain/id.js';
import {
  canonical,
  fromCanonical,
  holds,
  misses,
  nearest,
  normal,
  type Presence,
  type Requirement,
  readRequirement,
  tagsOf,
} from '../../src/domain/requirement.js';

const TAGS = ['a', 'b', 'c', 'g++', 'e1000-82540em'];
const requirement: fc.Arbitrary<Requirement> = fc.letrec<{ it: Requirement }>((tie) => ({
  it: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...TAGS).map((name): Requirement => ({ kind: 'tag', name })),
    fc.array(tie('it'), { maxLength: 3 }).map((of): Requirement => ({ kind: 'all', of })),
  ),
})).it;
const presences = fc.dictionary(
  fc.constantFrom(...TAGS),
  fc.constantFrom<Presence>('present', 'absent', 'unknown'),
);

describe('a requirement', () => {
  it('has one spelling that reads back, and equal ones have equal keys', () => {
    fc.assert(
      fc.property(requirement, (r) => {
        const text = canonical(normal(r));
        expect(canonical(fromCanonical(text))).toBe(text);
        expect(digestOf(fromCanonical(text))).toBe(digestOf(normal(r)));
        expect([...tagsOf(normal(r))].sort()).toEqual([...tagsOf(r)].sort());
      }),
    );
    expect(canonical(readRequirement(['b', 'a', 'b'], new Set(TAGS)).requirement)).toBe('a & b');
  });

  it('holds, fails or is not known: one no decides, else one unknown', () => {
    fc.assert(
      fc.property(requirement, presences, (r, known) => {
        const of = (tag: string) => known[tag] ?? 'absent';
        const all = tagsOf(r).map(of);
        const expected = all.includes('absent') ? 'no' : all.includes('unknown') ? 'unknown' : 'yes';
        expect(holds(r, of)).toBe(expected);
        expect(holds(normal(r), of)).toBe(expected);
        const found = misses(normal(r), of).map((m) => m.truth);
        expect(found).toEqual([...found].sort((x) => (x === 'no' ? -1 : 1)));
        expect(found.length === 0).toBe(expected === 'yes');
      }),
    );
  });

  it.each([
    ['', 'empty item'],
    ['a b', 'is not understood'],
    ['g+', "did you mean 'g++'"],
    ['something-else', 'no such tag'],
  ])('refuses %j and says why', (item, message) => {
    const { problems } = readRequirement(['a', item], new Set(TAGS));
    expect(problems).toMatchObject([{ index: 1, message: expect.stringContaining(message) }]);
  });

  it('names the nearest neighbour, where one is near', () => {
    expect(nearest('kernle', ['kernel', 'root'])).toBe('kernel');
    expect(nearest('ROOT', ['kernel', 'root'])).toBe('root');
    expect(nearest('zzzzzz', ['kernel', 'root'])).toBeUndefined();
  });
});

describe('ids', () => {
  it('read back as shown, within 64 bits, and only as what they are', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 9_223_372_036_854_775_807n }), (n) => {
        expect(readId('run', showId('run', n.toString()))).toBe(n.toString());
        expect(readId('host', showId('run', n.toString()))).toBeUndefined();
      }),
    );
    for (const bad of ['r0', 'r01', 'r9223372036854775808', 'r-1', 'r1 ', 'r', '1', '']) {
      expect(readId('run', bad)).toBeUndefined();
    }
  });
});

describe('digests', () => {
  it('are equal for equal values, whatever the order of their keys, and differ else', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(digestOf(turned)).toBe(digestOf(value));
        expect(digestOf({ ...value, more: 'x', undefined })).not.toBe(digestOf({ ...value, more: 'y' }));
      }),
    );
    expect(canonicalJson({ b: 1, a: [{ d: 1, c: undefined }] })).toBe('{"a":[{"d":1}],"b":1}');
    expect(digestOf({ a: 1 })).toMatch(/^[0-9a-f]{32}$/);
  });
});
