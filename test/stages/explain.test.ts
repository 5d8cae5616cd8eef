import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { demandOf } from '../../src/domain/explain/compatible.js';
import { explain, type Status } from '../../src/domain/explain/explain.js';
import { questionOf } from '../../src/domain/explain/ground.js';
import { inWords } from '../../src/domain/explain/words.js';
import { explainRun } from '../../src/stages/explain.js';
import { StandingIndex } from '../../src/stages/standing-index.js';
import { findRunToExplain } from '../../src/store/explaining.js';
import { aHost, aStep, aTag, aTest, aWord, declared, exit, TestGrid } from './test-grid.js';

let grid: TestGrid | undefined;
afterEach(async () => {
  await grid?.close();
  grid = undefined;
});

/** What may become of a run by the time the scheduler has decided about it, by what was said of it before. */
const COMES_TO: Readonly<Record<Status, string>> = {
  'no hosts': 'done',
  never: 'done',
  barred: 'done',
  'not known': 'waiting',
  stopped: 'waiting',
  down: 'waiting',
  busy: 'waiting',
  ready: 'running',
};

/** Each with what it says of a host: there, not there, and of what is looked for also not known. */
const HOST = fc.record({
  words: fc.subarray(['a', 'b']),
  seen: fc.constantFrom('present', 'absent', 'unknown'),
  seats: fc.integer({ min: 1, max: 2 }),
  expendable: fc.constantFrom([], ['packages'] as const, ['image', 'packages'] as const),
  restore: fc.boolean(),
  pool: fc.constantFrom('default', 'theirs'),
  type: fc.constantFrom('t1', 't2'),
  state: fc.constantFrom('good', 'good', 'good', 'good', 'offline', 'maintenance', 'quarantined', 'reserved'),
});
const STEPS = [
  aStep('give-c', 'c'),
  aStep('give-d', 'd', { layer: 'packages', needs: 'a' }),
  aStep('give-e', 'e', { needs: 'seen' }),
  aStep('put-back', 'f', { layer: 'image', action: { kind: 'restore', image: 'clean' } }),
];
const NEEDS = [
  ['', 'a', 'b', 'c', 'd', 'e', 'f', 'seen', 'a & b', 'a & seen', 'c & seen', 'd & b', 'not a', 'not c & a'],
  [
    'd | b',
    'not seen',
    'e & a',
    'c & d',
    '(a | seen) & c',
    'f & c',
    'nobody',
    'nobody & seen',
    'derived',
    'derived & b',
  ],
].flat();
const ASKED = fc.array(
  fc.record({
    needs: fc.integer({ min: 0, max: NEEDS.length - 1 }),
    target: fc.constantFrom(
      {},
      {},
      {},
      { host: 'h0' },
      { host: 'h1' },
      { hostType: 't1' },
      { hostType: 't2' },
    ),
    wait: fc.constant(false),
  }),
  { minLength: 6, maxLength: 10 },
);

describe('what is said of a run, and what becomes of it', () => {
  it('is the same on any grid: can start, waits, or never', { timeout: 240_000 }, async () => {
    const seen = new Map<Status, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(HOST, { maxLength: 4 }),
        fc.subarray(STEPS),
        ASKED,
        fc.integer({ min: 0, max: 9 }),
        async (hosts, steps, asked, halted) => {
          await grid?.close();
          grid = await TestGrid.open({
            tags: [
              ...['a', 'b', 'c', 'd', 'e', 'f', 'nobody'].map(aWord),
              aTag('seen'),
              { name: 'derived', meaning: 'both', kind: 'flag', source: { by: 'formula', is: 'c & seen' } },
            ],
            pools: [{ name: 'default' }, { name: 'theirs', projects: [] }],
            hosts: hosts.map(({ words, seats, expendable, restore, pool, type }, n) =>
              aHost(`h${n}`, {
                tags: declared(...words),
                seats,
                expendable,
                pool,
                type,
                ...(restore ? { restore: { kind: 'command', command: ['true'] } } : {}),
              }),
            ),
            steps,
            tests: NEEDS.map((requirement, n) => aTest(`t${n}`, { requirement })),
          });
          for (const [n, host] of hosts.entries()) grid.sees.set(`h${n}`, { seen: host.seen });
          await grid.lookAtHosts();
          for (const [n, { state }] of hosts.entries()) await put(grid, `h${n}`, state);
          const standing = new StandingIndex();
          for (const [n, { needs, target }] of asked.entries()) {
            if (n === halted)
              await grid.store.rows(`UPDATE grid SET state = 'halted', who = 'ann', why = 'a storm'`);
            const ground = await standing.ground(grid.store);
            const demand = demandOf({ requirement: NEEDS[needs] ?? '', project: 'default' }, ground, target);
            const said = explain(questionOf(demand, ground));
            const [run = ''] = await grid.submit(`t${needs}`, { targets: [target] });
            const now = await grid.run(run);
            const about = `${NEEDS[needs]} on ${JSON.stringify(target)}: ${inWords(said).join('\n')}\n${now.reason}`;
            expect([COMES_TO[said.status], about]).toEqual([now.state, about]);
            seen.set(said.status, (seen.get(said.status) ?? 0) + 1);
          }
        },
      ),
      { numRuns: 25, seed: 7 },
    );
    // Grids on which all is the same would show nothing.
    for (const status of ['never', 'barred', 'not known', 'stopped', 'down', 'busy', 'ready'] as const)
      expect([status, (seen.get(status) ?? 0) > 0]).toEqual([status, true]);
  });

  it('counts those before it that the same hosts would serve, and guesses when it starts', async () => {
    grid = await TestGrid.open({
      tags: [aWord('a')],
      hosts: [aHost('one', { tags: declared('a') }), aHost('two')],
      tests: [aTest('needs-a', { requirement: 'a' }), aTest('plain')],
    });
    const [first = ''] = await grid.submit('needs-a', { targets: [{ host: 'one' }] });
    await grid.pass(60);
    await grid.end(await grid.takeRun(first), exit(0));
    const [runs] = [await grid.submit('needs-a'), await grid.submit('plain', { targets: [{ host: 'two' }] })];
    const waiting = [...(await grid.submit('needs-a')), ...(await grid.submit('needs-a'))];
    const other = await grid.submit('plain', { targets: [{ host: 'two' }] });
    expect(runs).toHaveLength(1);
    const standing = new StandingIndex();
    const explained = async (id: string) => {
      if (grid === undefined) throw new Error('no grid');
      const run = await findRunToExplain(grid.store, 'all', id);
      if (run === undefined) throw new Error('no run');
      return (await explainRun(grid.store, standing, run)).explanation;
    };
    expect(await explained(waiting[1] ?? '')).toMatchObject({
      status: 'busy',
      queue: { place: 2, of: 2, start: { inS: expect.any(Number) } },
    });
    // What waits for another host is not before it.
    expect((await explained(other[0] ?? '')).queue).toMatchObject({ place: 1, of: 1 });
    expect((await explained(first)).queue).toBeUndefined();
  });

  it('follows the facts: hosts that change, come, go and come back', async () => {
    grid = await TestGrid.open({ tags: [aWord('a')], hosts: [aHost('one')], tests: [aTest('plain')] });
    const { store } = grid;
    const standing = new StandingIndex();
    const counts = async () => {
      const ground = await standing.ground(store);
      const demand = demandOf({ requirement: 'a', project: 'default' }, ground);
      const { ever, free, down } = explain(questionOf(demand, ground)).counts;
      return { ever, free, down };
    };
    expect(await counts()).toEqual({ ever: 0, free: 0, down: 0 });
    await grid.declare({
      hosts: [aHost('one', { tags: declared('a') }), aHost('two', { tags: declared('a') })],
    });
    expect(await counts()).toEqual({ ever: 2, free: 2, down: 0 });
    await put(grid, 'two', 'offline');
    expect(await counts()).toEqual({ ever: 2, free: 1, down: 1 });
    await grid.declare({ hosts: [aHost('two', { tags: declared('a') })] });
    expect(await counts()).toEqual({ ever: 1, free: 0, down: 1 });
    await grid.declare({ hosts: [aHost('three', { tags: declared('a') }), aHost('two')] });
    expect(await counts()).toEqual({ ever: 1, free: 1, down: 0 });
  });
});

/** Puts a host into a state, as people and failures do. */
async function put({ store }: TestGrid, name: string, state: string): Promise<void> {
  if (state === 'good') return;
  if (state === 'reserved') {
    await store.rows(
      `INSERT INTO reservation (host_id, person, why, until)
       SELECT id, 'ann', 'mine', grid_now() + interval '1 day' FROM host WHERE name = $1`,
      [name],
    );
    await store.rows(`UPDATE host SET version = version + 1 WHERE name = $1`, [name]);
    return;
  }
  const change =
    state === 'offline' ? 'offline = true' : `health = '${state}', health_why = 'so it was said'`;
  await store.rows(`UPDATE host SET ${change}, version = version + 1 WHERE name = $1`, [name]);
}
