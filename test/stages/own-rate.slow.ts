import { afterEach, describe, expect, it, vi } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import { arriving, changing, has, isOwn } from '../../bench/sim/changing-grid.js';
import type { Search } from '../../src/domain/culprit/search.js';
import { failureRecord } from '../../src/store/known-before.js';
import { type OpenedGrid, openChanging } from './opened-changing.js';

/** Each plays hours of a grid. */
vi.setConfig({ testTimeout: 180_000 });

let grid: OpenedGrid;
afterEach(() => grid?.close());

const PACKAGES = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
const all = (version: string) => PACKAGES.map((name) => arriving(name, version));

interface Seen {
  readonly kind: string;
  readonly record: { readonly failures: number; readonly runs: number } | null;
}
const searches = () =>
  grid.sim.store.rows<Seen>(
    `SELECT value #>> '{conclusion,kind}' AS kind, value #> '{question,record}' AS record FROM search ORDER BY id`,
  );

describe('a test that deceives', () => {
  it('is known for how often by the search for a partner of what it found: nobody else is named for it', async () => {
    const roll = dice(4);
    grid = await openChanging(changing(PACKAGES, 6, ['one']), (piece) => {
      if (!isOwn(piece)) return undefined;
      return roll() < (has(piece, 'p5', '2') ? 0.6 : 0.1) ? { exit: 1 } : undefined;
    });
    grid.arrive(10, all('1'));
    grid.arrive(600, all('2'));
    await grid.runUntilQuiet(900, 20_000);
    expect(await grid.told()).toMatchObject([{ owner: 'p5@example.org', title: 'lab/p5 2 breaks one' }]);
    const known = (
      await grid.sim.store.rows<{ value: Search; line: unknown[] }>(
        `SELECT value, line FROM search ORDER BY id`,
      )
    ).slice(0, 2);
    const [first, second] = known.map(({ value }) => value);
    const seen = first?.verification;
    if (first === undefined || second === undefined || seen === undefined) throw new Error('two searches');
    const counted = (isOf: (state: number) => boolean) => {
      const some = first.tallies.filter(({ state }) => isOf(state));
      const bad = some.reduce((sum, one) => sum + one.bad, 0);
      return { bad, of: some.reduce((sum, one) => sum + one.good, bad) };
    };
    const [good, broken] = [counted((state) => state < 5), counted((state) => state >= 5)];
    expect(second.question).toMatchObject({
      record: { failures: good.bad + seen.badWithout, runs: good.of + seen.badWithout + seen.goodWithout },
      brokenRecord: { failures: broken.bad + seen.badWith, runs: broken.of + seen.badWith + seen.goodWith },
    });
    expect(good.bad + seen.badWithout).toBeGreaterThan(0);
  });
});

describe('a test that flakes and that hardly anybody runs', () => {
  it('is known for it by the trials of an earlier search: some reds in a row are no fault of what it runs on', async () => {
    const roll = dice(5);
    let reds = 0;
    grid = await openChanging(changing(PACKAGES, 6, ['one']), (piece) => {
      if (!isOwn(piece)) return undefined;
      // From then on it happens to be red some times in a row, on the last good state too.
      if (piece.atS > 10_000 && reds < 7) return { exit: ++reds };
      return roll() < 0.4 ? { exit: 1 } : undefined;
    });
    grid.arrive(10, all('1'));
    grid.arrive(600, all('2'));
    await grid.runUntilQuiet(900, 9_000);
    expect(await searches()).toMatchObject([{ kind: 'flaky', record: null }]);
    grid.arrive(10_000, all('3'));
    await grid.runUntilQuiet(10_300, 20_000);
    const [, second] = await searches();
    expect(second?.kind).toBe('flaky');
    expect(second?.record?.runs).toBeGreaterThan(5);
    expect(await grid.told()).toEqual([]);
  });

  it('is not taken to flake for ever: the trials of good states tell when it does so no more', async () => {
    const roll = dice(5);
    grid = await openChanging(changing(PACKAGES, 6, ['one']), (piece) => {
      if (!isOwn(piece)) return undefined;
      if (piece.atS < 10_000) return roll() < 0.4 ? { exit: 1 } : undefined;
      return has(piece, 'p4', '3') ? { exit: 1 } : undefined;
    });
    grid.arrive(10, all('1'));
    grid.arrive(600, all('2'));
    await grid.runUntilQuiet(900, 9_000);
    grid.arrive(10_000, all('3'));
    await grid.runUntilQuiet(10_300, 30_000);
    expect(await grid.told()).toMatchObject([{ owner: 'p4@example.org', title: 'lab/p4 3 breaks one' }]);
    const record = () =>
      grid.sim.store.transaction(async (tx) => {
        const [project] = await tx.rows<{ id: string }>(`SELECT id FROM project WHERE name = 'default'`);
        return await failureRecord(tx, project?.id ?? '', 'one');
      });
    const flaking = (await searches())[1]?.record;
    const now = await record();
    expect(now?.failures).toBe(flaking?.failures);
    expect(now?.runs).toBeGreaterThan((flaking?.runs ?? 0) + 3);
  });
});
