import { afterEach, describe, expect, it } from 'vitest';
import type { Fate } from '../../bench/sim/fate.js';
import { SimGrid } from '../../bench/sim/grid.js';
import type { Inventory } from '../../src/domain/inventory.js';
import { LAYERS } from '../../src/domain/layer.js';
import { type FreshDatabase, freshDatabase } from '../database.js';
import { aHost, aStep, aTag, aTest } from '../stages/parts.js';

const restore = { kind: 'command' as const, command: ['put-back'] };
const inventory: Inventory = {
  grid: { name: 'made up', admin: 'admin', default: '' },
  tags: [aTag('base'), aTag('svc')],
  aliases: [],
  pools: [{ name: 'default' }],
  resources: [],
  types: [],
  hosts: ['one', 'two'].map((name) => aHost(name, { expendable: LAYERS, restore })),
  steps: [
    aStep('pristine', 'base', { layer: 'image', action: { kind: 'restore', image: 'base' }, costS: 600 }),
    aStep('make-svc', 'svc', { layer: 'packages', needs: 'base', costS: 60 }),
  ],
  tests: [
    aTest('plain', { dirties: 'nothing' }),
    aTest('needs-svc', { requirement: 'svc', dirties: 'nothing' }),
    aTest('spoils', { requirement: 'svc', dirties: 'packages' }),
  ],
};

const open: { grid: SimGrid; database: FreshDatabase }[] = [];
async function simulate(fate?: Fate): Promise<SimGrid> {
  const database = await freshDatabase();
  const grid = await SimGrid.open({ url: database.url, inventory, ...(fate && { fate }) });
  open.push({ grid, database });
  return grid;
}
afterEach(async () => {
  for (const { grid, database } of open.splice(0)) {
    await grid.close();
    await database.drop();
  }
});

/** What became of the runs, and what was done for them, in simulated seconds. */
async function story(grid: SimGrid) {
  const runs = await grid.store.rows<{ test: string; verdict: string; why: string | null }>(
    `SELECT test_name AS test, verdict, no_verdict AS why FROM run WHERE purpose = 'test' ORDER BY id`,
  );
  const steps = await grid.store.rows<{
    host: string;
    step: string;
    from: number;
    to: number;
    result: string;
  }>(
    `SELECT h.name AS host, s.step, s.result, extract(epoch FROM s.started_at - '2026-01-01T00:00:00Z')::float8 AS from,
       extract(epoch FROM s.ended_at - '2026-01-01T00:00:00Z')::float8 AS to
     FROM step_run s JOIN place p ON p.run_id = s.run_id AND p.attempt_id = s.attempt_id JOIN host h ON h.id = p.host_id
     WHERE s.kind = 'chain' ORDER BY s.started_at, h.id, s.seq`,
  );
  return { runs, steps };
}

describe('a simulated grid', () => {
  it('brings hosts into state and runs tests there, in the time that they would take', async () => {
    const grid = await simulate();
    grid.submit(10, { test: 'needs-svc' });
    grid.submit(1000, { test: 'needs-svc' });
    await grid.run({ untilDone: true });
    const { runs, steps } = await story(grid);
    expect(runs.map(({ verdict }) => verdict)).toEqual(['passed', 'passed']);
    expect(steps.map(({ step, from, to }) => [step, Math.round(to - from)])).toEqual([
      ['pristine', 600],
      ['make-svc', 60],
    ]);
    expect(grid.nowS).toBeLessThan(1010);
    expect(grid.logged).toEqual([]);
  });

  it('gives the same story twice', async () => {
    const tell = async () => {
      const grid = await simulate(({ atS, what }) =>
        what === 'test' ? { takesS: 20 + (atS % 7) } : undefined,
      );
      for (let n = 0; n < 12; n++)
        grid.submit(n * 40, { test: ['needs-svc', 'spoils', 'plain'][n % 3] ?? '' });
      await grid.run({ untilDone: true });
      return story(grid);
    };
    expect(await tell()).toEqual(await tell());
  });

  it('spoils what tests say they spoil, and puts it back before it is used again', async () => {
    const grid = await simulate();
    grid.submit(0, { test: 'spoils' });
    await grid.run({ untilDone: true });
    const [name = '', used] = [...grid.hosts].find(([, host]) => host.spoiltLayers.length > 0) ?? [];
    expect(used?.spoiltLayers).toEqual(['packages']);
    expect(used?.sees('svc').presence).toBe('absent');
    grid.submit(grid.nowS, { test: 'needs-svc' });
    grid.submit(grid.nowS, { test: 'needs-svc', host: name });
    await grid.run({ untilDone: true });
    expect((await story(grid)).runs.map(({ verdict }) => verdict)).toEqual(['passed', 'passed', 'passed']);
    expect([...grid.hosts.values()].flatMap((host) => host.spoiltLayers)).toEqual([]);
  });

  it('lets steps lie, hosts get lost and executors die, and the run goes elsewhere', async () => {
    const grid = await simulate(({ what, host, atS }) =>
      what === 'test' && host.name === 'one' && atS < 5000
        ? { takesS: 5, lost: { error: 'lost', message: 'gone' } }
        : undefined,
    );
    grid.submit(0, { test: 'needs-svc' });
    grid.at(200, () => grid.executor().die());
    grid.at(500, () => grid.executor().start());
    await grid.run({ untilDone: true, untilS: 100_000 });
    const { runs, steps } = await story(grid);
    expect(runs).toEqual([{ test: 'needs-svc', verdict: 'passed', why: null }]);
    expect(steps.filter(({ step }) => step === 'pristine').length).toBeGreaterThan(1);
    const [lost] = await grid.store.rows(`SELECT 1 FROM attempt WHERE outcome = 'executor_lost'`);
    expect(lost).toBeDefined();
  });

  it('sees through a step that claims what is not there', async () => {
    const grid = await simulate(({ step }) => (step?.name === 'make-svc' ? { lies: true } : undefined));
    grid.submit(0, { test: 'needs-svc' });
    await grid.run({ untilS: 3000 });
    const attempts = await grid.store.rows<{ outcome: string }>(
      `SELECT outcome FROM attempt a JOIN run r ON r.id = a.run_id WHERE r.purpose = 'test' AND outcome IS NOT NULL`,
    );
    expect(attempts.map(({ outcome }) => outcome)).toContain('tag_lied');
    const verdicts = await grid.store.rows(
      `SELECT 1 FROM run WHERE purpose = 'test' AND verdict IN ('passed', 'failed')`,
    );
    expect(verdicts).toEqual([]);
  });
});
