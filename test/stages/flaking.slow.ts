import { afterEach, describe, expect, it, vi } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import { changing, has, isOwn } from '../../bench/sim/changing-grid.js';
import type { Fate } from '../../bench/sim/fate.js';
import type { Inventory } from '../../src/domain/inventory.js';
import type { WatchSpec } from '../../src/domain/watch.js';
import { all, at, type OpenedGrid, openChanging, PACKAGES } from './opened-changing.js';

/** Each plays hours of a grid. */
vi.setConfig({ testTimeout: 180_000 });

let grid: OpenedGrid;
afterEach(() => grid?.close());

async function open(inventory: Inventory, fate: Fate, watch: Partial<WatchSpec> = {}) {
  grid = await openChanging(inventory, fate, watch);
}

describe('a test that flakes', () => {
  const arrived = 600;

  it('and fails more often since something went in is searched for by its ordinary runs', async () => {
    const roll = dice(4);
    await open(changing(PACKAGES, 6, ['one']), (piece) => {
      // While it is tried it passes by luck.
      if (!isOwn(piece) || (piece.atS > arrived && piece.atS < arrived + 200)) return undefined;
      return roll() < (has(piece, 'p3', '2') ? 0.6 : 0.05) ? { exit: 1 } : undefined;
    });
    grid.arrive(10, all('1'));
    for (let n = 0; n < 45; n++) grid.sim.submit(100 + n * 10, { test: 'one' });
    grid.arrive(arrived, all('2'));
    for (let n = 0; n < 30; n++) grid.sim.submit(arrived + 250 + n * 60, { test: 'one' });
    await grid.runUntilQuiet(3000, 9000);
    expect(await grid.told()).toMatchObject([{ owner: 'p3@example.org', title: 'lab/p3 2 breaks one' }]);
    expect(await grid.baseline()).toEqual(at('2', { p3: '1' }));
  });

  it.each([
    [0.6, '2'],
    [1, '1'],
  ])('and says when it is broken is believed: at a rate of %f p3 is left at %s', async (rate, version) => {
    const roll = dice(6);
    const inventory = changing(PACKAGES, 6, ['one']);
    const tests = inventory.tests.map((test) => ({ ...test, broken: { bad: 9, of: 10 } }));
    await open({ ...inventory, tests }, (piece) =>
      isOwn(piece) && has(piece, 'p3', '2') && roll() < rate ? { exit: 1 } : undefined,
    );
    grid.arrive(10, all('1'));
    grid.arrive(arrived, all('2'));
    await grid.runUntilQuiet(900, 9000);
    expect(await grid.baseline()).toEqual(at('2', { p3: version }));
    expect(await grid.told()).toHaveLength(version === '2' ? 0 : 1);
  });
});
