import { existsSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { Spool } from '../../src/executor/spool.js';

const folder = mkdtempSync(path.join(tmpdir(), 'testyard-spool-'));

function drain(spool: Spool<number>): number[] {
  const all: number[] = [];
  for (let next = spool.shift(); next !== undefined; next = spool.shift()) all.push(next);
  return all;
}

it('gives back in order what went to memory and what went to disk, and removes its file', () => {
  const file = path.join(folder, 'spool');
  const spool = new Spool<number>(10, file);
  for (let i = 0; i < 100; i++) spool.push(i, 5, true);
  expect(spool.onDisk).toBeGreaterThan(0);
  expect(drain(spool)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect([spool.empty, existsSync(file)]).toEqual([true, false]);
});

it('keeps what is precious when the disk is full, in order, and leaves out only what is not', () => {
  const file = path.join(folder, 'full');
  symlinkSync('/dev/full', file);
  const spool = new Spool<number>(10, file);
  const taken = Array.from({ length: 10 }, (_, i) => spool.push(i, 5, i % 2 === 0));
  // Two fit into memory, two more in what it may overflow by.
  expect(taken.map((was, i) => (was ? i : -1)).filter((i) => i >= 0)).toEqual([0, 1, 2, 3, 4, 6, 8]);
  expect(spool.empty).toBe(false);
  expect(drain(spool)).toEqual([0, 1, 2, 3, 4, 6, 8]);
  expect(spool.empty).toBe(true);
});
