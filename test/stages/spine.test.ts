import { afterEach, describe, expect, it, vi } from 'vitest';
import { canonical } from '../../src/domain/requirement.js';
import { endLease } from '../../src/store/lapsing.js';
import { holdLease, renewLease } from '../../src/store/leasing.js';
import { aHost, aStep, aTag, aTest, aWord, exit, LOOKS, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

describe('a submission becomes a verdict', () => {
  it('passes on a host that fits, by way of exactly one attempt', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', state: 'done', reason: 'exit 0' });
    expect(await grid.take()).toEqual([]);
  });

  it('ends at once, with the reason, what nothing here could ever serve', async () => {
    grid = await TestGrid.open({
      tags: [aTag('gpu'), aWord('mars')],
      tests: [aTest('m', { requirement: 'mars' })],
    });
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('m');
    expect(await grid.run(run)).toMatchObject({ verdict: 'none', noVerdict: 'not_compatible' });
    expect((await grid.run(run)).reason).toContain('mars is not there and no step gives it');
  });

  it('waits with a reason while the tags of a host are not known, and goes on when they are', async () => {
    grid = await TestGrid.open({ tags: [aTag('gpu')], tests: [aTest('g', { requirement: 'gpu' })] });
    const [run = ''] = await grid.submit('g');
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'unknown_tags' });
    await grid.lookAtHosts();
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
  });

  it('waits for a seat, and never gets one twice', async () => {
    grid = await TestGrid.open();
    const runs = await grid.submit(['plain', 'plain', 'plain']);
    const first = await grid.take();
    expect(first.length).toBe(1);
    expect(await grid.run(runs[1] ?? '')).toMatchObject({
      state: 'waiting',
      code: 'busy',
      reason: 'waits for a free seat on one',
    });
    await grid.end(first[0] as never, exit(0));
    expect((await grid.take()).length).toBe(1);
  });
});

describe('a chain that fails is not the test’s failure', () => {
  const lab = {
    tags: [aTag('svc')],
    steps: [aStep('make-svc', 'svc')],
    tests: [aTest('needs-svc', { requirement: 'svc' }), aTest('plain')],
  };

  it('suspects the host, lets a canary clear it, blames the step, holds the run, and releases it', async () => {
    grid = await TestGrid.open(lab);
    grid.sees.set('one', { svc: 'absent' });
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('needs-svc');
    const work = await grid.takeRun(run);
    expect(work.places[0]?.chain.map((s) => s.name)).toEqual(['make-svc']);
    await grid.end(work, {
      kind: 'chain_failed',
      step: 'make-svc',
      layer: 'use',
      result: 'failed',
      message: 'no such service',
    });
    expect(await grid.host('one')).toMatchObject({ health: 'suspect' });
    // Only a canary runs there now.
    const [plain = ''] = await grid.submit('plain');
    const canary = await grid.take();
    expect(canary.map((a) => a.test.name)).toEqual(['canary']);
    await grid.end(canary[0] as never, exit(0));
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
    expect(await grid.incidents()).toMatchObject([
      { scope: 'step', step: 'make-svc', owner: 'make-svc-owner' },
    ]);
    expect(await grid.run(run)).toMatchObject({ state: 'held' });
    await grid.end(await grid.takeRun(plain), exit(0));
    expect(await grid.run(plain)).toMatchObject({ verdict: 'passed' });
    // The recovery check carries the step out; it works again.
    await grid.pass(grid.settings.checkFirstS + 1);
    await grid.beat();
    const [check] = await grid.take();
    expect(check?.places[0]?.chain.map((s) => s.name)).toEqual(['make-svc']);
    grid.sees.set('one', { svc: 'present' });
    await grid.end(check as never, exit(0));
    expect(await grid.incidents()).toEqual([]);
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
  });

  it('checks a step at once when somebody has mended it, however long the next check is away', async () => {
    grid = await TestGrid.open(lab);
    grid.sees.set('one', { svc: 'absent' });
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('needs-svc');
    const broken = {
      kind: 'chain_failed',
      step: 'make-svc',
      layer: 'use',
      result: 'failed',
      message: 'no',
    } as const;
    await grid.end(await grid.takeRun(run), broken);
    await grid.end((await grid.take())[0] as never, exit(0));
    expect(await grid.run(run)).toMatchObject({ state: 'held' });
    await grid.store.rows(`UPDATE incident SET next_check_at = grid_now() + interval '1 hour', checks = 12`);
    await grid.declare({
      steps: [aStep('make-svc', 'svc', { action: { kind: 'script', script: 'true # mended' } })],
    });
    await grid.beat();
    const [check] = await grid.take();
    expect(check?.places[0]?.chain.map((step) => step.name)).toEqual(['make-svc']);
  });

  it('quarantines a host on which a step and the canary fail, and takes it back when it works', async () => {
    grid = await TestGrid.open({ ...lab, hosts: [aHost('one'), aHost('two')] });
    grid.sees.set('one', { svc: 'absent' });
    grid.sees.set('two', { svc: 'absent' });
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('needs-svc', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), {
      kind: 'chain_failed',
      step: 'make-svc',
      layer: 'use',
      result: 'failed',
      message: 'disk',
    });
    const [canary] = await grid.take();
    await grid.end(canary as never, lostIn('connect'));
    // What both hosts share may be broken: the neighbour is looked at first.
    expect(await grid.host('one')).toMatchObject({ health: 'suspect' });
    const [neighbour] = await grid.take();
    expect(neighbour?.places[0]?.host.name).toBe('two');
    await grid.end(neighbour as never, exit(0));
    expect(await grid.host('one')).toMatchObject({ health: 'quarantined' });
    expect(await grid.incidents()).toMatchObject([{ scope: 'host', host: 'one', owner: 'one-owner' }]);
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'host_quarantined' });
    await grid.pass(120);
    await grid.beat();
    const [again] = await grid.take();
    await grid.end(again as never, exit(0));
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });
});

describe('leases', () => {
  it('gives a run another attempt when its executor is gone, and writes nothing under the dead lease', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const stale = await grid.takeRun(run);
    const old = await grid.executorStarts();
    await grid.beat();
    expect(old).not.toBe('');
    const second = await grid.takeRun(run);
    expect(second.attempt).not.toBe(stale.attempt);
    await expect(grid.report(stale, [{ kind: 'begun' }], String(Number(old) - 1))).rejects.toThrow(
      'lease has ended',
    );
    await grid.end(second, exit(1));
    expect(await grid.run(run)).toMatchObject({ verdict: 'failed', marks: ['not_repeated_on_fresh_host'] });
  });

  it('lapses after its time, but never for a pause in which nobody could renew', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    await grid.takeRun(run);
    await grid.pass(600, { renew: false });
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ state: 'running' });
    for (let i = 0; i < 70; i++) {
      await grid.pass(1, { renew: false });
      await grid.heartbeat.beat();
    }
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'no_executor' });
  });
});

describe('a lease that is to be ended', () => {
  it('is left alone when it was renewed meanwhile, and ends its attempts once', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const { attempt } = await grid.takeRun(run);
    const [lease] = await grid.store.rows<{ id: string }>(`SELECT id FROM lease WHERE ended_at IS NULL`);
    const end = () => grid.store.transaction((tx) => endLease(tx, lease?.id ?? '', 'over', true));
    expect(await end()).toBe(false);
    expect(await grid.run(run)).toMatchObject({ state: 'running' });
    await grid.pass(grid.settings.leaseTtlMs / 1000 + 1, { renew: false });
    expect(await end()).toBe(true);
    expect(await end()).toBe(false);
    expect(await grid.store.rows(`SELECT outcome FROM attempt WHERE id = $1`, [attempt])).toEqual([
      { outcome: 'executor_lost' },
    ]);
  });

  it('waits for a report that is being written under it, while a renewal does not', async () => {
    grid = await TestGrid.open();
    const [lease] = await grid.store.rows<{ id: string }>(`SELECT id FROM lease WHERE ended_at IS NULL`);
    const id = lease?.id ?? '';
    let ended: Promise<boolean> | undefined;
    await grid.store.transaction(async (tx) => {
      expect(await holdLease(tx, id)).toBe(true);
      expect(await renewLease(grid.store, id, 1000, false)).toBe(true);
      ended = grid.store.transaction((other) => endLease(other, id, 'over', false));
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
      await vi.waitUntil(async () => (await grid.store.rows(waiting)).length === 1, { timeout: 20_000 });
      expect(await tx.rows(`SELECT 1 FROM lease WHERE id = $1 AND ended_at IS NULL`, [id])).toHaveLength(1);
    });
    expect(await ended).toBe(true);
  });
});

describe('rule 9', () => {
  const restore = aStep('pristine', 'clean-image', {
    layer: 'image',
    action: { kind: 'restore', image: 'base' },
    costS: 10,
  });
  const light = aHost('light', {
    expendable: ['image', 'packages', 'build', 'boot', 'use'],
    restore: { kind: 'command', command: ['true'] },
  });

  it('repeats a new red on a fresh host, and says contaminated when it is green there', async () => {
    grid = await TestGrid.open({
      tags: [aWord('clean-image')],
      hosts: [light],
      steps: [restore],
    });
    const [run = ''] = await grid.submit('plain');
    await grid.end(await grid.takeRun(run), exit(1), { dirtied: 'packages' });
    expect(await grid.host('light')).toMatchObject({ dirty: 'packages', used: true });
    const second = await grid.takeRun(run);
    expect(second.places[0]).toMatchObject({ fresh: true });
    expect(second.places[0]?.chain.map((s) => s.name)).toEqual(['pristine']);
    await grid.end(second, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed', marks: ['contaminated'] });
    expect(await grid.host('light')).toMatchObject({ stack: ['pristine'] });
  });

  it('does nothing that is not needed: a second run on the same host has no chain', async () => {
    grid = await TestGrid.open({
      tags: [aWord('clean-image')],
      hosts: [light],
      steps: [restore],
      tests: [aTest('c', { requirement: 'clean-image' })],
    });
    const runs = await grid.submit(['c', 'c']);
    const first = await grid.takeRun(runs[0] ?? '');
    expect(first.places[0]?.chain.length).toBe(1);
    await grid.end(first, exit(0), { dirtied: 'use' });
    const second = await grid.takeRun(runs[1] ?? '');
    expect(second.places[0]?.chain.length).toBe(0);
    await grid.end(second, exit(0), { dirtied: 'image', looksAfter: { ...LOOKS, packages: 'p2' } });
    expect(await grid.host('light')).toMatchObject({ dirty: 'image', stack: [] });
  });

  const BOTH = canonical({ kind: 'all', of: ['low', 'svc'].map((name) => ({ kind: 'tag', name })) });
  it('trusts nothing that a test spoilt anew after a step had put it right', async () => {
    grid = await TestGrid.open({
      tags: [aWord('low'), aWord('svc')],
      hosts: [light],
      steps: [aStep('put-low', 'low', { layer: 'packages' }), aStep('make-svc', 'svc')],
      tests: [
        aTest('spoils-all', { requirement: BOTH, dirties: 'packages' }),
        aTest('spoils-use', { requirement: BOTH, dirties: 'use' }),
      ],
    });
    const chains: string[][] = [];
    for (const dirtied of ['packages', 'use', 'use', 'packages', 'packages'] as const) {
      const [run = ''] = await grid.submit(dirtied === 'use' ? 'spoils-use' : 'spoils-all');
      const work = await grid.takeRun(run);
      chains.push(work.places[0]?.chain.map((step) => step.name) ?? []);
      await grid.end(work, exit(0), { dirtied });
    }
    const all = ['put-low', 'make-svc'];
    expect(chains).toEqual([all, all, ['make-svc'], ['make-svc'], all]);
  });

  it('trusts nothing that a step left which is declared differently by now', async () => {
    const steps = [aStep('make-svc', 'svc')];
    grid = await TestGrid.open({ tags: [aTag('svc')], steps, tests: [aTest('s', { requirement: 'svc' })] });
    grid.sees.set('one', { svc: 'absent' });
    await grid.lookAtHosts();
    grid.sees.set('one', { svc: 'present' });
    const [first = ''] = await grid.submit('s');
    await grid.end(await grid.takeRun(first), exit(0));
    const [second = ''] = await grid.submit('s');
    const reused = await grid.takeRun(second);
    expect(reused.places[0]?.chain).toEqual([]);
    await grid.end(reused, exit(0));
    await grid.declare({
      steps: [aStep('make-svc', 'svc', { action: { kind: 'script', script: 'true # better' } })],
    });
    const [third = ''] = await grid.submit('s');
    expect((await grid.takeRun(third)).places[0]?.chain.map((step) => step.name)).toEqual(['make-svc']);
  });
});
