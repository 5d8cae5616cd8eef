import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Scheme } from '../../src/domain/tag.js';
import {
  canonicalVersion,
  compareVersions,
  compareWithWanted,
  versionProblem,
} from '../../src/domain/version/compare.js';
import { pairOf, SCHEMES, versionOf } from './a-version.js';

/** Any piece of text whatever, halves of characters too. */
const code = fc.integer({ min: 0, max: 0xffff }).map((n) => String.fromCharCode(n));

/** The order of two that are versions, as -1, 0 or 1. */
function order(scheme: Scheme, a: string, b: string): number {
  const found = compareVersions(scheme, a, b);
  if (found === undefined) throw new Error(`${scheme}: ${a} or ${b} is no version`);
  return Math.sign(found);
}

function wanted(scheme: Scheme, seen: string, what: string): number | undefined {
  const found = compareWithWanted(scheme, seen, what);
  return found === undefined ? undefined : Math.sign(found);
}

describe.each(SCHEMES)('the order of %s versions', (scheme) => {
  const three = fc.tuple(pairOf(scheme), versionOf(scheme)).map(([[a, b], c]) => [a, b, c] as const);

  it('is total: every two stand one way, and three never in a circle', () => {
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        expect(order(scheme, a, a)).toBe(0);
        expect(order(scheme, a, b) + order(scheme, b, a)).toBe(0);
        const [low, middle, high] = [a, b, c].sort((x, y) => order(scheme, x, y)) as [string, string, string];
        expect(order(scheme, low, middle)).toBeLessThanOrEqual(0);
        expect(order(scheme, middle, high)).toBeLessThanOrEqual(0);
        const strict = order(scheme, low, middle) < 0 || order(scheme, middle, high) < 0;
        expect(order(scheme, low, high)).toBe(strict ? -1 : 0);
      }),
      { numRuns: 300 },
    );
  });

  it('can be searched for what a requirement names: below, equal, above', () => {
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        for (const [seen, next, what] of [
          [a, b, c],
          [a, c, b],
          [c, b, a],
          [a, b, a],
          [a, b, b],
        ] as const) {
          const [low, high] = order(scheme, seen, next) <= 0 ? [seen, next] : [next, seen];
          expect(wanted(scheme, low, what)).toBeLessThanOrEqual(wanted(scheme, high, what) ?? Number.NaN);
          if (order(scheme, low, high) === 0)
            expect(wanted(scheme, low, what)).toBe(wanted(scheme, high, what));
        }
        expect(wanted(scheme, a, a)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same in the one spelling that equal versions have', () => {
    fc.assert(
      fc.property(pairOf(scheme), ([a, b]) => {
        const [one, other] = [canonicalVersion(scheme, a), canonicalVersion(scheme, b)];
        expect(order(scheme, a, one)).toBe(0);
        expect(canonicalVersion(scheme, one)).toBe(one);
        expect(wanted(scheme, one, other)).toBe(wanted(scheme, a, b));
        if (['semver', 'date'].includes(scheme)) expect(one === other).toBe(order(scheme, a, b) === 0);
      }),
      { numRuns: 300 },
    );
  });

  it('takes at most 200 characters, of any text at all and at once', () => {
    if (scheme !== 'date') expect(versionProblem(scheme, `1.0.0-${'1a'.repeat(97)}`)).toBeUndefined();
    const huge = [
      '1'.repeat(201),
      '1.'.repeat(5_000_000),
      '~'.repeat(10_000_000),
      `1${'-rc1'.repeat(2_500_000)}!`,
    ];
    const nasty = [
      '1.'.repeat(99),
      `${'0'.repeat(199)}!`,
      '-rc1'.repeat(50),
      `6.1-${'rc'.repeat(97)}!`,
      '.a'.repeat(100),
    ];
    for (const text of huge) {
      const problem = versionProblem(scheme, text);
      expect(problem).toContain(`has ${text.length} characters, and a version has at most 200`);
      expect(problem?.length).toBeLessThan(200);
      expect(compareVersions(scheme, text, '1')).toBeUndefined();
    }
    for (const text of nasty)
      expect(compareVersions(scheme, text, text)).toBe(
        versionProblem(scheme, text) === undefined ? 0 : undefined,
      );
  });

  it('is defined exactly where both are versions, and says in one printable line why one is not', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: code, maxLength: 12 }), fc.string(), versionOf(scheme)),
        (text) => {
          const problem = versionProblem(scheme, text);
          const right = scheme === 'date' ? '2013' : '1.2';
          expect(compareVersions(scheme, text, right) === undefined).toBe(problem !== undefined);
          expect(compareVersions(scheme, right, text) === undefined).toBe(problem !== undefined);
          expect(problem ?? 'none').toMatch(/^[ -~]{1,300}$/);
          if (problem !== undefined) expect(canonicalVersion(scheme, text)).toBe(text);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('versions', () => {
  it.each(SCHEMES.filter((scheme) => scheme !== 'date'))(
    '%s: 6.9 is older than 6.10, and 6.10 is not 6.1',
    (scheme) => {
      expect(order(scheme, '6.9', '6.10')).toBe(-1);
      expect(order(scheme, '6.10', '6.1')).toBe(1);
    },
  );

  it.each<[Scheme, string]>([
    [
      'deb',
      '1.0~~ 1.0~~a 1.0~ 1.0~rc1-1 1.0 1.0-0.1 1.0-1~bpo12+1 1.0-1 1.0-1+b1 1.0-1+deb12u1 1.0a 1.0+dfsg 1.0.1 1:0.1',
    ],
    ['deb', '1.0-1 1.0-1ubuntu1 1.0-1ubuntu1.1 1.0-1.1 1.0-2 1.0-10 1.00.1 2.0 10.0 1:0 2:0 10:0'],
    ['rpm', '1.0~~ 1.0~rc1 1.0~rc1^git1 1.0 1.0^ 1.0^git1~pre 1.0^git1 1.0^git2 1.0a 1.0.1 1.0.10 1:0.1'],
    ['rpm', '1.1.1k 1.1.1k-1.el8 1.1.1k-7.el8 1.1.1k-7.el8_4 1.1.1k-7.1.el8 1.1.1k-10.el8 1.1.1l-1.el8'],
    [
      'semver',
      '0.9 1.0.0-0 1.0.0-rc 1.0.0-rc.1 1.0.0-rc.1.0 1.0.0-rc.2 1.0.0-rc.10 1.0.0-rc1 1 1.0.1 1.1 v1.2 1.10',
    ],
    ['date', '0001 1999-12-31 2000 20000102 2000-02 20000229 2000-03-01 2013-10 2013-10-24 20131025 9999'],
    ['natural', '1~rc1 1 1.rc1 1.0 1.0.1 7 7sp1 7sp2 7sp10 8.1 10 A7 A10'],
  ])('%s: in the order %s', (scheme, line) => {
    const inOrder = line.split(' ');
    for (const [i, a] of inOrder.entries())
      for (const b of inOrder.slice(i + 1)) expect(`${a} ${order(scheme, a, b)} ${b}`).toBe(`${a} -1 ${b}`);
  });

  it.each<[Scheme, string]>([
    ['deb', '1.0 0:1.0 00:1.0-0 1.00 1. 01.0-00'],
    ['rpm', '1.0-1 0:1.0-1 1.00-01 1_0-1 1..0-1 1+0.-1'],
    ['semver', '1.2 v1.2 1.2.0 1.2.0+build 1.2+x.y-z'],
    ['kernel', '5.4 5.4.0 v5.4 5.4.0.0 05.04 5.04'],
    ['kernel', '6.9-rc3 6.9.0-rc3 v6.9-rc3 6.9-rc03 6.9~rc3 6.9rc3 6.9.0-0.rc3 6.9.0-060900rc3'],
    ['date', '2013 2013-01 2013-01-01 20130101'],
    ['natural', '1.01 1.1 01.1 1.001'],
  ])('%s: these are equal: %s', (scheme, line) => {
    const [first = '', ...others] = line.split(' ');
    for (const other of others) expect(`${other} ${order(scheme, first, other)}`).toBe(`${other} 0`);
    if (['semver', 'kernel', 'date'].includes(scheme))
      expect(new Set(line.split(' ').map((text) => canonicalVersion(scheme, text))).size).toBe(1);
  });

  it.each<[Scheme, string]>([
    ['deb', '1:2.3-4 1-2-3 1:1:1 1~ 0:0-0 2147483647:1 1.0+dfsg~rc1-1~bpo12+1'],
    ['rpm', '1:2.3-4.el9 1.0~rc1^git2-0.1.fc40_2+b 4294967295:1 A ^'],
    ['semver', '1 1.2 1.2.3 v1.2.3-rc.1+build.001 1.2-0 1.2.9007199254740991'],
    ['date', '2013 2013-10 2013-10-24 20131024 2012-02-29 20000229'],
    ['natural', '7sp1 . .. .a A07 ~'],
  ])('%s: these are some: %s', (scheme, line) => {
    for (const text of line.split(' ')) expect(versionProblem(scheme, text)).toBeUndefined();
  });

  it.each<[Scheme, string, string]>([
    ['deb', '', "'' is no Debian version: it is empty"],
    ['deb', ' 1', 'a space stands before or after it'],
    ['deb', '1.0\n', 'not printable ASCII (U+000A)'],
    ['deb', '1.0é', "'1.0?' is no Debian version: it has a character that is not printable ASCII (U+00E9)"],
    ['deb', 'r1', 'it begins with a digit'],
    ['deb', ':1', "what stands before ':' is a number"],
    ['deb', 'a:1', "what stands before ':' is a number"],
    ['deb', '2147483648:1', 'a number up to 2147483647'],
    ['deb', '1-', "nothing follows its last '-'"],
    ['deb', '1_2', "'_' cannot be in it"],
    ['deb', '1-2:3', "what stands before ':' is a number"],
    ['deb', '0:1-2:3', "':' cannot follow its last '-'"],
    ['rpm', '1-2-3', "more than one '-'"],
    ['rpm', '1-', "nothing follows '-'"],
    ['rpm', '-1', 'there is no version in it'],
    ['rpm', '(none):1-1', "what stands before ':' is a number"],
    ['rpm', '4294967296:1', 'a number up to 4294967295'],
    ['rpm', '1 2', "' ' cannot be in it"],
    ['semver', '1.2.3.4', 'write major.minor.patch'],
    ['semver', '1.x', 'write major.minor.patch'],
    ['semver', '01.2', 'no leading zeros'],
    ['semver', '1.2.3-01', 'no leading zeros'],
    ['semver', '1.2.3-rc..1', 'in parts parted by dots'],
    ['semver', '1.2.9007199254740993', 'at most 9007199254740991'],
    ['semver', '1.2.3-9007199254740993', 'at most 9007199254740991'],
    ['kernel', 'Linux 6.1', 'as in 6.1, 6.9-rc3 or 6.1.0-18-amd64'],
    ['kernel', '6.', 'write the numbers'],
    ['kernel', '6.x', 'write the numbers'],
    ['kernel', '6.1.X-amd64', 'write the numbers'],
    ['kernel', '6.1 amd64', 'write the numbers'],
    ['date', '201310', 'write 2013-10-24, 20131024, 2013-10 or 2013'],
    ['date', '24.10.2013', 'write 2013-10-24'],
    ['date', '2013-1-1', 'write 2013-10-24'],
    ['date', '2013-10-24T00:00', 'write 2013-10-24'],
    ['date', '2013-13', 'its month is not one of 01 to 12'],
    ['date', '20130010', 'its month is not one of 01 to 12'],
    ['date', '2013-02-29', '2013-02 has the days 01 to 28'],
    ['date', '19000229', '1900-02 has the days 01 to 28'],
    ['date', '2013-04-31', '2013-04 has the days 01 to 30'],
    ['date', '2013-04-00', '2013-04 has the days 01 to 30'],
    ['natural', '1\t2', 'not printable ASCII (U+0009)'],
  ])('%s: %j is refused, and why is said', (scheme, text, why) => {
    expect(versionProblem(scheme, text)).toContain(why);
  });
});
