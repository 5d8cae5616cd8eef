import { afterEach, describe, expect, it } from 'vitest';
import { aHost, aTest, aWord, declared, exit, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

/** Two hosts with two seats each, a meter with so many units at both. */
const lab = (units: number) => ({
  tags: [aWord('meter')],
  resources: [{ name: 'meter', meaning: 'measures power', instrument: { with: ['one', 'two'], units } }],
  hosts: ['one', 'two', 'bare'].map((name) =>
    aHost(name, { seats: 2, tags: name === 'bare' ? [] : declared('meter') }),
  ),
  tests: [aTest('plain'), aTest('watts', { requirement: 'meter' })],
});
const taken = () =>
  grid.store
    .rows<{ unit: number }>(`SELECT unit FROM instrument_seat ORDER BY unit`)
    .then((rows) => rows.map(({ unit }) => unit));

describe('an instrument', () => {
  it('is leased with the seat of a run that asks for it, and free again with it', async () => {
    grid = await TestGrid.open(lab(1));
    const [first = '', second = ''] = await grid.submit(['watts', 'watts']);
    const work = await grid.takeRun(first);
    expect(await taken()).toEqual([1]);
    expect(await grid.run(second)).toMatchObject({
      state: 'waiting',
      code: 'busy',
      reason: 'waits for meter: every unit that its hosts could have is taken',
    });
    await grid.end(work, exit(0));
    expect(await grid.run(second)).toMatchObject({ state: 'running' });
    await grid.end(await grid.takeRun(second), exit(0));
    expect(await taken()).toEqual([]);
  });

  it('serves as many attempts at a time as it has units, whichever of its hosts they are on', async () => {
    grid = await TestGrid.open(lab(3));
    const runs = await grid.submit(['watts', 'watts', 'watts', 'watts']);
    expect(await taken()).toEqual([1, 2, 3]);
    expect(await grid.run(runs[3] ?? '')).toMatchObject({ state: 'waiting' });
    await grid.end(await grid.takeRun(runs[1] ?? ''), exit(0));
    expect(await taken()).toEqual([1, 2, 3]);
    expect(await grid.run(runs[3] ?? '')).toMatchObject({ state: 'running' });
  });

  it('keeps nobody waiting who does not ask for it', async () => {
    grid = await TestGrid.open(lab(1));
    const [, , plain = ''] = await grid.submit(['watts', 'watts', 'plain']);
    expect(await grid.run(plain)).toMatchObject({ state: 'running' });
  });

  it('is free when the executor that had the seat is gone, or the host is lost', async () => {
    grid = await TestGrid.open(lab(1));
    const [run = ''] = await grid.submit('watts');
    await grid.takeRun(run);
    await grid.executorStarts();
    await grid.beat();
    const again = await grid.takeRun(run);
    expect(await taken()).toEqual([1]);
    await grid.end(again, lostIn('connect'));
    const third = await grid.takeRun(run);
    expect(await taken()).toEqual([1]);
    await grid.end(third, exit(0));
    expect(await taken()).toEqual([]);
  });

  it('is handed to the handlers of the run that has it, with its address and unit', async () => {
    const [meter] = lab(2).resources;
    const resources = [
      {
        ...meter,
        name: 'meter',
        meaning: 'm',
        instrument: { with: ['one', 'two'], units: 2, address: 'tcp://m:1' },
      },
    ];
    grid = await TestGrid.open({ ...lab(2), resources });
    const [first = '', second = '', plain = ''] = await grid.submit(['watts', 'watts', 'plain']);
    const of = async (run: string) => (await grid.takeRun(run)).places[0]?.instruments;
    expect(await of(first)).toEqual([{ name: 'meter', address: 'tcp://m:1', unit: 1 }]);
    expect(await of(second)).toEqual([{ name: 'meter', address: 'tcp://m:1', unit: 2 }]);
    expect(await of(plain)).toBeUndefined();
  });

  it("comes with the grid's handlers, and without the test's own once its project is trusted no more", async () => {
    const tests = [aTest('own', { handlers: ['./x.sh', 'power'], programs: { 'x.sh': '' } })];
    const spec = { command: ['/bin/true'], parameters: {}, always: false };
    grid = await TestGrid.open({ tests });
    const handlers = { power: spec, door: spec, all: { ...spec, always: true } };
    await grid.declare({ grid: { ...grid.inventory.grid, handlers, trustedProjects: ['default'] } });
    const [first = '', second = ''] = await grid.submit(['own', 'own']);
    const work = await grid.takeRun(first);
    expect(work.test.programs).toEqual({ 'x.sh': '' });
    expect(Object.keys(work.handlers ?? {}).sort()).toEqual(['all', 'power']);
    await grid.declare({ grid: { ...grid.inventory.grid, handlers } });
    await grid.end(work, exit(0));
    expect((await grid.takeRun(second)).test.programs).toBeUndefined();
  });

  it('cannot be had twice, whatever anybody writes', async () => {
    grid = await TestGrid.open(lab(1));
    await grid.submit('watts');
    await expect(
      grid.store.rows(
        `INSERT INTO instrument_seat SELECT resource_id, unit, host_id, seat, attempt_id FROM instrument_seat`,
      ),
    ).rejects.toThrow('instrument_seat_pk');
  });
});
