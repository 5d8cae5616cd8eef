import { afterEach, describe, expect, it, vi } from 'vitest';
import { changing, isOwn } from '../../bench/sim/changing-grid.js';
import type { Fate } from '../../bench/sim/fate.js';
import type { Inventory } from '../../src/domain/inventory.js';
import type { WatchSpec } from '../../src/domain/watch.js';
import { type OpenedGrid, openChanging } from './opened-changing.js';

/** Each plays hours of a grid. */
vi.setConfig({ testTimeout: 180_000 });

let grid: OpenedGrid;
afterEach(() => grid?.close());

async function open(inventory: Inventory, fate: Fate, watch: Partial<WatchSpec> = {}) {
  grid = await openChanging(inventory, fate, watch);
}

describe('a branch', () => {
  const commit = (n: number) => String(n).padStart(40, '0');
  const commits = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, n) => ({
      component: 'lab',
      version: commit(from + n),
      owner: `author-${from + n}@example.org`,
      title: `commit ${from + n}`,
      facts: {},
    }));
  const git = { url: 'https://git.example.org/a.git', ref: 'main', submodules: false, component: 'lab' };

  /** A grid that fetches a branch; what is bad in which commits is asked by their numbers. */
  async function openBranch(
    isBad: (commit: number, test: string | undefined) => boolean,
    tests = ['one'],
    how: 'fails' | 'refused' = 'fails',
  ) {
    const inventory = changing([], 6, tests);
    const [step] = inventory.steps;
    if (step === undefined) throw new Error('there is a step');
    const fetched = { ...step, action: { kind: 'fetch' as const, git, into: '/srv/a' } };
    const fate: Fate = (piece) => {
      if (how === 'refused' && piece.step?.action.kind === 'fetch')
        return isBad(Number(piece.step.action.git.ref), undefined)
          ? { result: 'failed', message: 'make: *** [all] Error 2' }
          : undefined;
      const at = Number(piece.host.versionOf('lab') ?? 0);
      return how === 'fails' && isOwn(piece) && isBad(at, piece.assignment.test.name)
        ? { exit: 1 }
        : undefined;
    };
    await open({ ...inventory, steps: [fetched] }, fate, {
      place: { kind: 'git', url: git.url, branch: 'main' },
    });
    grid.arrive(10, commits(0, 0));
  }

  async function arrive(from: number, to: number) {
    const nowS = Math.max(600, grid.sim.nowS + 60);
    grid.arrive(nowS, commits(from, to));
    await grid.runUntilQuiet(nowS + 300, nowS + 9000);
  }

  const trusted = async () =>
    Number((await grid.sim.store.rows<{ at: string }>(`SELECT baseline AS at FROM component`))[0]?.at);
  const owners = async () => (await grid.told()).map(({ owner }) => owner.split('@')[0]);
  const pins = () => grid.sim.store.rows(`SELECT FROM pin WHERE lifted_at IS NULL`);
  const within = (n: number, from: number, before: number) => n >= from && n < before;

  it('has nothing to do with what somebody pushed beside it: who breaks it later is told', async () => {
    await openBranch((n) => n === 500 || within(n, 2, 500));
    const [candidate] = commits(500, 500);
    if (candidate === undefined) throw new Error('there is a candidate');
    grid.push(600, candidate, 'dan');
    await grid.runUntilQuiet(900, 6000);
    expect(await owners()).toEqual(['dan']);
    await arrive(1, 3);
    expect(await owners()).toEqual(['dan', 'author-2']);
    expect(await trusted()).toBe(1);
  });

  it('is held at the commit before the one that breaks it, nobody is accused while that lasts, and goes on once it is mended', async () => {
    await openBranch((n) => within(n, 4, 13));
    await arrive(1, 10);
    expect(await trusted()).toBe(3);
    expect(await owners()).toEqual(['author-4']);

    await arrive(11, 12);
    expect(await trusted()).toBe(3);
    expect(await grid.told()).toHaveLength(1);
    // The search before has seen how often the test deceives: one round of trials shows that all is as it was.
    const [, again] = await grid.searches();
    expect(again?.value.spent).toMatchObject({ search: 3, verify: 0 });

    await arrive(13, 14);
    expect(await trusted()).toBe(14);
    expect(await pins()).toEqual([]);
    expect(await grid.told()).toHaveLength(1);
  });

  it.each(['fails', 'refused'] as const)(
    'that was mended and is broken again names who broke it last: %s',
    async (how) => {
      await openBranch((n) => within(n, 3, 14) || within(n, 17, 22), ['one'], how);
      await arrive(1, 20);
      expect(await owners()).toEqual(['author-17']);
      expect(await trusted()).toBe(16);
      await arrive(21, 23);
      expect(await owners()).toEqual(['author-17']);
      expect(await trusted()).toBe(23);
      expect(await pins()).toEqual([]);
    },
  );

  it('that is mended and broken again while it is held names who broke it again', async () => {
    await openBranch((n) => within(n, 4, 9) || within(n, 12, 99));
    await arrive(1, 6);
    expect(await owners()).toEqual(['author-4']);
    await arrive(7, 14);
    expect(await owners()).toEqual(['author-4', 'author-12']);
    expect(await trusted()).toBe(11);
    expect(await pins()).toHaveLength(1);
  });

  it('that two commits break, each another test, tells both of their authors', async () => {
    await openBranch((n, test) => (test === 'one' ? within(n, 4, 12) : n >= 7), ['one', 'two']);
    await arrive(1, 10);
    expect((await owners()).sort()).toEqual(['author-4', 'author-7']);
    expect(await trusted()).toBe(3);
    await arrive(11, 12);
    expect(await owners()).toHaveLength(2);
  });

  it('that was taken in and breaks a test all the same goes back to before the commit, though it had come with others', async () => {
    await openBranch((n) => n >= 5 && grid.sim.nowS > 3600);
    grid.sim.submit(300, { test: 'one' });
    await arrive(1, 8);
    expect(await trusted()).toBe(8);
    grid.sim.submit(4000, { test: 'one' });
    await grid.runUntilQuiet(4300, 9000);
    expect(await owners()).toEqual(['author-5']);
    expect(await trusted()).toBe(4);
    await grid.runUntilQuiet(grid.sim.nowS + 600, grid.sim.nowS + 3000);
    expect(await owners()).toEqual(['author-5']);
  });
});
