import { afterEach, describe, expect, it } from 'vitest';
import { arriving, changing, has } from '../../bench/sim/changing-grid.js';
import type { Fate, Piece } from '../../bench/sim/fate.js';
import type { Answer } from '../../src/domain/answer/answer.js';
import { giveAnswer } from '../../src/stages/answer.js';
import { toldSearch } from '../../src/stages/told-search.js';
import { accusationsIn } from '../../src/store/answering.js';
import { type OpenedGrid, openChanging } from './opened-changing.js';

let grid: OpenedGrid;
afterEach(() => grid?.close());

const PACKAGES = ['p1', 'p2', 'p3', 'p4'];
const all = (version: string) => PACKAGES.map((name) => arriving(name, version));
const at = (version: string, others: Record<string, string> = {}) => ({
  ...Object.fromEntries(PACKAGES.map((name) => [name, version])),
  ...others,
});
const isOwn = ({ what, assignment }: Piece) => what === 'test' && assignment.test.name !== 'canary';
/** `p3` is bad in these versions. */
const bad =
  (...versions: readonly string[]): Fate =>
  (piece) =>
    isOwn(piece) && versions.some((version) => has(piece, 'p3', version)) ? { exit: 1 } : undefined;

/** Version 2 of everything arrives, and `p3` is found to break the test. */
async function accused(fate: Fate) {
  grid = await openChanging(changing(PACKAGES, 5, ['one']), fate);
  grid.arrive(10, all('1'));
  grid.arrive(600, all('2'));
  await grid.runUntilQuiet(900, 6_000);
  expect(grid.sim.logged).toEqual([]);
  expect(await grid.baseline()).toEqual(at('2', { p3: '1' }));
  expect(await grid.told()).toMatchObject([{ owner: 'p3@example.org', title: 'lab/p3 2 breaks one' }]);
}

const answer = async (given: Answer, search = '1', isAdmin = false) => {
  const [accusation] = await accusationsIn(grid.sim.store, 'all', search);
  if (accusation === undefined) throw new Error('nobody is accused');
  return await grid.sim.store.transaction((tx) => giveAnswer(tx, accusation, given, 'pia', isAdmin));
};
const letters = () =>
  grid.sim.store.rows<{ to: string; kind: string; text: string; thread: string; wait: number }>(
    `SELECT recipient AS to, kind, text, thread, extract(epoch FROM due_at - at)::integer AS wait FROM message
     WHERE via = 'mail' AND thread LIKE 'q%' ORDER BY id`,
  );
const pins = () => grid.sim.store.rows(`SELECT version FROM pin WHERE lifted_at IS NULL`);
const said = async (kind: string) =>
  (
    await grid.sim.store.rows<{ actor: string; data: Record<string, string> }>(
      `SELECT actor, data FROM history WHERE kind = $1 ORDER BY txid, id`,
      [kind],
    )
  ).map(({ actor, data }) => ({ actor, ...data }));

describe('not mine', () => {
  it('takes it back before everybody who was told, lifts the pin, and the change is tried again', async () => {
    let isBad = true;
    await accused((piece) => (isBad ? bad('2')(piece) : undefined));
    isBad = false;
    expect(await answer({ kind: 'not_mine', why: 'the mirror was stale' })).toBeUndefined();
    expect(await pins()).toEqual([]);
    expect(await grid.changes()).toMatchObject({ 'p3 2': 'new' });
    expect((await letters()).map(({ to, kind, thread }) => [to, kind, thread])).toEqual([
      ['p3@example.org', 'told', 'q1'],
      ['p3@example.org', 'withdrawn', 'q1'],
    ]);
    expect((await letters())[1]?.text).toBe(
      'that lab/p3 2 did it; pia says that it did not (the mirror was stale)',
    );
    expect(await said('accusation.withdrawn')).toMatchObject([{ actor: 'pia', version: '2' }]);
    expect(await said('pin.lifted')).toMatchObject([{ actor: 'pia' }]);
    // It stays on record, and is answered once.
    expect(await grid.sim.store.rows(`SELECT answer FROM accusation WHERE withdrawn_at IS NOT NULL`)).toEqual(
      [{ answer: 'not_mine' }],
    );
    expect(await answer({ kind: 'fixed_in', version: '3' })).toMatch(/withdrawn before/);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 9_000);
    expect(await grid.baseline()).toEqual(at('2'));
  });

  it('is not said to be that change again by the same test within a week: the admin decides', async () => {
    await accused(bad('2'));
    await answer({ kind: 'not_mine', why: '' });
    await grid.runUntilQuiet(grid.sim.nowS + 300, 12_000);
    // It was found again, and nothing of it came to its owner.
    expect((await grid.sim.store.rows(`SELECT 1 FROM search`)).length).toBeGreaterThan(1);
    expect((await grid.told()).slice(1)).toMatchObject([{ owner: 'the-admin' }]);
    expect(await said('decision.not_acted')).toMatchObject([
      { what: 'accuse anybody', found: 'lab/p3 2 breaks one' },
      { what: 'try it', why: expect.stringContaining('an admin decides') },
    ]);
    expect(await pins()).toEqual([]);
    expect(await grid.baseline()).toEqual(at('2', { p3: '1' }));
  });

  describe('of a change that was found again', () => {
    const arriveMore = async (...versions: readonly string[]) => {
      for (const version of versions) {
        grid.arrive(grid.sim.nowS + 60, [arriving('p1', version)]);
        await grid.runUntilQuiet(grid.sim.nowS + 300, grid.sim.nowS + 6_000);
      }
    };
    const searched = async () => (await grid.sim.store.rows(`SELECT 1 FROM search`)).length;
    const whyOf = async (version: string) => {
      const rows = await grid.sim.store.rows<{ why: string }>(`SELECT why FROM change WHERE title = $1`, [
        `p3 ${version}`,
      ]);
      return rows[0]?.why;
    };
    /** It is said again and again that it is not `p3`, and found again that it is. */
    async function disputed(fate = bad('2')) {
      await accused(fate);
      await answer({ kind: 'not_mine', why: '' });
      await grid.runUntilQuiet(grid.sim.nowS + 300, 12_000);
      expect((await grid.told()).slice(1)).toMatchObject([{ owner: 'the-admin' }]);
    }

    it('nothing is searched again until an admin decides, who is told once; all else goes on', async () => {
      await disputed();
      const before = await searched();
      await arriveMore('3', '4', '5');
      expect(await searched()).toBe(before);
      expect(await grid.told()).toHaveLength(2);
      expect(await grid.baseline()).toEqual(at('2', { p1: '5', p3: '1' }));
      expect(await whyOf('2')).toMatch(
        /^pia says in q1 that it is not this change, q\d+ found again that it is: an admin decides \(testyard answer q1 theirs --change c\d+, or not-mine\)$/,
      );
      const again = await grid.sim.store.rows<{ id: string }>(
        `SELECT max(id) AS id FROM search WHERE partner_of IS NULL`,
      );
      const letter = await toldSearch(grid.sim.store, `q${again[0]?.id}`, {
        recipient: 'the-admin',
        at: new Date(),
      });
      expect(letter?.commands.map(([command]) => command)).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^testyard answer q1 theirs --change c\d+$/),
          expect.stringMatching(/^testyard answer q1 not-mine --change c\d+$/),
        ]),
      );
    });

    it('is held back once an admin says that it is this one: its owner is told, and can say so no more', async () => {
      await disputed();
      expect(await answer({ kind: 'theirs', why: 'I saw it' })).toMatch(/takes a grid admin/);
      expect(await answer({ kind: 'theirs', why: 'I saw it' }, '1', true)).toBeUndefined();
      expect(await pins()).toEqual([{ version: '1' }]);
      expect(await grid.changes()).toMatchObject({ 'p3 2': 'blamed' });
      expect(await said('accusation.upheld')).toMatchObject([{ actor: 'pia', detail: 'I saw it' }]);
      const last = (await letters()).filter(({ to }) => to === 'p3@example.org').at(-1);
      expect(last).toMatchObject({ kind: 'told', thread: 'q1' });
      expect(last?.text).toBe('lab/p3 2 did it after all, decided pia (I saw it): it is held back again');
      expect(await answer({ kind: 'not_mine', why: '' })).toMatch(/pia decided that it is this change/);
      expect(await answer({ kind: 'theirs', why: '' }, '1', true)).toMatch(/nobody has said that it is not/);
      await arriveMore('3');
      grid.arrive(grid.sim.nowS + 60, [arriving('p3', '3')]);
      await grid.runUntilQuiet(grid.sim.nowS + 300, grid.sim.nowS + 6_000);
      expect(await grid.baseline()).toEqual(at('2', { p1: '3', p3: '3' }));
      expect(await pins()).toEqual([]);
    });

    it('is tried once more where an admin says that it is not', async () => {
      let isBad = true;
      await disputed((piece) => (isBad ? bad('2')(piece) : undefined));
      isBad = false;
      expect(await answer({ kind: 'not_mine', why: '' })).toMatch(/withdrawn before/);
      expect(await answer({ kind: 'not_mine', why: '' }, '1', true)).toBeUndefined();
      expect(await said('accusation.tried_again')).toMatchObject([{ actor: 'pia' }]);
      await grid.runUntilQuiet(grid.sim.nowS + 300, grid.sim.nowS + 6_000);
      expect(await grid.baseline()).toEqual(at('2'));
    });
  });

  it('holds for a week: after that the change can be named again', async () => {
    await accused(bad('2'));
    await answer({ kind: 'not_mine', why: '' });
    await grid.sim.store.rows(`UPDATE accusation SET withdrawn_at = withdrawn_at - interval '8 days'`);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 12_000);
    expect(await grid.told()).toMatchObject([{ owner: 'p3@example.org' }, { owner: 'p3@example.org' }]);
    expect(await pins()).toEqual([{ version: '1' }]);
  });
});

describe('fixed in a version', () => {
  it('waits for that version: none before it is tried, and the pin goes when it holds', async () => {
    await accused(bad('2', '3'));
    expect(await answer({ kind: 'fixed_in', version: '4' })).toBeUndefined();
    grid.arrive(grid.sim.nowS + 60, [arriving('p3', '3')]);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 9_000);
    expect(await grid.changes()).toMatchObject({ 'p3 3': 'new' });
    expect(await grid.told()).toHaveLength(1);
    expect(await said('decision.not_acted')).toMatchObject([
      { what: 'try it', why: 'its owner says in q1 that 4 mends it: that is waited for' },
    ]);
    expect(await pins()).toEqual([{ version: '1' }]);
    grid.arrive(grid.sim.nowS + 60, [arriving('p3', '4')]);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 12_000);
    expect(await grid.baseline()).toEqual(at('2', { p3: '4' }));
    expect(await pins()).toEqual([]);
    expect(await grid.changes()).toMatchObject({ 'p3 3': 'superseded' });
    expect(await said('accusation.fixed_in')).toMatchObject([{ actor: 'pia', detail: '4' }]);
  });

  it('is met by any later version too, and cannot be the broken one', async () => {
    await accused(bad('2', '3'));
    expect(await answer({ kind: 'fixed_in', version: '2' })).toMatch(/very version/);
    await answer({ kind: 'fixed_in', version: '3.1' });
    grid.arrive(grid.sim.nowS + 60, [arriving('p3', '3.2')]);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 9_000);
    expect(await grid.baseline()).toEqual(at('2', { p3: '3.2' }));
  });
});

describe('snooze', () => {
  it('keeps letters of that thread back until then, and nothing else', async () => {
    await accused(bad('2'));
    const now = new Date(Date.parse('2026-01-01T00:00:00Z') + grid.sim.nowS * 1000);
    const in3Days = new Date(now.getTime() + 3 * 86_400_000);
    expect(await answer({ kind: 'snoozed', until: new Date(now.getTime() - 1e6) })).toMatch(/is over/);
    expect(await answer({ kind: 'snoozed', until: new Date(now.getTime() + 1e11) })).toMatch(/90 days/);
    expect((await letters())[0]?.wait).toBeLessThan(1);
    expect(await answer({ kind: 'snoozed', until: in3Days })).toBeUndefined();
    // What was to go out at once waits too.
    expect((await letters())[0]?.wait).toBeGreaterThan(2.9 * 86_400);
    grid.arrive(grid.sim.nowS + 60, [arriving('p3', '3')]);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 9_000);
    // The pin is lifted all the same; its owner hears of it later.
    expect(await grid.baseline()).toEqual(at('2', { p3: '3' }));
    expect((await letters()).map(({ kind }) => kind)).toEqual(['told', 'closed']);
    expect((await letters())[1]?.wait).toBeGreaterThan(2.9 * 86_400);
    expect(await said('accusation.snoozed')).toMatchObject([{ actor: 'pia', until: in3Days.toISOString() }]);
  });

  it.each([
    ['before', ['snoozed', 'fixed_in']],
    ['after', ['fixed_in', 'snoozed']],
  ] as const)('and a version that mends it do not touch each other: said %s it', async (_, order) => {
    await accused(bad('2', '3'));
    const until = new Date(Date.parse('2026-01-01T00:00:00Z') + (grid.sim.nowS + 3 * 86_400) * 1000);
    for (const kind of order) await answer(kind === 'snoozed' ? { kind, until } : { kind, version: '4' });
    grid.arrive(grid.sim.nowS + 60, [arriving('p3', '3')]);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 9_000);
    // Version 3 waits for 4: nothing is searched, and nobody told again.
    expect(await grid.changes()).toMatchObject({ 'p3 3': 'new' });
    expect(await grid.told()).toHaveLength(1);
    grid.arrive(grid.sim.nowS + 60, [arriving('p3', '4')]);
    await grid.runUntilQuiet(grid.sim.nowS + 300, 12_000);
    expect(await grid.baseline()).toEqual(at('2', { p3: '4' }));
    const waits = (await letters()).map(({ kind, wait }) => [kind, wait > 2.5 * 86_400]);
    expect(waits).toEqual([
      ['told', true],
      ['closed', true],
    ]);
  });
});
