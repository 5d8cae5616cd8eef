import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { arriving, changing, has } from '../../bench/sim/changing-grid.js';
import type { Piece } from '../../bench/sim/fate.js';
import { FolderBlobs } from '../../src/adapters/folder-blobs.js';
import { Git } from '../../src/adapters/git.js';
import { HmacHookSignatures } from '../../src/adapters/hook-signature.js';
import { PushedCandidates } from '../../src/adapters/pushed-candidates.js';
import { type RunningApi, startApi } from '../../src/http/server.js';
import { createToken } from '../../src/store/access.js';
import { FakeDesk } from '../http/api.js';
import { type OpenedGrid, openChanging } from '../stages/opened-changing.js';
import { BuiltCli } from './built-cli.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** The shipped program against a real API on a database in which a simulated grid has searched. */
const PACKAGES = ['p1', 'p2', 'p3'];
let cli: BuiltCli;
let folder: string;
let grid: OpenedGrid;
let api: RunningApi;
const secrets = new Map<string, string>();

beforeAll(async () => {
  cli = new BuiltCli();
  folder = await mkdtemp(path.join(tmpdir(), 'searches-'));
  grid = await openChanging(changing(PACKAGES, 4, ['one']), (piece: Piece) =>
    piece.what === 'test' && piece.assignment.test.name === 'one' && has(piece, 'p2', '2')
      ? { exit: 1 }
      : undefined,
  );
  grid.arrive(
    10,
    PACKAGES.map((name) => arriving(name, '1')),
  );
  grid.arrive(
    600,
    PACKAGES.map((name) => arriving(name, '2')),
  );
  await grid.runUntilQuiet(900, 6_000);
  const { store, wakeup } = grid.sim;
  const blobs = await FolderBlobs.open(folder);
  api = await startApi({
    ...{ blobs, candidates: new PushedCandidates(blobs), hookSignatures: new HmacHookSignatures() },
    ...{ store, wakeup, link: new FakeDesk(), source: new Git(path.join(folder, 'git')), version: '0.0.0' },
    ...{ listen: { host: '127.0.0.1', port: 0 }, log: pino({ level: 'silent' }), upkeepEveryMs: 0 },
  });
  for (const [name, role] of [
    ['ann', 'submitter'],
    ['dev', 'developer'],
    ['vic', 'viewer'],
  ] as const) {
    const grant = { kind: 'person', gridAdmin: false, roles: { default: role } } as const;
    const made = await createToken(store, { name, ...grant }, 'test');
    if (made.ok) secrets.set(name, made.token.secret);
  }
});
afterAll(async () => {
  await api?.close();
  await grid?.close();
  cli?.remove();
  await rm(folder, { recursive: true, force: true });
});

async function as(who: string, code: number, ...args: string[]) {
  const done = await cli.run(args, { TESTYARD_URL: api.url, TESTYARD_TOKEN: secrets.get(who) });
  if (process.env['SHOW'] !== undefined)
    process.stdout.write(`$ testyard ${args.join(' ')}\n${done.out}${done.err}\n`);
  expect(done.code, `${done.out}${done.err}`).toBe(code);
  return done;
}

it('shows what was searched, what is held back and what came together', async () => {
  const list = (await as('vic', 0, 'searches')).out;
  expect(list).toMatch(/^q1 +one +found +\d+ +3 +.* ago +lab\/p2 2: probability /m);
  expect((await as('vic', 0, 'searches', '--open')).err).toBe('no such search\n');
  const one = (await as('vic', 0, 'search', 'q1')).out;
  expect(one).toMatch(/^q1 which of 3 changes it is that one fails$/m);
  expect(one).toMatch(/^cost +\d+ so far: \d+ trials told something, \d+ verified, \d+ told nothing$/m);
  expect(one).toMatch(/^ {2}#{29,30} +(0\.99\d|1\.000) +c\d+ +lab\/p2 2$/m);
  expect(one).toMatch(/^ {2}\d+ +3 in +bad +h\d +r\d+ /m);
  expect(one).toMatch(/^ {2}\d+ +\d in +without +good +h\d +r\d+ /m);
  expect(one).toMatch(/^lab\/p2 2 \(c\d+\) of p2@example\.org: no answer yet$/m);
  expect(one).toMatch(/^ {2}m\d+ +told +mail +p2@example\.org +waits$/m);
  expect((await as('vic', 0, 'pins', '--open')).out).toMatch(/^lab\/p2 +1 +2 \(c\d+\) +q1 /m);
  const intakes = (await as('vic', 0, 'intakes')).out;
  expect(intakes).toMatch(/^n1 of lab, .* ago: passed, held on the one test/m);
  expect(intakes).toMatch(/^ {2}c\d+ +lab\/p2 1 -> 2 +blamed +lab\/p2 2 breaks one$/m);
  expect((await as('vic', 0, 'show', 'q1')).out).toBe(one);
  const blamed = (
    await grid.sim.store.rows<{ id: string }>(`SELECT id FROM change WHERE state = 'blamed'`)
  )[0];
  const change = (await as('vic', 0, 'show', `c${blamed?.id}`)).out;
  expect(change).toMatch(/^c\d+ lab\/p2 2: p2 2\n/);
  expect(change).toMatch(/^state +blamed$/m);
  expect(change).toMatch(/^why +lab\/p2 2 breaks one$/m);
  expect((await as('vic', 2, 'show', 'c999999')).err).toContain('there is no change c999999');
  const json = JSON.parse((await as('vic', 0, 'search', 'q1', '--json')).out);
  expect(json).toMatchObject({ id: 'q1', phase: 'done', conclusion: { kind: 'culprit' } });
});

it('takes a search, what is known of it, its end, and answers; each from whom it takes', async () => {
  const versions = PACKAGES.flatMap((name) => ['--from', `lab/${name}=1`, '--to', `lab/${name}=2`]);
  expect((await as('vic', 2, 'search', 'start', 'one', ...versions)).err).toContain('role submitter');
  expect((await as('ann', 2, 'search', 'start', 'onee', ...versions)).err).toContain("did you mean 'one'?");
  expect((await as('ann', 2, 'search', 'start', 'one')).err).toContain('say two runs, or versions');
  expect((await as('ann', 2, 'search', 'start', 'one', ...versions, '--consequences')).err).toContain(
    'grid admin',
  );
  const begun = (await as('ann', 0, 'search', 'start', 'one', ...versions)).out;
  expect(begun).toMatch(/^q3 which of 3 changes/m);
  expect(begun).toMatch(/^begun +.* by ann$/m);
  expect(begun).toMatch(/^to come +about \d+ trials/m);
  const { line } = JSON.parse((await as('ann', 0, 'search', 'q3', '--json')).out);
  const [first, second] = line as { id: string }[];
  const guided = await as(
    'ann',
    0,
    'search',
    'guide',
    'q3',
    '--exclude',
    first?.id ?? '',
    '--weigh',
    `${second?.id}=5`,
  );
  expect(guided.out).not.toContain('lab/p1 2');
  expect((await as('ann', 2, 'search', 'guide', 'q3', '--exclude', 'c999')).err).toContain(
    'not among the changes',
  );
  expect((await as('ann', 0, 'search', 'stop', 'q3')).out).toMatch(/^q3 /m);
  expect((await as('ann', 2, 'search', 'stop', 'q3')).err).toContain('is over');

  expect((await as('dev', 2, 'answer', 'q1', 'perhaps')).err).toContain(
    'not-mine, fixed-in VERSION or snooze TIME',
  );
  expect((await as('vic', 2, 'answer', 'q1', 'not-mine')).err).toContain('role developer');
  expect((await as('dev', 2, 'answer', 'q3', 'not-mine')).err).toContain('accused nobody');
  await as('dev', 0, 'answer', 'q1', 'fixed-in', '3');
  expect((await as('dev', 0, 'answer', 'q1', 'not-mine', '--why', 'no')).out).toContain('withdrawn');
  expect((await as('vic', 0, 'search', 'q1')).out).toContain('not theirs, says dev: withdrawn (no)');
});
