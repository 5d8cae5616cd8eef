import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRequirement } from '../../src/domain/language/read.js';
import {
  canonical,
  clausesOf,
  fromCanonical,
  normal,
  type Requirement,
  requirementKey,
  tagsOf,
} from '../../src/domain/requirement.js';
import { text } from './a-catalogue.js';
import { saidOtherwise, someLab } from './formulas.js';

describe('a requirement has one spelling', () => {
  it('that reads back as the same formula, with the catalogue and without', () => {
    let compared = 0;
    fc.assert(
      fc.property(someLab, ({ catalogue, formulas }) => {
        for (const formula of formulas) {
          const spelling = canonical(formula);
          expect(fromCanonical(spelling)).toEqual(normal(formula));
          expect(canonical(fromCanonical(spelling))).toBe(spelling);
          // Always and never have spellings that nobody is to write.
          if (spelling === '' || spelling === 'not ()') continue;
          compared++;
          const { requirement, problems } = readRequirement([text(spelling)], catalogue);
          expect(problems, spelling).toEqual([]);
          expect(requirement).toEqual(normal(formula));
        }
      }),
      { numRuns: 1000 },
    );
    expect(compared).toBeGreaterThan(1000);
  });

  it('and one key, however it is nested, turned about or said twice', () => {
    fc.assert(
      fc.property(
        someLab
          .map(({ formulas }) => formulas[0] as Requirement)
          .chain((formula) => fc.tuple(fc.constant(formula), saidOtherwise(formula))),
        ([formula, other]) => {
          expect(canonical(other)).toBe(canonical(formula));
          expect(requirementKey(other)).toBe(requirementKey(formula));
          expect(normal(normal(other))).toEqual(normal(formula));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('another where the formula is another', () => {
    const spellings = [
      ...['', 'not ()', 'a', 'not a', 'a x 2', 'a = 1', 'a != 1', 'a > 1', 'a > 1 < 2', 'a 1', 'a @ 1'],
      ...[
        'a b = 1',
        'a b = "1 x 2"',
        'a & b',
        'a | b',
        'a & (b | c)',
        '(a & b) | c',
        'a "x"',
        'a < 2 & a > 1',
      ],
    ];
    expect(spellings.map((spelling) => canonical(fromCanonical(spelling)))).toEqual(spellings);
    expect(new Set(spellings.map((spelling) => requirementKey(fromCanonical(spelling)))).size).toBe(
      spellings.length,
    );
  });

  it('as an admin would write it', () => {
    const spelling =
      '(DELL_R420 | DELL_R430) & kernel >= 5.4 & nic speed >= 10Gbit x 2 & not virtual & pci 10de:1b80 @ 01:00.0';
    const turnedAbout =
      'pci @ 0000:01:00.0 10DE:1b80&not virtual & ((kernel>=5.4)) & nic x 2 speed >= "10Gbit" & (DELL_R430 | DELL_R420)';
    expect(canonical(fromCanonical(turnedAbout))).toBe(spelling);
  });
});

describe('a formula', () => {
  it('names its tags and falls into its clauses', () => {
    const formula = fromCanonical('a & (b | not c > 1) & pci x 2');
    expect([...tagsOf(formula)].sort()).toEqual(['a', 'b', 'c', 'pci']);
    expect(clausesOf(formula).map(canonical)).toEqual(['a', 'b | not c > 1', 'pci x 2']);
    expect(clausesOf(fromCanonical(''))).toEqual([]);
    expect(clausesOf(fromCanonical('a | b')).map(canonical)).toEqual(['a | b']);
    expect(clausesOf(fromCanonical('not ()')).map(canonical)).toEqual(['not ()']);
  });

  it('that contains what never is never is, and one that offers what always is always is', () => {
    const [always, never]: Requirement[] = [
      { kind: 'all', of: [] },
      { kind: 'any', of: [] },
    ];
    const a: Requirement = { kind: 'tag', name: 'a' };
    expect(canonical({ kind: 'all', of: [a, never as Requirement] })).toBe('not ()');
    expect(canonical({ kind: 'any', of: [a, always as Requirement] })).toBe('');
    expect(canonical({ kind: 'not', of: always as Requirement })).toBe('not ()');
  });

  it('is not read from what is no spelling of one', () => {
    for (const wrong of ['a &', '(a', 'a >', '"a"', 'a\0', 'a ! b'])
      expect(() => fromCanonical(wrong)).toThrow(/canonical/);
  });
});
