import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/adapters/embedded-postgres.js';
import { migrate } from '../../src/store/migrate.js';

/** A database for a simulation, with the whole schema in it. */
export interface SimDatabase {
  readonly url: string;
  /** Ends its server; nothing of it stays. */
  stop(): Promise<void>;
}

/** Starts the PostgreSQL that comes along in a folder of its own. What is simulated need not survive a power cut. */
export async function startSimDatabase(): Promise<SimDatabase> {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'testyard-sim-'));
  await chmod(stateDir, 0o711);
  const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };
  const server = await startEmbeddedPostgres({ stateDir, settings });
  const stop = async () => {
    await server.stop();
    await rm(stateDir, { recursive: true, force: true });
  };
  try {
    await migrate(server.url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: server.url, stop };
}
