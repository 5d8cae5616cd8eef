import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROTOCOL } from '../../src/protocol/terms.js';
import { NotYours } from '../../src/stages/record.js';
import { TestGrid } from './test-grid.js';

let grid: TestGrid;
beforeAll(async () => {
  grid = await TestGrid.open();
});
afterAll(() => grid?.close());

it('an executor that is refused does not keep the name it asked for', async () => {
  const incarnation = randomUUID();
  const as = (executor: string) =>
    grid.desk.register({ executor, incarnation, protocol: PROTOCOL, capacity: 1 });
  await as('first');
  // The same incarnation under another name.
  await expect(as('second')).rejects.toThrow(NotYours);
  expect(await grid.store.rows(`SELECT name FROM executor WHERE name IN ('first', 'second')`)).toEqual([
    { name: 'first' },
  ]);
});
