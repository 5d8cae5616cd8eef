import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

describe('the script', () => {
  it.each([
    ['that is the first word', ['./check.sh'], '.'],
    ['that a shell runs', ['sh', 'check.sh'], '.'],
    ['that is named from a folder within', ['../check.sh'], 'sub'],
  ])(
    '%s is the own one of now in every commit where some commits lack it',
    async (_, words, from) => {
      // One that tells nothing comes and goes; then it is written anew.
      line.grow(12, (n) => {
        mkdirSync(path.join(line.repo, 'sub'), { recursive: true });
        writeFileSync(path.join(line.repo, 'sub/file'), '');
        if (n === 3) line.script('check.sh', 'exit 1');
        if (n === 8) rmSync(path.join(line.repo, 'check.sh'));
        if (n === 11) line.script('check.sh', 'test "$(cat "$(dirname "$0")/number")" -lt 6');
      });
      const done = await line.bisect([...line.between(0, 11), '--', ...words], from);
      expect(done.err).toContain(
        `commit ${line.commits[0]?.slice(0, 12)} has no check.sh: yours of now is put into every commit`,
      );
      expect(done.out).toContain('  change 6\n');
      expect(done.out).toContain(`&& install -D ${line.repo}/check.sh check.sh && `);
      expect(done.code).toBe(0);
    },
    60_000,
  );

  it('in a folder within is found from there, and is that of each commit where all have it', async () => {
    line.grow(12, (n) => line.script('sub/check.sh', n < 5 ? 'exit 0' : 'exit 1'));
    const done = await line.bisect([...line.between(0, 11), '--', './check.sh'], 'sub');
    expect(done.out).toContain('  change 5\n');
    expect(done.err).toBe('');
  }, 60_000);

  it.each([
    [['./chekc.sh'], /chekc\.sh cannot be run: neither your work tree nor commit [0-9a-f]{12} has it/],
    [['no-such-program'], /no-such-program cannot be run: there is no such program/],
    [['/no/such/script'], /\/no\/such\/script cannot be run: there is no such file/],
    [['./own.sh'], /own\.sh cannot be run: it is not executable/],
  ])(
    'that cannot be run is told before anything is begun: %j',
    async (words, message) => {
      line.grow(3);
      writeFileSync(path.join(line.repo, 'own.sh'), '#!/bin/sh\n');
      const done = await line.bisect([...line.between(0, 2), '--', ...words]);
      expect(done.err).toMatch(message);
      expect(done.code).toBe(2);
      expect((await line.bisect(['log'])).err).toContain('no bisection is under way');
    },
    60_000,
  );

  it('that cannot be run in one commit is told with the commit', async () => {
    line.grow(6, (n) => {
      const file = line.script('check.sh', 'exit 0');
      if (n > 0) chmodSync(file, 0o644);
    });
    const done = await line.bisect([...line.between(0, 5), '--', './check.sh']);
    expect(done.err).toMatch(
      /\.\/check\.sh cannot be run in commit [0-9a-f]{12}: it is not executable there/,
    );
    expect(done.err).toContain('exit 125');
    expect(done.code).toBe(2);
  }, 60_000);

  it('is not put where a link of an older commit leads out of its tree', async () => {
    const outside = path.join(line.folder, 'outside');
    mkdirSync(outside);
    line.grow(4, (n) => {
      if (n === 0) symlinkSync(outside, path.join(line.repo, 'sub'));
      if (n === 3) {
        rmSync(path.join(line.repo, 'sub'));
        line.script('sub/check.sh', 'exit 1');
      }
    });
    const done = await line.bisect([...line.between(0, 3), '--', 'sub/check.sh']);
    expect(done.err).toMatch(/sub\/check\.sh cannot be put into commit [0-9a-f]{12}: a link there leads out/);
    expect(readdirSync(outside)).toEqual([]);
  }, 60_000);
});

describe('submodules', () => {
  it('are there in trials as each commit names them, from what the clone has of them', async () => {
    const library = new ALine(cli).grow(8);
    try {
      line.git('submodule', '--quiet', 'add', library.repo, 'lib');
      line.grow(8, (n) => line.git('-C', 'lib', 'checkout', '--quiet', library.commits[n] ?? ''));
      rmSync(library.repo, { recursive: true });
      const test = ['--', 'sh', '-c', 'test "$(cat lib/number)" -lt 5'];
      const done = await line.bisect([...line.between(0, 7), ...test]);
      expect(done.out).toContain('  change 5\n');
      expect(done.code).toBe(0);
      expect(readdirSync(line.temporary)).toEqual([]);
      expect(line.git('-C', 'lib', 'worktree', 'list').split('\n')).toHaveLength(1);
      expect(line.git('status', '--porcelain')).toBe('');
    } finally {
      library.remove();
    }
  }, 60_000);
});

it('a partial clone fetches what a trial needs and it has not', async () => {
  const origin = line.grow(8);
  origin.git('config', 'uploadpack.allowFilter', 'true');
  const clone = path.join(line.folder, 'clone');
  origin.git('clone', '--quiet', '--filter=blob:none', `file://${line.repo}`, clone);
  const done = await line.bisect(['--repo', clone, ...line.between(0, 7), ...below(5)]);
  expect(done.out).toContain('  change 5\n');
  expect(done.code).toBe(0);
}, 60_000);
