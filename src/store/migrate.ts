import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';

type MigrationClass = new () => MigrationInterface;

/** Both src/store and dist/store are two folders below the package. */
const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations/', import.meta.url));

/** "testyard" in hexadecimal, within 63 bits. */
const MIGRATION_LOCK = '0x7465737479617264';

/** What a server says, or a socket, that will answer in a moment. */
const NOT_YET = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EAI_AGAIN', '57P03', '53300'];

/** What may be said about a migration; nothing has to be. */
export interface MigrateOptions {
  /** A folder of ESM files that export one migration class each; the package's own unless said. */
  readonly migrationsDir?: string;
  /** How long a server that is still starting is waited for. */
  readonly patienceMs?: number;
}

/**
 * Brings the schema up to date. Any number of processes may call it at once: one migrates, the others
 * wait for it. A migration that fails is rolled back and rejects; those before it stay.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<void> {
  const migrations = await loadMigrations(options.migrationsDir ?? MIGRATIONS_DIR);
  const lock = await connect(url, options.patienceMs ?? 10_000);
  try {
    await takeLock(lock);
    await runMigrations(url, migrations);
    const { rows } = await lock.query<{ held: boolean }>(
      `select pg_advisory_unlock(${MIGRATION_LOCK}) as held`,
    );
    if (!rows[0]?.held) throw new Error('The lock on migrations was lost while they ran');
  } finally {
    await lock.end().catch(() => {});
  }
}

async function loadMigrations(dir: string): Promise<readonly MigrationClass[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.mjs')).sort();
  const classes: MigrationClass[] = [];
  for (const file of files) {
    const module = (await import(/* @vite-ignore */ pathToFileURL(path.join(dir, file)).href)) as object;
    classes.push(
      ...Object.values(module).filter((value): value is MigrationClass => typeof value === 'function'),
    );
  }
  return classes;
}

async function connect(url: string, patienceMs: number): Promise<pg.Client> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
    client.on('error', () => {}); // shows when the lock is given back
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      const passes = NOT_YET.includes((error as { code?: string }).code ?? '');
      if (!passes || performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}

/** Asked for again and again: a session that waits inside the lock holds a snapshot, on which CREATE INDEX CONCURRENTLY waits in turn. */
async function takeLock(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>(
      `select pg_try_advisory_lock(${MIGRATION_LOCK}) as taken`,
    );
    if (rows[0]?.taken) return;
    await delay(100);
  }
}

async function runMigrations(url: string, migrations: readonly MigrationClass[]): Promise<void> {
  const source = new DataSource({
    type: 'postgres',
    url,
    migrations: [...migrations],
    poolSize: 1,
    logging: false,
  });
  await source.initialize();
  try {
    // One transaction each, so that a migration may do without one where PostgreSQL forbids it.
    await source.runMigrations({ transaction: 'each' });
  } finally {
    await source.destroy();
  }
}
