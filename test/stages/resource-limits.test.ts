import { afterEach, describe, expect, it } from 'vitest';
import { aHost, aStep, aTest, aWord, exit, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

/** Four hosts, none of which has what the tests need: a step gives it by way of a mirror that takes so many at a time. */
const lab = (limit: number) => ({
  tags: [aWord('tool'), aWord('other')],
  resources: [{ name: 'mirror', meaning: 'has packages', limit }],
  hosts: ['one', 'two', 'three', 'four'].map((name) => aHost(name)),
  steps: [aStep('get-tool', 'tool', { uses: ['mirror'] }), aStep('get-other', 'other')],
  tests: [
    aTest('tooled', { requirement: 'tool' }),
    aTest('othered', { requirement: 'other' }),
    aTest('plain'),
  ],
});

describe('a resource with a limit', () => {
  it('is used by no more chains at a time, and keeps nobody waiting who does not use it', async () => {
    grid = await TestGrid.open(lab(2));
    const runs = await grid.submit(['tooled', 'tooled', 'tooled', 'othered']);
    const states = async () =>
      (await Promise.all(runs.map((run) => grid.run(run)))).map(({ state }) => state);
    expect(await states()).toEqual(['running', 'running', 'waiting', 'running']);
    expect(await grid.run(runs[2] ?? '')).toMatchObject({
      reason: 'waits for mirror: 2 at a time may use it, and as many do',
    });
  });

  it('is free again when a chain is done, while the test itself still runs', async () => {
    grid = await TestGrid.open(lab(1));
    const [first = '', second = ''] = await grid.submit(['tooled', 'tooled']);
    const work = await grid.takeRun(first);
    await grid.report(work, [
      { kind: 'begun' },
      { kind: 'step_started', role: 'main', seq: 1, what: 'chain', step: 'get-tool', layer: 'use', key: 'k' },
      { kind: 'step_ended', role: 'main', seq: 1, result: 'ok', durationMs: 1, message: '' },
    ]);
    await grid.beat();
    expect(await grid.run(second)).toMatchObject({ state: 'waiting' });
    await grid.report(work, [{ kind: 'chain_done' }]);
    await grid.beat();
    expect(await grid.run(second)).toMatchObject({ state: 'running' });
  });

  it('is not asked where the host has what the step would give', async () => {
    grid = await TestGrid.open({ ...lab(1), hosts: [aHost('one', { expendable: [] })] });
    const [first = ''] = await grid.submit('tooled');
    await grid.end(await grid.takeRun(first), exit(0));
    const [second = ''] = await grid.submit('tooled');
    expect((await grid.takeRun(second)).places[0]?.chain).toEqual([]);
  });
});
