import { afterEach, describe, expect, it, vi } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import { arriving, changing, commitOf, has, isOwn } from '../../bench/sim/changing-grid.js';
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

async function play(fate: Fate, watch = {}, tests = ['one', 'two']) {
  await open(changing(PACKAGES, 6, tests), fate, watch);
  grid.arrive(10, all('1'));
  grid.arrive(600, all('2'));
  await grid.runUntilQuiet(900, 9000);
  expect(grid.sim.logged).toEqual([]);
}

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
    // Its trials go before the queue, and never want more than its share of six hosts.
    const trials = await grid.sim.store.rows<{ priority: number; beside: string }>(
      `SELECT s.priority, (SELECT count(*) FROM trial o WHERE o.asked_at <= t.asked_at AND o.told_at > t.asked_at) AS beside
       FROM trial t JOIN submission s ON s.id = t.submission_id`,
    );
    expect(trials.length).toBeGreaterThan(3);
    expect(new Set(trials.map(({ priority }) => priority))).toEqual(new Set([10]));
    expect(Math.max(...trials.map(({ beside }) => Number(beside)))).toBe(3);
  });
});

describe('what breaks something', () => {
  it('by itself and together with another is told apart: a pair is named, and the later one is held back', async () => {
    await play((piece) => {
      const isBad = isOwn(piece) && has(piece, 'p3', '2') && has(piece, 'p6', '2');
      return isBad ? { exit: 1 } : undefined;
    });
    expect(await grid.baseline()).toEqual(at('2', { p6: '1' }));
    expect(await grid.told()).toMatchObject([
      { owner: 'p6@example.org', title: 'lab/p6 2 breaks one, together with lab/p3 2' },
      { owner: 'p3@example.org' },
    ]);
  });

  it('since it cannot be put in stays out, and its owner is told of that', async () => {
    await play((piece) => {
      const isBad =
        piece.step?.action.kind === 'packages' &&
        piece.step.action.install.some((one) => one.name === 'p2' && one.version === '2');
      return isBad
        ? { result: 'failed', message: "apt itself failed, or a package's own script" }
        : undefined;
    });
    expect(await grid.baseline()).toEqual(at('2', { p2: '1' }));
    expect(await grid.told()).toMatchObject([
      { owner: 'p2@example.org', title: 'lab/p2 2 cannot be installed' },
    ]);
    expect(await grid.changes()).toMatchObject({ 'p2 2': 'uninstallable' });
  });

  it('since it takes its host down is found, though each of its trials looks like a lost host', async () => {
    await play((piece) => {
      const isBad = isOwn(piece) && has(piece, 'p7', '2');
      return isBad ? { lost: { error: 'timeout', message: 'no answer' } } : undefined;
    });
    expect(await grid.baseline()).toEqual(at('2', { p7: '1' }));
    expect(await grid.told()).toMatchObject([
      { owner: 'p7@example.org', title: 'lab/p7 2 takes its host down' },
    ]);
  });

  /** The package that is bad is being put in, at version 2. */
  const puts = (piece: Parameters<Fate>[0], name: string) =>
    piece.step?.action.kind === 'packages' &&
    piece.step.action.install.some((one) => one.name === name && one.version === '2');

  it.each([
    ['the first loss is followed by a step that breaks off', [1]],
    ['the first probe only breaks off', [0, 1]],
  ])('since it takes its host down while it is put in is found: %s', async (_, brokenOff) => {
    let times = 0;
    await play((piece) => {
      if (!puts(piece, 'p7')) return undefined;
      return brokenOff.includes(times++)
        ? { result: 'failed', message: 'the connection was closed' }
        : { lost: { error: 'timeout', message: 'no answer' } };
    });
    expect(await grid.told()).toMatchObject([
      { owner: 'p7@example.org', title: 'lab/p7 2 takes its host down' },
    ]);
    expect(await grid.baseline()).toEqual(at('2', { p7: '1' }));
  });

  it('since it cannot be put in is found though a host was lost at first', async () => {
    let times = 0;
    await play((piece) => {
      if (!puts(piece, 'p2')) return undefined;
      return times++ === 0
        ? { lost: { error: 'timeout', message: 'no answer' } }
        : { result: 'failed', message: "apt itself failed, or a package's own script" };
    });
    expect(await grid.told()).toMatchObject([
      { owner: 'p2@example.org', title: 'lab/p2 2 cannot be installed' },
    ]);
    expect(await grid.baseline()).toEqual(at('2', { p2: '1' }));
  });

  it('is none where the test flakes in any state, and nobody is told so', async () => {
    const roll = dice(5);
    await play((piece) =>
      piece.what === 'test' && piece.assignment.test.name === 'one' && roll() < 0.4 ? { exit: 1 } : undefined,
    );
    expect(await grid.baseline()).toEqual(at('2'));
    expect(await grid.told()).toEqual([]);
  });

  it('is none where the last good state is bad today too: the admins are told, no owner', async () => {
    await play((piece) => (isOwn(piece) && piece.atS > 500 ? { exit: 1 } : undefined));
    expect(await grid.baseline()).toEqual(at('1'));
    const told = await grid.told();
    expect(new Set(told.map(({ owner }) => owner))).toEqual(new Set(['the-admin']));
  });
});

describe('what is held back', () => {
  /** `p5` at version 2 breaks every test that somebody runs. */
  const breaks: Fate = (piece) => (isOwn(piece) && has(piece, 'p5', '2') ? { exit: 1 } : undefined);
  const needing = (name: string, needed: string) =>
    arriving(name, '2', { depends: [{ package: needed, operator: '>=', version: '2' }] });

  async function playLine(arrivals: readonly ReturnType<typeof arriving>[], watch = {}, untilS = 9_000) {
    await open(changing(PACKAGES, 6, ['one']), breaks, watch);
    grid.arrive(10, all('1'));
    grid.arrive(600, arrivals);
    await grid.runUntilQuiet(900, untilS);
  }

  it('takes along what needs it, and that alone; all of it goes on once a version comes that holds', async () => {
    const line = [...all('2').slice(0, 6), needing('p7', 'p5'), needing('p8', 'p7')];
    await playLine(line, {}, 9_000);
    expect(await grid.baseline()).toEqual(at('2', { p5: '1', p7: '1', p8: '1' }));
    expect(await grid.told()).toHaveLength(1);
    const [pin] = await grid.sim.store.rows<{ behind: { why: string }[] }>(`SELECT behind FROM pin`);
    expect(pin?.behind.map(({ why }) => why).sort()).toEqual(['it needs p5 (>= 2)', 'it needs p7 (>= 2)']);

    grid.arrive(grid.sim.nowS + 60, [arriving('p5', '3')]);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 12_000);
    expect(await grid.baseline()).toEqual(at('2', { p5: '3' }));
    const pins = await grid.sim.store.rows(`SELECT why FROM pin WHERE lifted_at IS NULL`);
    expect(pins).toEqual([]);
    expect(await grid.told()).toHaveLength(1);
  });

  it('is only said where the watch is on trial itself: nobody is told, nothing is held', async () => {
    await playLine(all('2'), { dryRun: true });
    expect(await grid.told()).toEqual([]);
    expect(await grid.sim.store.rows(`SELECT 1 FROM pin`)).toEqual([]);
    const decided = await grid.sim.store.rows<{ data: Record<string, string> }>(
      `SELECT data FROM history WHERE kind = 'decision.not_acted'`,
    );
    expect(decided.map(({ data }) => data)).toMatchObject([
      {
        what: 'hold lab/p5 at 1',
        found: 'lab/p5 2 breaks one',
        why: 'watch lab is on trial itself (dry_run)',
      },
    ]);
  });

  it('is no more than so many in a day: past that the watch stops, and the admins are told', async () => {
    await playLine(all('2'), { rollbacksPerDay: 0 });
    expect(await grid.baseline()).toEqual(at('1'));
    expect(await grid.told()).toMatchObject([{ owner: 'the-admin' }]);
    expect(await grid.sim.store.rows(`SELECT state FROM intake`)).toEqual([{ state: 'stopped' }]);
    expect(Object.values(await grid.changes())).not.toContain('testing');
  });
});

describe('faults of the grid', () => {
  it('are no evidence: a bad host and a mirror that is out accuse nobody', async () => {
    const roll = dice(11);
    await play((piece) => {
      if (piece.host.name === 'h2' && piece.what === 'chain')
        return { result: 'failed', message: 'disk full' };
      const isOut = piece.what === 'chain' && piece.atS > 700 && piece.atS < 1500;
      if (isOut) return { result: 'failed', message: 'the mirror does not answer' };
      return isOwn(piece) && has(piece, 'p4', '2') && roll() < 0.8 ? { exit: 1 } : undefined;
    });
    expect(await grid.baseline()).toEqual(at('2', { p4: '1' }));
    expect(await grid.told()).toMatchObject([{ owner: 'p4@example.org' }]);
  });
});

describe("a test's own new commit", () => {
  it("that breaks it is its author's, and no package's that came on the same day", async () => {
    await open(changing(PACKAGES, 6, ['one', 'two']), (piece) =>
      isOwn(piece) && commitOf(piece) === 'bad' ? { exit: 1 } : undefined,
    );
    await grid.watchTests();
    grid.arrive(10, all('1'));
    grid.arrive(600, all('2'));
    grid.commit(600, 'one', 'bad');
    await grid.runUntilQuiet(900, 9000);
    expect(await grid.told()).toMatchObject([{ owner: 'author-of-one@example.org' }]);
    expect(await grid.baseline()).toMatchObject(at('2'));
    grid.commit(grid.sim.nowS + 60, 'one', 'good');
    await grid.runUntilQuiet(grid.sim.nowS + 300, 15_000);
    expect(await grid.sim.store.rows(`SELECT FROM pin WHERE lifted_at IS NULL`)).toEqual([]);
    expect(await grid.told()).toHaveLength(1);
  });
});

describe('what held when it was tried and breaks a test all the same', () => {
  it('is found by the reds of ordinary runs, rolled back, and its owner told', async () => {
    await open(
      changing(PACKAGES, 6, ['one']),
      // It shows from the second hour on only.
      (piece) => (isOwn(piece) && piece.atS > 3600 && has(piece, 'p3', '2') ? { exit: 1 } : undefined),
    );
    grid.arrive(10, all('1'));
    grid.sim.submit(300, { test: 'one' });
    grid.arrive(600, all('2'));
    grid.sim.submit(4000, { test: 'one' });
    grid.sim.submit(8500, { test: 'one' });
    await grid.sim.run({ untilS: 9000 });
    expect(await grid.told()).toMatchObject([{ owner: 'p3@example.org', title: 'lab/p3 2 breaks one' }]);
    expect(await grid.baseline()).toEqual(at('2', { p3: '1' }));
    const verdicts = await grid.sim.store.rows<{ verdict: string }>(
      `SELECT verdict FROM run WHERE purpose = 'test' ORDER BY id`,
    );
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['passed', 'failed', 'passed']);
  });
});
