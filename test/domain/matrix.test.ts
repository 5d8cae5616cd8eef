import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/domain/digest.js';
import { type Matrix, unfoldMatrix, type Variant, whereInMatrix } from '../../src/domain/submit/matrix.js';

const variantsOf = (matrix: Matrix): readonly Variant[] => {
  const result = unfoldMatrix(matrix);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.variants;
};
/** What is wrong, each as `where: what`. */
const mistakes = (matrix: Matrix): string[] => {
  const result = unfoldMatrix(matrix);
  return 'problems' in result ? result.problems.map((p) => `${whereInMatrix(p.path)}: ${p.message}`) : [];
};

describe('a matrix unfolds into', () => {
  it('every combination, in the order it was written, the last axis changing fastest', () => {
    expect(variantsOf({ axes: { FS: ['ext4', 'xfs'], PAGE: ['64k', '4k'] } })).toEqual([
      { FS: 'ext4', PAGE: '64k' },
      { FS: 'ext4', PAGE: '4k' },
      { FS: 'xfs', PAGE: '64k' },
      { FS: 'xfs', PAGE: '4k' },
    ]);
  });

  it('values as they are written: 6.10 is not 6.1, and 0012 not 12', () => {
    expect(variantsOf({ axes: { V: ['6.10', '6.1', '0012', ''] } })).toHaveLength(4);
  });

  it('fewer, where a part of a combination is excluded, and more, where one is included', () => {
    const axes = { FS: ['ext4', 'xfs'], PAGE: ['4k', '64k'] };
    expect(variantsOf({ axes, exclude: [{ FS: 'xfs' }], include: [{ FS: 'btrfs', DEBUG: '1' }] })).toEqual([
      { FS: 'ext4', PAGE: '4k' },
      { FS: 'ext4', PAGE: '64k' },
      { FS: 'btrfs', DEBUG: '1' },
    ]);
  });

  it('what is included although a rule excludes it', () => {
    const axes = { A: ['1', '2'], B: ['1', '2'] };
    const only = { A: '2', B: '2' };
    expect(variantsOf({ axes, exclude: [{ A: '2' }], include: [only] })).toContainEqual(only);
  });

  it('as many as it allows itself, and not one more', () => {
    const axes = { N: Array.from({ length: 101 }, (_, n) => String(n)) };
    expect(variantsOf({ axes, most: 101 })).toHaveLength(101);
    expect(mistakes({ axes })).toEqual([
      'matrix: makes 101 variants and 100 are the most: leave some out, or set `most` (up to 10000)',
    ]);
    expect(variantsOf({ axes, exclude: [{ N: '7' }] })).toHaveLength(100);
  });

  it('no such number that it could not be counted: it is told at once', () => {
    const values = Array.from({ length: 50 }, (_, n) => String(n));
    const axes = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`A${n}`, values]));
    expect(mistakes({ axes })).toEqual([
      `matrix.axes: makes ${50n ** 20n} variants and 100 are the most: leave some out, or set \`most\` (up to 10000)`,
    ]);
  });
});

describe('what a matrix costs', () => {
  it('is bounded, however large it is written', () => {
    const values = Array.from({ length: 10_000 }, (_, n) => `value ${n}`);
    const exclude = values.slice(0, 1000).map((N) => ({ N, M: 'x' }));
    const start = performance.now();
    expect(mistakes({ axes: { N: values, M: ['x', 'y'] }, exclude, most: 10_000 })).toEqual([
      'matrix: makes 19000 variants and 10000 are the most: leave some out, or set `most` (up to 10000)',
    ]);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(mistakes({ axes: { N: values }, exclude: values.slice(0, 1001).map((N) => ({ N })) })).toContain(
      'matrix.exclude: has 1001 lines; 1000 are the most',
    );
    expect(mistakes({ axes: { N: values, M: ['x', 'y', 'z'] }, exclude: [{ M: 'x' }] })).toEqual([
      'matrix.axes: its axes make 30000 combinations; 20000 are the most, what is excluded counted',
    ]);
  });
});

describe('what is wrong with a matrix is told where it is', () => {
  const axes = { FS: ['ext4', 'xfs'] };
  it.each<[string, Matrix, string[]]>([
    ['nothing in it', {}, ['matrix: has neither axes nor include: say one of them']],
    [
      'an axis without values',
      { axes: { FS: [] } },
      ["matrix.axes.FS: axis 'FS' has no values: give it one"],
    ],
    ['a value twice', { axes: { FS: ['a', 'b', 'a'] } }, ["matrix.axes.FS[2]: 'a' is there twice"]],
    [
      'a name that is the grid’s own',
      { axes: { TESTYARD_RUN: ['1'] } },
      [
        "matrix.axes.TESTYARD_RUN: 'TESTYARD_RUN' is no name for a variable: letters, digits and _, at most 100, and not TESTYARD_..., which is ours",
      ],
    ],
    [
      'an exclusion of an axis that is not there',
      { axes, exclude: [{ FS: 'xfs' }, { FSS: 'xfs' }] },
      ["matrix.exclude[1].FSS: there is no axis 'FSS': did you mean 'FS'?"],
    ],
    [
      'an exclusion of a value that is not there',
      { axes, exclude: [{ FS: 'ext3' }] },
      ["matrix.exclude[0].FS: axis 'FS' has no value 'ext3': did you mean 'ext4'?"],
    ],
    [
      'an empty exclusion',
      { axes, exclude: [{}] },
      ['matrix.exclude[0]: is empty: it would exclude everything'],
    ],
    ['an empty inclusion', { axes, include: [{}] }, ['matrix.include[0]: is empty: give a variable a value']],
    [
      'an inclusion of what is there',
      { axes, include: [{ FS: 'xfs' }] },
      ['matrix.include[0]: this variant is there already'],
    ],
    [
      'an inclusion twice, whatever the order of its names',
      {
        include: [
          { A: '1', B: '2' },
          { B: '2', A: '1' },
        ],
      },
      ['matrix.include[1]: this variant is there already'],
    ],
    [
      'nothing left',
      { axes, exclude: [{ FS: 'ext4' }, { FS: 'xfs' }] },
      ['matrix: nothing is left: every combination is excluded'],
    ],
    ['a limit that is none', { axes, most: 0 }, ['matrix.most: a whole number from 1 to 10000']],
    [
      'several things at once',
      { axes: { '1A': ['\0'] } },
      [
        "matrix.axes.1A: '1A' is no name for a variable: letters, digits and _, at most 100, and not TESTYARD_..., which is ours",
        'matrix.axes.1A[0]: holds a NUL character',
      ],
    ],
  ])('%s', (_, matrix, wanted) => {
    expect(mistakes(matrix)).toEqual(wanted);
  });

  it('also where a name is one that every object has', () => {
    expect(mistakes({ axes, exclude: [{ toString: 'x' }] })).toEqual([
      "matrix.exclude[0].toString: there is no axis 'toString'",
    ]);
  });
});

describe('whatever matrix somebody writes', () => {
  const value = fc.constantFrom('1', '2', '10', '0', '');
  const name = fc.constantFrom('A', 'B', 'C');
  const axes = fc.dictionary(name, fc.uniqueArray(value, { minLength: 1, maxLength: 4 }), { maxKeys: 3 });
  const part = fc.dictionary(name, value, { minKeys: 1, maxKeys: 3 });
  const matrix = fc.record({
    axes,
    include: fc.array(part, { maxLength: 3 }),
    exclude: fc.array(part, { maxLength: 3 }),
    most: fc.constant(1000),
  });
  const holds = (variant: Variant, part: Variant) => Object.entries(part).every(([k, v]) => variant[k] === v);

  it('no two variants are equal, however their names are ordered', () => {
    fc.assert(
      fc.property(matrix, (m) => {
        const result = unfoldMatrix(m);
        fc.pre('variants' in result);
        const keys = result.variants.map(canonicalJson);
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });

  it('a combination is there where nothing excludes it, and only there', () => {
    fc.assert(
      fc.property(matrix, fc.record({ A: value, B: value, C: value }), (m, any) => {
        const result = unfoldMatrix(m);
        fc.pre('variants' in result);
        const wanted = Object.fromEntries(
          Object.keys(m.axes).map((axis) => [axis, any[axis as 'A']] as const),
        );
        const isCombination =
          Object.keys(wanted).length > 0 &&
          Object.entries(wanted).every(([axis, one]) => m.axes[axis]?.includes(one));
        const isExcluded = m.exclude.some((rule) => holds(wanted, rule));
        const isIncluded = m.include.some((one) => canonicalJson(one) === canonicalJson(wanted));
        const isThere = result.variants.some((one) => canonicalJson(one) === canonicalJson(wanted));
        expect(isThere).toBe((isCombination && !isExcluded) || isIncluded);
      }),
    );
  });

  it('it is refused with at least one reason, or it has at least one variant', () => {
    fc.assert(
      fc.property(matrix, (m) => {
        const result = unfoldMatrix(m);
        expect('variants' in result ? result.variants.length : result.problems.length).toBeGreaterThan(0);
      }),
    );
  });
});
