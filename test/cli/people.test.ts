import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { XMLValidator } from 'fast-xml-parser';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FolderBlobs } from '../../src/adapters/folder-blobs.js';
import { Git } from '../../src/adapters/git.js';
import { HmacHookSignatures } from '../../src/adapters/hook-signature.js';
import { PushedCandidates } from '../../src/adapters/pushed-candidates.js';
import { type RunningApi, startApi } from '../../src/http/server.js';
import { createToken } from '../../src/store/access.js';
import { Wakeup } from '../../src/store/wakeup.js';
import { aHost, aTest, exit, lostIn, TestGrid } from '../stages/test-grid.js';
import { BuiltCli, type Ended } from './built-cli.js';

// Each command is a process of its own, on a machine that others use too.
vi.setConfig({ testTimeout: 240_000 });

/** The shipped program against a real API on a real database; the executor and the clock are the test's. */
let cli: BuiltCli;
let folder: string;
let grid: TestGrid;
let wakeup: Wakeup;
let api: RunningApi;
const secrets = new Map<string, string>();

beforeAll(async () => {
  cli = new BuiltCli();
  folder = await mkdtemp(path.join(tmpdir(), 'people-'));
});
afterAll(async () => {
  cli?.remove();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  grid = await TestGrid.open({
    hosts: [aHost('one'), aHost('two')],
    tests: [aTest('plain'), aTest('other')],
  });
  wakeup = new Wakeup(grid.url);
  await wakeup.start();
  const blobs = await FolderBlobs.open(folder);
  api = await startApi({
    ...{ blobs, candidates: new PushedCandidates(blobs), hookSignatures: new HmacHookSignatures() },
    ...{
      store: grid.store,
      wakeup,
      link: grid.desk,
      source: new Git(path.join(folder, 'git')),
      version: '0.0.0',
    },
    ...{ listen: { host: '127.0.0.1', port: 0 }, log: pino({ level: 'silent' }), upkeepEveryMs: 0 },
  });
  for (const [name, grant] of [
    ['admin', { gridAdmin: true, roles: {} }],
    ['ann', { gridAdmin: false, roles: { default: 'submitter' } }],
    ['bob', { gridAdmin: false, roles: { default: 'submitter' } }],
    ['vic', { gridAdmin: false, roles: { default: 'viewer' } }],
  ] as const) {
    const made = await createToken(grid.store, { name, kind: 'person', ...grant }, 'test');
    if (made.ok) secrets.set(name, made.token.secret);
  }
});
afterEach(async () => {
  await api.close();
  await wakeup.close();
  await grid.close();
});

/** A command as somebody gives it; it must exit so. */
async function as(who: string, code: number, ...args: string[]): Promise<Ended> {
  const done = await cli.run(args, { TESTYARD_URL: api.url, TESTYARD_TOKEN: secrets.get(who) });
  expect(done.code, `${done.out}${done.err}`).toBe(code);
  return done;
}
const json = async (who: string, ...args: string[]) => JSON.parse((await as(who, 0, ...args, '--json')).out);

/** Submits by the command line and carries out what comes of it: by exit code, or 'lost'. */
async function carryOut(args: readonly string[], outcomes: Readonly<Record<string, number | 'lost'>>) {
  const { id } = await json('ann', 'submit', ...args);
  await grid.beat();
  for (let round = 0; round < 10; round++) {
    for (const work of await grid.take()) {
      const outcome = outcomes[work.test.name] ?? 0;
      await grid.end(work, outcome === 'lost' ? lostIn('connect', true) : exit(outcome));
    }
  }
  return id as string;
}
/** Looks into the API, past the program. */
async function look(where: string) {
  const headers = { authorization: `Bearer ${secrets.get('ann')}` };
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely; the contract is tested elsewhere
  return (await (await fetch(`${api.url}/api/v1${where}`, { headers })).json()) as any;
}
const runsOf = async (submission: string) =>
  (await look(`/runs?submission=${submission}`)).items.reverse() as {
    id: string;
    test: string;
    verdict?: string;
  }[];
const acts = async (kind: RegExp) =>
  (
    await grid.store.rows<{ kind: string; actor: string; data: Record<string, unknown> }>(
      `SELECT kind, actor, data FROM history ORDER BY id`,
    )
  ).filter((entry) => kind.test(entry.kind));

describe('maintenance and quarantine', () => {
  it('are for grid admins, want a reason, and are ended by a person', async () => {
    expect((await as('ann', 2, 'maintenance', 'one', '--why', 'x')).err).toContain('This takes a grid admin');
    expect((await as('admin', 2, 'maintenance', 'one')).err).toContain('say why');
    expect((await as('admin', 2, 'maintenance', 'onne', '--why', 'x')).err).toContain(
      "There is no host 'onne'",
    );
    expect((await as('admin', 0, 'maintenance', 'one', '--why', 'new disk')).out).toBe(
      'one is in maintenance until you end it\n',
    );
    expect(await look('/hosts/one')).toMatchObject({
      health: 'maintenance',
      healthWhy: 'in maintenance by admin: new disk',
      outBy: 'admin',
    });
    expect((await as('admin', 2, 'quarantine', 'one', '--why', 'x')).err).toContain('one is in maintenance');
    expect((await as('admin', 2, 'quarantine', 'one', '--end')).err).toContain(
      'not quarantined: it is in maintenance',
    );
    expect((await as('admin', 0, 'maintenance', 'one', '--end')).out).toContain('one is suspect');
    expect(await json('admin', 'quarantine', 'two', '--why', 'smells')).toMatchObject({
      health: 'quarantined',
    });
    expect(await json('admin', 'quarantine', 'two', '--end')).toMatchObject({ health: 'suspect' });
    expect(await acts(/^host\.(maintenance|quarantined|brought_back)$/)).toMatchObject([
      { kind: 'host.maintenance', actor: 'admin', data: { host: 'one', why: 'new disk' } },
      { kind: 'host.brought_back', actor: 'admin', data: { from: 'maintenance' } },
      { kind: 'host.quarantined', actor: 'admin', data: { host: 'two', why: 'smells' } },
      { kind: 'host.brought_back', actor: 'admin', data: { from: 'quarantined' } },
    ]);
  });

  it('--kill tells what is stopped', async () => {
    await json('ann', 'submit', 'plain', '--host', 'one');
    await grid.beat();
    await grid.take();
    const done = await as('admin', 0, 'maintenance', 'one', '--why', 'smoke', '--kill');
    expect(done.out).toContain('what runs there (1) is stopped and run again elsewhere');
  });
});

describe('reserve', () => {
  it('has a host for a person, tells the way in to them alone, and gives it back', async () => {
    expect((await as('vic', 2, 'reserve', 'one', '--for', '2h', '--why', 'x')).err).toContain(
      'role submitter',
    );
    expect((await as('ann', 2, 'reserve', 'one', '--for', '2h')).err).toContain('say for how long and why');
    expect((await as('ann', 2, 'reserve', 'one', '--for', '2d', '--why', 'x')).err).toContain(
      'at most 86400 s',
    );
    const done = await as('ann', 0, 'reserve', 'one', '--for', '2h', '--why', 'a look');
    expect(done.out).toBe('one is yours until 2026-01-01T02:00:00.000Z: ssh -p 22 root@127.0.0.1\n');
    expect(done.out + done.err).not.toMatch(/nowhere|key/);
    expect((await as('bob', 2, 'reserve', 'one', '--for', '1h', '--why', 'x')).err).toContain(
      'is reserved by ann',
    );
    expect((await as('bob', 2, 'reserve', 'one', '--end')).err).toContain(
      'they, or a grid admin, give it back',
    );
    expect(await json('bob', 'reserve', '--list')).toEqual([
      expect.not.objectContaining({ reach: expect.anything() }),
    ]);
    expect(await json('admin', 'reserve', '--list')).toMatchObject([
      { host: 'one', person: 'ann', reach: { user: 'root' } },
    ]);
    expect((await as('bob', 0, 'hosts')).out).toContain('reserved by ann');
    const run = await json('bob', 'submit', 'plain', '--host', 'one');
    await grid.beat();
    expect((await as('bob', 0, 'show', run.id)).out).toContain(
      'one is reserved by ann until 2026-01-01 02:00 UTC',
    );
    expect((await as('ann', 0, 'reserve', 'one', '--end')).out).toContain('one is given back: it is suspect');
    expect((await as('ann', 2, 'reserve', 'one', '--end')).err).toContain('Nobody has reserved one');
    expect(await acts(/^host\.reserv/)).toMatchObject([
      { kind: 'host.reserved', actor: 'ann', data: { why: 'a look' } },
      { kind: 'host.reservation_ended', actor: 'ann' },
    ]);
  });

  it('submit --hold-on-failure keeps the host of a red, and its view says so', async () => {
    expect((await as('ann', 2, 'submit', 'plain', '--hold-on-failure', '3d')).err).toContain(
      'holdOnFailureS',
    );
    const id = await carryOut(['plain', '--host', 'one', '--hold-on-failure'], { plain: 1 });
    const [run] = await runsOf(id);
    expect((await as('vic', 0, 'show', run?.id ?? '')).out).toContain(
      'one is kept for ann until 2026-01-01T01:00:00.000Z',
    );
    await as('ann', 0, 'reserve', 'one', '--end');
    expect(await look(`/runs/${run?.id}`)).toMatchObject({ kept: { host: 'one', over: true } });
  });
});

describe('retry', () => {
  it('runs the reds, or what has no verdict, of a submission once more as one', async () => {
    const id = await carryOut(
      [
        'plain',
        'other',
        '--host',
        'one',
        '--variant',
        'A=1',
        '--variant',
        'A=2',
        '--name',
        'nightly',
        '--priority',
        '3',
      ],
      { plain: 1 },
    );
    const runs = await runsOf(id);
    expect(runs.map((run) => run.verdict)).toEqual(['failed', 'failed', 'passed', 'passed']);
    expect((await as('vic', 2, 'retry', '--failed', id)).err).toContain('role submitter');
    const again = await json('ann', 'retry', '--failed', id);
    await grid.beat();
    expect(await runsOf(again.id)).toMatchObject([
      { test: 'plain', variant: { A: '1' }, retryOf: runs[0]?.id },
      { test: 'plain', variant: { A: '2' }, retryOf: runs[1]?.id },
    ]);
    const [row] = await grid.store.rows(`SELECT priority, name FROM submission WHERE id = $1`, [
      again.id.slice(1),
    ]);
    expect(row).toEqual({ priority: 3, name: 'nightly' });
    const targets = await grid.store.rows(`SELECT target FROM queue`);
    expect(targets).toEqual([{ target: { host: 'one' } }, { target: { host: 'one' } }]);
    expect((await as('ann', 2, 'retry', '--no-verdict', id)).err).toContain('No run of submission');
    await as('ann', 0, 'cancel', again.id);
    for (const work of await grid.take()) await grid.end(work, { kind: 'cancelled' });
    await grid.beat();
    const third = await json('ann', 'retry', '--no-verdict', again.id);
    await grid.beat();
    expect(await runsOf(third.id)).toHaveLength(2);
    expect((await as('ann', 2, 'retry', 'r1', '--failed', id)).err).toContain('say one of');
    expect((await as('ann', 2, 'retry')).err).toContain('say one of');
  });
});

describe('known', () => {
  it('ties an issue to a failure: later reds with it show the link, and stay red', async () => {
    const first = (await runsOf(await carryOut(['plain'], { plain: 1 })))[0]?.id ?? '';
    const link = 'https://example.org/issues/7';
    expect((await as('vic', 2, 'known', 'plain', '--run', first, '--link', link)).err).toContain(
      'role submitter',
    );
    expect((await as('ann', 2, 'known', 'plain', '--run', first, '--link', 'seven')).err).toContain('link');
    expect((await as('ann', 2, 'known', 'other', '--run', first, '--link', link)).err).toContain(
      "is of test 'plain'",
    );
    expect((await as('ann', 2, 'known', 'plan', '--signature', 'x', '--link', link)).err).toContain(
      "did you mean 'plain'",
    );
    const made = await json('ann', 'known', 'plain', '--run', first, '--link', link, '--why', 'flaky fan');
    expect(made).toMatchObject({ id: 'k1', signature: '{} exit N', who: 'ann', why: 'flaky fan' });
    const second = (await runsOf(await carryOut(['plain'], { plain: 2 })))[0]?.id ?? '';
    expect(await look(`/runs/${second}`)).toMatchObject({ verdict: 'failed', known: { id: 'k1', link } });
    expect((await as('ann', 0, 'runs', '--verdict', 'failed')).out).toContain(`known: ${link}`);
    expect((await as('ann', 0, 'report', second, '--junit', '-')).out).toContain(
      `name="known" value="${link}"`,
    );
    expect((await as('vic', 0, 'known', '--list')).out).toMatch(
      /k1 +plain +https:\/\/example.org\/issues\/7 +ann/,
    );
    expect((await as('vic', 2, 'known', '--remove', 'k1')).err).toContain('role submitter');
    await as('ann', 0, 'known', '--remove', 'k1');
    expect((await look(`/runs/${second}`)).known).toBeUndefined();
    expect((await look('/known')).items).toEqual([]);
    expect((await as('ann', 2, 'known', '--remove', 'k1')).err).toContain('There is no');
    expect(await acts(/^failure\./)).toMatchObject([
      { kind: 'failure.known', actor: 'ann', data: { link, test: 'plain', why: 'flaky fan' } },
      { kind: 'failure.unknown', actor: 'ann', data: { link } },
    ]);
  });

  it('is recognized by what was printed and by the cases that failed', async () => {
    const { id } = await json('ann', 'submit', 'plain');
    await grid.beat();
    const [work] = await grid.take();
    if (work === undefined) throw new Error('no work');
    await grid.desk.report({
      ...{ lease: grid.lease, entries: [] },
      segments: [
        {
          ...{ run: work.run, attempt: work.attempt, role: 'main', seq: 1, atByte: 0 },
          data: Buffer.from('ok so far\nERROR 17: no route to 10.0.0.1\nbye\n').toString('base64'),
        },
      ],
    });
    await grid.end(work, exit(3), {
      cases: [
        { name: 'ping', result: 'fail' },
        { name: 'up', result: 'pass' },
      ],
    });
    const [run] = await runsOf(id);
    // A new red on a used host is tried again on a fresh one where there is one; here there is none.
    expect(await look(`/runs/${run?.id}`)).toMatchObject({
      verdict: 'failed',
      failure: '{ping} ERROR N: no route to ADDRESS',
    });
  });
});

describe('morning', () => {
  it('compares the newest finished submission with the one of its name before', async () => {
    expect((await as('ann', 3, 'morning')).err).toContain('no submission is finished yet');
    const name = ['--name', 'nightly'];
    await carryOut(['plain', 'other', ...name], { other: 1 });
    await grid.pass(86_400);
    await carryOut(['plain', 'other', ...name], { plain: 1, other: 1 });
    await carryOut(['plain'], { plain: 0 });
    const link = 'https://example.org/issues/9';
    await as('ann', 0, 'known', 'other', '--signature', 'exit 1', '--link', link);
    const view = await json('vic', 'morning');
    expect(view).toMatchObject({
      submission: { id: 's2' },
      before: { id: 's1' },
      counts: { passed: 0, failed: 2, known: 1 },
      new: [{ test: 'plain', run: 'r3', before: 'r1' }],
      still: [{ test: 'other', since: { run: 'r2', at: '2026-01-01T00:00:00.000Z' }, known: { link } }],
      ...{ fixed: [], leftOut: [], noVerdict: [], testedNothing: [] },
    });
    const { out } = await as('vic', 0, 'morning', '--name', 'nightly');
    expect(out).toContain('against s1');
    expect(out).toContain('2 failed\n1 new, 1 still, 1 known\n');
    expect(out).toMatch(/new red \(1\)\n +r3 +plain +exit 1/);
    expect(out).toMatch(/still red \(1\)\n +r4 +other +exit 1; .*since 2026-01-01 \(r2\); known: https/);
    expect((await as('vic', 3, 'morning', '--name', 'weekly')).err).toContain("no submission named 'weekly'");
  });

  it('waits for a submission to end, passes over retries, and says what is fixed', async () => {
    const name = ['--name', 'nightly'];
    const first = await carryOut(['plain', 'other', ...name], { plain: 1 });
    const second = await carryOut(['plain', ...name], {});
    await as('ann', 0, 'retry', '--failed', first);
    await grid.beat();
    await json('ann', 'submit', 'plain', ...name);
    await grid.beat();
    expect(await json('ann', 'morning', ...name)).toMatchObject({
      submission: { id: second },
      before: { id: first },
      fixed: [{ test: 'plain' }],
    });
  });
});

describe('report', () => {
  it('writes JUnit XML and TAP of a submission and of a run', async () => {
    const id = await carryOut(['plain', 'other', '--host', 'one'], { other: 1 });
    const [junit, tap] = [path.join(folder, 'a.xml'), path.join(folder, 'a.tap')];
    expect((await as('vic', 0, 'report', id, '--junit', junit, '--tap', tap)).err).toContain('2 runs of');
    const xml = await readFile(junit, 'utf8');
    expect(XMLValidator.validate(xml)).toBe(true);
    expect(xml).toContain('<testsuites name="s1" tests="2" failures="1" errors="0">');
    expect(xml).toContain('hostname="one"');
    expect(await readFile(tap, 'utf8')).toMatch(
      /^TAP version 14\n1\.\.2\nok 1 - plain\n[\s\S]*\nnot ok 2 - other\n/,
    );
    const { out } = await as('vic', 0, 'report', 'r2', '--tap', '-');
    expect(out).toContain('1..1\nnot ok 1 - other');
    expect((await as('vic', 2, 'report', 'r2')).err).toContain('--junit FILE or --tap FILE');
    expect((await as('vic', 2, 'report', 'x2', '--tap', '-')).err).toContain(
      'neither a submission nor a run',
    );
    expect((await as('vic', 2, 'report', id, '--junit', '/no/such/a.xml')).err).toContain(
      'cannot be written',
    );
  });
});
