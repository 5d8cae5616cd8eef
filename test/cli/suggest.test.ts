import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { BuiltCli } from './built-cli.js';

const DEFINITION = `metadata:
  format: Lava-Test Test Definition 1.0
  name: throughput
run:
  steps:
    - lava-test-case listens --shell true
    - lava-test-case sends --shell frobnicator-9000 --seconds 1
`;

let cli: BuiltCli;
let folder: string;
let results: string;

beforeAll(() => {
  cli = new BuiltCli();
  folder = mkdtempSync(path.join(tmpdir(), 'suggest-'));
  results = path.join(folder, 'results');
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('testyard suggest', () => {
  it('writes what a test lacked here as what it requires, without a grid', async () => {
    const file = path.join(folder, 'throughput.yaml');
    writeFileSync(file, DEFINITION);
    const run = await cli.run(['run', file, '--results', results]);
    expect(run.out).toContain('could not run throughput');
    expect(run.code).toBe(3);
    for (const what of ['throughput', file]) {
      const suggested = await cli.run(['suggest', what, '--results', results]);
      expect(suggested).toMatchObject({ code: 0, err: '' });
      expect(parse(suggested.out)).toEqual({ requires: ['cmd:frobnicator-9000'] });
    }
  });

  it('says of which tests there are results', async () => {
    const suggested = await cli.run(['suggest', 'troughput', '--results', results]);
    expect(suggested.code).not.toBe(0);
    expect(suggested.err).toContain("holds no results of 'troughput': there are those of throughput");
  });
});
