import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT, testyard } from './program.js';
import { startYardWith, type Yard } from './yard.js';

describe.skipIf(process.platform !== 'linux')('the same file, the same verdict', () => {
  const inventory = path.join(ROOT, 'inventory');
  let yard: Yard;

  beforeAll(async () => {
    yard = await startYardWith(inventory);
  }, 240_000);

  afterAll(() => yard?.stop(), 120_000);

  test('`testyard run` and a grid say the same of every sample that needs no step', async () => {
    const steps = (await readdir(path.join(inventory, 'steps'))).map((file) =>
      readFile(path.join(inventory, 'steps', file), 'utf8'),
    );
    const given = (await Promise.all(steps)).flatMap((text) =>
      (/gives: \[(.*)\]/.exec(text)?.[1] ?? '').split(',').map((tag) => tag.trim()),
    );
    const files: string[] = [];
    for (const name of await readdir(path.join(inventory, 'tests'))) {
      const file = path.join(inventory, 'tests', name);
      const needs = /testyard: requires: (.*)/.exec(await readFile(file, 'utf8'))?.[1] ?? '';
      if (!given.some((tag) => needs.includes(tag))) files.push(file);
    }
    expect(files.length).toBeGreaterThanOrEqual(6);

    const watched = await yard.grid.cli('--json', 'submit', ...files, '--watch');
    expect(watched.code).toBe(1);
    const runs = await yard.grid.runs();
    for (const file of files) {
      const name = path.basename(file, '.sh');
      const inGrid = runs.find((run) => run.test === name);
      const here = await testyard(['--json', 'run', file]);
      const said = JSON.parse(here.out.trim().split('\n').at(-1) ?? '{}');
      expect({ name, verdict: said.verdict, noVerdict: said.noVerdict, marks: said.marks }).toEqual({
        name,
        verdict: inGrid?.verdict,
        noVerdict: inGrid?.noVerdict,
        marks: inGrid?.marks,
      });
      if (said.noVerdict !== 'not_compatible') expect(said.reason).toBe(inGrid?.reason);
      const exit = { passed: 0, skipped: 0, failed: 1, none: 3 }[inGrid?.verdict ?? 'none'];
      expect([name, here.code]).toEqual([name, exit]);
      // The cases too, with their measurements.
      const heard = here.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter((event) => event.kind === 'case')
        .map((one) => [one.name, one.result, one.measurement?.raw]);
      const detail = await yard.grid.run(inGrid?.id ?? '');
      const kept = detail.attemptList.flatMap((attempt) => attempt.cases);
      expect(heard).toEqual(kept.map((one) => [one.name, one.result, one.measurement?.raw]));
    }
  }, 180_000);
});
