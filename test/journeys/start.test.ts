import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../lab.js';
import { ensureBuilt, freshFolder, Program, ROOT, until } from './program.js';
import { Grid, SECONDS, shellTest } from './yard.js';

/** A number that no other process of this machine has on its command line. */
const SLEEPER = `${900_000 + (process.pid % 90_000)}`;

/** Processes of this machine whose command line or environment holds one of these words. */
async function processesWith(...words: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const line = (await read('cmdline')).replaceAll('\0', ' ');
    const all = line + (await read('environ'));
    if (words.some((word) => all.includes(word))) found.push(`${pid}: ${line}`);
  }
  return found;
}

describe.skipIf(process.platform !== 'linux')('the grid on one machine, as `npm start` starts it', () => {
  const environment = { ...SECONDS, DATABASE_URL: '' };
  let folder = '';
  let remove = async () => {};
  let stateDir = '';
  let inventory = '';
  let listen = '';
  let up: Program | undefined;

  const start = (...more: readonly string[]) => {
    const args = ['up', '--listen', listen, '--state-dir', stateDir, '--inventory', inventory, ...more];
    up = new Program(args, environment);
    return up;
  };
  const grid = async () =>
    new Grid(`http://${listen}`, (await readFile(path.join(stateDir, 'admin-token'), 'utf8')).trim());
  /** The grid when it answers: it says that it is up before it has looked at its hosts. */
  const answering = async (program: Program) => {
    await program.printed(/the grid is up at http/, 120_000);
    return grid();
  };
  const postmaster = async () =>
    Number((await readFile(path.join(stateDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);

  beforeAll(async () => {
    await ensureBuilt();
    ({ folder, remove } = await freshFolder());
    stateDir = path.join(folder, 'state');
    inventory = path.join(folder, 'inventory');
    listen = `127.0.0.1:${await freePort()}`;
    await cp(path.join(ROOT, 'inventory'), inventory, { recursive: true });
  }, 240_000);

  afterAll(async () => {
    if (up !== undefined && !up.hasEnded) {
      up.kill('SIGINT');
      await up.end(60_000).catch(() => undefined);
    }
    await remove();
  });

  test('the first start shows every kind of answer with its reason, what to type next, and stays', async () => {
    const program = start();
    await program.printed(/Ctrl-C ends the grid/, 180_000);
    const shown = program.out;
    const line = (name: string) =>
      shown.split('\n').find((l) => new RegExp(`^r\\d+ +${name} `).test(l)) ?? '';
    expect(line('passes')).toMatch(/ passed +exit 0/);
    expect(line('cases')).toMatch(/ passed +exit 0/);
    expect(line('with-a-step')).toMatch(/ passed +exit 0/);
    expect(line('fails')).toMatch(/ failed +exit 1/);
    expect(line('skips')).toMatch(/ skipped +.*exit 77/);
    expect(line('could-not-run')).toMatch(/ could not run +.*exit 99/);
    expect(line('nothing-here-can-serve')).toMatch(/ not compatible +.*arm64-board is not there and no step/);
    // Held by the step's incident: a setup that fails is no failure of the test.
    expect(line('setup-fails')).toMatch(/ held +.*broken-step.*address already in use.*; i1/);
    expect(shown).toMatch(/^s\d+: 3 passed, 2 without a verdict, 1 failed, 1 held, 1 skipped$/m);
    expect(shown).toContain('what to type next');
    expect(shown).toMatch(/testyard\S* --state-dir \S+ submit FILE --watch/);
    expect(program.err).not.toMatch(/mistake|Error|warn/i);

    // What it says to type next works as it stands there.
    const red = line('fails').split(' ')[0] ?? '';
    const shownRed = await new Program(['--state-dir', stateDir, 'show', red]).end(60_000);
    expect(shownRed).toMatchObject({ code: 0, err: '' });
    expect(shownRed.out).toMatch(/^r\d+ fails: failed/);
    const logs = await new Program(['--state-dir', stateDir, 'logs', red]).end(60_000);
    expect(logs.out).toBe('expected 4, found 5\n');
    const status = await new Program(['--state-dir', stateDir, 'status']).end(60_000);
    expect(status.out).toMatch(/broken-step/);
    expect(program.hasEnded).toBe(false);
  }, 240_000);

  test('Ctrl-C ends it at once with exit 0, and no process of it is left', async () => {
    const program = up as Program;
    const sleeper = shellTest('sleeper', `sleep ${SLEEPER} & setsid sleep ${SLEEPER} & wait`);
    const run = await (await grid()).submitOne(sleeper);
    await (await grid()).when(run, 'runs', (r) => r.attemptList[0]?.testStartedAt !== undefined);
    await until(
      'its sleep is there',
      30_000,
      async () => (await processesWith(`sleep ${SLEEPER}`)).length > 1,
    );
    program.kill('SIGINT');
    expect((await program.end(60_000)).code).toBe(0);
    expect(await processesWith(stateDir, `sleep ${SLEEPER}`)).toEqual([]);
    expect(program.err).not.toMatch(/mistake|Error/);
  }, 120_000);

  test('the next start knows all that was, and goes on with what was held', async () => {
    // Mended while the grid was down.
    const step = path.join(inventory, 'steps/broken-step.yaml');
    await writeFile(step, (await readFile(step, 'utf8')).replace('exit 1', 'exit 0'));
    const before = { runs: 9 };
    const asked = await answering(start('--no-demo'));
    const runs = await asked.runs();
    expect(runs).toHaveLength(before.runs);
    expect(runs.find((run) => run.test === 'fails')).toMatchObject({ state: 'done', verdict: 'failed' });
    const held = runs.find((run) => run.test === 'setup-fails');
    expect(await asked.incident('i1')).toMatchObject({ scope: 'step', step: 'broken-step', owner: 'admin' });
    const went = await asked.done(held?.id ?? '', 120_000);
    expect(went).toMatchObject({ verdict: 'passed', marks: [] });
    expect((await asked.incident('i1')).closeReason).toMatch(/the step works again on local/);
    const hosts = await asked.ask<{ items: { name: string; health: string }[] }>('/hosts');
    expect(hosts.items).toMatchObject([{ name: 'local', health: 'good' }]);
    // What was interrupted by the end of the grid is made again, and not held against anybody.
    const sleeper = runs.find((run) => run.test === 'sleeper');
    await asked.when(sleeper?.id ?? '', 'runs again', (run) => run.attempts === 2 && run.state === 'running');
  }, 240_000);

  test('killed as a whole, it loses nothing: the next start adopts the orphaned database', async () => {
    const program = up as Program;
    const asked = await grid();
    const script = `if [ "$TESTYARD_ATTEMPT_NUMBER" -gt 1 ]; then exit 0; fi; sleep ${SLEEPER}`;
    const long = await asked.submitOne(shellTest('long', script));
    await asked.when(long, 'runs', (run) => run.attemptList[0]?.testStartedAt !== undefined);
    // Accepted, and not begun: both seats are taken.
    const waits = await asked.submitOne(shellTest('waits', 'exit 0'));
    const before = await postmaster();
    program.kill('SIGKILL');
    await program.end(60_000);
    await until('its sandboxes die with it', 30_000, async () => {
      return (await processesWith(`sleep ${SLEEPER}`)).length === 0;
    });

    const again = start('--no-demo');
    const after = await answering(again);
    expect(await postmaster()).toBe(before);
    expect(again.out + again.err).toMatch(/PostgreSQL adopted/);
    expect(await after.done(long)).toMatchObject({ verdict: 'passed', attempts: 2 });
    expect(await after.done(waits)).toMatchObject({ verdict: 'passed' });
    const runs = await after.runs();
    expect(runs).toHaveLength(11);
    expect(runs.filter((run) => run.verdict === 'failed').map((run) => run.test)).toEqual(['fails']);
    again.kill('SIGINT');
    expect((await again.end(15_000)).code).toBe(0);
    expect(await processesWith(stateDir, `sleep ${SLEEPER}`)).toEqual([]);
  }, 240_000);
});
