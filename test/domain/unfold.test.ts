import { describe, expect, it } from 'vitest';
import type { Demand } from '../../src/domain/demand.js';
import type { Candidate } from '../../src/domain/plan/candidate.js';
import { fitsOf, why } from '../../src/domain/plan/fit.js';
import { type Asked, type AskedTest, countRuns, unfold } from '../../src/domain/submit/unfold.js';
import { candidate } from './a-host.js';

const host = (name: string, type: string, tags = {}, more: Partial<Candidate> = {}) =>
  candidate(tags, { id: String(name.charCodeAt(0)), name, type, ...more });
const LAB = [
  host('c', 'pi', { gpu: 'absent' }),
  host('a', 'pi', { gpu: 'present' }),
  host('b', 'pc', { gpu: 'present' }, { offline: true }),
  host('d', 'mac', { gpu: 'absent' }),
];
const asked = (more: Partial<Asked<AskedTest>> = {}): Asked<AskedTest> => ({
  tests: [{ name: 't', requirement: '' }],
  variants: [{}],
  targets: [{}],
  purpose: 'test',
  wait: false,
  again: false,
  ...more,
});
const unfolded = (more: Partial<Asked<AskedTest>>, hosts = LAB) => {
  const questions: Demand[] = [];
  const result = unfold(
    asked(more),
    (requirement) => requirement,
    (demand) => {
      questions.push(demand);
      const answer = fitsOf(demand, hosts, [], []);
      const said = why(answer, hosts.length, 'busy');
      return said.kind === 'never' ? { answer, never: said.reason } : { answer };
    },
  );
  return { ...result, questions };
};
const gpu = { name: 'g', requirement: 'gpu' };

describe('tests, variants and targets', () => {
  it('multiply', () => {
    const { portions } = unfolded({
      tests: [{ name: 't', requirement: '' }, gpu],
      variants: [{ A: '1' }, { A: '2' }],
      targets: [{ host: 'a' }, { hostType: 'pi' }],
    });
    expect(countRuns(portions)).toBe(8);
    expect(portions.map(({ test, target }) => [test.name, target])).toEqual([
      ['t', { host: 'a' }],
      ['t', { hostType: 'pi' }],
      ['g', { host: 'a' }],
      ['g', { hostType: 'pi' }],
    ]);
  });

  it('have values for parameters only in those tests that have them', () => {
    const lava = { name: 'l', requirement: '', params: { SIZE: '1', SPEED: '1' } };
    const variants: Asked<AskedTest>['variants'] = [{ A: '1' }, { SIZE: '3' }];
    const more = { variants, params: { SIZE: '2', OTHER: 'x' } };
    const { portions } = unfolded({ tests: [lava, gpu], ...more });
    expect(portions.map((portion) => portion.variants)).toEqual([
      [{ A: '1', SIZE: '2' }, { SIZE: '2' }],
      [{ A: '1' }, { SIZE: '3' }],
    ]);
    const again = unfolded({ tests: [lava], ...more, again: true });
    expect(again.portions[0]?.variants).toEqual(more.variants);
  });

  it('ask once who could serve, however many tests need the same', () => {
    const tests = Array.from({ length: 500 }, (_, n) => ({ name: `t${n}`, requirement: 'gpu' }));
    expect(unfolded({ tests, targets: [{ each: 'host' }] }).questions).toHaveLength(1);
  });
});

describe("a test's own matrix", () => {
  const tests = [
    { name: 't', requirement: '', matrix: { axes: { FS: ['ext4', 'xfs'], PAGE: ['4k', '64k'] } } },
  ];
  const variants = (more: Partial<Asked<AskedTest>>) =>
    unfolded({ tests, ...more }).portions.flatMap((portion) => portion.variants);

  it('multiplies with the variants of the submission', () => {
    expect(variants({ variants: [{ B: '1' }, { B: '2' }] })).toHaveLength(8);
  });

  it('gives way where the submission says a value itself, and makes no run twice', () => {
    expect(variants({ variants: [{ FS: 'btrfs' }] })).toEqual([
      { FS: 'btrfs', PAGE: '4k' },
      { FS: 'btrfs', PAGE: '64k' },
    ]);
  });

  it('adds nothing to a run that is made again', () => {
    expect(variants({ variants: [{ FS: 'ext4' }], again: true })).toEqual([{ FS: 'ext4' }]);
  });

  it('that nobody could read ends with the mistake, also where the submission would wait', () => {
    const broken = [{ name: 't', requirement: 'mars', matrix: { exclude: [{ A: '1' }] } }];
    const { portions } = unfolded({ tests: broken, wait: true });
    expect(portions).toMatchObject([
      { variants: [{}], never: 'matrix: has neither axes nor include: say one of them' },
    ]);
    expect(portions[0]?.waits).toBeUndefined();
  });
});

describe('each host', () => {
  it('is each that could serve, now or later; the others are told by reason', () => {
    const { portions, leftOut } = unfolded({ tests: [gpu], targets: [{ each: 'host' }] });
    expect(portions.map((portion) => portion.target)).toEqual([{ host: 'a' }, { host: 'b' }]);
    expect(portions.map((portion) => portion.demand.target)).toEqual([{ host: 'a' }, { host: 'b' }]);
    expect(leftOut).toEqual([
      {
        each: 'host',
        reason: 'gpu is not there and no step gives it',
        names: ['c', 'd'],
        count: 2,
        tests: ['g'],
        testCount: 1,
      },
    ]);
  });

  it('of a type is none of another, nor is one of another left out', () => {
    const { portions, leftOut } = unfolded({ tests: [gpu], targets: [{ each: 'host', hostType: 'pi' }] });
    expect(portions.map((portion) => portion.target)).toEqual([{ host: 'a' }]);
    expect(leftOut.map((left) => left.names)).toEqual([['c']]);
  });

  it('where none could serve is one run that says why, and that asks for each again when it is made again', () => {
    const { portions } = unfolded({
      tests: [{ name: 'm', requirement: 'mars' }],
      targets: [{ each: 'host' }],
    });
    expect(portions).toMatchObject([
      { target: { each: 'host' }, never: expect.stringContaining('mars is not there') },
    ]);
  });

  it('where none could serve and the submission waits is one run for the first that can', () => {
    const { portions } = unfolded({
      tests: [{ name: 'm', requirement: 'mars' }],
      targets: [{ each: 'host' }],
      wait: true,
    });
    expect(portions).toMatchObject([{ target: {}, waits: true, demand: { target: {}, wait: true } }]);
  });

  it('tells 20 names of those left out, and how many there are', () => {
    const many = Array.from({ length: 50 }, (_, n) => candidate({}, { id: String(n), name: `h${n}` }));
    const tests = Array.from({ length: 30 }, (_, n) => ({ name: `t${n}`, requirement: 'mars' }));
    const { leftOut } = unfolded({ tests, targets: [{ each: 'host' }] }, many);
    expect(leftOut).toMatchObject([{ count: 50, testCount: 30 }]);
    expect([leftOut[0]?.names.length, leftOut[0]?.tests.length]).toEqual([20, 20]);
  });
});

describe('each host type', () => {
  it('is each of which one host could serve; a type is left out where none of its hosts could', () => {
    const { portions, leftOut } = unfolded({ tests: [gpu], targets: [{ each: 'host_type' }] });
    expect(portions.map((portion) => portion.target)).toEqual([{ hostType: 'pc' }, { hostType: 'pi' }]);
    expect(leftOut).toMatchObject([{ each: 'host_type', names: ['mac'], count: 1 }]);
  });
});

describe('a pool that is for some projects', () => {
  const lab = [host('a', 'pi', {}, { pool: 'net', poolProjects: ['kernel', 'net'] })];

  it('takes their work, and says to the others whose it is', () => {
    const nevers = ['kernel', 'web'].map((project) => unfolded({ project }, lab).portions[0]?.never);
    expect(nevers).toEqual([
      undefined,
      'no host of this grid can serve it: pool net is for projects kernel, net only',
    ]);
  });

  it('takes what the grid gives itself', () => {
    expect(unfolded({ purpose: 'canary', targets: [{ host: 'a' }] }, lab).portions[0]?.never).toBeUndefined();
  });

  it('keeps projects in queues of their own: equal needs are not equal rights', () => {
    const keys = ['kernel', 'web'].map((project) => unfolded({ project }, lab).portions[0]?.demandKey);
    expect(new Set(keys).size).toBe(2);
  });
});
