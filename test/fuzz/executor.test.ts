import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FolderBlobs } from '../../src/adapters/folder-blobs.js';
import { Git } from '../../src/adapters/git.js';
import { HmacHookSignatures } from '../../src/adapters/hook-signature.js';
import { PushedCandidates } from '../../src/adapters/pushed-candidates.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { Problem } from '../../src/http/contract.js';
import { routes } from '../../src/http/routes.js';
import { type RunningApi, startApi } from '../../src/http/server.js';
import {
  type Assignment,
  type AttemptEvent,
  AttemptEvent as Events,
  Report,
} from '../../src/protocol/messages.js';
import { createToken } from '../../src/store/access.js';
import { Wakeup } from '../../src/store/wakeup.js';
import { aHost, aTag, aTest, exit, LOOKS, TestGrid } from '../stages/test-grid.js';
import { connections, type Heard, send } from './ask.js';
import { digestWith } from './digest.js';
import { HOSTILE_VALUES } from './hostile.js';
import { placesOf, withValue } from './places.js';
import { count, Dice, SEED } from './seed.js';

/** So many attempts are spoilt on one host; then comes another, in a pool of its own. */
const AT_ONCE = 20;
const MUTANTS = count(300);
const ROUNDS = Math.ceil(MUTANTS / AT_ONCE);

const WORDS = {
  room: { kind: 'quantity', unit: 'B' },
  release: { kind: 'version', scheme: 'deb' },
  card: { kind: 'device', attributes: { speed: { kind: 'quantity', unit: 'bit/s' } } },
} as const;
const tags = [aTag('flag'), ...Object.entries(WORDS).map(([name, value]) => ({ ...aTag(name), ...value }))];
const round = (n: number) => ({
  host: aHost(`theirs${n}`, { executor: 'stranger', seats: AT_ONCE, pool: `p${n}` }),
  test: aTest(`theirs${n}`, { requirement: '' }),
});
const rounds = Array.from({ length: ROUNDS }, (_, n) => round(n));

let grid: TestGrid;
let api: RunningApi;
let wakeup: Wakeup;
let blobs: string;
let secret: string;
let digest: () => Promise<string>;
let lease = '';
let incarnation = '';
const logged: string[] = [];
const agent = connections();

beforeAll(async () => {
  grid = await TestGrid.open({
    tags,
    hosts: [aHost('ours', { executor: 'hands' }), ...rounds.map(({ host }) => host)],
    tests: [aTest('plain'), ...rounds.map(({ test }) => test)],
    pools: [{ name: 'default' }, ...rounds.map(({ host }) => ({ name: host.pool }))],
  });
  digest = await digestWith(grid.store);
  wakeup = new Wakeup(grid.url);
  blobs = await mkdtemp(path.join(tmpdir(), 'testyard-fuzz-'));
  const log = pino({ level: 'error' }, { write: (line: string) => void logged.push(line) });
  const kept = await FolderBlobs.open(blobs);
  api = await startApi({
    ...{ store: grid.store, wakeup, link: grid.desk, blobs: kept, log },
    ...{ candidates: new PushedCandidates(kept), hookSignatures: new HmacHookSignatures() },
    source: new Git(path.join(blobs, 'git')),
    ...{ listen: { host: '127.0.0.1', port: 0 }, version: 'test', upkeepEveryMs: 0 },
  });
  const made = await createToken(
    grid.store,
    { name: 'stranger', kind: 'executor', gridAdmin: false, roles: {} },
    'test',
  );
  if (!made.ok) throw new Error('no token');
  secret = made.token.secret;
  await register();
  // The first look at each host, before anything else can run there.
  await grid.lookAtHosts();
  for (const assignment of await work()) await makeGood(assignment, new Dice(SEED), exit(0));
  await grid.beat();
}, 120_000);
afterAll(async () => {
  agent.destroy();
  await api?.close();
  await wakeup?.close();
  await grid?.close();
  await rm(blobs, { recursive: true, force: true });
});

async function say(what: string, body: unknown): Promise<Heard> {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return send(api.url, { method: 'POST', path: `/executor/v1/${what}`, headers, body: text }, agent);
}

async function register(): Promise<void> {
  incarnation = randomUUID();
  const heard = await say('register', { executor: 'stranger', incarnation, protocol: '1.0', capacity: 5000 });
  expect(heard.status, heard.text).toBe(200);
  lease = JSON.parse(heard.text).lease;
}

const claim = () => ({ lease, waitMs: 0 });

/** What the grid has for the stranger. */
async function work(): Promise<readonly Assignment[]> {
  const heard = await say('claim', claim());
  expect(heard.status, heard.text).toBe(200);
  return JSON.parse(heard.text).assignments;
}

/** The same once hosts were looked at and what was in doubt is no longer. */
async function workFor(runs: readonly string[], dice: Dice): Promise<readonly Assignment[]> {
  const found: Assignment[] = [];
  for (let turns = 0; turns < 5 && found.length < runs.length; turns++) {
    for (const assignment of await work()) {
      if (runs.includes(assignment.run)) found.push(assignment);
      else await makeGood(assignment, dice, exit(0));
    }
    await grid.beat();
  }
  return found;
}

/** What an honest executor tells of an attempt. */
function lifeOf({ places: [place] }: Assignment, outcome: Outcome): AttemptEvent[] {
  const seen = [
    ...(place?.verify ?? []),
    ...(place?.observe ?? []),
    ...tags.map(({ name }) => ({ tag: name })),
  ].map(({ tag }) => ({
    tag,
    presence: 'present' as const,
    source: 'look' as const,
    instances: [{ place: '', raw: '1' }],
  }));
  const attributes = { id: '1:2', speed: '10Gbit' };
  const of = { role: 'main' };
  return [
    { kind: 'begun' },
    { kind: 'seen', ...of, tags: seen, fingerprint: LOOKS },
    { kind: 'step_started', ...of, seq: 1, what: 'setup', step: 'setup', layer: 'use', key: 'k' },
    { kind: 'step_ended', ...of, seq: 1, result: 'ok', exitCode: 0, durationMs: 1.5, message: '' },
    { kind: 'chain_done' },
    {
      ...{ kind: 'verified', ...of, fingerprint: LOOKS },
      tags: [
        ...seen,
        { tag: 'card', presence: 'present', instances: [{ place: 'x', raw: '1:2', attributes }] },
      ],
    },
    { kind: 'test_started' },
    {
      kind: 'case',
      ...of,
      seq: 1,
      name: 'boots',
      result: 'pass',
      message: '',
      measurement: { raw: '4.2', unit: 's' },
    },
    {
      kind: 'ended',
      end: { outcome, teardown: 'ok', dirtied: 'use', dirtiedBy: 'a test' },
      places: [{ ...of, fingerprint: LOOKS, outputBytes: 3, outputCut: 0 }],
    },
  ];
}

const OUTCOMES: readonly Outcome[] = [
  exit(0),
  exit(1, { needed: ['x'], underTest: ['y'] }),
  { kind: 'timed_out', afterMs: 5, hostAnswered: true },
  { kind: 'crashed', evidence: 'panic' },
  { kind: 'never_started', why: 'no such file' },
  { kind: 'chain_failed', step: 's', layer: 'use', result: 'failed', message: 'm' },
  { kind: 'tag_lied', tag: 'flag', presence: 'absent', why: 'it is not there' },
  { kind: 'setup_failed', result: 'killed', message: 'm' },
  { kind: 'host_lost', phase: 'test', error: 'lost', message: 'm', back: true },
  { kind: 'stale', message: 'm' },
  { kind: 'executor_unable', message: 'm' },
  { kind: 'cancelled' },
];

const reportOf = ({ run, attempt }: Assignment, events: readonly AttemptEvent[]) => ({
  lease,
  entries: events.map((event, i) => ({ run, attempt, seq: i + 1, event })),
  segments: [{ run, attempt, role: 'main', seq: 1, atByte: 0, data: Buffer.from('abc').toString('base64') }],
});

const inReport = placesOf(Report).filter((way) => way[1] !== 0 || way[0] !== 'entries' || way[2] !== 'event');
const inEvents = placesOf(Events);

/** A report of which something is otherwise than it should be. */
function spoilt(assignment: Assignment, others: Assignment | undefined, dice: Dice): unknown {
  const right = reportOf(assignment, lifeOf(assignment, dice.pick(OUTCOMES)));
  const which = dice.below(right.entries.length);
  const value = dice.pick(HOSTILE_VALUES);
  switch (dice.below(6)) {
    case 0:
      return withValue(right, dice.pick(inReport), value);
    case 1: {
      // Somebody else's attempt, or one that never was.
      const { run, attempt } = others ?? { run: '1', attempt: '9223372036854775807' };
      const entries = right.entries.map((entry, i) => (i < which ? entry : { ...entry, run, attempt }));
      return { ...right, entries, segments: right.segments.map((segment) => ({ ...segment, attempt })) };
    }
    case 2:
      // An order that makes no sense: an event twice, left out, or before its time.
      return {
        ...right,
        entries: dice.pick([
          [...right.entries, ...right.entries],
          right.entries.toReversed(),
          right.entries.slice(which),
          right.entries.filter((_, i) => i !== which).map((entry, i) => ({ ...entry, seq: i + 1 })),
          [right.entries.at(-1), ...right.entries].map((entry, i) => ({ ...entry, seq: i + 1 })),
        ]),
      };
    case 3: {
      // At the end, of which the most follows.
      const ways = inEvents.filter((way) => way[0] === 'end' || way[0] === 'places');
      return withValue(right, ['entries', right.entries.length - 1, 'event', ...dice.pick(ways)], value);
    }
    default: {
      const event = right.entries[which]?.event ?? {};
      const own = inEvents.filter(([key]) => key === undefined || key in event);
      return withValue(right, ['entries', which, 'event', ...dice.pick(own)], value);
    }
  }
}

/** It is understood, or refused in a way that says what is wrong. */
function checkHeard(heard: Heard): void {
  expect(heard.status, heard.text + logged.join('')).toBeLessThan(500);
  if (heard.status < 300) return;
  expect(heard.headers['content-type']).toContain('application/problem+json');
  const problem = Problem.strict().parse(JSON.parse(heard.text));
  if (heard.status === 422) expect(problem.errors?.length).toBeGreaterThan(0);
}

/** What is left of it is told as an honest executor would. */
async function makeGood(assignment: Assignment, dice: Dice, outcome = dice.pick(OUTCOMES)): Promise<void> {
  const life = lifeOf(assignment, outcome);
  for (const _ of life) {
    const heard = await say('report', reportOf(assignment, life));
    expect(heard.status, heard.text).toBe(200);
    const [told] = JSON.parse(heard.text).attempts;
    if ('refused' in told || told.recorded >= life.length) return;
  }
}

describe('an executor that says anything at all', () => {
  it('is answered whatever it registers, claims, renews or releases', { timeout: 120_000 }, async () => {
    const dice = new Dice(SEED + 1);
    const right = {
      executorRegister: () => ({ executor: 'stranger', incarnation, protocol: '1.0', capacity: 5 }),
      executorClaim: claim,
      executorRenew: () => ({ lease, attempts: ['1', '2'], draining: false }),
      executorRelease: () => ({ lease, reason: 'over' }),
      executorReport: () => ({ lease, entries: [], segments: [] }),
    };
    const names = Object.keys(right) as (keyof typeof right)[];
    for (let i = 0; i < count(200); i++) {
      const name = dice.pick(names);
      const way = dice.pick(placesOf(routes[name].body));
      const body = withValue(right[name](), way, dice.pick(HOSTILE_VALUES));
      const what = routes[name].path.split('/').at(-1) ?? '';
      const text = dice.below(8) === 0 ? JSON.stringify(body).slice(0, -1 - dice.below(9)) : body;
      const before = dice.below(4) === 0 ? await digest() : undefined;
      const heard = await say(what, text);
      checkHeard(heard);
      if (heard.status >= 400 && before !== undefined) expect(await digest()).toBe(before);
      // It may have given its lease back, or begun anew.
      if (heard.status < 300 && ['executorRelease', 'executorRegister'].includes(name)) await register();
    }
    await grid.beat();
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'ours' }] });
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    expect(logged).toEqual([]);
  });

  it('is answered whatever it reports, and the work of others goes on', { timeout: 300_000 }, async () => {
    const dice = new Dice(SEED);
    const counts = { refused: 0, taken: 0 };
    for (const { test, host } of rounds) {
      const runs = await grid.submit(test.name, {
        variants: Array.from({ length: AT_ONCE }, (_, i) => ({ N: String(i) })),
        targets: [{ host: host.name }],
      });
      expect(runs).toHaveLength(AT_ONCE);
      const [ours = ''] = await grid.submit('plain', { targets: [{ host: 'ours' }] });
      const own = await grid.takeRun(ours);
      const assignments = await workFor(runs, dice);
      expect(assignments).toHaveLength(AT_ONCE);
      for (const assignment of assignments) {
        const said = spoilt(assignment, dice.below(2) === 0 ? own : undefined, dice);
        // To read all that is there takes longer than to refuse: a sample of it.
        const before = dice.below(8) === 0 ? await digest() : undefined;
        const heard = await say('report', said);
        try {
          checkHeard(heard);
          if (heard.status >= 400 && before !== undefined) expect(await digest()).toBe(before);
        } catch (error) {
          throw new Error(
            `${(error as Error).message}\n${logged.join('')}\n${JSON.stringify(said).slice(0, 5000)}`,
          );
        }
        counts[heard.status < 300 ? 'taken' : 'refused'] += 1;
        await makeGood(assignment, dice);
      }
      await grid.beat();
      await grid.end(own, exit(0));
      expect(await grid.run(ours)).toMatchObject({ verdict: 'passed', state: 'done' });
    }
    expect(logged).toEqual([]);
    expect(grid.logged).toEqual([]);
    expect(counts.refused).toBeGreaterThan(MUTANTS / 5);
    expect(counts.taken).toBeGreaterThan(MUTANTS / 20);
  });
});
