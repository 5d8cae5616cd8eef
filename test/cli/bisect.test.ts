import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let folder: string;
let repo: string;
let temporary: string;
let commits: string[];
let count = 0;

const git = (...args: string[]) =>
  execFileSync('git', ['-C', repo, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
    encoding: 'utf8',
    env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' },
  }).trim();
/** The state of every file that git tells of, and where the branch is. */
const state = () => `${git('status', '--porcelain')} ${git('rev-parse', 'HEAD')} ${git('stash', 'list')}`;
const bisect = (...args: string[]) => cli.run(['bisect', '--repo', repo, ...args], { TMPDIR: temporary });
const between = (from: number, to: number) => ['--good', commits[from] ?? '', '--bad', commits[to] ?? ''];

/** A script outside of the repository. */
function script(name: string, body: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

beforeAll(() => {
  cli = new BuiltCli();
  folder = mkdtempSync(path.join(tmpdir(), 'bisect-'));
}, 60_000);
beforeEach(() => {
  repo = path.join(folder, `repo${++count}`);
  temporary = path.join(folder, `tmp${count}`);
  mkdirSync(repo);
  mkdirSync(temporary);
  git('init', '--quiet', '--initial-branch=main');
  commits = Array.from({ length: 41 }, (_, n) => {
    writeFileSync(path.join(repo, 'number'), `${n}\n`);
    git('add', '.');
    git('commit', '--quiet', '-m', `change ${n}`);
    return git('rev-parse', 'HEAD');
  });
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('testyard bisect', () => {
  it('names the commit, its author, how sure it is and how to see it again; the work tree is left alone', async () => {
    writeFileSync(path.join(repo, 'number'), 'being edited\n');
    writeFileSync(path.join(repo, 'untracked'), '');
    const before = state();
    const done = await bisect(...between(0, 40), '--', 'sh', '-c', 'test "$(cat number)" -lt 23');
    expect(done.out).toMatch(/^[0-9a-f]{12} broke it, with a probability of (over )?99\.\d+ %:$/m);
    expect(done.out).toContain(`  ${commits[23]}\n  Ada <ada@example.org>, `);
    expect(done.out).toContain('  change 23\n');
    expect(done.out).toMatch(/with it (\d+) of \1 were bad, without it 0 of \d+/);
    expect(done.out).toMatch(/\d+ trials to find it, \d+ to verify it/);
    expect(done.out).toContain(
      `see it again: git worktree add --detach ../again ${commits[23]?.slice(0, 12)}`,
    );
    expect(done.code).toBe(0);
    expect(state()).toBe(before);
    expect(readdirSync(temporary)).toEqual([]);
    expect(git('worktree', 'list').split('\n')).toHaveLength(1);
  }, 120_000);

  it('is not led astray by a script that flakes', async () => {
    // Of five runs one says the opposite, whatever the commit.
    const flaky = script(
      'flaky.sh',
      `n=$(cat ${folder}/count 2>/dev/null || echo 0); echo $((n + 1)) > ${folder}/count
      bad=0; test "$(cat number)" -ge 31 && bad=1
      test $((n % 5)) = 3 && bad=$((1 - bad))
      exit $bad`,
    );
    const done = await bisect(...between(0, 40), '--', flaky);
    expect(done.out).toContain('  change 31\n');
    expect(done.code).toBe(0);
  }, 240_000);

  it('says what is no change: the good commit fails too', async () => {
    const done = await bisect(...between(0, 40), '--', 'false');
    expect(done.out).toContain('it is bad before all of them');
    expect(done.code).toBe(3);
  }, 120_000);

  it('says what was seen where nothing ever failed', async () => {
    const done = await bisect(...between(0, 40), '--', 'true');
    expect(done.out).toMatch(
      /^it never failed: all (\d+) trials were good, \d+ of them of the bad commit\.$/m,
    );
    expect(done.out).not.toMatch(/fails [\d.]+ %|flakes|see it again/);
    expect(done.code).toBe(3);
  }, 120_000);

  it('says what was seen where it only flakes, and names no commit to see it again', async () => {
    const runs = path.join(folder, `runs${count}`);
    const flakes = script('flakes.sh', `echo x >> ${runs}; test $(($(wc -l < ${runs}) % 4)) != 0`);
    const done = await bisect(...between(0, 40), '--', flakes);
    const [, bad, all] =
      /it only flakes, with a probability of .*: (\d+) of (\d+) trials were bad/.exec(done.out) ?? [];
    expect(Number(all)).toBe(readFileSync(runs, 'utf8').length / 2);
    expect(Number(bad)).toBe(Math.floor(Number(all) / 4));
    expect(done.out).not.toContain('see it again');
    expect(done.code).toBe(3);
  }, 120_000);

  it('names no commit to see it again where it can name none', async () => {
    // Whether it is the change or was bad before cannot be told.
    const done = await bisect(
      ...between(39, 40),
      '--',
      'sh',
      '-c',
      'test $(cat number) = 40 || exit 125; exit 1',
    );
    expect(done.out).toContain('no single commit could be named');
    expect(done.out).not.toContain('see it again');
    expect(done.code).toBe(3);
  }, 120_000);

  it('passes over commits that cannot be tested, and names several where nothing tells them apart', async () => {
    const done = await bisect(
      ...between(0, 40),
      '--',
      'sh',
      '-c',
      'n=$(cat number); test $n = 14 -o $n = 15 && exit 125; test $n -lt 15',
    );
    expect(done.out).toContain('one of these 3 broke it');
    for (const n of [14, 15, 16]) expect(done.out).toContain(`  change ${n}\n`);
  }, 120_000);

  it.each([
    ['cannot be tested', 'exit 125'],
    ['never answers', 'kill -9 $$'],
  ])(
    'tries others where the commit that it begins with %s',
    async (_, fate) => {
      const first = path.join(folder, `first${count}`);
      const begun = script(
        'begun.sh',
        `test -e ${first} || cp number ${first}
        cmp -s number ${first} && ${fate}
        test "$(cat number)" -lt 9`,
      );
      const done = await bisect(...between(0, 40), '--', begun);
      expect(done.out).toContain('  change 9\n');
      expect(done.out.split('\n').length).toBeLessThan(60);
      expect(done.code).toBe(0);
    },
    120_000,
  );

  it('ends soon where no commit at all can be tested', async () => {
    const done = await bisect(...between(0, 40), '--', 'sh', '-c', 'exit 125');
    expect(done.err).toMatch(
      /the script could test none of the \d+ commits that were tried: it ended with 125/,
    );
    expect(done.err).toContain('--output');
    expect(done.out.split('\n').length).toBeLessThan(25);
    expect(done.code).toBe(3);
    expect((await bisect()).out).toMatch(/^ 21 .* 40 /s);
  }, 120_000);

  it('goes on after it was killed, and asks for nothing twice', async () => {
    const [gate, runs] = [path.join(folder, 'gate'), path.join(folder, 'runs')];
    // It stands still in the fifth run until the gate is open.
    const stops = script(
      'stops.sh',
      `echo x >> ${runs}
      while test $(wc -l < ${runs}) = 5 -a ! -e ${gate}; do sleep 0.05; done
      test "$(cat number)" -lt 9`,
    );
    const args = ['bisect', '--repo', repo, ...between(0, 40), '--', stops];
    const first = cli.start(args, { TMPDIR: temporary });
    await first.printed(/^ {2}4 {2}/m);
    first.child.kill('SIGKILL');
    await first.ended;
    writeFileSync(gate, '');
    // The last line may be cut in the middle.
    const journal = path.join(repo, '.git/testyard-bisect.jsonl');
    appendFileSync(journal, '{"told":5,"outc');
    const log = await bisect('log');
    expect(log.out.split('\n').filter((line) => /^ +\d+ /.test(line))).toHaveLength(4);
    const second = await cli.run(args, { TMPDIR: temporary });
    expect(second.err).toContain('going on after 4 trials;');
    expect(second.out).toContain('  change 9\n');
    expect(second.out).not.toMatch(/^ {2}[1-4] {2}/m);
    expect(readFileSync(journal, 'utf8')).not.toContain('outc{');
    // What the killed one left is gone too.
    expect(readdirSync(temporary)).toEqual([]);
    expect(git('worktree', 'list').split('\n')).toHaveLength(1);
  }, 120_000);

  it('answers once more what it has found, and says so, until it is reset', async () => {
    const args = [...between(0, 40), '--', 'sh', '-c', 'test "$(cat number)" -lt 5'];
    await bisect(...args);
    const again = await bisect(...args);
    expect(again.err).toMatch(
      /nothing is tried now: this was found [\d.]+ s ago; to begin anew: testyard bisect reset/,
    );
    expect(again.out).toContain('  change 5\n');
    expect(again.out).not.toMatch(/^ +1 /m);
    expect((await bisect('reset')).out).toBe('forgotten\n');
    expect((await bisect('log')).err).toContain('no bisection is under way');
  }, 120_000);

  it('begins another where the one before is over', async () => {
    const test = ['--', 'sh', '-c', 'test "$(cat number)" -lt 5'];
    await bisect(...between(0, 40), ...test);
    const shorter = await bisect(...between(2, 30), ...test);
    expect(shorter.err).toContain('the bisection before this one was over: it is forgotten');
    expect(shorter.out).toMatch(/^ +1 .* {2}change 5\n/ms);
    const patient = await bisect(...between(2, 30), '--timeout', '30', ...test);
    expect(patient.err).toContain('was over');
    expect(patient.out).toMatch(/^ +1 /m);
  }, 120_000);

  it('begins another where the one before has tried nothing', async () => {
    const interpreter = script('interpreter.sh', '');
    writeFileSync(interpreter, '#!/no/such/interpreter\n');
    expect((await bisect(...between(0, 40), '--', interpreter)).code).toBe(2);
    const right = await bisect(...between(0, 40), '--', 'sh', '-c', 'test "$(cat number)" -lt 5');
    expect(right.err).toContain('the bisection before this one had tried nothing: it is forgotten');
    expect(right.out).toContain('  change 5\n');
  }, 120_000);

  it('keeps one that is under way from another; options that are told now hold from now on', async () => {
    // It answers three times, then it is killed until the gate is open, then what is bad hangs.
    const [gate, runs] = [path.join(folder, `gate${count}`), path.join(folder, `runs${count}`)];
    const dies = script(
      'dies.sh',
      `echo x >> ${runs}
      test $(wc -l < ${runs}) -gt 3 -a ! -e ${gate} && kill -9 $$
      test "$(cat number)" -lt 7 && exit 0
      test -e ${gate} && exec tail -f /dev/null
      exit 1`,
    );
    const first = await bisect(...between(0, 40), '--', dies);
    expect(first.err).toContain('in a row');
    const other = await bisect(...between(0, 30), '--', dies);
    expect(other.err).toContain('another bisection is under way in this repository, after 9 trials');
    expect(other.code).toBe(2);
    writeFileSync(gate, '');
    const on = await bisect('--timeout', '1', '--switch-cost', '2', '--keep-files');
    expect(on.err).toContain(
      'going on after 9 trials, with --timeout 1 from here on, with --keep-files from here on, with --switch-cost 2',
    );
    expect(on.out).toContain('  change 7\n');
  }, 120_000);

  it('takes an empty journal for none', async () => {
    const journal = path.join(repo, '.git/testyard-bisect.jsonl');
    writeFileSync(journal, '');
    const done = await bisect(...between(0, 40), '--', 'sh', '-c', 'test "$(cat number)" -lt 5');
    expect(done.out).toContain('  change 5\n');
    expect(readdirSync(path.dirname(journal)).filter((name) => name.startsWith('testyard'))).toEqual([
      'testyard-bisect.jsonl',
    ]);
  }, 120_000);

  it('tries several commits at a time, each in a tree of its own, without what another left', async () => {
    const leaves = script('leaves.sh', 'test -e left && exit 1; touch left; test "$(cat number)" -lt 33');
    const done = await bisect(...between(0, 40), '--jobs', '3', '--', leaves);
    expect(done.out).toContain('  change 33\n');
    expect(readdirSync(temporary)).toEqual([]);
  }, 120_000);

  it('ends a script that takes too long, which is bad; one that is killed says nothing', async () => {
    const hangs = await bisect(
      ...between(0, 40),
      '--timeout',
      '1',
      '--',
      'sh',
      '-c',
      'test "$(cat number)" -lt 40 || exec tail -f /dev/null',
    );
    expect(hangs.out).toContain('  change 40\n');
    await bisect('reset');
    const killed = await bisect(...between(0, 40), '--', 'sh', '-c', 'kill -9 $$');
    expect(killed.err).toMatch(/the script gave no answer 6 times in a row, in \d commits/);
    expect(killed.code).toBe(3);
  }, 120_000);

  it.each([
    [['--bad', 'HEAD', '--', 'true'], 'say between which commits'],
    [
      ['--good', 'nonsense', '--bad', 'HEAD', '--', 'true'],
      '--good nonsense: the repository knows no such commit',
    ],
    [['--good', 'HEAD', '--bad', 'HEAD', '--', 'true'], 'the same commit'],
    [['--good', 'HEAD', '--bad', 'HEAD~3', '--', 'true'], 'is no ancestor'],
    [['--good', 'HEAD~3', '--bad', 'HEAD', '--', '/no/such/script'], '/no/such/script cannot be run'],
  ])(
    'says what is wrong with %j',
    async (args, message) => {
      const done = await bisect(...args);
      expect(done.err).toContain(message);
      expect(done.code).toBe(2);
    },
    60_000,
  );

  it('needs a repository', async () => {
    const done = await cli.run(['bisect', '--repo', folder, '--good', 'a', '--bad', 'b', '--', 'true']);
    expect(done.err).toContain('no repository of git');
    expect(existsSync(path.join(folder, '.git'))).toBe(false);
  });
});
