import { afterEach, describe, expect, it } from 'vitest';
import { aHost, aStep, aTest, aWord, exit, LOOKS, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

describe('what can be done on the host and on the grid', () => {
  const lab = {
    hosts: [aHost('board', { type: 'slow' }), aHost('server', { type: 'fast' })],
    tags: [aWord('tool')],
    steps: [
      aStep('install', 'tool', { costS: 10 }),
      aStep('prepare', 'tool', { costS: 30, action: { kind: 'script', on: 'grid', script: 'true' } }),
    ],
    tests: [aTest('tooled', { requirement: 'tool' })],
  } as const;

  /** Carries a run out on a host, where its step takes so many seconds; which step that was. */
  const runOn = async (host: string, tookS: number): Promise<string | undefined> => {
    const [run = ''] = await grid.submit('tooled', { targets: [{ host }] });
    const work = await grid.takeRun(run);
    const [step, ...more] = work.places[0]?.chain ?? [];
    expect(more).toEqual([]);
    if (step === undefined) return undefined;
    const { name, layer, key } = step;
    const of = { role: 'main', seq: 1 } as const;
    await grid.report(work, [
      { kind: 'begun' },
      { kind: 'seen', role: 'main', tags: [], fingerprint: LOOKS },
      { kind: 'step_started', ...of, what: 'chain', step: name, layer, key },
      { kind: 'step_ended', ...of, result: 'ok', durationMs: tookS * 1000, message: '' },
      { kind: 'chain_done' },
      { kind: 'verified', role: 'main', tags: [], fingerprint: LOOKS },
      { kind: 'test_started' },
      {
        kind: 'ended',
        end: { outcome: exit(0), teardown: 'none', dirtied: 'use', dirtiedBy: 'the test' },
        places: [{ role: 'main', fingerprint: LOOKS, outputBytes: 0, outputCut: 0 }],
      },
    ]);
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    return name;
  };

  it('is done where it takes less time, by what it took on hosts of the type: a slow and a fast one differ', async () => {
    grid = await TestGrid.open(lab);
    expect([await runOn('board', 300), await runOn('server', 8)]).toEqual(['install', 'install']);
    await grid.newScheduler({});
    expect([await runOn('board', 30), await runOn('server', 8)]).toEqual(['prepare', 'install']);
  });
});

describe('a run that is better off with a host that is at work', () => {
  it('waits for it, and says so; then it finds there what it needs', async () => {
    grid = await TestGrid.open({
      hosts: [aHost('one'), aHost('two')],
      tags: [aWord('tool')],
      steps: [aStep('install', 'tool', { costS: 100 })],
      tests: [aTest('tooled', { requirement: 'tool', timeoutMs: 60_000, dirties: 'nothing' })],
    });
    const [first = ''] = await grid.submit('tooled', { targets: [{ host: 'one' }] });
    const work = await grid.takeRun(first);
    const [second = ''] = await grid.submit('tooled');
    expect(await grid.run(second)).toMatchObject({
      state: 'waiting',
      reason:
        'waits for one: it should be free, much as it is needed, before another host could be brought into that state',
    });
    await grid.end(work, exit(0));
    const [place] = (await grid.takeRun(second)).places;
    expect([place?.host.name, place?.chain]).toEqual(['one', []]);
  });
});

describe('an executor that is older than a kind of step', () => {
  it('is given no chain with such a step, and the run says what it waits for', async () => {
    const file = { kind: 'copy', to: '/etc/tool', mode: '0644', what: { text: '' } } as const;
    grid = await TestGrid.open({
      tags: [aWord('tool'), aWord('file')],
      steps: [aStep('install', 'tool'), aStep('put-file', 'file', { action: file })],
      tests: [aTest('tooled', { requirement: 'tool' }), aTest('filed', { requirement: 'file' })],
    });
    await grid.store.rows(`UPDATE lease SET version = '1.4'`);
    const [tooled = '', filed = ''] = await grid.submit(['tooled', 'filed']);
    expect(await grid.run(filed)).toMatchObject({
      state: 'waiting',
      reason: 'waits for a newer executor: hands speaks protocol 1.4, and cannot carry out put-file (copy)',
    });
    await grid.end(await grid.takeRun(tooled), exit(0));
    expect(await grid.run(filed)).toMatchObject({ state: 'waiting' });
    await grid.executorStarts();
    await grid.beat();
    expect((await grid.takeRun(filed)).places[0]?.chain.map(({ name }) => name)).toEqual(['put-file']);
  });
});

describe('what a step destroys above it', () => {
  it.each([
    ['is all, unless it says less', undefined, ['make-packages']],
    ['is what it says, and the rest stays', ['boot'] as const, ['make-build', 'make-packages']],
  ])('%s', async (_, destroys, left) => {
    grid = await TestGrid.open({
      hosts: [aHost('one', { expendable: ['packages', 'build', 'use'] })],
      tags: [aWord('built'), aWord('packaged')],
      steps: [
        aStep('make-build', 'built', { layer: 'build' }),
        aStep('make-packages', 'packaged', { layer: 'packages', ...(destroys && { destroys }) }),
      ],
      tests: ['built', 'packaged'].map((name) => aTest(name, { requirement: name, dirties: 'nothing' })),
    });
    for (const test of ['built', 'packaged']) {
      const [run = ''] = await grid.submit(test);
      await grid.end(await grid.takeRun(run), exit(0));
    }
    expect((await grid.host('one')).stack).toEqual(left);
    const [again = ''] = await grid.submit('built');
    expect((await grid.takeRun(again)).places[0]?.chain.map(({ name }) => name)).toEqual(
      left.includes('make-build') ? [] : ['make-build'],
    );
  });
});
