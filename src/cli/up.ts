import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunView } from '../http/contract.js';
import type { Role } from '../main.js';
import { Client } from './client.js';
import { EXIT, Failure } from './failure.js';
import { follow } from './follow.js';
import { askedToEnd, gridProcess } from './grid-process.js';
import type { Screen } from './screen.js';
import type { Setting } from './setting.js';
import { stateFolder } from './settings.js';

/** What `up` can be told. */
export interface UpOptions {
  readonly listen?: string;
  readonly inventory?: string;
  readonly roles: readonly string[];
  readonly demo: boolean;
}

const ROLES: readonly Role[] = ['api', 'scheduler', 'executor'];

/** Starts a grid on this machine, shows what becomes of the inventory's tests, and stays until Ctrl-C. */
export async function up({ screen, json, options }: Setting, given: UpOptions): Promise<number> {
  const roles = given.roles.map((word) => {
    const role = ROLES.find((one) => one === word);
    if (role === undefined) throw new Failure(`there is no role '${word}': known are ${ROLES.join(', ')}`);
    return role;
  });
  const stateDir = stateFolder(options.stateDir);
  const inventoryDir = inventoryFolder(given.inventory);
  const stopping = new AbortController();
  const ended = askedToEnd((line) => screen.note(line)).then(() => stopping.abort());
  screen.status('starting');
  const { startGrid } = await gridProcess();
  const grid = await startGrid({
    stateDir,
    inventoryDir,
    roles,
    ...(given.listen === undefined ? {} : { listen: given.listen }),
    ...(process.env['DATABASE_URL'] ? { databaseUrl: process.env['DATABASE_URL'] } : {}),
    log: (line) => screen.note(line),
  }).catch((error: Error) => {
    screen.clearStatus();
    throw new Failure(`the grid could not be started: ${error.message}`, EXIT.unanswered);
  });
  try {
    screen.clearStatus();
    if (json) screen.json({ url: grid.url, adminTokenFile: grid.adminTokenFile, stateDir }, 'line');
    else screen.line(`${screen.paint('good', 'the grid is up')} at ${grid.url}, its state in ${stateDir}`);
    let runs: readonly RunView[] = [];
    const isWhole = ROLES.every((role) => roles.includes(role));
    if (given.demo && isWhole) {
      const token = readFileSync(grid.adminTokenFile, 'utf8').trim();
      const client = new Client({ url: grid.url, token });
      runs = await demonstrate(client, screen, json, inventoryDir, stopping.signal).catch(
        (error: unknown) => {
          if (!stopping.signal.aborted) throw error;
          return [];
        },
      );
    }
    if (!json && !stopping.signal.aborted) whatNext(screen, options.stateDir, runs);
    await ended;
  } finally {
    await grid.stop();
  }
  return 0;
}

async function demonstrate(
  client: Client,
  screen: Screen,
  json: boolean,
  inventoryDir: string,
  stop: AbortSignal,
): Promise<readonly RunView[]> {
  const tests = await client.all((cursor) => client.tests({ project: 'default', limit: 500, cursor }));
  const { readInventory } = await import('../adapters/inventory-files.js');
  const inventory = await readInventory(inventoryDir);
  // Tests that somebody submitted as files are known to the grid too, and are not meant.
  const own = new Set(inventory.ok ? inventory.inventory.tests.map((test) => test.name) : []);
  const names = tests.map((test) => test.name).filter((name) => own.has(name));
  if (names.length === 0) return [];
  const submission = await client.submit({ name: 'demonstration', tests: names.map((name) => ({ name })) });
  if (!json) {
    screen.line(
      `the ${names.length} tests of ${path.relative('', inventoryDir) || inventoryDir}/tests, as they come:`,
    );
    screen.line();
  }
  return (await follow(client, screen, submission, json, stop)).runs;
}

function whatNext(screen: Screen, stateDir: string | undefined, runs: readonly RunView[]): void {
  const run = (runs.find(({ verdict }) => verdict === 'failed') ?? runs[0])?.id ?? 'r1';
  const at = stateDir === undefined ? '' : ` --state-dir ${stateDir}`;
  const me = myself();
  screen.line(`
what to type next, in another terminal:
  ${me}${at} status               how the grid is, and what is wrong
  ${me}${at} show ${run.padEnd(15)} one run with all that happened
  ${me}${at} logs ${run.padEnd(15)} what it printed
  ${me}${at} submit FILE --watch  a test of your own
Ctrl-C ends the grid; what was accepted is kept.`);
}

/** How this program was called: from a clone it is not on the PATH. */
function myself(): string {
  const called = process.argv[1] ?? '';
  if (path.basename(called) !== 'testyard.mjs') return 'testyard';
  const near = path.relative('', called);
  return near.startsWith('..') ? called : near;
}

function inventoryFolder(given: string | undefined): string {
  if (given !== undefined) {
    if (!existsSync(path.join(given, 'grid.yaml')))
      throw new Failure(`${given} is no inventory: it has no grid.yaml (docs/how-to/declare-hosts.md)`);
    return path.resolve(given);
  }
  return fileURLToPath(new URL('../../inventory', import.meta.url));
}
