import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Scheme } from '../../src/domain/tag.js';
import { canonicalVersion, compareVersions, versionProblem } from '../../src/domain/version/compare.js';
import { nearlyOf, pairOf, versionOf } from './a-version.js';

const PAIRS = 600;
const C_LOCALE = { ...process.env, LC_ALL: 'C' };
type Pair = readonly [string, string];

/** What a tool, asked once, says of many lines. */
function asked(program: string, args: readonly string[], lines: readonly string[]): readonly string[] {
  const input = lines.map((line) => `${line}\n`).join('');
  const output = execFileSync(program, args, { input, encoding: 'utf8', env: C_LOCALE, maxBuffer: 64e6 });
  return output.trimEnd().split('\n');
}

/** Whether a Debian package's program is there; without root it may not be. */
function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

function ours(scheme: Scheme, [a, b]: Pair): string {
  return `${a} ${sign(compareVersions(scheme, a, b))} ${b}`;
}

function sign(order: number | undefined): string {
  if (order === undefined) return 'cannot be compared with';
  return order < 0 ? '<' : order > 0 ? '>' : '=';
}

function dpkgSays(pairs: readonly Pair[]): readonly string[] {
  const script = `while read -r a b; do
    if dpkg --compare-versions "$a" lt "$b"; then echo "$a < $b"
    elif dpkg --compare-versions "$a" eq "$b"; then echo "$a = $b"
    else echo "$a > $b"; fi
  done`;
  return asked(
    '/bin/sh',
    ['-c', script],
    pairs.map((pair) => pair.join(' ')),
  );
}

/** rpm's own comparison: of whole versions `rpm.ver`, of their parts `rpm.vercmp`. */
function rpmSays(whole: boolean, pairs: readonly Pair[]): readonly string[] {
  const order = whole
    ? 'local x, y = rpm.ver(a), rpm.ver(b); local n = x < y and -1 or x > y and 1 or 0'
    : 'local n = rpm.vercmp(a, b)';
  const script = `for line in io.stdin:lines() do
    local a, b = line:match("^(.-) (.*)$")
    ${order}
    print(a .. (n < 0 and " < " or n > 0 and " > " or " = ") .. b .. "\\n")
  end`;
  const lines = asked(
    'rpm',
    ['--eval', `%{lua:${script.replaceAll('%', '%%')}}`],
    pairs.map((pair) => pair.join(' ')),
  );
  return lines.filter((line) => line !== '');
}

/** Our order of many texts, those that are equal staying in the order given, as `sort -V -s` does. */
function sorted(scheme: Scheme, texts: readonly string[]): string[] {
  return texts.toSorted((a, b) => compareVersions(scheme, a, b) ?? Number.NaN);
}

function sortSays(texts: readonly string[]): readonly string[] {
  return asked('sort', ['-V', '-s'], texts);
}

describe('versions are ordered as the tools they come from order them', () => {
  it.skipIf(!has('dpkg'))('deb as dpkg', () => {
    const pairs = fc.sample(pairOf('deb'), PAIRS);
    expect(pairs.map((pair) => ours('deb', pair))).toEqual(dpkgSays(pairs));
  });

  it.skipIf(!has('dpkg'))('deb versions are what dpkg takes for such', () => {
    const texts = fc.sample(nearlyOf('deb'), PAIRS);
    const script = `while read -r a; do
      if dpkg --validate-version "$a" 2>&-; then echo "$a: good"; else echo "$a: bad"; fi
    done`;
    const mine = texts.map(
      (text) => `${text}: ${versionProblem('deb', text) === undefined ? 'good' : 'bad'}`,
    );
    expect(mine).toEqual(asked('/bin/sh', ['-c', script], texts));
  });

  it.skipIf(!has('rpm'))('rpm as rpm', () => {
    const pairs = fc.sample(pairOf('rpm'), PAIRS);
    expect(pairs.map((pair) => ours('rpm', pair))).toEqual(rpmSays(true, pairs));
    const parts = pairs.filter((pair) => pair.every((text) => !/[:-]/.test(text)));
    expect(parts.length).toBeGreaterThan(PAIRS / 10);
    expect(parts.map((pair) => ours('rpm', pair))).toEqual(rpmSays(false, parts));
  });

  it('natural as GNU sort -V, what is equal too', () => {
    const texts = fc.sample(pairOf('natural'), PAIRS).flat();
    expect(sorted('natural', texts)).toEqual(sortSays(texts));
    const turned = texts.toReversed();
    expect(sorted('natural', turned)).toEqual(sortSays(turned));
  });

  it('natural as GNU sort -V on what people name files and versions', () => {
    const nasty = [
      ...[
        '.',
        '..',
        '.a',
        '.1',
        '..a',
        '...',
        'a',
        'a.',
        'a..',
        'a.b',
        'a.b.c',
        '.a.b',
        '.a.tar.gz',
        '1',
        '01',
        '001',
      ],
      ...[
        '1.0',
        '1.00',
        '1.0.0',
        '1.',
        '1..2',
        '1~',
        '1~~',
        '1~rc1',
        '1-rc1',
        '1rc1',
        '1.rc1',
        '1.rc1.tar.gz',
      ],
      ...[
        'foo-1.tar.gz',
        'foo-1.2.tar.gz',
        'foo-1.10.tar.gz',
        'foo-1.2.tar.gz~',
        'foo-1.2.0.tgz',
        'foo.tgz',
        'foo',
      ],
      ...[
        '7',
        '7sp1',
        '7sp10',
        '7sp2',
        '10',
        '8.1',
        'A07',
        'A7',
        'A10',
        '1.2.3.~4',
        'a.~1~',
        'a.1',
        'a.a1',
        'a.1a',
      ],
      ...['~', '~a', '0', '00', 'x86_64', 'x86', '9.el9.x86_64', '9.el9', '9.8.el9', 'a b', 'a  b', 'z', 'Z'],
    ];
    for (const texts of [nasty, nasty.toReversed()])
      expect(sorted('natural', texts)).toEqual(sortSays(texts));
  });

  it('date as GNU date, which also says what days there are', () => {
    const days = fc.sample(versionOf('date'), PAIRS).map((text) => canonicalVersion('date', text));
    const seconds = asked('date', ['-u', '-f', '-', '+%s'], days).map(Number);
    expect(seconds).toHaveLength(PAIRS);
    for (const [i, b] of days.entries()) {
      const a = days[i - 1] ?? '2013-10-24';
      const theirs = (seconds[i - 1] ?? 1_382_572_800) - (seconds[i] ?? Number.NaN);
      expect(`${a} ${sign(compareVersions('date', a, b))} ${b}`).toBe(`${a} ${sign(theirs)} ${b}`);
    }
    const candidates = ['1900', '2000', '2023', '2024'].flatMap((year) =>
      Array.from({ length: 14 * 33 }, (_, n) => `${year}-${two(Math.floor(n / 33))}-${two(n % 33)}`),
    );
    const { stdout } = spawnSync('date', ['-u', '-f', '-', '+%F'], {
      input: `${candidates.join('\n')}\n`,
      encoding: 'utf8',
    });
    expect(candidates.filter((day) => versionProblem('date', day) === undefined)).toEqual(
      stdout.trimEnd().split('\n'),
    );
  });

  it('kernel by number and candidate as GNU sort -V, where ~rc is a candidate', () => {
    const release = fc.tuple(fc.nat(7), fc.nat(12), fc.nat(2), fc.option(fc.integer({ min: 1, max: 12 })));
    const releases = fc
      .sample(release, PAIRS)
      .map(([x, y, z, rc]) => `${x}.${y}.${z}${rc === null ? '' : `-rc${rc}`}`);
    const theirs = sortSays(releases.map((text) => text.replace('-rc', '~rc')));
    expect(sorted('kernel', releases)).toEqual(theirs.map((text) => text.replace('~rc', '-rc')));
  });

  it.skipIf(!has('rpm'))('kernel in what builders add as rpm', () => {
    const added = fc.sample(pairOf('rpm'), PAIRS).filter((pair) => pair.every((text) => !/[:-]/.test(text)));
    expect(added.length).toBeGreaterThan(PAIRS / 10);
    const kernels = added.map(([a, b]): Pair => [`5.14.0-${a}`, `5.14.0-${b}`]);
    const theirs = rpmSays(false, added).map((line) =>
      line.replace(/^(.*) (.) (.*)$/, '5.14.0-$1 $2 5.14.0-$3'),
    );
    expect(kernels.map((pair) => ours('kernel', pair))).toEqual(theirs);
  });
});

describe('semantic versions are ordered as their specification says', () => {
  it('in its own example', () => {
    const inOrder = [
      ...['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11'],
      ...['1.0.0-rc.1', '1.0.0', '2.0.0', '2.1.0', '2.1.1'],
    ];
    expect(sorted('semver', inOrder.toReversed())).toEqual(inOrder);
  });

  it('in its section 11, word by word', () => {
    const pairs = fc.sample(pairOf('semver'), PAIRS);
    const theirs = pairs.map(([a, b]) => `${a} ${sign(section11(full(a), full(b)))} ${b}`);
    expect(pairs.map((pair) => ours('semver', pair))).toEqual(theirs);
  });
});

/** What may be left out, put in. */
function full(text: string): string {
  const [numbers = '', rest = ''] = text.replace(/^v/, '').split(/(?=[-+])(.*)/s);
  return `${[...numbers.split('.'), '0', '0'].slice(0, 3).join('.')}${rest}`;
}

/** Precedence as section 11 of Semantic Versioning 2.0.0 words it. */
function section11(a: string, b: string): number {
  const [[one = '', ...onePre], [other = '', ...otherPre]] = [a, b].map((text) =>
    (text.split('+')[0] ?? '').replace('-', '\n').split('\n'),
  ) as [string[], string[]];
  const numbers = firstDifference(one.split('.'), other.split('.'));
  if (numbers !== 0) return numbers;
  if (onePre.length !== otherPre.length) return onePre.length > 0 ? -1 : 1;
  return firstDifference((onePre[0] ?? '').split('.'), (otherPre[0] ?? '').split('.'));
}

function firstDifference(a: readonly string[], b: readonly string[]): number {
  for (const [i, x] of a.entries()) {
    const y = b[i];
    if (y === undefined) return 1;
    const [isNumber, other] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (isNumber && other && BigInt(x) !== BigInt(y)) return BigInt(x) < BigInt(y) ? -1 : 1;
    if (isNumber !== other) return isNumber ? -1 : 1;
    if (!isNumber && x !== y) return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

function two(n: number): string {
  return n.toString().padStart(2, '0');
}
