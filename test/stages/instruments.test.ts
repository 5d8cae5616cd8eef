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
