import { afterEach, describe, expect, it } from 'vitest';
import { arriving, changing, has, isOwn } from '../../bench/sim/changing-grid.js';
import { giveAnswer } from '../../src/stages/answer.js';
import { accusationsIn } from '../../src/store/answering.js';
import { type OpenedGrid, openChanging } from './opened-changing.js';

let grid: OpenedGrid;
afterEach(() => grid?.close());

const PACKAGES = ['p1', 'p2', 'p3'];

/** Each commit begins like no other. */
const commit = (n: number) => String(n).repeat(40);
const ofBranch = (n: number) => ({
  ...{ component: 'lab', version: commit(n), owner: `author-${n}@example.org` },
  ...{ title: `commit ${n}`, facts: {} },
});

const fixedIn = async (version: string) => {
  const [accusation] = await accusationsIn(grid.sim.store, 'all', '1');
  if (accusation === undefined) throw new Error('nobody is accused');
  const given = { kind: 'fixed_in', version } as const;
  return await grid.sim.store.transaction((tx) => giveAnswer(tx, accusation, given, 'pia'));
};
const whyOf = async (version: string) => {
  const [row] = await grid.sim.store.rows<{ state: string; why: string }>(
    `SELECT state, why FROM change WHERE version = $1 ORDER BY id DESC LIMIT 1`,
    [version],
  );
  return row;
};
const arrive = async (...arrivals: Parameters<OpenedGrid['arrive']>[1]) => {
  const nowS = Math.max(600, grid.sim.nowS + 60);
  grid.arrive(nowS, arrivals);
  await grid.runUntilQuiet(nowS + 300, nowS + 6_000);
};

describe('fixed in a commit', () => {
  /** A branch that commit 3 has broken, and commit 5 mends. */
  async function broken() {
    const inventory = changing([], 5, ['one']);
    const [step] = inventory.steps;
    if (step === undefined) throw new Error('there is a step');
    const git = { url: 'https://git.example.org/a.git', ref: 'main', submodules: false, component: 'lab' };
    const fetched = { ...step, action: { kind: 'fetch' as const, git, into: '/srv/a' } };
    const place = { kind: 'git', url: git.url, branch: 'main' } as const;
    grid = await openChanging(
      { ...inventory, steps: [fetched] },
      (piece) => {
        const at = Number(piece.host.versionOf('lab')?.[0] ?? 0);
        return isOwn(piece) && at >= 3 && at < 5 ? { exit: 1 } : undefined;
      },
      { place },
    );
    grid.arrive(10, [ofBranch(0)]);
    await arrive(...[1, 2, 3].map(ofBranch));
    expect(await grid.told()).toMatchObject([{ owner: 'author-3@example.org' }]);
  }

  it('named by its first digits is known when it comes, and those before it say what they wait for', async () => {
    await broken();
    expect(await fixedIn(commit(5).slice(0, 12))).toBeUndefined();
    await arrive(ofBranch(4));
    const why = 'its owner says in q1 that 555555555555 mends it: that is waited for';
    expect(await whyOf(commit(4))).toEqual({ state: 'new', why });
    await arrive(ofBranch(5));
    expect(await grid.baseline()).toEqual({ '': commit(5) });
    // What came before it is in with it: nothing of that is tried by itself.
    expect(await whyOf(commit(4))).toMatchObject({ state: 'in_baseline' });
    expect(await grid.told()).toHaveLength(1);
  });

  it('is a commit that comes after what it mends, and one alone', async () => {
    await broken();
    expect(await fixedIn('v6.9')).toBe(
      "'v6.9' is no commit: say at least 7 of the digits of its SHA, as in 0123456789ab",
    );
    expect(await fixedIn('555555')).toMatch(/at least 7/);
    expect(await fixedIn(commit(3).slice(0, 8))).toMatch(/the very version/);
    expect(await fixedIn(commit(2).slice(0, 8))).toMatch(/lab 22222222 comes before .*later one/);
    const like = (n: string) => `${commit(7).slice(0, 9)}${n}${commit(7).slice(10)}`;
    await arrive({ ...ofBranch(7), version: like('a') }, { ...ofBranch(7), version: like('b') });
    expect(await fixedIn('7777777')).toMatch(/7777777 is how several commits of lab begin.*more digits/);
    expect(await fixedIn('777777777A')).toBeUndefined();
  });
});

describe('fixed in a version of a package', () => {
  it('is one as its package manager reads it, later than the broken one', async () => {
    grid = await openChanging(changing(PACKAGES, 5, ['one']), (piece) =>
      isOwn(piece) && has(piece, 'p3', '2') ? { exit: 1 } : undefined,
    );
    grid.arrive(
      10,
      PACKAGES.map((name) => arriving(name, '1')),
    );
    await arrive(...PACKAGES.map((name) => arriving(name, '2')));
    expect(await fixedIn('v3')).toBe("'v3' is no Debian version: it begins with a digit, as in 1:2.3-4");
    expect(await fixedIn('1.9')).toBe('lab/p3 1.9 comes before 2, which it is about: name a later one');
    expect(await fixedIn('4')).toBeUndefined();
    await arrive(arriving('p3', '3'));
    const why = 'its owner says in q1 that 4 mends it: that is waited for';
    expect(await whyOf('3')).toEqual({ state: 'new', why });
    await arrive(arriving('p3', '10'));
    expect(await grid.baseline()).toMatchObject({ p3: '10' });
  });
});
