import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { filesOf, LAB } from '../adapters/inventory-lab.js';
import { BuiltCli } from '../cli/built-cli.js';
import { HOSTILE_TEXTS } from './hostile.js';
import { count, Dice, SEED } from './seed.js';

let cli: BuiltCli;
let folder: string;
beforeAll(async () => {
  cli = new BuiltCli();
  folder = await mkdtemp(path.join(tmpdir(), 'testyard-fuzz-'));
});
afterAll(async () => {
  cli?.remove();
  await rm(folder, { recursive: true, force: true });
});

it('a damaged folder is refused with file, line and column, and exit 2; or nothing is wrong with it', async () => {
  const dice = new Dice(SEED);
  const codes = new Set<number | null>();
  for (let i = 0; i < count(12); i++) {
    const file = dice.pick(Object.keys(LAB));
    const text = LAB[file] ?? '';
    const at = dice.below(text.length);
    const root = path.join(folder, String(i));
    for (const [name, bytes] of filesOf({
      [file]: text.slice(0, at) + dice.pick(HOSTILE_TEXTS) + text.slice(at),
    })) {
      await mkdir(path.dirname(path.join(root, name)), { recursive: true });
      await writeFile(path.join(root, name), bytes);
    }
    const { code, out, err } = await cli.run(['inventory', 'check', root]);
    codes.add(code);
    expect([0, 2], out + err).toContain(code);
    expect(err).toBe('');
    expect(out).not.toMatch(/[^\P{C}\n]/u);
    if (code === 0) continue;
    const mistakes = out.trimEnd().split('\n').slice(0, -1);
    expect(mistakes.length).toBeGreaterThan(0);
    for (const line of mistakes.filter((one) => !one.startsWith('warning')))
      expect(line).toMatch(/^[a-z/]+\.(yaml|sh):[1-9][0-9]*:[1-9][0-9]*: \S/);
  }
  expect(codes).toContain(2);
});
