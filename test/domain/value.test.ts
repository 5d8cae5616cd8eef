import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Operator, Truth } from '../../src/domain/requirement.js';
import type { Value } from '../../src/domain/tag.js';
import {
  canonicalValue,
  compareSeen,
  compareValues,
  matches,
  operatorProblem,
  valueProblem,
} from '../../src/domain/value.js';
import { pairOf, SCHEMES } from './a-version.js';

const OPERATORS: readonly Operator[] = ['=', '!=', '>', '>=', '<', '<='];
const NOT: Readonly<Record<Operator, Operator>> = {
  '=': '!=',
  '!=': '=',
  '>': '<=',
  '<=': '>',
  '<': '>=',
  '>=': '<',
};
const TEXT: Value = { kind: 'text' };
const KERNEL: Value = { kind: 'version', scheme: 'kernel' };
const DEB: Value = { kind: 'version', scheme: 'deb' };
const RPM: Value = { kind: 'version', scheme: 'rpm' };
const MEMORY: Value = { kind: 'quantity', unit: 'B' };
const COUNT: Value = { kind: 'quantity', unit: '' };

/** Values of every kind and scheme, two at a time. */
const kinds: fc.Arbitrary<readonly [Value, string, string]> = fc.oneof(
  ...SCHEMES.map((scheme) =>
    pairOf(scheme).map(([a, b]) => [{ kind: 'version', scheme } as Value, a, b] as const),
  ),
  fc
    .tuple(
      fc.constantFrom('1GiB', '1024MiB', '1GB', '2 GB', '0.5GiB', '3B'),
      fc.constantFrom('1GiB', '1GB', '3B'),
    )
    .map(([a, b]) => [MEMORY, a, b] as const),
  fc
    .tuple(fc.constantFrom('a', 'A', 'b c', '1', '1.0'), fc.constantFrom('a', 'A', '1', '1.0'))
    .map(([a, b]) => [TEXT, a, b] as const),
);

describe('a value', () => {
  it('holds an operator or its opposite, never both, and text only where equality is asked for', () => {
    fc.assert(
      fc.property(kinds, fc.constantFrom(...OPERATORS), ([value, seen, wanted], operator) => {
        const [one, other] = [
          matches(value, operator, seen, wanted),
          matches(value, NOT[operator], seen, wanted),
        ];
        if (operatorProblem(value, operator) !== undefined)
          expect([one, other]).toEqual(['unknown', 'unknown']);
        else expect([one, other].toSorted()).toEqual(['no', 'yes']);
      }),
      { numRuns: 300 },
    );
  });

  it('is met by the same hosts in its one spelling', () => {
    fc.assert(
      fc.property(kinds, fc.constantFrom(...OPERATORS), ([value, seen, wanted], operator) => {
        const truth = matches(value, operator, seen, wanted);
        const canonical = canonicalValue(value, wanted);
        expect(matches(value, operator, seen, canonical)).toBe(truth);
        expect(matches(value, operator, canonicalValue(value, seen), wanted)).toBe(truth);
        expect(valueProblem(value, canonical)).toBeUndefined();
        expect(compareValues(value, wanted, canonical)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it.each<[Value, string, Operator, string, Truth]>([
    [KERNEL, '6.1.0-18-amd64', '>=', '6.1', 'yes'],
    [KERNEL, '6.1.0-18-amd64', '=', '6.1.0', 'yes'],
    [KERNEL, '6.1.0-18-amd64', '<=', '6.1', 'yes'],
    [KERNEL, '6.1.0-18-amd64', '>', '6.1', 'no'],
    [KERNEL, '6.1.0-18-amd64', '!=', '6.1.0', 'no'],
    [KERNEL, '6.1.0-18-amd64', '<', '6.1.0-20', 'yes'],
    [KERNEL, '6.1.7', '=', '6.1', 'no'],
    [KERNEL, '6.9-rc3', '>=', '6.9', 'no'],
    [KERNEL, '6.10.0', '>', '6.9', 'yes'],
    [KERNEL, 'unknown', '>=', '6.1', 'unknown'],
    [KERNEL, 'unknown', '!=', '6.1', 'unknown'],
    [KERNEL, '6.1', '!=', 'newest', 'unknown'],
    [RPM, '1.1.1k-7.el8', '=', '1.1.1k', 'yes'],
    [RPM, '1.1.1k-7.el8', '>', '1.1.1k', 'no'],
    [DEB, '1.1.1-1', '=', '1.1.1', 'no'],
    [DEB, '1.1.1-1', '>', '1.1.1', 'yes'],
    [MEMORY, '16GiB', '>=', '16GB', 'yes'],
    [MEMORY, '16GB', '>=', '16GiB', 'no'],
    [MEMORY, '1024MiB', '=', '1GiB', 'yes'],
    [MEMORY, '16', '>=', '1GiB', 'unknown'],
    [MEMORY, '16GiB', '<', '16', 'unknown'],
    [COUNT, '10', '>', '9', 'yes'],
    [COUNT, '08', '=', '8', 'yes'],
    [TEXT, '0012', '=', '0012', 'yes'],
    [TEXT, '0012', '=', '12', 'no'],
    [TEXT, '0012', '!=', '12', 'yes'],
    [TEXT, 'é', '=', 'e\u0301', 'no'],
    [TEXT, 'a', '<', 'b', 'unknown'],
    [TEXT, '', '!=', 'b', 'unknown'],
    [TEXT, 'a\nb', '!=', 'b', 'unknown'],
    [TEXT, 'b', '!=', '', 'unknown'],
  ])('%j: of %j, %s %j is %s', (value, seen, operator, wanted, truth) => {
    expect(matches(value, operator, seen, wanted)).toBe(truth);
  });

  it('compares by its kind; two texts are equal or have no order', () => {
    expect(compareValues(KERNEL, '6.9', '6.10')).toBeLessThan(0);
    expect(compareValues(KERNEL, '6.1', '6.1.0-18')).toBeLessThan(0);
    expect(compareSeen(KERNEL, '6.1.0-18', '6.1')).toBe(0);
    expect(compareValues(MEMORY, '1GiB', '1GB')).toBeGreaterThan(0);
    expect(compareSeen(MEMORY, '1GiB', '1GB')).toBeGreaterThan(0);
    expect(compareValues(TEXT, 'a', 'a')).toBe(0);
    expect(compareValues(TEXT, 'a', 'b')).toBeUndefined();
    expect(compareValues(TEXT, '', '')).toBeUndefined();
    expect(compareValues(COUNT, '8', 'x')).toBeUndefined();
  });

  it.each<[Value, string, string]>([
    [KERNEL, 'x', "'x' is no kernel version"],
    [MEMORY, '16G', "write '16GiB' or '16GB'"],
    [COUNT, '', 'is no quantity: write a whole number'],
    [TEXT, '', 'the text is empty'],
    [TEXT, 'a\nb', "'a?b' has a line break or another control character"],
    [TEXT, ' a', "' a' has a space before or after it"],
    [TEXT, 'x'.repeat(1001), 'has 1001 characters, and a text has at most 1000'],
  ])('%j: %j is refused, and why is said', (value, text, why) => {
    expect(valueProblem(value, text)).toContain(why);
    expect(canonicalValue(value, text)).toBe(text);
  });

  it('of text is compared by = and != only, and that is said', () => {
    for (const operator of OPERATORS) {
      const problem = operatorProblem(TEXT, operator);
      if (operator === '=' || operator === '!=') expect(problem).toBeUndefined();
      else expect(problem).toBe(`'${operator}' needs an order, and text has none: write = or !=`);
      expect(operatorProblem(KERNEL, operator)).toBeUndefined();
      expect(operatorProblem(MEMORY, operator)).toBeUndefined();
    }
  });

  it('has one spelling where equal ones are known', () => {
    expect(canonicalValue({ kind: 'version', scheme: 'date' }, '20131024')).toBe('2013-10-24');
    expect(canonicalValue({ kind: 'version', scheme: 'semver' }, 'v1.2+b')).toBe('1.2.0');
    expect(canonicalValue(KERNEL, '6.1')).toBe('6.1.0');
    expect(canonicalValue(KERNEL, '6.1.0-18-amd64')).toBe('6.1.0-18-amd64');
    expect(canonicalValue(DEB, '0:1.0-0')).toBe('0:1.0-0');
    expect(canonicalValue(MEMORY, '1024 MiB')).toBe('1GiB');
    expect(canonicalValue(TEXT, 'A  b')).toBe('A  b');
  });
});
