import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/adapters/embedded-postgres.js';
import type { Assignment, PlacePlan } from '../../src/protocol/messages.js';
import { Api, adminToken, freePort, type InventoryHost, Part, patiently, writeInventory } from './grid.js';
import { type Recording, record } from './replay.js';

/** A test that does nothing, as a user would send it. */
export const TRIVIAL = Buffer.from('#!/bin/sh\nexit 0\n').toString('base64');

/** A whole grid in one process, as `testyard up` starts it, with an own connection to its database. */
export interface Trial {
  readonly api: Api;
  readonly grid: Part;
  readonly database: pg.Client;
  readonly databaseUrl: string;
  /** Sends one submission of the trivial test, in so many variants, and gives its id. */
  submit(runs: number): Promise<string>;
  /** Of a submission whose runs are done: throws where one did not pass. */
  checkPassed(submission: string, runs: number): Promise<void>;
  /** What the grid's executor sends for a run of that submission, recorded anew under `seat`'s host number. */
  recordingOf(submission: string, hostNumber: string): Promise<readonly Recording[]>;
  stop(): Promise<void>;
}

/** Starts a grid with these hosts and waits until it answers. */
export async function startTrial(
  hosts: readonly InventoryHost[],
  more: { readonly tags?: string; readonly steps?: string } = {},
): Promise<Trial> {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-bench-'));
  const stateDir = path.join(folder, 'state');
  const inventory = path.join(folder, 'inventory');
  await mkdir(stateDir, { mode: 0o700 });
  await writeInventory(inventory, hosts, more);
  const listen = `127.0.0.1:${await freePort()}`;
  const args = ['--state-dir', stateDir, 'up', '--no-demo', '--inventory', inventory, '--listen', listen];
  const grid = new Part('grid', args, { DATABASE_URL: '' }, folder);
  grid.start();
  const api = await patiently('the grid starts', 60_000, async () => {
    const token = adminToken(stateDir);
    if (token === undefined) throw new Error(`no token in ${stateDir} yet; its log is ${folder}/grid.log`);
    const answered = new Api(`http://${listen}`, token);
    await answered.ask('GET', '/api/v1/hosts');
    return answered;
  });
  // It runs already: this only finds out where.
  const { url } = await startEmbeddedPostgres({ stateDir });
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  return {
    api,
    grid,
    database,
    databaseUrl: url,
    submit: async (runs) => {
      const variants =
        runs === 1 ? [{}] : Array.from({ length: runs }, (_, number) => ({ NUMBER: String(number) }));
      const answer = await api.ask<{ id: string }>('POST', '/api/v1/submissions', {
        tests: [{ file: { name: 'trivial.sh', content: TRIVIAL } }],
        variants,
      });
      return answer.id.slice(1);
    },
    checkPassed: async (submission, runs) => {
      const { rows } = await database.query<{ verdict: string; attempts: number; reason: string; n: string }>(
        `SELECT verdict, attempts, min(reason) AS reason, count(*) AS n FROM run WHERE submission_id = $1
         GROUP BY verdict, attempts`,
        [submission],
      );
      const [only, ...others] = rows;
      if (only?.verdict !== 'passed' || only.attempts !== 1 || others.length > 0 || Number(only.n) !== runs)
        throw new Error(`not every run passed at its first attempt: ${JSON.stringify(rows)}`);
    },
    recordingOf: async (submission, hostNumber) =>
      record(await assignmentOf(database, submission, hostNumber)),
    stop: async () => {
      await database.end();
      await grid.signal('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An attempt as the grid handed it to its executor; only the host's number and the attempt's are others. */
async function assignmentOf(
  database: pg.Client,
  submission: string,
  hostNumber: string,
): Promise<Assignment> {
  const { rows } = await database.query<{
    run: string;
    plan: PlacePlan[];
    spec: Assignment['test'];
    variant: object;
  }>(
    `SELECT r.id AS run, a.plan, t.spec, r.variant FROM run r JOIN attempt a ON a.run_id = r.id
     JOIN test t ON t.id = r.test_id WHERE r.submission_id = $1 ORDER BY r.id LIMIT 1`,
    [submission],
  );
  const [row] = rows;
  const place = row?.plan[0];
  if (row === undefined || place === undefined) throw new Error('there is no attempt to be recorded');
  const { expected: _, ...plan } = place;
  return {
    run: row.run,
    attempt: '1',
    number: 1,
    places: [{ ...plan, host: { ...plan.host, id: hostNumber } }],
    test: { ...row.spec, environment: { ...row.spec.environment, ...row.variant } },
    outputLimitBytes: 16 * 1024 * 1024,
  };
}
