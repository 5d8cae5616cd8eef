import { execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { transform } from '@swc/core';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, inject, onTestFinished, test } from 'vitest';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../src/adapters/embedded-postgres.js';
import { migrate } from '../../src/store/migrate.js';
import { freshDatabase } from '../database.js';

const root = process.getuid?.() === 0;
const servers: EmbeddedPostgres[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

async function temporaryFolder(mode = 0o711): Promise<string> {
  const folder = await mkdtemp('/tmp/testyard-pgtest-');
  folders.push(folder);
  await chmod(folder, mode);
  return folder;
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(options);
  servers.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end().catch(() => {});
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`);
    await delay(10);
  }
}

/** Gone, or a zombie that waits for a parent that does not reap. */
async function isGone(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) === '';
}

async function killPostmaster(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until('the postmaster is dead', () => isGone(pid));
}

function installedPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  return path.join(path.dirname(createRequire(import.meta.url).resolve(name)), '..');
}

describe('starting', () => {
  test('a first start makes a UTF-8 database that only Unix sockets and a password lead to', async () => {
    const stateDir = path.join(await temporaryFolder(), 'made', 'by', 'us');
    const server = await start({ stateDir });

    const [row] = await query(
      server.url,
      `select current_database() as db, current_setting('listen_addresses') as tcp,
        current_setting('max_connections') as connections, current_setting('shared_buffers') as buffers,
        current_setting('synchronous_commit') as sync, current_setting('server_encoding') as encoding,
        (select datlocprovider::text || ' ' || datlocale from pg_database where datname = current_database()) as locale,
        upper('é') as upper`,
    );
    expect(row).toEqual({
      db: 'testyard',
      tcp: '',
      connections: '200',
      buffers: '64MB',
      sync: 'on',
      encoding: 'UTF8',
      locale: 'b C.UTF-8',
      upper: 'É',
    });
    expect((await stat(path.join(stateDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(stateDir, 'postgres.log'))).mode & 0o777).toBe(0o600);
    const wrong = server.url.replace(/testyard:[^@]+@/, 'testyard:wrong@');
    await expect(query(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    const none = server.url.replace(/testyard:[^@]+@/, 'testyard@');
    await expect(query(none, 'select 1')).rejects.toThrow();
    expect((await readdir(stateDir)).includes('postgres.new')).toBe(false);
  });

  test('the url works with TypeORM and in spite of PGPORT, PGHOST and PGDATABASE', async () => {
    const stateDir = await temporaryFolder();
    for (const [name, value] of Object.entries({ PGPORT: '1', PGHOST: '/nowhere', PGDATABASE: 'other' })) {
      const before = process.env[name];
      process.env[name] = value;
      onTestFinished(() => {
        if (before === undefined) delete process.env[name];
        else process.env[name] = before;
      });
    }
    const server = await start({ stateDir });
    expect(await query(server.url, 'select current_database() as db')).toEqual([{ db: 'testyard' }]);
    const source = new DataSource({ type: 'postgres', url: server.url });
    await source.initialize();
    expect(await source.query('select current_database() as db')).toEqual([{ db: 'testyard' }]);
    await source.destroy();
  });

  test('a second start keeps the data and the password', async () => {
    const stateDir = await temporaryFolder();
    const first = await start({ stateDir });
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    expect(await isGone(first.pid)).toBe(true);
    await first.stop();

    const second = await start({ stateDir });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  test('a first start that was killed in the middle is begun anew', async () => {
    const stateDir = await temporaryFolder();
    await mkdir(path.join(stateDir, 'postgres.new', 'data'), { recursive: true });
    await writeFile(path.join(stateDir, 'postgres.new', 'data', 'PG_VERSION'), '18\n');
    const server = await start({ stateDir });
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('a server that cannot start says why, in the words of its log', async () => {
    const stateDir = await temporaryFolder();
    await expect(start({ stateDir, settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /did not start[\s\S]*invalid value for parameter "shared_buffers"/,
    );
    await expect(start({ stateDir, settings: { max_connections: '201' } })).resolves.toBeDefined();
  });

  test('a lost password file is named, and what can be done', async () => {
    const stateDir = await temporaryFolder();
    await (await start({ stateDir })).stop();
    await rm(path.join(stateDir, 'postgres-password'));
    await expect(start({ stateDir })).rejects.toThrow(/postgres-password is missing[\s\S]*restore/);
    const pid = Number.parseInt(
      await readFile(path.join(stateDir, 'postgres', 'postmaster.pid'), 'utf8'),
      10,
    );
    process.kill(pid, 'SIGQUIT');
    await until('the server without a password ended', () => isGone(pid));
  });

  test('a log that grew large is put aside at the next start', async () => {
    const stateDir = await temporaryFolder();
    const logFile = path.join(stateDir, 'postgres.log');
    await writeFile(logFile, Buffer.alloc(10 * 1024 * 1024 + 1, 'x'));
    await start({ stateDir });
    expect((await stat(`${logFile}.1`)).size).toBe(10 * 1024 * 1024 + 1);
    expect((await stat(logFile)).size).toBeLessThan(10_000);
  });
});

describe('after a kill', () => {
  test('kill -9 of the server, with clients in it: the next start recovers what was committed', async () => {
    const stateDir = await temporaryFolder();
    const first = await start({ stateDir });
    await query(first.url, 'create table kept as select 42 as answer');
    const busy = query(first.url, 'select pg_sleep(60)').catch((error: Error) => error);
    await until('the client is busy', async () => {
      const rows = await query(
        first.url,
        `select 1 from pg_stat_activity where query like '%pg_sleep(60)' and pid <> pg_backend_pid()`,
      );
      return rows.length === 1;
    });
    await killPostmaster(first.pid);

    const second = await start({ stateDir });
    expect(second.pid).not.toBe(first.pid);
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect(await busy).toBeInstanceOf(Error);
  });

  test('a server whose Testyard was killed is adopted, and can be stopped by who adopted it', async () => {
    const stateDir = await temporaryFolder();
    const url = await startInAProcessThatIsKilled({ stateDir });
    await query(url, 'create table kept as select 42 as answer');

    const lines: string[] = [];
    const adopted = await start({ stateDir, log: (line) => lines.push(line) });
    expect(adopted.url).toBe(url);
    expect(lines).toEqual([`PostgreSQL adopted (pid ${adopted.pid}, ${stateDir}/postgres)`]);
    expect(await query(adopted.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await adopted.stop();
    expect(await isGone(adopted.pid)).toBe(true);
  });

  test('a lock file whose process number is another process now does not keep it from starting', async () => {
    const stateDir = await temporaryFolder();
    const first = await start({ stateDir });
    await query(first.url, 'create table kept as select 42 as answer');
    const lockFile = path.join(stateDir, 'postgres', 'postmaster.pid');
    const lock = await readFile(lockFile, 'utf8');
    await first.stop();

    // A process of the same user, which PostgreSQL by itself would take for a server.
    const { uid, gid } = await stat(path.join(stateDir, 'postgres'));
    const other = spawn('/bin/sleep', ['600'], root ? { uid, gid, cwd: '/' } : {});
    await once(other, 'spawn');
    onTestFinished(() => {
      other.kill();
    });
    await writeFile(lockFile, lock.replace(/^\d+/, String(other.pid)));

    const second = await start({ stateDir });
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect(other.exitCode ?? other.signalCode).toBeNull();
    await second.stop();
    expect(other.exitCode ?? other.signalCode).toBeNull();
  });

  test('stop cuts the connections that are open', async () => {
    const stateDir = await temporaryFolder();
    const server = await start({ stateDir });
    const client = new pg.Client({ connectionString: server.url });
    client.on('error', () => {});
    await client.connect();
    await server.stop();
    expect(await isGone(server.pid)).toBe(true);
    const said = await readFile(path.join(stateDir, 'postgres.log'), 'utf8');
    expect(said).toMatch(/received fast shutdown request[\s\S]*database system is shut down\n$/);
    expect(said).not.toContain('immediate shutdown');
  });
});

describe('where it lies', () => {
  test('a path too long for a socket still works, at the same address each time, and leaves nothing in /tmp', async () => {
    const stateDir = path.join(await temporaryFolder(), 'long'.repeat(30), 'ümläut and spaces'.repeat(4));
    const server = await start({ stateDir });
    const host = decodeURIComponent(/host=([^&]*)/.exec(server.url)?.[1] ?? '');
    expect(Buffer.byteLength(`${host}/.s.PGSQL.5432`)).toBeLessThan(100);
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);

    await killPostmaster(server.pid);
    const second = await start({ stateDir });
    // Whoever knew the address finds it again.
    expect(second.url).toBe(server.url);
    await second.stop();
    await expect(stat(host)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('symlinks that npm did not make are made', async () => {
    const packageDir = path.join(await temporaryFolder(), 'package');
    await cp(installedPackage(), packageDir, { recursive: true, verbatimSymlinks: true });
    const list = await readFile(path.join(packageDir, 'native', 'pg-symlinks.json'), 'utf8');
    for (const { target } of JSON.parse(list) as { target: string }[])
      await rm(path.join(packageDir, target));

    const server = await start({ stateDir: await temporaryFolder(), packageDir });
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect((await stat(path.join(packageDir, 'native', 'lib', 'libpq.so.5'))).isFile()).toBe(true);
  });

  test.runIf(root)('as root the server is a user of its own, and nobody else gets at its data', async () => {
    const stateDir = await temporaryFolder();
    const server = await start({ stateDir });
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t2000005432\t2000005432\t/m);
    expect(status).toMatch(/^Groups:\t *$/m);
    expect((await stat(path.join(stateDir, 'postgres'))).mode & 0o077).toBe(0);
    const socketDir = /host=([^&]*)/.exec(server.url)?.[1] ?? '';
    expect((await stat(socketDir)).mode & 0o077).toBe(0);
  });

  test.runIf(root)('data unpacked by root from a back-up is given to the server', async () => {
    const stateDir = await temporaryFolder();
    const first = await start({ stateDir });
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    await promisify(execFile)('chown', ['-R', '0:0', path.join(stateDir, 'postgres')]);
    const second = await start({ stateDir });
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  test.runIf(root)(
    'a state folder below one that only root may enter works, is adopted and recovers',
    async () => {
      const stateDir = path.join(await temporaryFolder(0o700), 'state');
      const url = await startInAProcessThatIsKilled({ stateDir });
      const adopted = await start({ stateDir });
      expect(adopted.url).toBe(url);
      await query(adopted.url, 'create table kept as select 42 as answer');
      await query(adopted.url, 'select pg_reload_conf()');
      await killPostmaster(adopted.pid);
      const again = await start({ stateDir });
      expect(await query(again.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
      await again.stop();
      const socketDirs = [adopted, again].map((server) => /host=([^&]*)/.exec(server.url)?.[1] ?? '');
      for (const dir of socketDirs) await expect(stat(dir)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await isGone(again.pid)).toBe(true);
    },
  );

  test.runIf(root)('binaries below a folder that only root may enter are copied, once', async () => {
    const packageDir = path.join(await temporaryFolder(0o700), 'package');
    await cp(installedPackage(), packageDir, { recursive: true, verbatimSymlinks: true });
    const stateDir = await temporaryFolder();
    const lines: string[] = [];
    const options = { stateDir, packageDir, log: (line: string) => lines.push(line) };
    await (await start(options)).stop();
    const server = await start(options);
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(lines.filter((line) => line.startsWith('Copying PostgreSQL'))).toHaveLength(1);
    const binary = (await readFile(`/proc/${server.pid}/cmdline`, 'utf8')).split('\0')[0];
    expect(binary).toMatch(new RegExp(`^${stateDir}/postgresql-[^/]+/native/bin/postgres$`));
  });

  test.runIf(root)(
    'a user who is not root starts it as himself, also where he may not write to the package',
    async () => {
      const stateDir = await temporaryFolder();
      const { uid, gid } = { uid: 65_534, gid: 65_534 };
      await promisify(execFile)('chown', [`${uid}:${gid}`, stateDir]);
      const packageDir = path.join(await temporaryFolder(0o755), 'package');
      await cp(installedPackage(), packageDir, { recursive: true, verbatimSymlinks: true });
      await rm(path.join(packageDir, 'native', 'lib', 'libpq.so.5'));

      const url = await startInAProcessThatIsKilled({ stateDir, packageDir }, { uid, gid });
      expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
      // Root takes it over, and leaves it to its owner.
      const adopted = await start({ stateDir });
      expect(adopted.url).toBe(url);
      await adopted.stop();
      const again = await start({ stateDir });
      expect(await readFile(`/proc/${again.pid}/status`, 'utf8')).toMatch(/^Uid:\t65534\t/m);
    },
  );
});

describe('migrations', () => {
  const slowMigration = `export class First1700000000001 {
    name = 'First1700000000001';
    async up(runner) {
      await runner.query('create table first (id int)');
      await runner.query('insert into first values (1)');
    }
    async down() {}
  }`;
  const concurrentMigration = `export class Second1700000000002 {
    name = 'Second1700000000002';
    transaction = false;
    async up(runner) { await runner.query('create index concurrently first_id on first (id)'); }
    async down() {}
  }`;
  const brokenMigration = `export class Third1700000000003 {
    name = 'Third1700000000003';
    async up(runner) {
      await runner.query('create table half (id int)');
      await runner.query('create table first (id int)');
    }
    async down() {}
  }`;

  async function emptyDatabase(): Promise<string> {
    const database = await freshDatabase();
    onTestFinished(() => database.drop());
    await query(database.url, 'drop schema public cascade');
    await query(database.url, 'create schema public');
    return database.url;
  }

  async function migrationsDir(...texts: readonly string[]): Promise<string> {
    const folder = await temporaryFolder();
    await Promise.all(
      texts.map((text, index) => writeFile(path.join(folder, `000${index + 1}-x.mjs`), text)),
    );
    return folder;
  }

  test('several processes that start at once migrate once', async () => {
    const url = await emptyDatabase();
    const dir = await migrationsDir(slowMigration, concurrentMigration);
    await Promise.all(Array.from({ length: 6 }, () => migrate(url, { migrationsDir: dir })));
    expect(await query(url, 'select id from first')).toEqual([{ id: 1 }]);
    expect(await query(url, 'select name from migrations order by id')).toEqual([
      { name: 'First1700000000001' },
      { name: 'Second1700000000002' },
    ]);
    expect(
      await query(
        url,
        `select 1 as held from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
      ),
    ).toEqual([]);
  });

  test('a migration that fails leaves nothing of itself, and those before it', async () => {
    const url = await emptyDatabase();
    const dir = await migrationsDir(slowMigration, concurrentMigration, brokenMigration);
    await expect(migrate(url, { migrationsDir: dir })).rejects.toThrow(/relation "first" already exists/);
    expect(
      await query(url, `select to_regclass('first')::text as first, to_regclass('half')::text as half`),
    ).toEqual([{ first: 'first', half: null }]);
  });

  test('a server that is not up yet is waited for', async () => {
    const stateDir = await temporaryFolder();
    const server = await start({ stateDir });
    await server.stop();
    const dir = await migrationsDir(slowMigration);
    await expect(migrate(server.url, { migrationsDir: dir, patienceMs: 0 })).rejects.toThrow();
    const migrated = migrate(server.url, { migrationsDir: dir });
    await start({ stateDir });
    await migrated;
    expect(await query(server.url, 'select id from first')).toEqual([{ id: 1 }]);
  });
});

describe('the database of a test', () => {
  test('many clones at once are databases of their own, and go away with their connections', async () => {
    const databases = await Promise.all(Array.from({ length: 8 }, () => freshDatabase()));
    expect(new Set(databases.map(({ url }) => url)).size).toBe(8);
    await Promise.all(
      databases.map(({ url }, index) => query(url, `create table mine as select ${index} as n`)),
    );
    const left = new pg.Client({ connectionString: databases[0]?.url });
    left.on('error', () => {});
    await left.connect();
    await Promise.all(databases.map((database) => database.drop()));
    const rows = await query(
      inject('databaseServer'),
      `select datname from pg_database where datname like 'test_${process.pid}_%'`,
    );
    expect(rows).toEqual([]);
    await left.end().catch(() => {});
  });
});

/** Starts the server in a process of its own, perhaps as another user, and kills that as kill -9 does. */
async function startInAProcessThatIsKilled(
  options: EmbeddedPostgresOptions,
  account: { uid?: number; gid?: number } = {},
): Promise<string> {
  const source = await readFile(new URL('../../src/adapters/embedded-postgres.ts', import.meta.url), 'utf8');
  const { code } = await transform(source, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } });
  const folder = await temporaryFolder(0o755);
  const pgModule = pathToFileURL(createRequire(import.meta.url).resolve('pg')).href;
  await writeFile(path.join(folder, 'adapter.mjs'), code.replace(/from ['"]pg['"]/, `from '${pgModule}'`));
  await writeFile(
    path.join(folder, 'start.mjs'),
    `import { startEmbeddedPostgres } from './adapter.mjs';
     const server = await startEmbeddedPostgres(${JSON.stringify({ packageDir: installedPackage(), ...options })});
     process.send(server.url);
     setInterval(() => {}, 1000);`,
  );
  const child = fork(path.join(folder, 'start.mjs'), {
    ...account,
    cwd: '/',
    execArgv: [],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let complaints = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const url = await Promise.race([
    once(child, 'message').then(([message]) => message as string),
    once(child, 'close').then(() => Promise.reject(new Error(complaints))),
  ]);
  child.kill('SIGKILL');
  await until('the starter is dead', () => child.signalCode !== null);
  return url;
}
