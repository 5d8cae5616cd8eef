import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { arriving, changing, has, isOwn } from '../../bench/sim/changing-grid.js';
import type { Fate } from '../../bench/sim/fate.js';
import { all, at, openChanging, PACKAGES } from './opened-changing.js';

/** Plays more than a day of a grid. */
vi.setConfig({ testTimeout: 180_000 });

describe('a watch with a limit of roll-backs', () => {
  it('makes no more than so many in a day: what was stopped by that goes on by itself on the next', async () => {
    const each: Fate = (piece) => {
      if (!isOwn(piece)) return undefined;
      const bad = piece.assignment.test.name === 'one' ? 'p3' : 'p5';
      return has(piece, bad, '2') ? { exit: 1 } : undefined;
    };
    const grid = await openChanging(changing(PACKAGES, 6, ['one', 'two']), each, { rollbacksPerDay: 1 });
    onTestFinished(() => grid.close());
    grid.arrive(10, all('1'));
    grid.arrive(600, all('2'));
    await grid.runUntilQuiet(900, 20_000);
    const pinned = () => grid.sim.store.rows<{ why: string }>(`SELECT why FROM pin ORDER BY id`);
    const [first, ...more] = await pinned();
    expect([first?.why, more]).toEqual(['lab/p3 2 breaks one', []]);
    expect(await grid.baseline()).toEqual(at('1'));
    expect(await grid.changes()).toMatchObject({ 'p3 2': 'blamed', 'p5 2': 'new', 'p1 2': 'new' });
    // Something else that comes on that day waits too, and is not searched among again and again.
    const before = await grid.sim.store.rows(`SELECT FROM search`);
    grid.arrive(grid.sim.nowS + 60, [arriving('p1', '3')]);
    await grid.sim.run({ untilS: 80_000 });
    expect(await grid.sim.store.rows(`SELECT FROM search`)).toHaveLength(before.length);
    expect(await grid.told()).toMatchObject([{ owner: 'p3@example.org' }, { owner: 'the-admin' }]);
    const [waits] = await grid.sim.store.rows<{ why: string }>(
      `SELECT h.data->>'why' AS why FROM change c JOIN history h ON h.subject = 'c' || c.id
         AND h.kind = 'decision.not_acted' WHERE c.version = '3'`,
    );
    expect(waits?.why).toBe('1 roll-back of lab within a day (rollbacks_per_day)');

    await grid.runUntilQuiet(90_000, 110_000);
    expect((await pinned()).map(({ why }) => why)).toEqual(['lab/p3 2 breaks one', 'lab/p5 2 breaks two']);
    expect(await grid.baseline()).toEqual(at('2', { p1: '3', p3: '1', p5: '1' }));
  });
});
