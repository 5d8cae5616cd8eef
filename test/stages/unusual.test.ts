import { afterEach, expect, it } from 'vitest';
import { exit, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

const cases = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ name: `case ${n}`, result: 'pass' as const }));

async function pass(count: number, tookMs: number, code = 0) {
  const [run = ''] = await grid.submit('plain');
  await grid.end(await grid.takeRun(run), exit(code), { cases: cases(count), tookMs });
  return grid.run(run);
}

it('flags a pass that is far outside the past of its test, and says what is usual', async () => {
  grid = await TestGrid.open();
  for (let n = 0; n < 5; n++)
    expect(await pass(40, 60_000 + n)).toMatchObject({ verdict: 'passed', marks: [] });
  expect(await pass(12, 1000)).toMatchObject({
    verdict: 'passed',
    marks: ['unusual_case_count', 'unusual_duration'],
    reason: 'exit 0; 12 cases, where 40 are usual; it took 1 s, where 60 s are usual',
  });
  // One flagged pass is no new past.
  expect(await pass(12, 60_000)).toMatchObject({ marks: ['unusual_case_count'] });
  expect(await pass(40, 60_000)).toMatchObject({ marks: [] });
});

it('never flags a red, and no red is part of the past', async () => {
  grid = await TestGrid.open();
  for (let n = 0; n < 6; n++) await pass(1, 10, 1);
  for (let n = 0; n < 4; n++) await pass(40, 60_000);
  expect(await pass(40, 60_000)).toMatchObject({ marks: [] });
  expect(await pass(40, 60_000)).toMatchObject({ verdict: 'passed', marks: [] });
  const red = await pass(1, 10, 1);
  expect(red.verdict).toBe('failed');
  expect(red.marks).not.toContain('unusual_case_count');
});

it('remembers the last twenty passes, so that a new habit becomes the usual one', async () => {
  grid = await TestGrid.open();
  for (let n = 0; n < 5; n++) await pass(40, 1000);
  for (let n = 0; n < 6; n++) await pass(10, 1000);
  expect(await pass(10, 1000)).toMatchObject({ marks: [] });
  const [row] = await grid.store.rows<{ past: number }>(
    `SELECT cardinality(past_cases) AS past FROM test_last`,
  );
  expect(row?.past).toBe(12);
});
