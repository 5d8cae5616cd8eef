import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Store } from '../../src/store/store.js';
import { type FreshDatabase, freshDatabase } from '../database.js';

const RUN_LED = ['run', 'attempt', 'place', 'step_run', 'case_result', 'measurement'];

let database: FreshDatabase;
let store: Store;

beforeEach(async () => {
  database = await freshDatabase();
  store = await Store.open(database.url, { poolSize: 6 });
});
afterEach(async () => {
  await store?.close();
  await database?.drop();
});

const ensure = async () => {
  const [row] = await store.rows<{ made: number }>('SELECT grid_ensure_partitions() AS made');
  return row?.made;
};

async function partitions(parent: string): Promise<string[]> {
  const rows = await store.rows<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1`,
    [parent],
  );
  return rows.map((row) => row.name);
}

const setClock = (to: string) => store.rows('UPDATE grid_clock SET set_to = $1', [to]);
const tell = (at: string, subject: string) =>
  store.rows(`INSERT INTO history (kind, subject, actor, at) VALUES ('k', $1, 'a', $2)`, [subject, at]);

async function whereIs(subject: string): Promise<string | undefined> {
  const [row] = await store.rows<{ name: string }>(
    'SELECT tableoid::regclass::text AS name FROM history WHERE subject = $1',
    [subject],
  );
  return row?.name;
}

const newRun = (id: string) =>
  store.rows(
    `INSERT INTO run (id, project_id, submission_id, test_id, test_name, requirement_key)
     VALUES ($1, 1, 1, 1, 'a test', '')`,
    [id],
  );

describe('partitions led by run', () => {
  test('are there for the ids in use and a million more', async () => {
    await store.rows(`SELECT setval('run_id_seq', 12000000)`);
    expect(await ensure()).toBe(2 * RUN_LED.length);
    for (const parent of RUN_LED)
      expect(await partitions(parent)).toEqual([0, 1, 12, 13].map((n) => `${parent}_p${n}`).sort());
    for (const id of ['12000001', '12999999', '13999999']) await newRun(id);
    expect(await ensure()).toBe(0);
  });

  test('are ahead of the last id of each', async () => {
    await store.rows(`SELECT setval('run_id_seq', 1999999)`);
    await ensure();
    const rows = await store.rows<{ id: string }>(
      `SELECT nextval('run_id_seq') AS id FROM generate_series(1, 3)`,
    );
    for (const { id } of rows) await newRun(id);
    expect(await partitions('run')).toEqual(['run_p0', 'run_p1', 'run_p2']);
  });

  test('are made once by many that ask at once', async () => {
    await store.rows(`SELECT setval('run_id_seq', 5000000)`);
    await setClock('2031-05-31T23:59:59Z');
    const made = await Promise.all(Array.from({ length: 6 }, ensure));
    expect(made.sort()).toEqual([0, 0, 0, 0, 0, 2 * RUN_LED.length + 3]);
  });

  test('are made while others read and write', async () => {
    await newRun('17');
    await store.rows(`SELECT setval('run_id_seq', 1500000)`);
    await setClock('2031-01-01T00:00:00Z');
    await store.transaction(async (others) => {
      await others.rows(`UPDATE run SET evidence = '{}' WHERE id = 17`);
      await others.rows('SELECT count(*) FROM run JOIN attempt ON run_id = run.id');
      await others.rows(`INSERT INTO history (kind, subject, actor, at) VALUES ('k', 's', 'a', $1)`, [
        new Date(),
      ]);
      const [row] = await store.transaction(async (tx) => {
        await tx.rows(`SET LOCAL lock_timeout = '2s'`);
        return await tx.rows<{ made: number }>('SELECT grid_ensure_partitions() AS made');
      });
      expect(row?.made).toBe(RUN_LED.length + 3);
    });
  });

  test('carry rules, indices and keys of their parents', async () => {
    await store.rows(`SELECT setval('run_id_seq', 4000000)`);
    await ensure();
    const shape = (table: string) =>
      store.rows(
        `SELECT regexp_replace(pg_get_indexdef(indexrelid), '(INDEX )\\S+|run_p\\d+', '\\1', 'g') AS index
         FROM pg_index WHERE indrelid = $1::regclass ORDER BY 1`,
        [table],
      );
    expect(await shape('run_p4')).toEqual(await shape('run_p0'));
    expect(await shape('run_p4')).toHaveLength(5);
    const unproven = `UPDATE run SET verdict = 'passed', reason = 'r', judged_at = grid_now(), verdict_attempt = 1 WHERE id = 4000001`;
    await newRun('4000001');
    await expect(store.rows(unproven)).rejects.toThrow(/no attempt that proves/);
    await expect(newRun('4000001')).rejects.toThrow(/duplicate key/);
  });

  test('go with one statement each, and what lives stays', async () => {
    await store.rows(`SELECT setval('run_id_seq', 1010000)`);
    await ensure();
    await store.rows(
      `INSERT INTO run (id, project_id, submission_id, test_id, test_name, requirement_key)
       SELECT n, 1, 1, 1, 'a test', '' FROM generate_series(990000, 1010000) n`,
    );
    await store.rows(`INSERT INTO attempt (run_id, number, lease_id, plan) SELECT id, 1, 1, '[]' FROM run`);
    await store.rows(
      `INSERT INTO test (project_id, name, digest, spec, requirement, requirement_key) VALUES (1, 't', 'd', '{}', '', '')`,
    );
    await store.rows(
      `INSERT INTO queue (run_id, project_id, purpose, test_id, demand)
       SELECT id, 1, 'test', 1, 'd' FROM run WHERE id > 1009000`,
    );
    await tell('2026-01-01T00:00:00Z', 'kept');
    for (const parent of RUN_LED) {
      await store.transaction(async (tx) => {
        await tx.rows(`SET LOCAL statement_timeout = '5s'`);
        await tx.rows(`DROP TABLE ${parent}_p0`);
      });
    }
    const [left] = await store.rows(
      `SELECT (SELECT count(*)::int FROM run) AS runs, (SELECT min(id)::int FROM run) AS first,
         (SELECT count(*)::int FROM attempt) AS attempts, (SELECT count(*)::int FROM queue) AS queue,
         (SELECT count(*)::int FROM history) AS history`,
    );
    expect(left).toEqual({ runs: 10001, first: 1000000, attempts: 10001, queue: 1000, history: 1 });
    expect(await ensure()).toBe(0);
  });
});

describe('months of history', () => {
  test('are there for this month and two more, in UTC', async () => {
    await setClock('2030-11-30T23:59:59Z');
    expect(await ensure()).toBe(3);
    await tell('2030-11-30T23:59:59.999Z', 'november');
    await tell('2030-12-01T00:00:00Z', 'december');
    await tell('2031-01-31T23:59:59Z', 'january');
    await tell('2031-02-01T00:00:00Z', 'february');
    expect(await whereIs('november')).toBe('history_203011');
    expect(await whereIs('december')).toBe('history_203012');
    expect(await whereIs('january')).toBe('history_203101');
    expect(await whereIs('february')).toBe('history_default');
  });

  test('take in what came before them, unchanged and still append-only', async () => {
    await tell('2030-11-30T23:59:59Z', 'before');
    await tell('2030-12-15T12:00:00Z', 'within');
    await tell('2031-03-01T00:00:00Z', 'after');
    const read = () => store.rows('SELECT * FROM history ORDER BY id');
    const entries = await read();
    await setClock('2030-12-20T00:00:00Z');
    expect(await ensure()).toBe(3);
    expect(await whereIs('within')).toBe('history_203012');
    expect(await whereIs('before')).toBe('history_default');
    expect(await whereIs('after')).toBe('history_default');
    expect(await read()).toEqual(entries);
    for (const table of ['history', 'history_default', 'history_203012']) {
      await expect(store.rows(`DELETE FROM ${table}`)).rejects.toThrow(/append-only/);
      await expect(store.rows(`UPDATE ${table} SET actor = 'b'`)).rejects.toThrow(/append-only/);
    }
    await setClock('2031-01-01T00:00:00Z');
    expect(await ensure()).toBe(1);
    expect(await whereIs('after')).toBe('history_203103');
  });

  test('go with one statement each', async () => {
    await setClock('2030-12-20T00:00:00Z');
    await ensure();
    await tell('2030-12-15T12:00:00Z', 'old');
    await tell('2031-01-15T12:00:00Z', 'new');
    await store.rows('DROP TABLE history_203012');
    expect(await store.rows('SELECT subject FROM history')).toEqual([{ subject: 'new' }]);
  });
});
