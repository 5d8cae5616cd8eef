import { afterEach, describe, expect, it, vi } from 'vitest';
import { arriving, changing, has } from '../../bench/sim/changing-grid.js';
import type { Fate, Piece } from '../../bench/sim/fate.js';
import { startSearch, type WantedSearch } from '../../src/stages/start-search.js';
import { guideSearch, runWithVersions } from '../../src/store/hunting.js';
import { WorldReader } from '../../src/store/world.js';
import { type OpenedGrid, openChanging } from './opened-changing.js';

/** Each plays hours of a grid. */
vi.setConfig({ testTimeout: 180_000 });

let grid: OpenedGrid;
afterEach(() => grid?.close());

const PACKAGES = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
const all = (version: string) => PACKAGES.map((name) => arriving(name, version));
const versions = (version: string) => Object.fromEntries(PACKAGES.map((name) => [`lab/${name}`, version]));
const isOwn = ({ what, assignment }: Piece) => what === 'test' && assignment.test.name !== 'canary';

/** `p4` 2 is bad from `sinceS` on, so that it got into the baseline while nobody saw it; with `partner` only together. */
async function open(sinceS = 5_000, dryRun = true, partner = 'p4') {
  const fate: Fate = (piece) =>
    isOwn(piece) && piece.atS > sinceS && [partner, 'p4'].every((name) => has(piece, name, '2'))
      ? { exit: 1 }
      : undefined;
  grid = await openChanging(changing(PACKAGES, 6, ['one']), fate, { dryRun });
  grid.arrive(10, all('1'));
  grid.sim.submit(100, { test: 'one', actor: 'qe' });
  grid.arrive(600, all('2'));
  await grid.sim.run({ untilS: 5_000 });
  expect(await grid.baseline()).toEqual(Object.fromEntries(PACKAGES.map((name) => [name, '2'])));
}

async function start(between: WantedSearch['between'], more: Partial<WantedSearch> = {}) {
  const { store } = grid.sim;
  const [test] = await store.rows<WantedSearch['test'] & { projectId: string }>(
    `SELECT id, name, requirement, project_id AS "projectId" FROM test WHERE name = 'one'`,
  );
  if (test === undefined) throw new Error('no test');
  const { steps } = await new WorldReader().read(store);
  const asked = { projectId: test.projectId, test, between, consequences: false, actor: 'pia', why: '' };
  return await store.transaction((tx) => startSearch(tx, { ...asked, ...more }, steps));
}
const runs = () =>
  grid.sim.store.rows<{ id: string; verdict: string }>(
    `SELECT id, verdict FROM run WHERE test_name = 'one' AND purpose = 'test' ORDER BY id`,
  );

describe('a search that a person began', () => {
  it('between two runs finds the change, tells them and the admin, and holds nothing back', async () => {
    await open();
    grid.sim.submit(5_100, { test: 'one', actor: 'qe' });
    await grid.sim.run({ untilS: 5_300 });
    const [good, bad] = await runs();
    expect([good?.verdict, bad?.verdict]).toEqual(['passed', 'failed']);
    const { store } = grid.sim;
    const read = async (id = '') => {
      const run = await runWithVersions(store, 'all', id);
      if (run === undefined) throw new Error(`no run ${id}`);
      return run;
    };
    const between = { good: await read(good?.id), bad: await read(bad?.id) };
    expect([between.good.versions, between.bad.versions]).toEqual([versions('1'), versions('2')]);
    const made = await start(between);
    const id = 'id' in made ? made.id : '';
    await grid.sim.run({ untilS: 12_000 });
    const [found] = await store.rows<{ why: string }>(`SELECT why FROM search WHERE id = $1`, [id]);
    expect(found?.why).toMatch(/^lab\/p4 2: probability (0\.99|1\.0)/);
    const about = (await grid.told()).filter(({ title }) => title.startsWith('the search of pia'));
    expect(about.map(({ owner }) => owner)).toEqual(['pia', 'the-admin']);
    expect(await store.rows(`SELECT 1 FROM pin`)).toEqual([]);
    expect(await store.rows(`SELECT 1 FROM accusation`)).toEqual([]);
  });

  it('names the other change too without which the one does no harm', async () => {
    await open(5_000, true, 'p2');
    const made = await start({ from: versions('1'), to: versions('2') });
    expect(made).toHaveProperty('id');
    await grid.sim.run({ untilS: 12_000 });
    expect((await grid.told()).filter(({ owner }) => owner === 'pia')).toMatchObject([
      { title: 'the search of pia with one: lab/p4 2 breaks one, together with lab/p2 2' },
    ]);
    expect(await grid.sim.store.rows(`SELECT FROM search WHERE closed_at IS NULL`)).toEqual([]);
    expect(await grid.sim.store.rows(`SELECT 1 FROM accusation`)).toEqual([]);
  });

  it('with consequences puts the baseline back, and tells the owner', async () => {
    await open(5_000, false);
    const made = await start(
      { from: versions('1'), to: versions('2') },
      { consequences: true, actor: 'root' },
    );
    expect(made).toHaveProperty('id');
    await grid.sim.run({ untilS: 12_000 });
    expect(await grid.baseline()).toMatchObject({ p3: '2', p4: '1', p5: '2' });
    expect(new Set((await grid.told()).map(({ owner }) => owner))).toEqual(
      new Set(['root', 'the-admin', 'p4@example.org']),
    );
  });

  it('is guided by what a person knows, and stopped by them', async () => {
    await open();
    const made = await start({ from: versions('1'), to: versions('2') });
    const id = 'id' in made ? made.id : '';
    const { store } = grid.sim;
    const say = (guidance: Parameters<typeof guideSearch>[2]) =>
      store.transaction((tx) => guideSearch(tx, id, guidance, 'pia'));
    expect(
      await say([
        { kind: 'exclude', changes: [1, 2] },
        { kind: 'weigh', changes: [4], factor: 5 },
      ]),
    ).toBe(true);
    const [row] = await store.rows<{ weights: number[] }>(
      `SELECT value->'question'->'weights' AS weights FROM search WHERE id = $1`,
      [id],
    );
    expect(row?.weights).toEqual([0, 0, 1, 5, 1, 1]);
    // A switch takes a chain of 30 s, a run of the test two.
    const [asked] = await store.rows<{ switching: number }>(
      `SELECT (value->'question'->>'switching')::integer AS switching FROM search WHERE id = $1`,
      [id],
    );
    expect(asked?.switching).toBeGreaterThan(10);
    await grid.sim.run({ untilS: 5_065 });
    const underWay = () =>
      store.rows<{ by: string | null }>(
        `SELECT q.cancelled_by AS by FROM trial t JOIN run r ON r.submission_id = t.submission_id
         JOIN queue q ON q.run_id = r.id WHERE t.search_id = $1`,
        [id],
      );
    const trials = await underWay();
    expect(trials.length).toBeGreaterThan(0);
    expect(await say([{ kind: 'stop' }])).toBe(true);
    expect(await underWay()).toEqual(trials.map(() => ({ by: 'pia' })));
    await grid.sim.run({ untilS: 5_400 });
    expect(await underWay()).toEqual([]);
    const [over] = await store.rows<{ why: string; open: boolean }>(
      `SELECT why, closed_at IS NULL AS open FROM search WHERE id = $1`,
      [id],
    );
    expect(over).toMatchObject({ open: false, why: expect.stringMatching(/^stopped; the likeliest: /) });
    expect(over?.why).not.toContain('lab/p1');
    expect(await say([{ kind: 'stop' }])).toBe(false);
    const said = await store.rows<{ kind: string; actor: string }>(
      `SELECT kind, actor FROM history WHERE kind LIKE 'search.%' AND actor = 'pia' ORDER BY txid, id`,
    );
    expect(said.map(({ kind }) => kind)).toEqual([
      'search.opened',
      'search.guided',
      'search.guided',
      'search.stopped',
    ]);
  });

  it('has no share of its own: several beside each other keep to that of one, and all come to their end', async () => {
    await open();
    const asked = { from: versions('1'), to: versions('2') };
    for (const actor of ['pia', 'pit', 'pat']) expect(await start(asked, { actor })).toHaveProperty('id');
    await grid.runUntilQuiet(6_000, 20_000);
    const ended = await grid.sim.store.rows<{ why: string }>(
      `SELECT why FROM search WHERE partner_of IS NULL`,
    );
    expect(ended.map(({ why }) => why.split(':')[0])).toEqual(['lab/p4 2', 'lab/p4 2', 'lab/p4 2']);
    const beside = await grid.sim.store.rows<{ search: string; all: number }>(
      `SELECT search_id AS search, (SELECT count(*)::integer FROM trial o WHERE o.asked_at <= t.asked_at AND o.told_at > t.asked_at) AS all
       FROM trial t`,
    );
    // Half of six hosts.
    expect(Math.max(...beside.map(({ all }) => all))).toBe(3);
  });

  it.each([
    [{ from: { 'lab/p1': '1' }, to: { 'lab/p1': '9' } }, 'no version 9 of it was ever seen'],
    [{ from: { 'lab/p1': '7' }, to: { 'lab/p1': '2' } }, 'no version 7 of it was ever seen'],
    [
      { from: { 'lab/p1': '2' }, to: { 'lab/p1': '1' } },
      '1 was there before any change was seen: it does not come after 2',
    ],
    [
      { from: { 'lab/p1': '2' }, to: { 'lab/p1': '2' } },
      'nothing that one depends on has changed between the two',
    ],
  ])('is refused where there is no line of changes: %j', async (between, message) => {
    await open();
    expect(await start(between)).toMatchObject({ wrong: [{ message: expect.stringContaining(message) }] });
    expect(await start(between)).toMatchObject({ wrong: [{ where: expect.stringMatching(/^to/) }] });
  });
});
