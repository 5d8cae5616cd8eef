import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALine } from './a-line.js';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let line: ALine;

const below = (n: number) => ['--', 'sh', '-c', `test "$(cat number)" -lt ${n}`];

beforeAll(() => {
  cli = new BuiltCli();
}, 60_000);
afterAll(() => cli.remove());
beforeEach(() => {
  line = new ALine(cli);
});
afterEach(() => line.remove());

describe('the repository', () => {
  it.each([
    ['where one stands', [], '.'],
    ['around the folder in which one stands', [], 'deep/er'],
    ['named from where one stands', ['--repo', 'repo'], '..'],
  ])(
    'is that %s',
    async (_, repo, from) => {
      line.grow(12);
      mkdirSync(path.join(line.repo, 'deep/er'), { recursive: true });
      const done = await line.bisect([...repo, ...line.between(0, 11), ...below(7)], from);
      expect(done.out).toContain('  change 7\n');
      expect(done.code).toBe(0);
      expect((await line.bisect([...repo, 'log'], from)).out).toContain('  change 7\n');
      expect((await line.bisect([...repo, 'reset'], from)).out).toBe('forgotten\n');
    },
    60_000,
  );

  it('that is none is told by its whole name', async () => {
    const { err, code } = await line.bisect([...line.between(0, 0), ...below(7)], '..');
    expect(err).toContain(`--repo ${line.folder}: no repository of git`);
    expect(code).toBe(2);
  });
});
