import { afterEach, describe, expect, it } from 'vitest';
import { haltGrid, readGrid, resumeGrid } from '../../src/store/grid.js';
import { aHost, aStep, aTag, aTest, exit, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

const broken = {
  kind: 'chain_failed',
  step: 'make-svc',
  layer: 'use',
  result: 'failed',
  message: 'no such service',
} as const;
const parts = {
  tags: [aTag('svc')],
  steps: [aStep('make-svc', 'svc')],
  tests: [aTest('needs-svc', { requirement: 'svc' }), aTest('plain')],
  hosts: [aHost('one'), aHost('two'), aHost('other', { pool: 'far' })],
  pools: [{ name: 'default' }, { name: 'far' }],
};

const stateOf = async () => {
  const [row] = await grid.store.rows<{ state: string; why: string }>(`SELECT state, why FROM grid`);
  return row;
};
const poolsHalted = async () =>
  (await grid.store.rows<{ name: string }>(`SELECT name FROM pool WHERE state = 'halted' ORDER BY name`)).map(
    ({ name }) => name,
  );
const kinds = async (subject: string) => (await grid.history(subject)).map(({ kind }) => kind);

/** The step fails on a host of the pool `default` on which a canary works: it is broken, and its owner is told. */
async function breakStep(): Promise<void> {
  for (const name of ['one', 'two', 'other']) grid.sees.set(name, { svc: 'absent' });
  await grid.lookAtHosts();
  const [run = ''] = await grid.submit('needs-svc', { targets: [{ host: 'one' }] });
  await grid.end(await grid.takeRun(run), broken);
  for (const canary of await grid.takeCanaries()) await grid.end(canary, exit(0));
  // Only now is it certain: it fails on another host too.
  for (const elsewhere of await grid.takeCanaries()) await grid.end(elsewhere, broken);
  expect(await grid.incidents()).toMatchObject([{ scope: 'step', step: 'make-svc' }]);
}

/** Other hosts of the pool are looked at before one is said to be at fault: they work. */
async function neighboursAreWell(): Promise<void> {
  for (const look of await grid.takeCanaries())
    await grid.end(look, look.places[0]?.host.name === 'two' ? exit(0) : lostIn('connect'));
}

/** The recovery check of the open incident is due and comes back with this. */
async function check(outcome = exit(0)): Promise<number> {
  await grid.pass(3_601);
  await grid.beat();
  const checks = await grid.takeCanaries();
  for (const one of checks) await grid.end(one, outcome);
  return checks.length;
}

/** It works on another host: where it failed first is looked at before anything goes on. */
async function worksThereToo(): Promise<void> {
  const checks = await grid.takeCanaries();
  expect(checks.map(({ places }) => places[0]?.host.name)).toEqual(['one']);
  for (const one of checks) await grid.end(one, exit(0));
}

describe('what the inventory says an incident halts', () => {
  it('is nothing beyond its scope where it says nothing', async () => {
    grid = await TestGrid.open(parts);
    await breakStep();
    expect(await stateOf()).toMatchObject({ state: 'online' });
    expect(await poolsHalted()).toEqual([]);
  });

  it('can be the pools in which it was seen; the end of the incident lets them go on', async () => {
    grid = await TestGrid.open({ ...parts, halt: { step: 'pool' } });
    await breakStep();
    expect(await poolsHalted()).toEqual(['default']);
    const [there = '', elsewhere = ''] = await grid.submit('plain', {
      targets: [{ host: 'one' }, { host: 'other' }],
    });
    expect(await grid.run(there)).toMatchObject({
      code: 'pool_halted',
      reason: expect.stringMatching(
        /^pool default: halted by policy \(step: pool\) because of i\d+: step make-svc/,
      ),
    });
    expect(await grid.run(elsewhere)).toMatchObject({ state: 'running' });
    expect(await check()).toBe(1);
    await worksThereToo();
    expect(await poolsHalted()).toEqual([]);
    expect(await grid.run(there)).toMatchObject({ state: 'running' });
    expect(await kinds('pool:default')).toEqual(['pool.halted', 'pool.online']);
  });

  it('can be the grid: nothing more starts but what shows that the incident is over', async () => {
    grid = await TestGrid.open({ ...parts, halt: { step: 'grid' } });
    await breakStep();
    expect(await stateOf()).toMatchObject({
      state: 'halted',
      why: expect.stringContaining('halted by policy (step: grid)'),
    });
    const [run = ''] = await grid.submit('plain');
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'grid_stopped' });
    expect(await check(broken)).toBe(1);
    expect(await stateOf()).toMatchObject({ state: 'halted' });
    expect(await check()).toBe(1);
    await worksThereToo();
    expect(await stateOf()).toMatchObject({
      state: 'online',
      why: expect.stringContaining('the step works again on one'),
    });
    expect(await grid.run(run)).toMatchObject({ state: 'running' });
    expect((await kinds('grid')).filter((kind) => kind.startsWith('grid.'))).toEqual([
      'grid.halted',
      'grid.resumed',
    ]);
  });

  it('lets what runs then end, or stops it to be run again, as the inventory says', async () => {
    for (const running of ['drain', 'kill'] as const) {
      if (running === 'kill') await grid.close();
      grid = await TestGrid.open({ ...parts, halt: { step: 'grid', running } });
      const [run = ''] = await grid.submit('plain', { targets: [{ host: 'other' }] });
      const work = await grid.takeRun(run);
      await breakStep();
      expect(await stateOf()).toMatchObject({ state: 'halted' });
      const { stop } = await grid.desk.renew({
        lease: grid.lease,
        attempts: [work.attempt],
        draining: false,
      });
      expect(stop.map(({ attempt }) => attempt)).toEqual(running === 'kill' ? [work.attempt] : []);
    }
  });

  it('is for a host what its quarantine or failed canary confirms, not a mere suspicion', async () => {
    grid = await TestGrid.open({ ...parts, halt: { host: 'grid' } });
    for (const name of ['one', 'two', 'other']) grid.sees.set(name, {});
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    expect(await stateOf()).toMatchObject({ state: 'online' });
    for (const canary of await grid.takeCanaries()) await grid.end(canary, lostIn('connect'));
    await neighboursAreWell();
    expect(await stateOf()).toMatchObject({ state: 'halted' });
    expect(await check()).toBe(1);
    expect(await stateOf()).toMatchObject({ state: 'online' });
  });

  it("is a person's from the moment that one says so: the end of the incident does not lift it", async () => {
    grid = await TestGrid.open({ ...parts, halt: { step: 'grid' } });
    await breakStep();
    await haltGrid(grid.store, 'ann', 'moving the rack', 'drain');
    expect(await check()).toBe(0);
    await resumeGrid(grid.store, 'ann', 'moved');
    expect(await check()).toBe(1);
    expect(await stateOf()).toMatchObject({ state: 'online', why: 'moved' });
  });

  it('stays for as long as any incident keeps it', async () => {
    grid = await TestGrid.open({ ...parts, halt: { step: 'grid', host: 'grid' } });
    for (const name of ['one', 'two', 'other']) grid.sees.set(name, {});
    await grid.lookAtHosts();
    const runs = await grid.submit(['plain', 'plain'], { targets: [{ host: 'one' }] });
    const others = await grid.submit('plain', { targets: [{ host: 'other' }] });
    const [one, other] = [await grid.takeRun(runs[0] ?? ''), await grid.takeRun(others[0] ?? '')];
    await grid.end(one, lostIn('connect'));
    await grid.end(other, lostIn('connect'));
    for (const canary of await grid.takeCanaries()) await grid.end(canary, lostIn('connect'));
    await neighboursAreWell();
    // Of the other one's pool nothing more can be learnt.
    await grid.pass(16);
    await grid.beat();
    expect(await stateOf()).toMatchObject({ state: 'halted' });
    expect(await grid.incidents()).toHaveLength(2);
    await grid.pass(3_601);
    await grid.beat();
    const [first, second] = await grid.takeCanaries();
    await grid.end(first as never, exit(0));
    expect(await grid.incidents()).toHaveLength(1);
    expect(await stateOf()).toMatchObject({ state: 'halted' });
    await grid.end(second as never, exit(0));
    expect(await stateOf()).toMatchObject({ state: 'online' });
  });
});

describe('the cap of a pool', () => {
  it('is the one declared: with none allowed, the first quarantine halts the pool instead', async () => {
    grid = await TestGrid.open({
      ...parts,
      pools: [{ name: 'default', cap: { hosts: 0 } }, { name: 'far' }],
    });
    await quarantineOne();
    expect(await grid.host('one')).toMatchObject({ health: 'suspect' });
    expect(await poolsHalted()).toEqual(['default']);
  });

  it('allows what it says', async () => {
    grid = await TestGrid.open(parts);
    await quarantineOne();
    expect(await grid.host('one')).toMatchObject({ health: 'quarantined' });
    expect(await poolsHalted()).toEqual([]);
  });

  describe('once it has halted the pool', () => {
    const pools = [{ name: 'default', cap: { hosts: 0 } }, { name: 'far' }];

    it('lets it go on when the inventory lets the cap grow', async () => {
      grid = await TestGrid.open({ ...parts, pools });
      await quarantineOne();
      await grid.declare({ pools: parts.pools });
      expect(await poolsHalted()).toEqual([]);
    });

    it('lets it go on when the host in doubt leaves the inventory', async () => {
      grid = await TestGrid.open({ ...parts, pools });
      await quarantineOne();
      await grid.declare({ pools, hosts: parts.hosts.slice(0, 2) });
      expect(await poolsHalted()).toEqual(['default']);
      await grid.declare({ pools, hosts: parts.hosts.slice(1) });
      expect(await poolsHalted()).toEqual([]);
      expect(await kinds('pool:default')).toEqual(['pool.halted', 'pool.online']);
    });

    it('is shown with the grid, and a person can let it go on', async () => {
      grid = await TestGrid.open({ ...parts, pools });
      await quarantineOne();
      const why = expect.stringMatching(/^more than 0 of 2 hosts would be quarantined/);
      expect((await readGrid(grid.store, 'all')).poolsHalted).toEqual([{ name: 'default', why }]);
      await resumeGrid(grid.store, 'ann', 'it was the switch');
      expect(await poolsHalted()).toEqual([]);
      expect((await readGrid(grid.store, 'all')).poolsHalted).toEqual([]);
      expect(await grid.history('pool:default')).toMatchObject([
        { kind: 'pool.halted' },
        { kind: 'pool.online', data: { why: 'it was the switch' } },
      ]);
      expect(await grid.history('grid')).toEqual([]);
    });
  });

  it('of a policy is lifted by a person as well', async () => {
    grid = await TestGrid.open({ ...parts, halt: { step: 'pool' } });
    await breakStep();
    expect(await poolsHalted()).toEqual(['default']);
    await resumeGrid(grid.store, 'ann', 'go on');
    expect(await poolsHalted()).toEqual([]);
  });

  async function quarantineOne(): Promise<void> {
    for (const name of ['one', 'two', 'other']) grid.sees.set(name, {});
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    for (const canary of await grid.takeCanaries()) await grid.end(canary, lostIn('connect'));
    await neighboursAreWell();
  }
});
