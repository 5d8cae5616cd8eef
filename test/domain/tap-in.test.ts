import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TapForm, TapReader } from '../../src/domain/judge/tap-in.js';
import { LONGEST_NAME } from '../../src/domain/judge/tap-point.js';

function read(form: TapForm, text: string) {
  const reader = new TapReader(form);
  const early = text.split('\n').flatMap((line) => reader.line(line));
  const { cases, summary } = reader.end();
  const all = [...early, ...cases];
  return {
    said: all.map(({ name, result, message }) => `${result} ${name}${message && ` (${message})`}`),
    summary,
  };
}

describe('TAP is read by its specification', () => {
  it.each([
    ['ok', ['pass unnamed']],
    ['not ok', ['fail unnamed']],
    ['ok 1', ['pass 1']],
    ['ok 1 - starts', ['pass starts']],
    ['ok starts', ['pass starts']],
    ['not ok 2 - stops', ['fail stops']],
    ['ok 3 - prints # SKIP no printer', ['skip prints (no printer)']],
    ['ok 3 - prints # skipped: no printer', ['skip prints (no printer)']],
    ['not ok 4 - learns # TODO next year', ['skip learns (TODO: next year)']],
    ['ok 4 - learns # TODO', ['pass learns (TODO)']],
    ['ok 5 - escaped \\# SKIP is a name \\\\', ['pass escaped # SKIP is a name \\']],
    ['ok 6 - a#SKIP is none', ['pass a#SKIP is none']],
    ['Bail out! no disk', ['fail Bail out! (no disk)']],
    ['okay then', []],
    ['# ok 1 - a comment', []],
    ['not okay', []],
    ['  ok 1 - indented by two', []],
    ['OK 1 - shouted', []],
  ])('%s', (line, said) => {
    expect(read('tap', line).said).toEqual(said);
  });

  it('a YAML block says nothing, and one without an end hides nothing that stands further out', () => {
    const text =
      'not ok 1 - a\n  ---\n  ok 2 - in yaml\n  ...\nok 2 - b\n  ---\n  message: x\nnot ok 3 - c\n1..3';
    expect(read('tap', text)).toEqual({ said: ['fail a', 'pass b', 'fail c'], summary: { cases: 3 } });
  });

  it('cases of a subtest are named after it, and it is a case itself', () => {
    const text =
      'TAP version 14\n# Subtest: net\n    1..2\n    ok 1 - up\n        not ok 1 - deep\n        1..1\n    not ok 2 - ping\nnot ok 1 - net\nok 2 - disk\n1..2';
    expect(read('tap', text)).toEqual({
      said: ['pass net / up', 'fail net / ping / deep', 'fail net / ping', 'fail net', 'pass disk'],
      summary: { cases: 2 },
    });
  });

  it.each([
    ['1..3\nok 1\nok 2', { cases: 2, flaw: 'planned 3 cases and printed 2' }],
    ['1..1\nok 1\nok 2', { cases: 2, flaw: 'planned 1 case and printed 2' }],
    ['ok 1\n1..1', { cases: 1 }],
    ['ok 1', { cases: 1 }],
    ['1..0 # SKIP no such card', { cases: 0, skipped: 'no such card' }],
    ['1..0', { cases: 0, skipped: '' }],
    ['nothing of the sort', { cases: 0 }],
    ['1..2\nok 1\n1..3\nok 2', { cases: 2, flaw: 'planned 2 cases and then 3' }],
    ['1..1\n    1..2\n    ok 1\nok 1 - net', { cases: 1, flaw: "planned 2 cases of 'net' and printed 1" }],
    ['1..5\nok 1\nBail out!', { cases: 1 }],
  ])('a plan is held against what came: %j', (text, summary) => {
    expect(read('tap', text).summary).toEqual(summary);
  });

  it('a subtest that was cut off is told all the same', () => {
    expect(read('tap', '# Subtest: net\n    1..2\n    not ok 1 - up')).toEqual({
      said: ['fail net / up'],
      summary: { cases: 0, flaw: "planned 2 cases of 'net' and printed 1" },
    });
  });

  it('nothing counts after a bail-out', () => {
    expect(read('tap', 'not ok 1 - a\nBail out!\nok 1 - a').said).toEqual(['fail a', 'fail Bail out!']);
  });
});

describe('KTAP is read as kernels print it', () => {
  it('with nesting by two blanks and the prefixes of the log', () => {
    const text = `<6>[    0.931210] KTAP version 1
[    0.931211] 1..1
[    0.931212][    T1]   KTAP version 1
[    0.931213]     # Subtest: sysctl
[    0.931214]     1..2
[    0.931215]     ok 1 read
[    0.931216]     not ok 2 write # a diagnostic
[    0.931217]   not ok 1 sysctl
[    0.931218] not ok 1 kunit`;
    expect(read('ktap', text)).toEqual({
      said: [
        'pass kunit / sysctl / read',
        'fail kunit / sysctl / write # a diagnostic',
        'fail kunit / sysctl',
        'fail kunit',
      ],
      summary: { cases: 1 },
    });
  });

  it('with what the runner of kselftest prints as comments', () => {
    const text = `TAP version 13
1..3
# timeout set to 45
# selftests: timers: posix_timers
# TAP version 13
# 1..2
# ok 1 check itimer
# # a diagnostic: ok 7 said nobody
# ok 2 # SKIP check rtc
# # Totals: pass:1 fail:0 xfail:0 xpass:0 skip:1 error:0
ok 1 selftests: timers: posix_timers
# selftests: net: quiet.sh
# ok 1 is no case: no plan was printed
not ok 2 selftests: net: quiet.sh # exit=1
ok 3 selftests: net: other # SKIP`;
    expect(read('ktap', text)).toEqual({
      said: [
        'pass selftests: timers: posix_timers / check itimer',
        'skip selftests: timers: posix_timers / check rtc (check rtc)',
        'pass selftests: timers: posix_timers',
        'fail selftests: net: quiet.sh # exit=1',
        'skip selftests: net: other',
      ],
      summary: { cases: 3 },
    });
  });

  it('with its own words for results', () => {
    const text =
      'ok 1 a # XFAIL known\nnot ok 2 b # XFAIL known\nnot ok 3 c # TIMEOUT 45 seconds\nnot ok 4 d # ERROR\nok 5 e # XPASS';
    expect(read('ktap', text).said).toEqual([
      'skip a (XFAIL: known)',
      'skip b (XFAIL: known)',
      'fail c (TIMEOUT: 45 seconds)',
      'fail d (ERROR)',
      'pass e (XPASS)',
    ]);
  });
});

/** Something to print: a point, with points below it. */
interface Point {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip';
  readonly below: readonly Point[];
}

const point: fc.Memo<Point> = fc.memo((depth) =>
  fc.record({
    name: fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_#\\]{0,10}( [a-zA-Z0-9_#\\]{1,5})?$/),
    result: fc.constantFrom('pass', 'fail', 'skip'),
    below: depth <= 1 ? fc.constant([]) : fc.array(point(depth - 1), { maxLength: 3 }),
  }),
);
const suite = fc.array(point(3), { minLength: 1, maxLength: 5 });
const noise = fc.constantFrom('', 'hello', '# a comment', 'okay', '   ok 1 - oddly indented', '1...3');

function printed(
  points: readonly Point[],
  width: number,
  before: string,
  rubbish: string,
  depth = 0,
): string[] {
  const lead = `${before}${' '.repeat(depth * width)}`;
  return [
    `${lead}1..${points.length}`,
    ...points.flatMap(({ name, result, below }, index) => {
      const escaped = name.replaceAll('\\', '\\\\').replaceAll('#', '\\#');
      return [
        rubbish,
        ...(below.length === 0 ? [] : printed(below, width, before, rubbish, depth + 1)),
        `${lead}${result === 'fail' ? 'not ok' : 'ok'} ${index + 1} - ${escaped}${result === 'skip' ? ' # SKIP' : ''}`,
      ];
    }),
  ];
}

function expected(points: readonly Point[], above = ''): string[] {
  return points.flatMap(({ name, result, below }) => [
    ...expected(below, `${above}${name} / `),
    `${result} ${above}${name}`,
  ]);
}

describe('whatever is printed', () => {
  it.each([
    ['tap', 4, ''],
    ['ktap', 2, ''],
    ['ktap', 2, '[   12.000042] '],
  ] as const)('is read again: %s, %i blanks, after %j', (form, width, before) => {
    fc.assert(
      fc.property(suite, noise, (points, rubbish) => {
        const { said, summary } = read(form, printed(points, width, before, rubbish).join('\n'));
        expect(said).toEqual(expected(points));
        expect(summary).toEqual({ cases: points.length });
      }),
      { numRuns: 300 },
    );
  });

  it('never throws, and what comes of it is bounded', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        'ok',
        'not ok',
        '1..',
        '1..9999999999',
        '# ',
        '    ',
        '  ',
        '---',
        '...',
        '\\#',
        'Bail out!',
        '[1.1] ',
        'TAP version 13',
        '# Subtest: ',
        '# SKIP',
        '\n',
        '\n',
        '\r\n',
        '1',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.constantFrom('tap', 'ktap'), (pieces, form) => {
        const reader = new TapReader(form);
        const early = pieces
          .join('')
          .split('\n')
          .flatMap((line) => reader.line(line));
        const { cases, summary } = reader.end();
        for (const one of [...early, ...cases]) {
          expect(one.name.length).toBeGreaterThan(0);
          expect(one.name.length).toBeLessThanOrEqual(LONGEST_NAME);
          expect(one.message.length).toBeLessThanOrEqual(LONGEST_NAME + 20);
        }
        expect((summary.flaw ?? '').length).toBeLessThan(300);
      }),
      { numRuns: 2000 },
    );
  });

  it('has names of bounded length, however deep it is nested', () => {
    const long = 'x'.repeat(400);
    const text = `        ok 1 - ${long}\n    ok 1 - ${long}\nok 1 - ${long}`;
    expect(read('tap', text).said.map((one) => one.length)).toEqual([505, 505, 405]);
  });

  it('is the same with the line ends of other systems', () => {
    const text = '1..2\nok 1 - a # SKIP why\n  ---\n  ...\nok 2 - b';
    expect(read('tap', text.replaceAll('\n', '\r\n'))).toEqual(read('tap', text));
  });

  it('holds no more than a bounded number of cases of a subtest without an end', () => {
    const reader = new TapReader('tap');
    let told = 0;
    for (let number = 1; number <= 25_000; number++) told += reader.line(`    ok ${number} - x`).length;
    expect(told).toBeGreaterThanOrEqual(20_000);
    expect(told + reader.end().cases.length).toBe(25_000);
  });
});
