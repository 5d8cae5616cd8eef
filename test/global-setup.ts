import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../src/adapters/embedded-postgres.js';
import { migrate } from '../src/store/migrate.js';
import { databaseUrl, withClient } from './database.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A server on which tests may make databases. */
    databaseServer: string;
    /** The migrated database that `freshDatabase` clones. */
    databaseTemplate: string;
  }
}

/** One PostgreSQL for the whole test run, with a migrated template; TESTYARD_TEST_DATABASE_URL names another server. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TESTYARD_TEST_DATABASE_URL'];
  const server = given ? { url: given, stop: async () => {} } : await startServer();
  // A given server may serve several test runs at once.
  const template = given ? `testyard_template_${randomBytes(6).toString('hex')}` : 'testyard_template';
  try {
    await makeTemplate(server.url, template);
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide('databaseServer', server.url);
  project.provide('databaseTemplate', template);
  return async () => {
    if (given) await dropTemplate(given, template);
    await server.stop();
  };
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'testyard-test-'));
  await chmod(stateDir, 0o711);
  try {
    // A test's data need not survive a power cut, and waiting for the disk is most of what cloning costs.
    const postgres = await startEmbeddedPostgres({
      stateDir,
      settings: { fsync: 'off', full_page_writes: 'off' },
    });
    const guard = guardAgainstOurDeath(postgres.pid, stateDir);
    return {
      url: postgres.url,
      stop: async () => {
        await postgres.stop();
        guard.stdin?.end('done\n');
        await rm(stateDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(stateDir, { recursive: true, force: true });
    throw error;
  }
}

/** The server is detached and would outlive a killed test run; its guard sees the pipe to us close and tidies up. */
function guardAgainstOurDeath(pid: number, stateDir: string): ChildProcess {
  const script = `read -r word && exit
    kill -QUIT "$0"; tries=0
    while kill -0 "$0" 2>/dev/null && [ $tries -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
    rm -rf "$1"`;
  const guard = spawn('/bin/sh', ['-c', script, String(pid), stateDir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

async function makeTemplate(serverUrl: string, template: string): Promise<void> {
  await withClient(serverUrl, (client) => client.query(`create database ${template}`));
  await migrate(databaseUrl(serverUrl, template));
  // Nobody may connect any more: cloning fails while somebody is connected.
  await withClient(serverUrl, (client) =>
    client.query(`alter database ${template} with is_template true allow_connections false`),
  );
}

async function dropTemplate(serverUrl: string, template: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    await client.query(`alter database ${template} with is_template false`);
    await client.query(`drop database ${template} with (force)`);
  });
}
