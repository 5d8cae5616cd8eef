import { afterEach, describe, expect, it } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import type { Fate } from '../../bench/sim/fate.js';
import { arriving, ChangingGrid, changing, has } from './changing.js';

let grid: ChangingGrid;
afterEach(() => grid?.close());

const PACKAGES = Array.from({ length: 8 }, (_, n) => `p${n + 1}`);
const all = (version: string) => PACKAGES.map((name) => arriving(name, version));

async function play(fate: Fate, watch = {}, tests = ['one', 'two']) {
  grid = await ChangingGrid.open(changing(PACKAGES, 6, tests), fate, watch);
  grid.arrive(10, all('1'));
  grid.arrive(600, all('2'));
  await grid.sim.run({ untilS: 40_000 });
  expect(grid.sim.logged).toEqual([]);
}

const at = (version: string, others: Record<string, string> = {}) => ({
  ...Object.fromEntries(PACKAGES.map((name) => [name, version])),
  ...others,
});

describe('changes that arrive', () => {
  it('are the baseline at first sight, and again once they have held', async () => {
    await play(() => undefined);
    expect(await grid.baseline()).toEqual(at('2'));
    expect(await grid.told()).toEqual([]);
  });

  it('go on without the one that breaks a test now and then, whose owner is told, and nobody else', async () => {
    const roll = dice(3);
    await play((piece) => {
      if (piece.what !== 'test' || piece.assignment.test.name !== 'two') return undefined;
      return has(piece, 'p5', '2') && roll() < 0.7 ? { exit: 1 } : undefined;
    });
    expect(await grid.baseline()).toEqual(at('2', { p5: '1' }));
    expect(await grid.told()).toMatchObject([{ owner: 'p5@example.org', title: 'lab/p5 2 breaks two' }]);
    expect(await grid.changes()).toMatchObject({ 'p5 2': 'blamed', 'p4 2': 'in_baseline' });
  });
});
