import { DataSource, type EntitySchema } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCHEMA } from '../../src/store/schema.js';
import { extendTypes, integer, key, table } from '../../src/store/table.js';
import { type FreshDatabase, freshDatabase, withClient } from '../database.js';
import { type Facts, factsOf } from './catalogue.js';

/** What the migrations say of a thing, where the schema can only say something else. */
interface Unsayable {
  readonly what: string;
  readonly migrated: string;
  readonly said: string;
}

/** All that TypeORM has no words for, one by one; anything else that differs is drift. */
const UNSAYABLE: readonly Unsayable[] = [
  ...partitioned('run', 'id'),
  ...partitioned('attempt', 'run_id'),
  ...partitioned('place', 'run_id'),
  ...partitioned('step_run', 'run_id'),
  ...partitioned('case_result', 'run_id'),
  ...partitioned('measurement', 'run_id'),
  ...partitioned('history', 'at'),
  ...counted(
    'project',
    'token',
    'pool',
    'host',
    'executor',
    'lease',
    'test',
    'submission',
    'incident',
    'evidence',
    'reservation',
    'known_failure',
    'resource',
    'message',
    'component',
    'change',
    'baseline_entry',
    'intake',
    'search',
    'pin',
    'accusation',
  ),
  ...descending('submission_project_ix', 'submission', 'project_id, id DESC'),
  ...descending('run_project_ix', 'run', 'project_id, id DESC'),
  ...descending('run_test_ix', 'run', 'project_id, test_name, id DESC'),
  ...descending('run_own_ix', 'run', 'purpose, id DESC', " WHERE (purpose <> 'test'::text)"),
  ...descending('place_host_ix', 'place', 'host_id, attempt_id DESC'),
  ...descending('queue_project_ix', 'queue', 'project_id, run_id DESC'),
  ...descending('evidence_host_ix', 'evidence', 'host_id, id DESC'),
  ...descending('evidence_work_ix', 'evidence', 'work, id DESC'),
];

function partitioned(name: string, by: string): readonly Unsayable[] {
  return [{ what: `table ${name}`, migrated: `partitioned by RANGE (${by})`, said: 'plain' }];
}

/** An EntitySchema's identity may be given by hand; ours may not. */
function counted(...tables: readonly string[]): readonly Unsayable[] {
  return tables.map((name) => ({
    what: `column ${name}.id`,
    migrated: 'bigint not null identity',
    said: 'bigint not null identity by default',
  }));
}

function descending(index: string, on: string, columns: string, where = ''): readonly Unsayable[] {
  const definition = (order: string) => `CREATE INDEX ${index} ON ${on} USING btree (${order})${where}`;
  return [
    {
      what: `index ${index}`,
      migrated: definition(columns),
      said: definition(columns.replaceAll(' DESC', '')),
    },
  ];
}

const schema: readonly EntitySchema[] = Object.values(SCHEMA);

let migrated: FreshDatabase;
let said: Facts;

beforeAll(async () => {
  migrated = await freshDatabase();
  said = await factsOfSchema(schema);
});
afterAll(() => migrated?.drop());

test('TypeORM finds nothing to repair in a migrated database', async () => {
  expect(await repairs(migrated.url, schema)).toEqual([]);
});

test('the migrations and the schema say the same of every table, column, constraint and index', async () => {
  const facts = await factsOf(migrated.url);
  expect(facts.size).toBeGreaterThan(300);
  expect(differences(facts, said)).toEqual([]);
});

test('repositories read and write rows as the domain knows them', async () => {
  const source = await open(migrated.url, schema);
  try {
    const pools = source.getRepository(SCHEMA.pool);
    const { id } = await pools.save({ name: 'boards', why: null });
    expect(await pools.findOneByOrFail({ id })).toMatchObject({ id, name: 'boards', state: 'online' });
    const history = source.getRepository(SCHEMA.history);
    await history.insert({
      projectId: null,
      runId: null,
      kind: 'k',
      subject: 's',
      actor: 'me',
      data: { a: 1 },
    });
    const [entry] = await history.findBy({ kind: 'k' });
    expect(entry).toMatchObject({ subject: 's', data: { a: 1 }, at: expect.any(Date) });
    expect(entry?.txid).toMatch(/^\d+$/);
  } finally {
    await source.destroy();
  }
});

describe('drift is seen', () => {
  const cases: readonly {
    readonly name: string;
    readonly sql?: string;
    readonly seen: RegExp;
    /** What TypeORM would do about it; it compares some things by name only, and tables it does not know not at all. */
    readonly repaired?: RegExp;
  }[] = [
    {
      name: 'a column in the migration only',
      sql: 'ALTER TABLE pool ADD COLUMN colour text',
      seen: /^column pool\.colour: migrated text, schema not there$/,
      repaired: /"pool" DROP COLUMN "colour"/,
    },
    {
      name: 'a column of a partitioned table in the migration only',
      sql: 'ALTER TABLE step_run ADD COLUMN colour text',
      seen: /^column step_run\.colour/,
      repaired: /"step_run" DROP COLUMN "colour"/,
    },
    {
      name: 'a column in the schema only',
      sql: 'ALTER TABLE host_probe DROP COLUMN fingerprint',
      seen: /^column host_probe\.fingerprint: migrated not there/,
      repaired: /"host_probe" ADD "fingerprint"/,
    },
    {
      name: 'a table in the migration only',
      sql: 'CREATE TABLE extra (id bigint)',
      seen: /^table extra: migrated plain/,
    },
    {
      name: 'a table in the schema only',
      seen: /^table unmade: migrated not there/,
      repaired: /CREATE TABLE "unmade"/,
    },
    {
      name: 'a changed type',
      sql: 'ALTER TABLE queue ALTER report_seq TYPE bigint',
      seen: /^column queue\.report_seq: migrated bigint/,
      repaired: /"queue" ADD "report_seq" integer/,
    },
    {
      name: 'a changed type in a partitioned table',
      sql: 'ALTER TABLE attempt ALTER number TYPE bigint',
      seen: /^column attempt\.number: migrated bigint/,
      repaired: /"attempt" ADD "number" integer/,
    },
    {
      name: 'a column that may be null',
      sql: 'ALTER TABLE run ALTER test_name DROP NOT NULL',
      seen: /^column run\.test_name/,
      repaired: /"run" ALTER COLUMN "test_name" SET NOT NULL/,
    },
    {
      name: 'another default',
      sql: 'ALTER TABLE lease ALTER draining SET DEFAULT true',
      seen: /^column lease\.draining: migrated boolean not null default true/,
      repaired: /"lease" ALTER COLUMN "draining" SET DEFAULT false/,
    },
    {
      name: 'a dropped index',
      sql: 'DROP INDEX queue_lease_ix',
      seen: /^index queue_lease_ix: migrated not there/,
      repaired: /CREATE INDEX "queue_lease_ix"/,
    },
    {
      name: 'a dropped index of a partitioned table',
      sql: 'DROP INDEX run_submission_ix',
      seen: /^index run_submission_ix: migrated not there/,
      repaired: /CREATE INDEX "run_submission_ix"/,
    },
    {
      name: 'an index with another condition',
      sql: 'DROP INDEX incident_open_ix; CREATE INDEX incident_open_ix ON incident (id) WHERE closed_at IS NOT NULL',
      seen: /^index incident_open_ix/,
    },
    {
      name: 'an index in another order',
      sql: 'DROP INDEX place_host_ix; CREATE INDEX place_host_ix ON place (host_id, attempt_id)',
      seen: /^index place_host_ix/,
    },
    {
      name: 'a dropped constraint',
      sql: 'ALTER TABLE queue DROP CONSTRAINT queue_held_ck',
      seen: /^constraint queue\.queue_held_ck/,
      repaired: /ADD CONSTRAINT "queue_held_ck"/,
    },
    {
      name: 'a weaker constraint',
      sql: 'ALTER TABLE run DROP CONSTRAINT run_proof_ck, ADD CONSTRAINT run_proof_ck CHECK (true)',
      seen: /^constraint run\.run_proof_ck: migrated CHECK \(true\)/,
    },
    {
      name: 'a dropped foreign key',
      sql: 'ALTER TABLE host DROP CONSTRAINT host_pool_fk',
      seen: /^constraint host\.host_pool_fk/,
      repaired: /ADD CONSTRAINT "host_pool_fk"/,
    },
    {
      name: 'a dropped key',
      sql: 'ALTER TABLE host_stack DROP CONSTRAINT host_stack_pk',
      seen: /^constraint host_stack\.host_stack_pk/,
      repaired: /"host_stack" ADD CONSTRAINT .* PRIMARY KEY/,
    },
    {
      name: 'a table that is no longer partitioned',
      sql: `CREATE TABLE whole (LIKE measurement INCLUDING ALL); DROP TABLE measurement;
            ALTER TABLE whole RENAME TO measurement; ALTER INDEX whole_pkey RENAME TO measurement_pk`,
      seen: /^table measurement: migrated plain/,
    },
  ];

  let drift: readonly string[];
  let statements: readonly string[];

  // All of them in one database, since looking takes longer than everything else.
  beforeAll(async () => {
    const database = await freshDatabase();
    try {
      await withClient(database.url, async (client) => {
        for (const { sql } of cases) if (sql !== undefined) await client.query(sql);
      });
      const drifted = [...schema, table('unmade', { id: key(integer()) })];
      drift = differences(await factsOf(database.url), await factsOfSchema(drifted));
      statements = await repairs(database.url, drifted);
    } finally {
      await database.drop();
    }
  });

  test.each(cases)('$name', ({ seen, repaired }) => {
    expect(drift).toContainEqual(expect.stringMatching(seen));
    if (repaired !== undefined) expect(statements).toContainEqual(expect.stringMatching(repaired));
  });

  test('and nothing that is not there', () => {
    const known = [...cases.map((c) => c.seen), /extra|unmade/];
    expect(drift.filter((line) => !known.some((seen) => seen.test(line)))).toEqual([]);
  });
});

/** Where a database differs from what the schema says, in words; what cannot be said is passed over. */
function differences(facts: Facts, said: Facts): readonly string[] {
  const excused = new Map(UNSAYABLE.map((u) => [u.what, u]));
  return [...new Set([...facts.keys(), ...said.keys()])].sort().flatMap((what) => {
    const [migrated, wanted] = [facts.get(what), said.get(what)];
    const excuse = excused.get(what);
    const fine = excuse ? excuse.migrated === migrated && excuse.said === wanted : migrated === wanted;
    if (fine) return [];
    return [`${what}: migrated ${migrated ?? 'not there'}, schema ${wanted ?? 'not there'}`];
  });
}

/** The statements with which TypeORM would make a database what the schema says. */
async function repairs(url: string, schema: readonly EntitySchema[]): Promise<string[]> {
  const source = await open(url, schema);
  try {
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    return upQueries.map(({ query }) => query);
  } finally {
    await source.destroy();
  }
}

/** What the catalogue says of a database that TypeORM makes from the schema alone, and from our clock. */
async function factsOfSchema(schema: readonly EntitySchema[]): Promise<Facts> {
  const scratch = await freshDatabase();
  try {
    await withClient(scratch.url, async (client) => {
      const { rows } = await client.query(`SELECT pg_get_functiondef('grid_now'::regproc) AS text`);
      await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET check_function_bodies = off');
      await client.query(rows[0].text);
    });
    const source = await open(scratch.url, schema);
    await source.synchronize();
    await source.destroy();
    return await factsOf(scratch.url);
  } finally {
    await scratch.drop();
  }
}

async function open(url: string, schema: readonly EntitySchema[]): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    url,
    entities: [...schema],
    installExtensions: false,
    uuidExtension: 'pgcrypto',
    poolSize: 1,
  });
  extendTypes(source);
  return await source.initialize();
}
