import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AttemptEvent } from '../../src/protocol/messages.js';
import { PROTOCOL } from '../../src/protocol/terms.js';
import { Heartbeat } from '../../src/stages/heartbeat.js';
import { decide } from '../../src/store/leader.js';
import { changeStack } from '../../src/store/recording.js';
import { aHost, aStep, aTag, aTest, aWord, exit, LOOKS, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

/** Until so many of the database's connections wait for another. */
async function waitingForALock(count: number): Promise<void> {
  for (;;) {
    const waiting = await grid.store.rows(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (waiting.length >= count) return;
  }
}

/** Everything that a report could write to, as text. */
async function everything(): Promise<string> {
  const tables = [
    'run',
    'queue',
    'attempt',
    'place',
    'step_run',
    'case_result',
    'measurement',
    'output_segment',
  ];
  const more = [
    'host',
    'host_seat',
    'host_stack',
    'host_tag',
    'host_probe',
    'host_record',
    'incident',
    'evidence',
    'history',
  ];
  const rows = [];
  for (const table of [...tables, ...more])
    rows.push(
      await grid.store.rows(`SELECT to_jsonb(t) - 'txid' AS row FROM ${table} t ORDER BY to_jsonb(t)::text`),
    );
  return JSON.stringify(rows);
}

const THE_WHOLE: AttemptEvent[] = [
  { kind: 'begun' },
  { kind: 'seen', role: 'main', tags: [], fingerprint: LOOKS },
  { kind: 'chain_done' },
  { kind: 'verified', role: 'main', tags: [], fingerprint: LOOKS },
  { kind: 'step_started', role: 'main', seq: 1, what: 'test', step: 'test' },
  { kind: 'test_started' },
  {
    kind: 'case',
    role: 'main',
    seq: 1,
    name: 'c',
    result: 'pass',
    message: '',
    measurement: { raw: '5', unit: 's' },
  },
  { kind: 'step_ended', role: 'main', seq: 1, result: 'ok', durationMs: 1, message: '' },
  {
    kind: 'ended',
    end: { outcome: exit(0), teardown: 'none' },
    places: [{ role: 'main', fingerprint: LOOKS, outputBytes: 3, outputCut: 0 }],
  },
];

describe('reports', () => {
  const whole = (run: string, attempt: string) =>
    THE_WHOLE.map((event, i) => ({ run, attempt, seq: i + 1, event }));

  it('may come twice, overlap, have gaps and come after the end: what is recorded is the same', async () => {
    grid = await TestGrid.open();
    const [id = ''] = await grid.submit('plain');
    const { run, attempt } = await grid.takeRun(id);
    const entries = whole(run, attempt);
    const segments = [{ run, attempt, role: 'main', seq: 1, atByte: 0, data: 'aGk=' }];
    const report = (from: number, to: number) =>
      grid.desk.report({ lease: grid.lease, entries: entries.slice(from, to), segments });
    const recorded = (n: number) => ({ attempts: [{ attempt, recorded: n }] });
    expect(await report(0, 3)).toEqual(recorded(3));
    const once = await everything();
    expect(await report(0, 3)).toEqual(recorded(3));
    expect((await everything()).length).toBeGreaterThanOrEqual(once.length);
    expect(await report(5, 7)).toEqual(recorded(3));
    expect(await report(1, 7)).toEqual(recorded(7));
    expect(await report(6, 9)).toEqual(recorded(9));
    expect(await report(0, 9)).toEqual(recorded(9));
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    const after = await everything();
    expect(await report(0, 9)).toEqual(recorded(9));
    expect(await everything()).toBe(after);
    const cases = await grid.store.rows(`SELECT FROM case_result`);
    const output = await grid.store.rows(`SELECT FROM output_segment`);
    expect([cases.length, output.length]).toEqual([1, 1]);
  });

  it('under a dead lease write nothing anywhere', async () => {
    grid = await TestGrid.open();
    const [id = ''] = await grid.submit('plain');
    const { run, attempt } = await grid.takeRun(id);
    const dead = grid.lease;
    await grid.executorStarts();
    await grid.beat();
    const before = await everything();
    const stale = {
      lease: dead,
      entries: whole(run, attempt),
      segments: [{ run, attempt, role: 'main', seq: 1, atByte: 0, data: 'aGk=' }],
    };
    await expect(grid.desk.report(stale)).rejects.toThrow('lease has ended');
    await expect(grid.desk.renew({ lease: dead, attempts: [], draining: false })).rejects.toThrow(
      'lease has ended',
    );
    expect(await everything()).toBe(before);
    // Neither does an executor that lives, for an attempt that is not its own.
    expect(await grid.desk.report({ ...stale, lease: grid.lease })).toEqual({
      attempts: [{ attempt, refused: 'not_yours' }],
    });
    expect(await everything()).toBe(before);
  });

  it('write to no other run, whatever run they name', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    const [mine = '', other = ''] = await grid.submit(['plain', 'plain']);
    const { attempt } = await grid.takeRun(mine);
    await grid.desk.report({
      lease: grid.lease,
      entries: whole(other, attempt),
      segments: [{ run: other, attempt, role: 'main', seq: 1, atByte: 0, data: 'aGk=' }],
    });
    for (const table of ['step_run', 'case_result', 'output_segment'])
      expect(await grid.store.rows(`SELECT FROM ${table}`)).toEqual([]);
  });

  it('of two seats of a host that end a step at the same moment are both taken in', async () => {
    const step = aStep('prepare', 'prepared');
    grid = await TestGrid.open({
      hosts: [aHost('one', { seats: 2, expendable: ['use'] })],
      tags: [aTag('prepared')],
      steps: [step],
      tests: [aTest('a', { requirement: 'prepared' }), aTest('b', { requirement: 'prepared' })],
    });
    const [first = '', second = ''] = await grid.submit(['a', 'b']);
    const works = [await grid.takeRun(first), await grid.takeRun(second)];
    const started = { kind: 'step_started', role: 'main', seq: 1, what: 'chain', step: 'prepare' } as const;
    const ended = {
      kind: 'step_ended',
      role: 'main',
      seq: 1,
      result: 'ok',
      durationMs: 1,
      message: '',
    } as const;
    for (const work of works) await grid.report(work, [{ kind: 'begun' }, started]);
    const [one, two] = works;
    if (one === undefined || two === undefined) throw new Error('there are two');
    // What the report of the first does, stopped just before its commit.
    let other: Promise<unknown> = Promise.resolve();
    await grid.store.transaction(async (tx) => {
      const at = { attempt: one.attempt, role: 'main' };
      const { layer, gives, name } = step;
      await changeStack(tx, {
        kind: 'step_ok',
        ...at,
        layer,
        step: name,
        key: 'k',
        gives,
        restore: false,
        clears: false,
        destroys: [],
      });
      other = grid.report(two, [ended]);
      await waitingForALock(1);
    });
    await other;
    await grid.report(one, [ended]);
    const stack = await grid.store.rows(`SELECT step FROM host_stack`);
    expect(stack).toEqual([{ step: 'prepare' }]);
  });

  it.each<[string, unknown]>([
    ['an end without what must come before', { outcome: exit(0), teardown: 'none' }],
    ['an end that makes no sense', { outcome: { kind: 'ended' }, teardown: 'none' }],
  ])('%s gives no verdict and stops nobody', async (_title, end) => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    const [bad = '', good = ''] = await grid.submit(['plain', 'plain']);
    const work = await grid.takeRun(bad);
    await grid.report(work, [{ kind: 'begun' }, { kind: 'ended', end: end as never, places: [] }]);
    await grid.end(await grid.takeRun(good), exit(0));
    expect(await grid.run(good)).toMatchObject({ verdict: 'passed' });
    expect(await grid.run(bad)).toMatchObject({ verdict: null });
    expect(grid.logged).toEqual([]);
  });
});

describe('executors', () => {
  const ask = (incarnation: string, token?: string) =>
    grid.desk.register(
      { executor: 'x', incarnation: `${incarnation}-0123456789abcdef`, protocol: PROTOCOL, capacity: 5 },
      token,
    );
  const living = async () =>
    (
      await grid.store.rows<{ incarnation: string }>(
        `SELECT left(incarnation, 1) AS incarnation FROM lease l JOIN executor x ON x.id = l.executor_id
       WHERE x.name = 'x' AND ended_at IS NULL`,
      )
    ).map((l) => l.incarnation);

  it('that race to register leave one lease, and neither is turned away', async () => {
    grid = await TestGrid.open();
    const answers = await Promise.allSettled(['a', 'b', 'c', 'd'].map((i) => ask(i)));
    expect(answers.map((a) => a.status)).toEqual(Array(4).fill('fulfilled'));
    expect((await living()).length).toBe(1);
    const again = await living();
    expect((await ask(again[0] ?? '')).lease).toBe((await ask(again[0] ?? '')).lease);
  });

  it('with a name that is another token’s, or an incarnation that is over, end nobody’s lease', async () => {
    grid = await TestGrid.open();
    await grid.store.rows(
      `INSERT INTO token (name, digest, kind, created_by) VALUES ('t1', '\\x01', 'executor', 'x'), ('t2', '\\x02', 'executor', 'x')`,
    );
    await ask('a', '1');
    await expect(ask('b', '2')).rejects.toThrow('belongs to another token');
    expect(await living()).toEqual(['a']);
    await ask('c', '1');
    await expect(ask('a', '1')).rejects.toThrow('this incarnation is over');
    expect(await living()).toEqual(['c']);
  });

  it('get work again whose hand-out was lost on the way, after 5 s', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const lost = await grid.takeRun(run);
    expect(await grid.take()).toEqual([]);
    await grid.pass(6);
    const [again] = await grid.take();
    expect(again?.attempt).toBe(lost.attempt);
    await grid.end(again as never, exit(0));
    expect(await grid.take()).toEqual([]);
  });

  it('that die before work was handed out leave the host as it was', async () => {
    grid = await TestGrid.open();
    await grid.submit('plain');
    await grid.executorStarts();
    await grid.beat();
    expect(await grid.host('one')).toMatchObject({ dirty: null });
  });
});

describe('claims', () => {
  /** A claim that waits; only a hand-over or hanging up ends it before its time. */
  const waitingClaim = async (gone?: AbortSignal) => {
    const claimed = grid.desk.claim({ lease: grid.lease, waitMs: 20_000 }, gone);
    await vi.waitFor(() => expect(grid.claims.waits(grid.lease)).toBe(true));
    return { claimed };
  };

  it('that wait are given what is assigned to them, with the commit that unfolds and assigns it', async () => {
    grid = await TestGrid.open({ tests: [aTest('plain', { environment: { A: '1' } })] });
    const { claimed } = await waitingClaim();
    const [run = ''] = await grid.submit('plain', { variants: [{ B: '2' }] });
    const { assignments, stop } = await claimed;
    expect(stop).toEqual([]);
    const [assignment] = assignments;
    expect(assignments).toHaveLength(1);
    expect(assignment).toMatchObject({ run, number: 1, test: { environment: { A: '1', B: '2' } } });
    expect(assignment?.places).toEqual(
      (await grid.store.rows<{ plan: unknown }>(`SELECT plan FROM attempt`))[0]?.plan,
    );
    const commits = await grid.store.rows(
      `SELECT DISTINCT txid FROM history WHERE kind IN ('run.accepted', 'run.running')`,
    );
    expect(commits).toHaveLength(1);
    // It counts as handed out: nobody is given it again, until it must have got lost.
    expect(await grid.take()).toEqual([]);
    await grid.pass(6);
    expect(await grid.take()).toEqual(assignments);
  });

  it('that hung up are given nothing: who asks next is given it at once', async () => {
    grid = await TestGrid.open();
    const hangUp = new AbortController();
    const { claimed } = await waitingClaim(hangUp.signal);
    hangUp.abort();
    const [run = ''] = await grid.submit('plain');
    expect((await grid.takeRun(run)).number).toBe(1);
    expect((await claimed).assignments).toEqual([]);
  });

  it('that end between assignment and hand-over get it when they ask again', async () => {
    grid = await TestGrid.open();
    const hangUp = new AbortController();
    const { claimed } = await waitingClaim(hangUp.signal);
    const give = vi.spyOn(grid.claims, 'give').mockReturnValue(false);
    const [run = ''] = await grid.submit('plain');
    expect(give).toHaveBeenCalledOnce();
    expect((await grid.takeRun(run)).number).toBe(1);
    hangUp.abort();
    expect((await claimed).assignments).toEqual([]);
  });

  it('are given nothing of another lease', async () => {
    grid = await TestGrid.open();
    const hangUp = new AbortController();
    const { claimed } = await waitingClaim(hangUp.signal);
    await grid.store.rows(`UPDATE lease SET draining = true`);
    await grid.executorStarts('others');
    const [run = ''] = await grid.submit('plain');
    expect((await grid.takeRun(run)).run).toBe(run);
    hangUp.abort();
    expect((await claimed).assignments).toEqual([]);
  });
});

describe('leadership', () => {
  it('is one scheduler’s at a time; another takes over when it expires, and the first decides nothing more', async () => {
    grid = await TestGrid.open();
    const second = new Heartbeat(grid.store, grid.settings, (line) => grid.logged.push(line));
    await grid.beat();
    const [before] = await grid.store.rows<{ epoch: string }>(`SELECT epoch FROM leadership`);
    await grid.store.rows(
      `INSERT INTO submission (project_id, source, actor, tests) SELECT 1, 'user', 'qe', ARRAY[max(id)] FROM test WHERE project_id = 1`,
    );
    expect(await second.beat()).toBe(false);
    expect(await grid.store.rows(`SELECT FROM run`)).toEqual([]);
    await grid.pass(grid.settings.leaderTtlMs / 1000 + 1);
    await second.beat();
    expect((await grid.store.rows(`SELECT FROM run`)).length).toBe(1);
    await expect(
      decide(grid.store, before?.epoch ?? '', (tx) => tx.rows(`UPDATE grid SET why = 'I still lead'`)),
    ).rejects.toThrow('another scheduler leads now');
    expect(await grid.store.rows(`SELECT FROM grid WHERE why = 'I still lead'`)).toEqual([]);
    expect(await grid.heartbeat.beat()).toBe(false);
  });
});

describe('seats', () => {
  it('of a host whose chain goes below use are all kept while it lives', async () => {
    grid = await TestGrid.open({
      tags: [aWord('pkg')],
      hosts: [aHost('one', { seats: 3, expendable: ['packages'] })],
      steps: [aStep('install', 'pkg', { layer: 'packages' })],
      tests: [aTest('p', { requirement: 'pkg' }), aTest('plain')],
    });
    const [first = ''] = await grid.submit('p');
    await grid.submit(['plain', 'plain']);
    const work = await grid.takeRun(first);
    await grid.beat();
    expect(await grid.take()).toEqual([]);
    await grid.end(work, exit(0));
    expect((await grid.take()).length).toBe(2);
  });
});
