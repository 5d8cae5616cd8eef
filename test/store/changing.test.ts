import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Arrival } from '../../src/domain/change.js';
import type { Id } from '../../src/domain/id.js';
import {
  moveBaseline,
  newChanges,
  readBaseline,
  readChanges,
  recordArrivals,
  recordPush,
  type Seen,
  setChangeState,
} from '../../src/store/changing.js';
import { Store } from '../../src/store/store.js';
import { type FreshDatabase, freshDatabase } from '../database.js';

let database: FreshDatabase;
let store: Store;

beforeEach(async () => {
  await close();
  database = await freshDatabase();
  store = await Store.open(database.url, { poolSize: 4 });
  await store.rows(`INSERT INTO watch (name, spec) VALUES ('debs', '{}')`);
});
const close = async () => {
  await store?.close();
  await database?.drop();
};
afterAll(close);

const DEBS = {
  name: 'debs',
  project: 'default',
  place: { kind: 'apt', url: 'http://debs.example.org/', suite: 'stable', component: 'main' },
} as const;

/** Packages with their versions: `a 1.0`. */
const seen = (...packages: readonly string[]): Seen => ({ arrivals: packages.map(arrival), isAll: true });

function arrival(text: string): Arrival {
  const [name = '', version = ''] = text.split(' ');
  return { component: `debs/${name}`, version, title: text, owner: 'ann@example.org', facts: { name } };
}

const look = async (what: Seen) => await store.transaction((tx) => recordArrivals(tx, DEBS, what));
const states = async () => {
  const rows = await store.rows<{ what: string }>(
    `SELECT k.name || ' ' || c.version || ' ' || c.state AS what FROM change c JOIN component k ON k.id = c.component_id
     ORDER BY c.position`,
  );
  return rows.map(({ what }) => what);
};
const component = async (name: string): Promise<Id> => {
  const [row] = await store.rows<{ id: Id }>(`SELECT id FROM component WHERE name = $1`, [name]);
  return row?.id ?? '';
};
const historyOf = async (kind: string) =>
  await store.rows<{ subject: string; data: object }>(
    `SELECT subject, data FROM history WHERE kind = $1 ORDER BY id`,
    [kind],
  );

describe('what arrives at a watched place', () => {
  it('is the baseline the first time, as it was found', async () => {
    expect(await look(seen('a 1.0', 'b 2.0'))).toEqual({ taken: 2, changes: [] });
    const { edition, versions } = await readBaseline(store);
    expect([edition, Object.fromEntries(versions)]).toEqual(['1', { 'debs/a': '1.0', 'debs/b': '2.0' }]);
    expect(await historyOf('components.taken')).toMatchObject([
      { subject: 'watch:debs', data: { count: 2 } },
    ]);
  });

  it('is a change when it is newer, with the version before it, and nothing when it is looked at again', async () => {
    await look(seen('a 1.0', 'b 2.0'));
    expect((await look(seen('a 1.1', 'b 2.0', 'c 1'))).taken).toBe(1);
    expect(await look(seen('a 1.1', 'b 2.0', 'c 1'))).toEqual({ taken: 0, changes: [] });
    expect(await newChanges(store, 'debs')).toMatchObject([
      { component: 'debs/a', version: '1.1', previous: '1.0', owner: 'ann@example.org', state: 'new' },
    ]);
    expect(await historyOf('change.new')).toMatchObject([{ data: { component: 'debs/a', version: '1.1' } }]);
  });

  it('supersedes what nobody has looked at, not what is being tested', async () => {
    await look(seen('a 1.0', 'b 2.0'));
    await look(seen('a 1.1', 'b 2.1'));
    const b = (await newChanges(store, 'debs')).filter((one) => one.component === 'debs/b');
    await store.transaction((tx) =>
      setChangeState(
        tx,
        b.map(({ id }) => id),
        'testing',
        'r1',
      ),
    );
    await look(seen('a 1.2', 'b 2.2'));
    expect(await states()).toEqual([
      ...['debs/a 1.1 superseded', 'debs/b 2.1 testing', 'debs/a 1.2 new', 'debs/b 2.2 new'],
    ]);
  });

  it('is withdrawn when its place has it no more, and new when it is there again', async () => {
    await look(seen('a 1.0'));
    await look(seen('a 1.1'));
    await look(seen('a 1.0'));
    expect(await states()).toEqual(['debs/a 1.1 withdrawn']);
    await look(seen('a 1.1'));
    expect(await states()).toEqual(['debs/a 1.1 new']);
  });

  it('is withdrawn by no list that tells only what is new', async () => {
    await look(seen('a 1.0'));
    await look(seen('a 1.1'));
    await look({ arrivals: [], isAll: false });
    expect(await states()).toEqual(['debs/a 1.1 new']);
  });

  it('stands in a line by dependencies, and by time where all times are known', async () => {
    await look(seen('a 1', 'b 1', 'c 1'));
    const needs = (name: string, on: string) => ({
      ...arrival(`${name} 2`),
      facts: { name, depends: [{ package: on }] },
    });
    await look({ arrivals: [needs('a', 'b'), needs('b', 'c'), arrival('c 2')], isAll: true });
    expect(await states()).toEqual(['debs/c 2 new', 'debs/b 2 new', 'debs/a 2 new']);
    const at = (text: string, day: number) => ({
      ...arrival(text),
      madeAt: new Date(Date.UTC(2026, 0, day)),
    });
    await look({ arrivals: [at('a 3', 2), at('b 3', 3), at('c 3', 1)], isAll: true });
    expect((await newChanges(store, 'debs')).map((one) => one.component)).toEqual([
      'debs/c',
      'debs/a',
      'debs/b',
    ]);
  });

  it('is each its own change where several of one component came together, the last not superseded', async () => {
    await look(seen('a 1'));
    await look({ arrivals: [arrival('a 2'), arrival('a 3')], isAll: false });
    expect(await states()).toEqual(['debs/a 2 superseded', 'debs/a 3 new']);
    const [last] = await newChanges(store, 'debs');
    expect(last?.previous).toBe('2');
  });
});

describe('the baseline', () => {
  it('moves with the change that held, and has a history of what it was', async () => {
    await look(seen('a 1.0', 'b 1.0'));
    await look(seen('a 1.1', 'b 1.0'));
    const [change] = await newChanges(store, 'debs');
    const a = await component('debs/a');
    const move = { component: a, version: '1.1', change: change?.id };
    expect(await store.transaction((tx) => moveBaseline(tx, [move], 'it held in r1'))).toBe('2');
    expect((await readBaseline(store)).versions.get('debs/a')).toBe('1.1');
    expect(await readChanges(store, [change?.id ?? ''])).toMatchObject([
      { state: 'in_baseline', why: 'it held in r1' },
    ]);
    expect(
      await store.rows(
        `SELECT version, why, until IS NULL AS open FROM baseline_entry WHERE component_id = $1 ORDER BY id`,
        [a],
      ),
    ).toEqual([
      { version: '1.0', why: 'taken as it was found', open: false },
      { version: '1.1', why: 'it held in r1', open: true },
    ]);
  });

  it('stays with its edition where nothing moves', async () => {
    await look(seen('a 1.0'));
    const a = await component('debs/a');
    await store.transaction((tx) => moveBaseline(tx, [{ component: a, version: '1.0' }], 'again'));
    expect((await readBaseline(store)).edition).toBe('1');
    expect(await historyOf('baseline.moved')).toEqual([]);
  });

  it('that was moved back is not moved forth again by what its place still has', async () => {
    await look(seen('a 1.0', 'b 1.0'));
    await look(seen('a 1.1', 'b 1.1'));
    const all = await newChanges(store, 'debs');
    const moves = all.map(({ id, componentId, version }) => ({
      component: componentId,
      version,
      change: id,
    }));
    await store.transaction((tx) => moveBaseline(tx, moves, 'held'));
    const back = all.map(({ componentId }) => ({ component: componentId, version: '1.0' }));
    await store.transaction(async (tx) => {
      await moveBaseline(tx, back, 'rolled back');
      await setChangeState(tx, [all[0]?.id ?? ''], 'blamed', 'it broke');
    });
    await look(seen('a 1.1', 'b 1.1'));
    expect(await states()).toEqual(['debs/a 1.1 blamed', 'debs/b 1.1 in_baseline']);
  });

  it('follows a place that has gone back, by way of a change', async () => {
    await look(seen('a 1.0'));
    for (const version of ['1.1', '1.2']) {
      await look(seen(`a ${version}`));
      const [change] = await newChanges(store, 'debs');
      const move = { component: await component('debs/a'), version, change: change?.id };
      await store.transaction((tx) => moveBaseline(tx, [move], 'held'));
    }
    await look(seen('a 1.1'));
    expect(await states()).toEqual(['debs/a 1.2 in_baseline', 'debs/a 1.1 new']);
  });
});

describe('the state of a change', () => {
  it('goes only where a move is legal', async () => {
    await look(seen('a 1.0'));
    const { changes } = await look(seen('a 1.1'));
    const to = async (state: Parameters<typeof setChangeState>[2]) =>
      await store.transaction((tx) => setChangeState(tx, changes, state, 'why'));
    expect(await to('in_baseline')).toEqual(changes);
    expect(await to('testing')).toEqual([]);
    expect(await historyOf('change.in_baseline')).toHaveLength(1);
    expect(await historyOf('change.testing')).toEqual([]);
  });
});

describe('a candidate that is pushed', () => {
  const push = async (text: string) =>
    await store.transaction(async (tx) => {
      const [row] = await tx.rows<{ id: Id }>(`SELECT id FROM project WHERE name = 'default'`);
      return await recordPush(tx, arrival(text), row?.id ?? '', { by: 'dan', blob: 'ab' });
    });

  it('is a change of its own, once, and is not withdrawn by a look', async () => {
    await look(seen('a 1.0'));
    expect(await push('a 1.1~dan')).toEqual({ change: expect.any(String) });
    expect(await push('a 1.1~dan')).toBe('known');
    expect(await push('a 1.0')).toBe('known');
    expect(await push('z 1.0')).toBe('unknown_component');
    await look(seen('a 1.0'));
    expect(await newChanges(store, 'debs')).toMatchObject([
      { version: '1.1~dan', source: 'pushed', pushedBy: 'dan', blob: 'ab', previous: '1.0' },
    ]);
  });
});
