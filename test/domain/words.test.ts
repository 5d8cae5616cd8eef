import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf } from '../../src/domain/digest.js';
import { readId, showId } from '../../src/domain/id.js';
import { nearest } from '../../src/domain/language/nearest.js';

describe('a name', () => {
  it('has its nearest neighbour, where one is near', () => {
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
