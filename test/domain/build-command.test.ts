import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { buildCommand } from '../../src/domain/tell/build-command.js';

const run = promisify(execFile);

/** What the part of the command prints that builds; the commit is there already. */
async function built(recipe: string): Promise<string> {
  const command = buildCommand('c0ffee', recipe) ?? '';
  expect(command.startsWith('git checkout c0ffee && ')).toBe(true);
  expect(command).not.toContain('\n');
  const { stdout } = await run('bash', ['-c', command.replace('git checkout c0ffee && ', '')]);
  return stdout;
}

describe('the command that builds a commit at home', () => {
  it.each([
    ['one line', 'echo "it is $((1 + 1))"', 'it is 2\n'],
    ['quotes', `echo 'a  b' "c'd"`, "a  b c'd\n"],
    ['several lines', `for one in a b; do\n\tprintf '%s|' "$one\\\\" 'x'\ndone\n`, 'a\\|x|b\\|x|'],
    ['where it goes', 'test -d "$OUT" && echo there', 'there\n'],
  ])('is one line that does what the recipe does: %s', async (_, recipe, printed) => {
    const plain = await run('sh', ['-c', 'OUT=/tmp; export OUT; eval "$1"', 'sh', recipe]);
    expect(plain.stdout).toBe(printed);
    expect(await built(recipe)).toBe(printed);
  });

  it('ends where the recipe does', async () => {
    await expect(built('false\necho on')).rejects.toThrow();
  });

  it('is none where a letter has no room for it', () => {
    expect(buildCommand('c0ffee', 'x'.repeat(600))).toBeUndefined();
  });
});
