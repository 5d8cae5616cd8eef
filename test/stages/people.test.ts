import { afterEach, describe, expect, test } from 'vitest';
import { plan } from '../../src/stages/plan.js';
import { giveBack, listReservations, reservationOf, reserve } from '../../src/store/reserving.js';
import { bringBack, type Out, takeOut } from '../../src/store/taking-out.js';
import { aHost, aTag, aTest, exit, LOOKS, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(async () => {
  await grid?.close();
});

const hostId = async (name: string): Promise<string> => {
  const [row] = await grid.store.rows<{ id: string }>(`SELECT id FROM host WHERE name = $1`, [name]);
  return row?.id ?? '';
};
const out = async (name: string, to: Out = 'maintenance', kill = false) =>
  takeOut(grid.store, to, { host: await hostId(name), who: 'ann', why: 'new disk' }, kill);
const back = async (name: string, from: Out = 'maintenance') =>
  bringBack(grid.store, from, { host: await hostId(name), who: 'ann', why: '' });
const keep = async (name: string, person = 'ann', forS = 3600) =>
  reserve(grid.store, { host: await hostId(name), person, why: 'a look', forS, mostS: 86_400 });
const acts = async (name: string) =>
  (await grid.history(`h${await hostId(name)}`)).map(({ kind }) => kind).filter((k) => k.startsWith('host.'));

/** Lets every canary that the grid gave itself end like this. */
async function canaries(outcome = exit(0)): Promise<number> {
  await grid.beat();
  const all = await grid.takeCanaries();
  for (const canary of all) await grid.end(canary, outcome);
  return all.length;
}

describe('maintenance', () => {
  test('starts nothing new, not even canaries, and lets what runs end', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one', { seats: 2 })], tags: [aTag('tray')] });
    await grid.lookAtHosts();
    const [running] = await grid.submit('plain');
    const work = await grid.takeRun(running ?? '');
    expect(await out('one')).toBeUndefined();
    const [waiting] = await grid.submit('plain');
    expect(await grid.run(waiting ?? '')).toMatchObject({
      state: 'waiting',
      code: 'host_maintenance',
      reason: 'one: in maintenance by ann: new disk',
    });
    await grid.end(work, exit(0));
    expect(await grid.run(running ?? '')).toMatchObject({ verdict: 'passed' });
    await grid.pass(3600);
    await grid.beat();
    expect(await grid.take()).toEqual([]);
    expect(await grid.host('one')).toMatchObject({ health: 'maintenance' });
  });

  test('with kill stops what runs and runs it again elsewhere', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    const [run = ''] = await grid.submit('plain');
    const first = await grid.takeRun(run);
    const there = first.places[0]?.host.name ?? '';
    await out(there, 'maintenance', true);
    const { stop } = await grid.desk.claim({ lease: grid.lease, waitMs: 0 });
    expect(stop).toEqual([{ attempt: first.attempt, why: `${there} was taken out by ann: new disk` }]);
    await grid.end(first, { kind: 'cancelled' });
    const second = await grid.takeRun(run);
    expect(second.places[0]?.host.name).not.toBe(there);
    await grid.end(second, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
  });

  test('opens no incident, whatever fails there meanwhile, and closes the one there was', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one', { seats: 2 }), aHost('two')] });
    const [a = '', b = ''] = await grid.submit(['plain', 'plain'], { targets: [{ host: 'one' }] });
    const [first, second] = [await grid.takeRun(a), await grid.takeRun(b)];
    await grid.end(first, lostIn('test'));
    expect(await grid.incidents()).toMatchObject([{ scope: 'host', host: 'one' }]);
    await out('one');
    expect(await grid.incidents()).toEqual([]);
    await grid.end(second, lostIn('test'));
    expect(await grid.incidents()).toEqual([]);
    expect(await grid.host('one')).toMatchObject({ health: 'maintenance' });
  });

  test('ended gives a canary first: the host is suspect, its stack unknown, and good when the canary works', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one')], tags: [aTag('tray')] });
    await grid.lookAtHosts();
    await out('one');
    expect(await back('one', 'quarantined')).toEqual({ health: 'maintenance' });
    expect(await back('one')).toBeUndefined();
    expect(await grid.host('one')).toMatchObject({
      health: 'suspect',
      why: 'maintenance ended by ann; a canary will tell',
      dirty: 'packages',
    });
    const [run = ''] = await grid.submit('plain');
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'host_suspect' });
    // Somebody booted it while it was away: that is no surprise.
    const [canary] = await grid.takeCanaries();
    if (canary === undefined) throw new Error('no canary');
    await grid.end(canary, exit(0), { looks: { ...LOOKS, boot: 'boot-2' } });
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
    expect(await grid.incidents()).toEqual([]);
    await grid.end(await grid.takeRun(run), exit(0), { looks: { ...LOOKS, boot: 'boot-2' } });
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    expect(await acts('one')).toEqual(['host.maintenance', 'host.suspect', 'host.brought_back', 'host.good']);
  });

  test('ended too early keeps the host from tests for as long as canaries fail', async () => {
    grid = await TestGrid.open();
    await out('one');
    await back('one');
    expect(await canaries(exit(1))).toBe(1);
    expect(await grid.host('one')).toMatchObject({ health: 'suspect' });
    expect(await grid.incidents()).toHaveLength(1);
    await grid.pass(3600);
    expect(await canaries()).toBe(1);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
    expect(await grid.incidents()).toEqual([]);
  });
});

describe('a quarantine by a person', () => {
  test('is not ended by a canary, only by a person', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('test'));
    expect(await grid.host('one')).toMatchObject({ health: 'suspect' });
    await out('one', 'quarantined');
    await grid.pass(60);
    expect(await canaries()).toBe(1);
    expect(await grid.host('one')).toMatchObject({
      health: 'quarantined',
      why: 'quarantined by ann: new disk',
    });
    expect((await grid.run(run)).reason).toContain('one is quarantined: quarantined by ann: new disk');
    await back('one', 'quarantined');
    expect(await grid.host('one')).toMatchObject({ health: 'suspect', dirty: 'boot' });
    expect(await canaries()).toBe(1);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });

  test('does not count towards the cap of its pool', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two'), aHost('three')] });
    await out('two', 'quarantined');
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    expect(await canaries(lostIn('connect'))).toBe(1);
    // A neighbour that is well tells that it is the host, and not what they share.
    expect(await canaries()).toBe(1);
    expect(await grid.host('one')).toMatchObject({ health: 'quarantined' });
    const [pool] = await grid.store.rows<{ state: string }>(`SELECT state FROM pool`);
    expect(pool?.state).toBe('online');
  });

  test('is refused for a host in maintenance', async () => {
    grid = await TestGrid.open();
    await out('one');
    expect(await out('one', 'quarantined')).toEqual({ health: 'maintenance' });
  });
});

describe('a reservation', () => {
  test('keeps the host for one person, says until when, and ends by itself', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one', { expendable: ['image', 'packages'] })] });
    expect(await keep('one')).toBe('1');
    const [run = ''] = await grid.submit('plain');
    expect(await grid.run(run)).toMatchObject({
      code: 'host_reserved',
      reason: 'one is reserved by ann until 2026-01-01 01:00 UTC',
    });
    expect(await keep('one', 'bob')).toMatchObject({ kind: 'taken', person: 'ann' });
    await grid.pass(3599);
    await grid.beat();
    expect(await grid.take()).toEqual([]);
    await grid.pass(1);
    await grid.beat();
    expect(await grid.host('one')).toMatchObject({ health: 'suspect', dirty: 'image' });
    expect(await canaries()).toBe(1);
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    expect(await acts('one')).toEqual([
      'host.reserved',
      'host.suspect',
      'host.reservation_ended',
      'host.good',
    ]);
  });

  test('waits for what runs, and tells for which', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one', { seats: 2 })] });
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await keep('one');
    const [more = ''] = await grid.submit('plain');
    expect(await grid.run(more)).toMatchObject({ state: 'waiting', code: 'host_reserved' });
    expect(await listReservations(grid.store, 'all')).toMatchObject([
      { host: 'one', person: 'ann', free: false, waitsFor: [`r${run}`] },
    ]);
    expect(await listReservations(grid.store, [])).toMatchObject([{ waitsFor: [] }]);
    await grid.end(work, exit(0));
    expect(await listReservations(grid.store, 'all', await hostId('one'))).toMatchObject([
      { free: true, waitsFor: [], reach: { kind: 'ssh', address: '127.0.0.1', port: 22, user: 'root' } },
    ]);
  });

  test('can be made longer by who has it, within the bound, and given back early, once', async () => {
    grid = await TestGrid.open();
    expect(await keep('one', 'ann', 86_401)).toEqual({ kind: 'too_long' });
    await keep('one', 'ann', 3600);
    await grid.pass(1800);
    expect(await keep('one', 'ann', 86_400)).toEqual({ kind: 'too_long' });
    expect(await keep('one', 'ann', 84_600)).toBe('1');
    await grid.pass(3600);
    await grid.beat();
    const live = await reservationOf(grid.store, await hostId('one'));
    expect(live).toEqual({ id: '1', person: 'ann' });
    expect(await giveBack(grid.store, '1', 'ann')).toBe(true);
    expect(await giveBack(grid.store, '1', 'ann')).toBe(false);
    expect(await canaries()).toBe(1);
    expect(await grid.host('one')).toMatchObject({ health: 'good', dirty: 'packages' });
  });

  test('of a host in maintenance is refused; maintenance of a reserved one outlasts the reservation', async () => {
    grid = await TestGrid.open();
    await out('one');
    expect(await keep('one')).toEqual({ kind: 'maintenance' });
    await back('one');
    await canaries();
    await keep('one');
    await out('one');
    await grid.pass(3600);
    await grid.beat();
    expect(await grid.host('one')).toMatchObject({ health: 'maintenance', dirty: 'packages' });
    expect(await grid.take()).toEqual([]);
  });

  test('of a host that the grid has quarantined does not make it good', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    await grid.pass(60);
    await canaries(lostIn('connect'));
    await canaries();
    expect(await grid.host('one')).toMatchObject({ health: 'quarantined' });
    await keep('one');
    await grid.pass(3000);
    expect(await canaries()).toBe(0);
    // None is even asked for that could only wait.
    expect(await grid.store.rows(`SELECT run_id FROM queue WHERE purpose <> 'test'`)).toEqual([]);
    await giveBack(grid.store, '1', 'ann');
    expect(await grid.host('one')).toMatchObject({ health: 'quarantined' });
    expect(await canaries()).toBe(1);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });
});

describe('a decision from what was so a moment ago', () => {
  test.each(['reserved', 'in maintenance'])('starts nothing on a host that is %s since', async (how) => {
    grid = await TestGrid.open();
    if (how === 'reserved') await keep('one');
    else await out('one');
    const [run = ''] = await grid.submit('plain');
    const now = await grid.heartbeat.world();
    const hosts = now.hosts.map(({ reserved: _, ...host }) => ({ ...host, health: 'good' as const }));
    const before = { ...now, hosts, byId: new Map(hosts.map((host) => [host.id, host])) };
    const [leader] = await grid.store.rows<{ epoch: string }>(`SELECT epoch FROM leadership`);
    const planned = await plan(grid.store, leader?.epoch ?? '', before, grid);
    expect(planned.assigned).toBe(0);
    expect(await grid.run(run)).toMatchObject({ state: 'waiting' });
    expect(await grid.take()).toEqual([]);
  });
});

describe('a submission that keeps the host of a failure', () => {
  const held = async (run: string, forS = 3600) =>
    grid.store.rows(
      `UPDATE submission SET hold_s = $2 WHERE id = (SELECT submission_id FROM run WHERE id = $1)`,
      [run, forS],
    );

  test('has it as the run left it, before anything else starts there', async () => {
    grid = await TestGrid.open();
    const [red = ''] = await grid.submit('plain');
    const [next = ''] = await grid.submit('plain');
    await held(red);
    await grid.end(await grid.takeRun(red), exit(1));
    expect(await grid.run(red)).toMatchObject({ verdict: 'failed' });
    expect(await grid.run(next)).toMatchObject({
      state: 'waiting',
      reason: 'one is reserved by qe until 2026-01-01 01:00 UTC',
    });
    expect(await listReservations(grid.store, 'all')).toMatchObject([
      { host: 'one', person: 'qe', why: `r${red} failed there`, run: `r${red}`, free: true },
    ]);
  });

  test('keeps none for what passes, nor under local, nor a second one beside the first', async () => {
    const transport = { kind: 'local', network: false } as const;
    grid = await TestGrid.open({
      hosts: [aHost('one'), aHost('two'), aHost('here', { transport })],
      tests: [aTest('plain'), aTest('other'), aTest('third')],
    });
    const green = (await grid.submit('plain', { targets: [{ host: 'one' }] }))[0] ?? '';
    await held(green);
    await grid.end(await grid.takeRun(green), exit(0));
    expect(await listReservations(grid.store, 'all')).toEqual([]);
    const local = (await grid.submit('other', { targets: [{ host: 'here' }] }))[0] ?? '';
    await held(local);
    await grid.end(await grid.takeRun(local), exit(1));
    expect(await grid.run(local)).toMatchObject({ verdict: 'failed' });
    expect(await listReservations(grid.store, 'all')).toEqual([]);
    const [a = '', b = ''] = await grid.submit('third', { targets: [{ host: 'one' }, { host: 'two' }] });
    await held(a);
    const [first, second] = [await grid.takeRun(a), await grid.takeRun(b)];
    await grid.end(first, exit(1));
    await grid.end(second, exit(1));
    expect(await listReservations(grid.store, 'all')).toMatchObject([{ run: `r${a}` }]);
  });
});
