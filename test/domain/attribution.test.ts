import { describe, expect, it } from 'vitest';
import { attribute } from '../../src/domain/judge/attribution.js';
import type { Fact } from '../../src/domain/judge/fact.js';
import { type JudgeContext, judge } from '../../src/domain/judge/judge.js';
import type { SeenCase } from '../../src/domain/judge/seen-case.js';
import type { Outcome } from '../../src/domain/outcome.js';

/** What came one after another: `fail a`, `pass b 12 MB/s`, `lack iperf3`, each a line of output further on. */
type Story = readonly (string | Fact)[];

const WORTH = { pass: 'pass', fail: 'fail', skip: 'skip', unknown: 'unknown' } as const;

function told(story: Story): { readonly cases: SeenCase[]; readonly observed: Fact[] } {
  const cases: SeenCase[] = [];
  const observed: Fact[] = [];
  story.forEach((one, index) => {
    const at = (index + 1) * 10;
    if (typeof one !== 'string') observed.push({ at, ...one });
    else {
      const [word = '', name = '', raw, unit = ''] = one.split(' ');
      if (word === 'lack') observed.push({ kind: 'command', name, at });
      else {
        const result = WORTH[word as keyof typeof WORTH];
        cases.push({ name, result, at, ...(raw === undefined ? {} : { measurement: { raw, unit } }) });
      }
    }
  });
  return { cases, observed };
}

interface More {
  readonly code?: number;
  readonly underTest?: readonly string[];
  readonly timedOut?: boolean;
  readonly steps?: readonly string[];
}

function verdict(story: Story, { code = 0, underTest = [], timedOut, steps }: More = {}): string {
  const { cases, observed } = told(story);
  const missing = { needed: [], underTest: [] };
  const outcome: Outcome = timedOut
    ? { kind: 'timed_out', afterMs: 5000, hostAnswered: true, observed }
    : { kind: 'ended', exit: { kind: 'exited', code }, missing, observed };
  const lava = { name: 'a', params: {}, deps: [], installSteps: [], steps: steps ?? ['./a.sh'], folder: '' };
  const context: JudgeContext = {
    spec: { cases: [], timeoutMs: 5000, underTest, lava },
    purpose: 'test',
    host: { id: '1', name: 'one' },
    attempt: '10',
    testStarted: true,
    fresh: true,
    cases,
    ranBefore: [],
    freshCanBeHad: false,
    memory: {},
  };
  const decision = judge({ outcome, teardown: 'none' }, context);
  if (decision.do !== 'verdict') return decision.do;
  const { verdict: said } = decision;
  return `${said.verdict === 'none' ? said.noVerdict : said.verdict}: ${said.reason}`;
}

function worths(story: Story, { code = 0, underTest = [] }: More = {}): string {
  const { cases, observed } = told(story);
  const seen = attribute({ spec: { underTest }, cases, exit: { kind: 'exited', code }, observed });
  return seen.cases.map(({ is }) => is).join(' ');
}

const sole: Fact = { kind: 'command', name: 'iperf3', sole: true };
const deciding: Fact = { kind: 'command', name: 'fio', decides: true };
const packages: Fact = { kind: 'package', names: ['iperf3'], manager: 'apt-get', why: 'unreachable' };

describe('what a case is worth', () => {
  const table: readonly (readonly [string, Story, string, More?])[] = [
    ['a red with nothing missing is red', ['fail a'], 'fail'],
    ['a lack right before a red excuses it', ['lack iperf3', 'fail a'], 'could_not_run'],
    ['and what goes on failing after it', ['lack iperf3', 'fail a', 'fail b'], 'could_not_run could_not_run'],
    ['a pass in between ends that', ['lack iperf3', 'fail a', 'pass b', 'fail c'], 'could_not_run pass fail'],
    [
      'a skip in between does not',
      ['lack iperf3', 'fail a', 'skip b', 'fail c'],
      'could_not_run skip could_not_run',
    ],
    ['a lack after a red does not excuse it', ['fail a', 'lack iperf3'], 'fail'],
    ['what was missing before a pass is harmless', ['lack lshw', 'pass a', 'fail b'], 'pass fail'],
    ['and harmless when it is missing again', ['lack lshw', 'pass a', 'lack lshw', 'fail b'], 'pass fail'],
    [
      'a pass because of what is missing shows no footing',
      [deciding, 'fail a', deciding, 'pass b', 'fail c'],
      'could_not_run pass could_not_run',
    ],
    ['where nothing failed for it before it is noise', [deciding, 'pass a', deciding, 'fail b'], 'pass fail'],
    [
      'a pass with another thing missing does',
      ['lack fio', 'fail a', 'lack lshw', 'pass b', 'fail c'],
      'could_not_run pass fail',
    ],
    [
      'another lack is none the less one',
      ['lack lshw', 'pass a', 'lack fio', 'fail b'],
      'pass could_not_run',
    ],
    ['a command under test is no excuse', ['lack fio', 'fail a'], 'fail', { underTest: ['fio'] }],
    ['nor by its path', ['lack /usr/bin/fio', 'fail a'], 'fail', { underTest: ['fio'] }],
    ['an unknown result is excused too', ['lack iperf3', 'unknown a'], 'could_not_run'],
    [
      'a lack of which no place is known excuses',
      [{ kind: 'module', name: 'nbd', at: undefined } as never, 'fail a'],
      'could_not_run',
    ],
    ['a number is a measurement', ['pass a 12.5 MB/s'], 'pass'],
    ['a word is none', ['pass a not MB/s'], 'tested_nothing'],
    ['a unit is none', ['pass a MB/s MB/s'], 'tested_nothing'],
    ['nothing is none', ['pass a  MB/s'], 'tested_nothing'],
    [
      'the line of a complaint is none',
      [{ kind: 'line_number', number: 12 }, 'pass a 12 MB/s'],
      'tested_nothing',
    ],
    ['another number is one', [{ kind: 'line_number', number: 13 }, 'pass a 12 MB/s'], 'pass'],
    [
      'two empty values are equal for nothing',
      [{ kind: 'empty_comparison', text: '[ = ]' }, 'pass a', 'pass b'],
      'tested_nothing pass',
    ],
    ['an empty comparison excuses no red', [{ kind: 'empty_comparison', text: '[ = ]' }, 'fail a'], 'fail'],
    ['a pass on a missing command, and nothing else ran', [sole, 'pass a'], 'tested_nothing'],
    [
      'a pass on a missing command whose package could not be had',
      [packages, 'lack iperf3', 'pass a'],
      'tested_nothing',
    ],
    [
      'such a pass makes the lack no harmless one',
      [sole, 'pass a', sole, 'fail b'],
      'tested_nothing could_not_run',
    ],
    [
      'what fails after such a pass could not run',
      [sole, 'pass a', 'fail b'],
      'tested_nothing could_not_run',
    ],
    [
      'a command that does nothing',
      ['pass a', { kind: 'does_nothing', command: 'fio', why: 'it is empty' }],
      'tested_nothing',
    ],
    [
      'commands that were never executed',
      ['pass a', 'fail b', 'skip c', { kind: 'never_executed', commands: ['fio', 'fio2'] }],
      'tested_nothing fail skip',
    ],
  ];
  for (const [title, story, expected, more] of table)
    it(title, () => {
      expect(worths(story, more)).toBe(expected);
    });

  it('cases told between two marks at the same byte keep their order', () => {
    const seen = attribute({
      spec: { underTest: [] },
      cases: [
        { name: 'a', result: 'pass', at: 5 },
        { name: 'b', result: 'fail', at: 6 },
      ],
      exit: { kind: 'exited', code: 0 },
      observed: [{ kind: 'module', name: 'nbd', at: 6 }],
    });
    expect(seen.cases).toEqual([
      { is: 'pass' },
      { is: 'could_not_run', lacks: [{ kind: 'module', name: 'nbd' }] },
    ]);
  });
});

describe('the verdict of a test that was watched', () => {
  const table: readonly (readonly [string, Story, RegExp, More?])[] = [
    [
      'all reds excused',
      ['lack iperf3', 'fail a', 'pass b'],
      /^could_not_run: cases a for want of the command iperf3 \(needs cmd:iperf3\)$/,
    ],
    ['one true red', ['lack iperf3', 'fail a', 'pass b', 'fail c'], /^failed: failed cases: c \(exit 0\)$/],
    ['a bad end alone is red', ['pass a'], /^failed: exit 1$/, { code: 1 }],
    [
      'a lack before a bad end',
      ['pass a', 'lack iperf3'],
      /^could_not_run: exit 127 for want of/,
      { code: 127 },
    ],
    ["127 without a lack is the test's own", ['pass a'], /^failed: exit 127$/, { code: 127 }],
    ['a bad end after an excused red', ['lack iperf3', 'fail a'], /^could_not_run/, { code: 1 }],
    ['a bad end after a red', ['fail a', 'lack iperf3'], /^failed: failed cases: a/, { code: 1 }],
    ['out of time', ['pass a'], /^failed: timed out after 5 s$/, { timedOut: true }],
    [
      'out of time right after a lack',
      ['pass a', 'lack nc'],
      /^could_not_run: timed out after 5 s for want of/,
      { timedOut: true },
    ],
    ['out of time, the lack long before', ['lack nc', 'fail a'], /^failed: timed out/, { timedOut: true }],
    ['passes', ['pass a', 'pass b 3 s'], /^passed: exit 0$/],
    ['a noisy pass', ['lack lshw', 'pass a'], /^passed: exit 0$/],
    ['all skipped', ['skip a', 'skip b'], /^skipped: every case/],
    ['some skipped', ['skip a', 'pass b'], /^passed/],
    [
      'an empty measurement',
      ['pass a ms ms'],
      /^tested_nothing: exit 0, but the measurement of case a is its unit/,
    ],
    ['a result that the test does not know', ['unknown a', 'pass b'], /^tested_nothing: .*unknown/],
    [
      'no case where the steps report some',
      [],
      /^tested_nothing: .*its steps report some/,
      { steps: ['../send-to-lava.sh ./result.txt'] },
    ],
    [
      'no case where a script reports some',
      [{ kind: 'promises_cases', script: 'a.sh' }],
      /^tested_nothing: .*a\.sh/,
    ],
    [
      'no case, and a lack that explains it',
      ['lack iperf3'],
      /^could_not_run: no case/,
      { steps: ['lava-test-case a --shell b'] },
    ],
    ['no case where none is promised', [], /^passed/],
    ['a lack where no case is promised and the end is good', ['lack lshw'], /^passed/],
    ['it could not be carried out, as it says itself', [], /^could_not_run: the test says/, { code: 99 }],
    ['99 after a red', ['fail a'], /^failed: failed cases: a/, { code: 99 }],
    ['it skipped itself', ['lack iperf3'], /^skipped/, { code: 77 }],
    [
      'several hosts',
      [{ kind: 'places', call: 'lava-sync' }, 'fail a'],
      /^could_not_run: cases a for want of several places \(it calls lava-sync\)$/,
    ],
    ['packages', [packages, 'lack iperf3'], /pkg:iperf3.*cmd:iperf3/, { code: 1 }],
  ];
  for (const [title, story, expected, more] of table)
    it(title, () => {
      expect(verdict(story, more)).toMatch(expected);
    });
});
