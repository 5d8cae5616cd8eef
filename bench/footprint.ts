import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort, pause } from './parts/grid.js';
import { asked, quantile, report } from './parts/report.js';

/**
 * What it takes to have the grid. A copy of this folder with its packages and nothing else, neither build nor
 * state: `npm start` until the first verdict is printed, then the memory of every process of it but npm itself
 * and the database, when the demonstration has been over for a while. And two commands that need no grid.
 */
const options = asked({ idle: 20, repeat: 7 });
const source = fileURLToPath(new URL('..', import.meta.url));
const VERDICT = /^r[0-9]+ .*\b(passed|failed|skipped|none)\b/;

const folder = await mkdtemp(path.join(tmpdir(), 'testyard-footprint-'));
const copy = path.join(folder, 'testyard');
try {
  await copyWithoutBuild();
  await writeFile(path.join(folder, 'true.sh'), '#!/bin/sh\ntrue\n', { mode: 0o755 });
  const grid = await firstVerdict();
  const times = commandTimes();
  const held = report(
    'footprint',
    {
      seconds_to_first_verdict: { value: grid.seconds, bound: { kind: 'most', than: 15 } },
      idle_mb: { value: grid.idleMb, bound: { kind: 'most', than: 250 } },
      processes: { value: grid.processes },
      version_ms: { value: times.version },
      run_ms: { value: times.run, bound: { kind: 'most', than: 500 } },
    },
    options,
  );
  process.exitCode = held ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function copyWithoutBuild(): Promise<void> {
  const left = new Set(['node_modules', 'dist', '.git', 'var'].map((name) => path.join(source, name)));
  await cp(source, copy, { recursive: true, preserveTimestamps: true, filter: (from) => !left.has(from) });
  await symlink(path.join(source, 'node_modules'), path.join(copy, 'node_modules'));
  // Packages are installed, whatever the times of a clone's files say; else npm would be what is measured.
  await utimes(path.join(copy, 'package-lock.json'), 0, 0);
}

/** `npm start` from nothing, stopped again when its memory has been looked at. */
async function firstVerdict(): Promise<{ seconds: number; idleMb: number; processes: number }> {
  const listen = `127.0.0.1:${await freePort()}`;
  const from = performance.now();
  const npm = spawn('npm', ['start', '--', '--listen', listen], {
    cwd: copy,
    env: { ...process.env, DATABASE_URL: '', TESTYARD_STATE: path.join(folder, 'state') },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  try {
    const said: string[] = [];
    let first: number | undefined;
    const over = new Promise<void>((resolve, reject) => {
      npm.once('exit', (code) => reject(new Error(`npm start ended (${code}): ${said.join('\n')}`)));
      for (const stream of [npm.stdout, npm.stderr])
        createInterface({ input: stream }).on('line', (line) => {
          said.push(line);
          if (VERDICT.test(line)) first ??= performance.now();
          if (line.startsWith('what to type next')) resolve();
        });
    });
    await Promise.race([
      over,
      pause(120_000).then(() =>
        Promise.reject(new Error(`no end of the demonstration:\n${said.join('\n')}`)),
      ),
    ]);
    if (first === undefined) throw new Error(`no verdict was printed:\n${said.join('\n')}`);
    await pause(options.idle * 1000);
    const own = processesOf(npm);
    return {
      seconds: (first - from) / 1000,
      idleMb: own.reduce((sum, pid) => sum + proportionalMb(pid), 0),
      processes: own.length,
    };
  } finally {
    await stop(npm);
  }
}

async function stop(npm: ChildProcess): Promise<void> {
  if (npm.pid === undefined || npm.exitCode !== null) return;
  const gone = new Promise((resolve) => npm.once('exit', resolve));
  // As Ctrl-C does: the whole group of processes is told.
  process.kill(-npm.pid, 'SIGINT');
  await gone;
}

/** The node processes below npm: the grid and what started it; the database is none of them. */
function processesOf(npm: ChildProcess): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
  const parents = new Map(all.map((pid) => [pid, parentOf(pid)]));
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === npm.pid || isBelow(parent));
  };
  return all.filter((pid) => isBelow(pid) && nameOf(pid) === 'node');
}

function parentOf(pid: number): number | undefined {
  const stat = ifThere(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function nameOf(pid: number): string {
  return path.basename((ifThere(`/proc/${pid}/cmdline`) ?? '').split('\0')[0] ?? '');
}

/** Its own memory, and its share of what it has in common with others. */
function proportionalMb(pid: number): number {
  const pss = /^Pss:\s+([0-9]+) kB/m.exec(ifThere(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
  return Number(pss ?? Number.NaN) / 1024;
}

function ifThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Medians of two commands that need no grid. */
function commandTimes(): { version: number; run: number } {
  const program = path.join(copy, 'bin', 'testyard.mjs');
  const test = path.join(folder, 'true.sh');
  const time = (args: readonly string[]) => {
    const times = Array.from({ length: options.repeat }, () => {
      const from = performance.now();
      const done = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`testyard ${args.join(' ')}: ${done.stdout}${done.stderr}`);
      return performance.now() - from;
    });
    return quantile(times, 0.5);
  };
  return { version: time(['--version']), run: time(['run', test]) };
}
