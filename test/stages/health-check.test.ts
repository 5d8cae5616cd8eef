import { afterEach, describe, expect, it } from 'vitest';
import { Cron, wrongCron } from '../../src/adapters/cron.js';
import type { Inventory } from '../../src/domain/inventory.js';
import { HealthChecks } from '../../src/stages/health-check.js';
import { aHost, aStep, aTag, aTest, exit, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid?.close());

const look = async () => {
  await new HealthChecks(grid.store, new Cron(), () => {}).look();
  await grid.beat();
  const canaries = await grid.takeCanaries();
  return { canaries, hosts: canaries.map(({ places }) => places[0]?.host.name).sort() };
};
const open = async (parts: Partial<Omit<Inventory, 'grid'>>, healthCheck?: string) => {
  grid = await TestGrid.open(parts);
  if (healthCheck !== undefined) await grid.declare({ grid: { ...grid.inventory.grid, healthCheck } });
};

describe('health checks', () => {
  it('look at every idle host when the line of cron says so, once, and not at one that works', async () => {
    await open({ hosts: [aHost('one'), aHost('two')] }, '0 3 * * *');
    expect((await look()).hosts).toEqual([]);
    await grid.pass(3 * 3600 - 60);
    expect((await look()).hosts).toEqual([]);
    await grid.submit('plain', { targets: [{ host: 'two' }] });
    await grid.pass(60);
    const first = await look();
    expect(first.hosts).toEqual(['one']);
    expect((await look()).hosts).toEqual([]);
    await grid.pass(60);
    for (const one of first.canaries) await grid.end(one, exit(0));
    await grid.pass(23 * 3600);
    expect((await look()).hosts).toEqual([]);
  });

  it('go by the line of the host type, else of the pool, else of the grid', async () => {
    await open(
      {
        hosts: [aHost('one'), aHost('two', { pool: 'far' }), aHost('three', { pool: 'far', type: 'big' })],
        pools: [{ name: 'default' }, { name: 'far', healthCheck: '0 1 * * *' }],
        types: [{ name: 'big', tags: [], healthCheck: '0 2 * * *' }],
      },
      '30 0 * * *',
    );
    expect((await look()).hosts).toEqual([]);
    for (const [minutes, name] of [
      [30, 'one'],
      [30, 'two'],
      [60, 'three'],
    ] as const) {
      await grid.pass(minutes * 60);
      const { hosts, canaries } = await look();
      expect(hosts).toEqual([name]);
      for (const one of canaries) await grid.end(one, exit(0));
    }
  });

  it('make a host suspect that fails one', async () => {
    await open({}, '0 3 * * *');
    await look();
    await grid.pass(3 * 3600);
    for (const one of (await look()).canaries) await grid.end(one, exit(1));
    const [host] = await grid.store.rows(`SELECT health FROM host`);
    expect(host).toMatchObject({ health: 'suspect' });
  });

  it('come after a fault that is over to the hosts on which something failed in it', async () => {
    await open({
      tags: [aTag('svc')],
      steps: [aStep('make-svc', 'svc')],
      tests: [aTest('needs-svc', { requirement: 'svc' })],
      hosts: [aHost('one'), aHost('two')],
    });
    await grid.submit('needs-svc', { targets: [{ host: 'one' }] });
    await grid.store.rows(
      `WITH made AS (INSERT INTO incident (scope, step, signature, title, owner, closed_at, close_reason)
         VALUES ('step', 'make-svc', 's', 't', 'o', grid_now(), 'over') RETURNING id)
       INSERT INTO evidence (incident_id, host_id, work, ok, attempt_id, signature, detail)
       SELECT made.id, h.id, 'step:make-svc', false, 1, '', '' FROM made CROSS JOIN host h WHERE h.name = 'two'`,
    );
    const { hosts, canaries } = await look();
    expect(hosts).toEqual(['two']);
    await grid.pass(1);
    for (const one of canaries) await grid.end(one, exit(0));
    expect((await look()).hosts).toEqual([]);
  });

  it('rest while a person has halted the grid', async () => {
    await open({}, '* * * * *');
    await look();
    await grid.store.rows(`UPDATE grid SET state = 'halted'`);
    await grid.pass(120);
    expect((await look()).hosts).toEqual([]);
  });

  it.each([
    ['0 3 * *', /five fields/],
    ['* * * * * *', /five fields/],
    ['61 * * * *', /61/],
    ['every day at 3', /five fields|./],
  ])("a line '%s' is refused", (line, message) => {
    expect(wrongCron(line)).toMatch(message);
    expect(wrongCron('*/15 0-6 * * 1-5')).toBeUndefined();
  });
});
