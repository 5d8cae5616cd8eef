import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { attribute } from '../src/domain/judge/attribution.js';
import type { Lack } from '../src/domain/judge/fact.js';
import { lacksText } from '../src/domain/judge/lack.js';
import { type LightHost, lightHosts } from '../test/lab.js';
import { keep, lay, routeTo } from './parts/lava-host.js';
import { type Tried, tryFile } from './parts/lava-trial.js';
import { PackageProxy } from './parts/package-proxy.js';

/**
 * Runs a folder of LAVA definitions that nobody here has seen before over light hosts, each on a pristine one, and says
 * what came of every one. Packages come through a proxy; what else a test wants from the network it cannot have.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'string' },
    hosts: { type: 'string', default: '4' },
    timeout: { type: 'string', default: '600' },
    json: { type: 'string' },
    seed: { type: 'string' },
  },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('npm run bench -- corpus DIR [--list FILE] [--hosts N] [--timeout SECONDS] [--json FILE]');
  process.exit(2);
}
const logs = path.join(tmpdir(), `testyard-corpus-${process.pid}`);
const timeoutMs = Number(values.timeout) * 1000;
/** Past the test's own limit: its setup, and the way into and out of the host. */
const GRACE_MS = 900_000;

/** What came of one definition. */
interface Row {
  readonly file: string;
  /** passed, failed, skipped, why there is no verdict, or that it could not be read. */
  readonly said: string;
  readonly reason: string;
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly couldNotRun: number;
  readonly testedNothing: number;
  /** What was lacking, in words. */
  readonly lacks: readonly string[];
  /** By kind, in how many cases; the end of a test counts as one. */
  readonly causes: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly log?: string;
}

const NOTHING = {
  cases: 0,
  passed: 0,
  failed: 0,
  skipped: 0,
  couldNotRun: 0,
  testedNothing: 0,
  lacks: [],
  causes: {},
};

const files = await filesOf(folder, values.list);
const tree = await promisify(execFile)('git', ['-C', folder, 'rev-parse', '--show-toplevel']).then(
  ({ stdout }) => stdout.trim(),
  () => rootAbove(path.resolve(folder)),
);
const proxy = await PackageProxy.open();
const hosts = await lightHosts(Math.min(Number(values.hosts), Math.max(1, files.length)));
const rows: Row[] = [];
try {
  const waiting = [...files];
  await Promise.all(
    hosts.map(async (host) => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
        const row = await rowOf(file, host);
        rows.push(row);
        console.log(lineOf(row));
        // What was found is kept whatever becomes of the rest.
        if (values.json !== undefined) await writeFile(values.json, shown({ rows, sums: sums() }));
      }
    }),
  );
  tell();
} finally {
  await Promise.all(hosts.map((host) => host.stop().catch(() => undefined)));
  await proxy.close();
}
process.exit(0);

/** Definitions below a folder, or those that a list names; anything else in YAML is passed over. */
async function filesOf(root: string, list: string | undefined): Promise<readonly string[]> {
  if (list !== undefined) {
    const names = (await readFile(list, 'utf8')).split('\n').map((line) => line.trim());
    return names
      .filter((name) => name !== '' && !name.startsWith('#'))
      .map((name) => path.resolve(root, name));
  }
  const found: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.ya?ml$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    if (/Lava-Test(?:-Shell)? Test Definition 1\.0/.test(await readFile(file, 'utf8')))
      found.push(path.resolve(file));
  }
  return found.sort();
}

/** Of a collection without its repository: the folder that its steps go down from. */
async function rootAbove(from: string): Promise<string> {
  for (let at = from; at !== path.dirname(at); at = path.dirname(at)) {
    const names: readonly string[] = await readdir(at).catch(() => []);
    if (names.includes('automated')) return at;
  }
  return from;
}

async function rowOf(file: string, host: LightHost): Promise<Row> {
  const name = path.relative(tree, file);
  const from = performance.now();
  const seconds = () => (performance.now() - from) / 1000;
  try {
    await host.restoreNow();
    await routeTo(host, proxy.address);
    await lay(host, proxy.sources, proxy.lines);
  } catch (error) {
    return { ...NOTHING, file: name, said: 'no_host', reason: String(error), seconds: seconds() };
  }
  try {
    const tried = await inTime(tryFile(file, host, { tree, timeoutMs }));
    return { ...(await counted(name, tried)), seconds: seconds() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...NOTHING, file: name, said: 'unreadable', reason, seconds: seconds() };
  }
}

/** No definition may keep the campaign from going on. */
function inTime<Result>(work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('gave no answer in time')), timeoutMs + GRACE_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function counted(file: string, { done, end, output }: Tried): Promise<Omit<Row, 'seconds'>> {
  const { verdict, cases, run } = done;
  const outcome = end?.outcome;
  const observed = outcome !== undefined && 'observed' in outcome ? (outcome.observed ?? []) : [];
  const exit = outcome?.kind === 'ended' ? outcome.exit : undefined;
  const worth = attribute({ spec: run.spec, cases, exit, observed });
  const all = [...worth.cases, ...(worth.end === undefined ? [] : [worth.end])];
  const of = (is: string) => worth.cases.filter((one) => one.is === is).length;
  const causes: Record<string, number> = {};
  for (const one of all)
    if (one.is === 'could_not_run')
      for (const kind of new Set(one.lacks.map((lack: Lack) => lack.kind)))
        causes[kind] = (causes[kind] ?? 0) + 1;
  // What the setup lacked kept everything from being run.
  if (outcome?.kind === 'setup_failed') causes['setup'] = 1;
  const name = file.replaceAll('/', '-');
  await keep(logs, `${name}.json`, JSON.stringify({ verdict, cases, end }, null, 2));
  return {
    file,
    said: verdict.verdict === 'none' ? verdict.noVerdict : verdict.verdict,
    reason: verdict.reason,
    cases: cases.length,
    passed: of('pass'),
    failed: of('fail') + of('unknown'),
    skipped: of('skip'),
    couldNotRun: of('could_not_run'),
    testedNothing: of('tested_nothing'),
    lacks: worth.lacks.map((lack) => lacksText([lack])),
    causes,
    log: await keep(logs, `${name}.log`, output),
  };
}

function lineOf(row: Row): string {
  const counts = `${row.cases} cases: ${row.passed} passed, ${row.failed} failed, ${row.skipped} skipped, ${row.couldNotRun} could not run, ${row.testedNothing} tested nothing`;
  const reason = row.reason.replaceAll('\n', ' ').slice(0, 200);
  return `${row.file}: ${row.said} (${row.seconds.toFixed(0)} s); ${counts}; ${reason}`;
}

function sums() {
  const add = (of: (row: Row) => number) => rows.reduce((sum, row) => sum + of(row), 0);
  const said: Record<string, number> = {};
  const causes: Record<string, number> = {};
  for (const row of rows) {
    said[row.said] = (said[row.said] ?? 0) + 1;
    for (const [cause, count] of Object.entries(row.causes)) causes[cause] = (causes[cause] ?? 0) + count;
  }
  return {
    definitions: rows.length,
    said,
    cases: add((row) => row.cases),
    passed: add((row) => row.passed),
    failed: add((row) => row.failed),
    skipped: add((row) => row.skipped),
    could_not_run: add((row) => row.couldNotRun),
    could_not_run_by_cause: causes,
    tested_nothing: add((row) => row.testedNothing),
    no_case: rows.filter((row) => row.cases === 0).length,
    seconds: Math.round(add((row) => row.seconds)),
  };
}

function shown(found: object): string {
  return `${JSON.stringify(found, null, 2)}\n`;
}

function tell(): void {
  console.log(`\ncorpus ${folder}; logs in ${logs}`);
  for (const [name, value] of Object.entries(sums()))
    console.log(`  ${name.padEnd(24)} ${typeof value === 'number' ? value : JSON.stringify(value)}`);
}
