import { afterEach, describe, expect, it, vi } from 'vitest';
import { judgeEnded, readEnded } from '../../src/stages/judge.js';
import { cancelRun } from '../../src/store/run.js';
import { aHost, aStep, aTest, aWord, exit, LOOKS, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

describe('a verdict does not wait for the host', () => {
  it('is written while the host is tidied up; the seat is free only after that', async () => {
    grid = await TestGrid.open();
    const [run = '', next = ''] = await grid.submit(['plain', 'plain']);
    const work = await grid.takeRun(run);
    await grid.decide(work, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', reason: 'exit 0', state: 'ending' });
    expect(await grid.run(next)).toMatchObject({ state: 'waiting', code: 'busy' });
    expect(await grid.take()).toEqual([]);
    await grid.tidyUp(work, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', state: 'done' });
    const later = await grid.takeRun(next);
    await grid.end(later, exit(0));
    expect(await taken()).toEqual([]);
    expect(await done(run)).toBe(1);
  });

  it('is shown as done, and cannot be cancelled any more', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.decide(work, exit(0));
    expect(
      await grid.store.transaction((tx) => cancelRun(tx, { id: run, projectId: '1' }, 'qe', 'late')),
    ).toBe(false);
    // Its deadline is nobody's either.
    await grid.store.rows(`UPDATE queue SET deadline = grid_now() - interval '1 s', cancelled_by = 'qe'`);
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', state: 'ending' });
    expect(await taken()).toEqual([run]);
  });

  it('stands when the lease dies before the end: no second attempt, no second verdict, a dirty host', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.decide(work, exit(1));
    const dead = grid.lease;
    await grid.executorStarts();
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'failed', state: 'done', proof: work.attempt });
    expect(await grid.take()).toEqual([]);
    expect(await taken()).toEqual([]);
    expect(await done(run)).toBe(1);
    expect(await attempt(work.attempt)).toMatchObject({ outcome: 'executor_lost', over: true });
    expect(await grid.host('one')).toMatchObject({ dirty: 'packages', used: true });
    await expect(grid.report(work, [{ kind: 'begun' }], dead)).rejects.toThrow('the lease has ended');
  });

  it('comes of an outcome that was told under a lease which died before anybody judged it', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.tell(work, exit(0));
    await grid.executorStarts();
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', state: 'done', proof: work.attempt });
    expect(await attempt(work.attempt)).toMatchObject({ outcome: 'executor_lost' });
    expect(await taken()).toEqual([]);
  });

  it('is taken back where the end has come since the outcome was read, and judged by that', async () => {
    grid = await TestGrid.open({ tests: [aTest('untidy', { teardown: 'false', dirties: 'use' })] });
    const [run = ''] = await grid.submit('untidy');
    const work = await grid.takeRun(run);
    await grid.tell(work, exit(0));
    const stale = await readEnded(grid.store);
    expect(stale).toMatchObject([{ early: true }]);
    await grid.tellEnd(work, exit(0), { teardown: 'failed' });
    const [leader] = await grid.store.rows<{ epoch: string }>(`SELECT epoch FROM leadership`);
    const world = await grid.heartbeat.world();
    const judged = judgeEnded(grid.store, leader?.epoch ?? '', world, grid.settings, Promise.resolve(stale));
    expect(await judged).toBe(1);
    expect(await grid.run(run)).toMatchObject({ verdict: null });
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({
      verdict: 'passed',
      marks: ['teardown_failed'],
      state: 'done',
    });
    expect(await done(run)).toBe(1);
  });

  it('is marked, and the test’s owner told once, when the teardown fails after it', async () => {
    grid = await TestGrid.open({ tests: [aTest('untidy', { teardown: 'false', dirties: 'use' })] });
    const [run = ''] = await grid.submit('untidy');
    const work = await grid.takeRun(run);
    await grid.decide(work, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', marks: [] });
    await grid.tidyUp(work, exit(0), { teardown: 'failed' });
    expect(await grid.run(run)).toMatchObject({
      verdict: 'passed',
      state: 'done',
      marks: ['teardown_failed'],
    });
    expect(await grid.host('one')).toMatchObject({ dirty: 'boot' });
    const told = (await grid.history(`r${run}`)).filter(({ kind }) => kind === 'test.teardown_failed');
    expect(told).toMatchObject([{ data: { test: 'untidy', owner: 'the-admin' } }]);
  });

  it('takes in what the host looks like after it', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.decide(work, exit(0));
    await grid.tidyUp(work, exit(0), {}, { ...LOOKS, boot: 'boot-2' });
    expect(await grid.host('one')).toMatchObject({ dirty: 'boot' });
  });
});

describe('an outcome that is told', () => {
  it('is told once: another one, a late case and what the end says of it count for nothing', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.tell(work, exit(0), { cases: [{ name: 'a', result: 'pass' }] });
    const recorded = await grid.report(work, [
      { kind: 'decided', outcome: exit(1) },
      { kind: 'case', role: 'main', seq: 2, name: 'late', result: 'fail', message: '' },
      {
        kind: 'ended',
        end: { outcome: exit(1), teardown: 'none' },
        places: [{ role: 'main', fingerprint: LOOKS, outputBytes: 0, outputCut: 0 }],
      },
    ]);
    await grid.beat();
    expect(recorded).toBe(10);
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', state: 'done' });
    expect(await grid.store.rows('SELECT name FROM case_result')).toEqual([{ name: 'a' }]);
    expect(await attempt(work.attempt)).toMatchObject({ detail: { outcome: exit(0) } });
  });

  it('counts for nothing where more might be seen: the end tells', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.tell(work, lostIn('test'));
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: null, state: 'running' });
    await grid.tidyUp(work, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', state: 'done' });
  });

  it('of a new red waits for the end, and for a fresh host after it', async () => {
    const restored = { kind: 'restore', image: 'minbase' } as const;
    grid = await TestGrid.open({
      tags: [aWord('clean-image')],
      hosts: [
        aHost('light', {
          expendable: ['image', 'packages', 'build', 'boot', 'use'],
          restore: { kind: 'command', command: ['true'] },
        }),
      ],
      steps: [aStep('pristine', 'clean-image', { layer: 'image', action: restored })],
    });
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.decide(work, exit(1));
    expect(await grid.run(run)).toMatchObject({ verdict: null, state: 'running' });
    expect(await grid.heartbeat.beat()).toBe(false);
    expect(await grid.take()).toEqual([]);
    await grid.tidyUp(work, exit(1), { dirtied: 'packages' });
    const second = await grid.takeRun(run);
    expect(second.places[0]).toMatchObject({ fresh: true });
    await grid.decide(second, exit(1));
    expect(await grid.run(run)).toMatchObject({ verdict: 'failed', marks: [], state: 'ending' });
  });

  it('of a new red is not forgotten with its executor', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one')], tests: [aTest('plain')] });
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.tell(work, exit(1));
    await grid.store.rows(`UPDATE queue SET judge_early = false`);
    await grid.executorStarts();
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'failed', state: 'done', proof: work.attempt });
  });

  it('is judged by the end where that comes while it is looked at', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.tell(work, exit(0));
    let beating: Promise<boolean> | undefined;
    // A report with the end has the attempt locked, and is not committed when the judge has read it.
    await grid.store.transaction(async (tx) => {
      await tx.rows(`SELECT 1 FROM queue WHERE run_id = $1 FOR UPDATE`, [run]);
      beating = grid.heartbeat.beat();
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
      await vi.waitUntil(async () => (await grid.store.rows(waiting)).length === 1, { timeout: 20_000 });
      await tx.rows(
        `UPDATE queue SET judge_early = false, ended = decided || '{"teardown":"failed"}' WHERE run_id = $1`,
        [run],
      );
      await tx.rows(
        `UPDATE attempt SET ended_at = grid_now(), outcome = 'ended' WHERE run_id = $1 AND id = $2`,
        [run, work.attempt],
      );
    });
    expect(await beating).toBe(true);
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({
      verdict: 'passed',
      state: 'done',
      marks: ['teardown_failed'],
    });
    expect(await done(run)).toBe(1);
    expect(await taken()).toEqual([]);
  });

  it('of a canary is judged at the end', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one')] });
    await grid.store.rows(`DELETE FROM host_probe`);
    await grid.store.rows(`UPDATE host SET version = nextval('host_version_seq')`);
    await grid.beat();
    const [canary] = await grid.takeCanaries();
    if (canary === undefined) throw new Error('a host that was never seen is looked at');
    await grid.decide(canary, exit(0));
    expect(await grid.run(canary.run)).toMatchObject({ verdict: null, state: 'running' });
    await grid.tidyUp(canary, exit(0));
    expect(await grid.run(canary.run)).toMatchObject({ verdict: 'passed', state: 'done' });
  });
});

async function taken(): Promise<string[]> {
  const rows = await grid.store.rows<{ run: string }>('SELECT run_id AS run FROM host_seat');
  return rows.map(({ run }) => run);
}

async function done(run: string): Promise<number> {
  return (await grid.history(`r${run}`)).filter(({ kind }) => kind === 'run.done').length;
}

async function attempt(id: string): Promise<Record<string, unknown> | undefined> {
  const [row] = await grid.store.rows<Record<string, unknown>>(
    `SELECT outcome, detail, ended_at IS NOT NULL AS over FROM attempt WHERE id = $1`,
    [id],
  );
  return row;
}
