import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inventoryDigest } from '../../src/domain/inventory/diff.js';
import type { Inventory } from '../../src/domain/inventory.js';
import { readAppliedInventory } from '../../src/store/applied-inventory.js';
import { applyInventory } from '../../src/store/inventory.js';
import { Store } from '../../src/store/store.js';
import { filesOf, inventoryOf, LAB } from '../adapters/inventory-lab.js';
import { type FreshDatabase, freshDatabase } from '../database.js';

let database: FreshDatabase;
let store: Store;
let lab: Inventory;

beforeAll(() => {
  lab = inventoryOf(filesOf());
});
beforeEach(async () => {
  await close();
  database = await freshDatabase();
  store = await Store.open(database.url, { poolSize: 4 });
  await store.rows(`INSERT INTO project (name) VALUES ('net')`);
});
const close = async () => {
  await store?.close();
  await database?.drop();
};
afterAll(close);

const lab2 = (changes: Readonly<Record<string, string | undefined>>) => inventoryOf(filesOf(changes));
const without = (file: string, line: RegExp) => lab2({ [file]: LAB[file]?.replace(line, '') });
const withoutN2 = () => without('hosts/a.yaml', / {2}n2:[\s\S]*(?= {2}d1)/);
const hosts = () =>
  store.rows<{ name: string; gone: boolean; draining: boolean }>(
    `SELECT name, removed_at IS NOT NULL AS gone, draining FROM host ORDER BY name`,
  );
const historyOf = (kind: string) =>
  store.rows<{ actor: string; data: Record<string, unknown> }>(
    `SELECT actor, data FROM history WHERE kind = $1 ORDER BY id`,
    [kind],
  );

/** A run on a seat of a host, or one that waits; it asks for this. */
async function aRun(requirement: string, host?: string): Promise<string> {
  const [run] = await store.rows<{ id: string }>(
    `WITH d AS (INSERT INTO demand (key, spec) VALUES ($1, jsonb_build_object('requirement', $1::text))
       ON CONFLICT (key) DO UPDATE SET reason = 'again' RETURNING key)
     INSERT INTO queue (run_id, project_id, purpose, test_id, demand)
     SELECT nextval('run_id_seq'), p.id, 'test', (SELECT min(id) FROM test), d.key
     FROM d, project p WHERE p.name = 'default' RETURNING run_id AS id`,
    [requirement],
  );
  if (host !== undefined)
    await store.rows(
      `INSERT INTO host_seat (host_id, seat, run_id, attempt_id, lease_id, role)
       SELECT id, 1, $1::bigint, $1::bigint, 1, 'main' FROM host WHERE name = $2`,
      [run?.id, host],
    );
  return `r${run?.id}`;
}

describe('an inventory that is applied', () => {
  it('is there as it was declared, all of it', async () => {
    const applied = await applyInventory(store, lab, { actor: 'ann' });
    expect(applied).toMatchObject({ kind: 'applied', digest: inventoryDigest(lab), draining: [] });
    expect(await readAppliedInventory(store)).toEqual(lab);
  });

  it('is in history once, with who, how much and its digest', async () => {
    await applyInventory(store, lab, { actor: 'ann' });
    expect(await historyOf('inventory.applied')).toEqual([
      {
        actor: 'ann',
        data: expect.objectContaining({
          digest: inventoryDigest(lab),
          hosts: 3,
          types: 2,
          tests: 2,
          removed: 0,
        }),
      },
    ]);
  });

  it('and again says so, and writes nothing', async () => {
    await applyInventory(store, lab);
    const before = await store.rows(`SELECT id, version FROM host ORDER BY id`);
    expect(await applyInventory(store, lab)).toEqual({ kind: 'unchanged', digest: inventoryDigest(lab) });
    expect(await store.rows(`SELECT id, version FROM host ORDER BY id`)).toEqual(before);
    expect(await historyOf('inventory.applied')).toHaveLength(1);
  });

  it('takes the place of the one before, back and forth', async () => {
    const other = lab2({
      'grid.yaml': 'name: other\nadmin: Bob\n',
      'hosts/a.yaml': LAB['hosts/a.yaml']
        ?.replace('site = hall-2', `'site = "{x}"'`)
        .replace(/ {2}d1.*\n/, ''),
      'pools.yaml': 'pools:\n  north:\n  south: {cap: 50%}\n  west: {meaning: w}\n',
      'tests/other.yaml': undefined,
    });
    await applyInventory(store, lab);
    const applied = await applyInventory(store, other);
    expect(applied.kind === 'applied' && applied.changes).toEqual(
      expect.arrayContaining([
        { what: 'grid', name: 'grid', change: 'changed', fields: expect.anything() },
        { what: 'host', name: 'd1', change: 'removed', fields: [] },
        { what: 'pool', name: 'west', change: 'added', fields: [] },
        { what: 'pool', name: 'east', change: 'removed', fields: [] },
        {
          what: 'pool',
          name: 'south',
          change: 'changed',
          fields: [
            { field: 'cap.hosts', old: '3' },
            { field: 'cap.percent', new: '50' },
          ],
        },
        { what: 'test', name: 'net.other', change: 'removed', fields: [] },
      ]),
    );
    expect(await readAppliedInventory(store)).toEqual(other);
    await applyInventory(store, lab);
    expect(await readAppliedInventory(store)).toEqual(lab);
  });

  it('names no project that is not there', async () => {
    await store.rows(`DELETE FROM project WHERE name = 'net'`);
    const applied = await applyInventory(store, lab);
    expect(applied).toEqual({
      kind: 'refused',
      problems: [
        {
          what: 'pool north',
          message: "pool 'north' is for project 'net', which is not there: make it first",
        },
      ],
    });
    expect(await hosts()).toEqual([]);
  });

  it('has the canary beside it, even where the inventory is as the grid was', async () => {
    expect((await applyInventory(store, await readAppliedInventory(store))).kind).toBe('unchanged');
    expect(await store.rows(`SELECT name FROM test WHERE listed`)).toEqual([{ name: 'canary' }]);
  });
});

describe('a host that is taken out', () => {
  it('and has no work is gone at once', async () => {
    await applyInventory(store, lab);
    expect((await applyInventory(store, withoutN2())).kind).toBe('applied');
    expect(await hosts()).toContainEqual({ name: 'n2', gone: true, draining: false });
  });

  it('while a run is on it is refused with that run, and nothing changes', async () => {
    await applyInventory(store, lab);
    const run = await aRun('', 'n2');
    expect(await applyInventory(store, withoutN2())).toEqual({
      kind: 'refused',
      problems: [
        {
          what: 'host n2',
          message: `host 'n2' is in use: ${run} runs there; wait, or have it drained (--drain)`,
        },
      ],
    });
    expect(await readAppliedInventory(store)).toEqual(lab);
    expect(await historyOf('inventory.applied')).toHaveLength(1);
  });

  it('is drained where that is asked for: out of the inventory at once, and gone with its last run', async () => {
    await applyInventory(store, lab);
    await aRun('', 'n2');
    const after = withoutN2();
    expect(await applyInventory(store, after, { drain: true })).toMatchObject({ draining: ['n2'] });
    expect(await hosts()).toContainEqual({ name: 'n2', gone: false, draining: true });
    expect(await readAppliedInventory(store)).toEqual(after);
    await store.rows(`DELETE FROM host_seat`);
    expect(await hosts()).toContainEqual({ name: 'n2', gone: true, draining: false });
    expect(await historyOf('host.removed')).toMatchObject([{ data: { name: 'n2', why: 'drained' } }]);
  });

  it('may come back while it is drained', async () => {
    await applyInventory(store, lab);
    await aRun('', 'n2');
    await applyInventory(store, withoutN2(), { drain: true });
    await applyInventory(store, lab);
    await store.rows(`DELETE FROM host_seat`);
    expect(await hosts()).toContainEqual({ name: 'n2', gone: false, draining: false });
  });

  it('is given no work by a decision made before: the database refuses the seat', async () => {
    await applyInventory(store, lab);
    await applyInventory(store, withoutN2());
    await expect(aRun('', 'n2')).rejects.toThrow('is no longer in the inventory');
  });
});

describe('a tag that runs ask for', () => {
  const site = (kind: string) => {
    const tags = LAB['tags.yaml']?.replace('kind: text', kind);
    const hosts = LAB['hosts/a.yaml']?.replace('site = hall-2, ', '');
    const types = LAB['types/racks.yaml']?.replace('site = hall-1, ', '');
    return {
      'hosts/a.yaml': hosts,
      'types/racks.yaml': types,
      'tests/other.yaml': undefined,
      'tags.yaml': tags,
    };
  };

  it('stays: its removal is refused with the first of them', async () => {
    await applyInventory(store, lab);
    const runs: string[] = [];
    for (let i = 0; i < 7; i++) runs.push(await aRun(i % 2 ? 'site = a' : 'not site & linux'));
    const gone = lab2({ ...site(''), 'tags.yaml': LAB['tags.yaml']?.replace(/ {2}site:.*\n/, '') });
    expect(await applyInventory(store, gone)).toEqual({
      kind: 'refused',
      problems: [
        {
          what: 'tag site',
          message: `tag 'site' cannot go while runs that are not done ask for it: ${runs.slice(0, 5).join(', ')} and 2 more; wait, or cancel them`,
        },
      ],
    });
    await store.rows(`DELETE FROM queue`);
    expect((await applyInventory(store, gone)).kind).toBe('applied');
  });

  it('cannot become something else either', async () => {
    await applyInventory(store, lab);
    await aRun('site = a');
    const changed = lab2(site('kind: flag'));
    expect(await applyInventory(store, changed)).toMatchObject({
      kind: 'refused',
      problems: [{ message: expect.stringContaining("tag 'site' cannot become something else") }],
    });
  });

  it('and an alias may go, as it was written out', async () => {
    await applyInventory(store, lab);
    await aRun('disk-space >= 1TB & fast');
    const tags = LAB['tags.yaml']?.slice(0, LAB['tags.yaml'].indexOf('aliases:'));
    const gone = lab2({ 'tags.yaml': tags, 'tests/smoke.sh': undefined });
    expect((await applyInventory(store, gone)).kind).toBe('applied');
  });
});

it('two that are applied at once leave one of them whole', async () => {
  await applyInventory(store, lab);
  const other = withoutN2();
  await Promise.all([applyInventory(store, other), applyInventory(store, { ...lab, tests: [] })]);
  const [found, ...wanted] = [await readAppliedInventory(store), other, { ...lab, tests: [] }].map(
    inventoryDigest,
  );
  expect(wanted).toContain(found);
});
