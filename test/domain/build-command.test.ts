import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bisectCommand, buildCommand } from '../../src/domain/tell/build-command.js';

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
    expect(buildCommand('c0ffee', 'x'.repeat(800))).toBeUndefined();
  });
});

describe('the command that shows at home which commit makes a test fail', () => {
  let folder: string;
  let source: string;
  let into: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'at-home-'));
    [source, into] = [path.join(folder, 'source'), path.join(folder, "in to's")];
    const git = (...args: string[]) => execFileSync('git', args, { cwd: source });
    execFileSync('git', ['init', '-q', source]);
    writeFileSync(path.join(source, 'value'), 'good\n');
    git('add', 'value');
    const test = path.join(source, 'my test.py');
    writeFileSync(test, `#!/bin/sh\ngrep -q good "${into}/value" && ! test -e "${into}/old"\n`);
    chmodSync(test, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** How what is run at each commit ends; `testyard bisect` itself reads its exit as `git bisect run` does. */
  async function exitOf(places: Parameters<typeof bisectCommand>[2]): Promise<number> {
    const command = bisectCommand({ good: 'a', bad: 'b' }, 'my test.py', places) ?? '';
    const begin = 'testyard bisect --good a --bad b -- ';
    expect(command.startsWith(begin)).toBe(true);
    expect(command).not.toContain('\n');
    return await run('bash', ['-c', command.slice(begin.length)], { cwd: source }).then(
      () => 0,
      ({ code }: { code: number }) => code,
    );
  }

  it('puts what the grid puts where the test looks for it, in place of what was there', async () => {
    const build = { into, recipe: 'sed \'s/bad/good/\' value >"$OUT/value"\ntrue' };
    expect(await exitOf([{ into, recipe: 'cp value "$OUT"; touch "$OUT/old"' }])).toBe(1);
    expect(await exitOf([build])).toBe(0);
    writeFileSync(path.join(source, 'value'), 'bad\n');
    expect(await exitOf([{ into, recipe: 'cp value "$OUT"' }])).toBe(1);
    expect(await exitOf([build])).toBe(0);
    expect(await exitOf([{ into: path.join(folder, 'other'), recipe: 'true' }, build])).toBe(0);
    execFileSync('git', ['add', 'value'], { cwd: source });
    expect(await exitOf([{ into }])).toBe(1);
  });

  it('never replaces what it has not put there itself', async () => {
    const own = path.join(folder, 'own');
    mkdirSync(own);
    writeFileSync(path.join(own, 'precious'), 'mine');
    for (const place of [{ into: own }, { into: own, recipe: 'true' }])
      expect(await exitOf([place])).toBe(128);
    expect(readFileSync(path.join(own, 'precious'), 'utf8')).toBe('mine');
  });

  it('tells a commit that cannot be built from one that fails', async () => {
    expect(await exitOf([{ into, recipe: 'false\ntrue' }])).toBe(125);
  });

  it('is the test alone where no step brings the commit to a host, and none without room', () => {
    const between = { good: 'a', bad: 'b' };
    expect(bisectCommand(between, 'one.sh', [])).toBe('testyard bisect --good a --bad b -- ./one.sh');
    expect(bisectCommand(between, 'one.sh', [{ into, recipe: 'x'.repeat(800) }])).toBeUndefined();
  });
});
