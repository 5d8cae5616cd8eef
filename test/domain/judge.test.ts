import { describe, expect, it } from 'vitest';
import {
  crashedTwice,
  type JudgeContext,
  judge,
  LIMITS,
  type RunMemory,
  sayUsed,
} from '../../src/domain/judge/judge.js';
import type { AttemptEnd, Outcome } from '../../src/domain/outcome.js';

const none = { needed: [], underTest: [] };
const exit = (code: number, missing = none): Outcome => ({
  kind: 'ended',
  exit: { kind: 'exited', code },
  missing,
});
const lost = (more: Partial<Extract<Outcome, { kind: 'host_lost' }>> = {}): Outcome => ({
  kind: 'host_lost',
  phase: 'test',
  error: 'lost',
  message: 'gone',
  ...more,
});

function context(more: Partial<JudgeContext> = {}): JudgeContext {
  return {
    spec: { cases: [], timeoutMs: 60_000, underTest: [] },
    purpose: 'test',
    host: { id: '1', name: 'one' },
    attempt: '10',
    testStarted: true,
    fresh: true,
    cases: [],
    ranBefore: [],
    freshCanBeHad: false,
    memory: {},
    ...more,
  };
}

const decide = (outcome: Outcome, more: Partial<JudgeContext> = {}, end: Partial<AttemptEnd> = {}) =>
  judge({ outcome, teardown: 'none', ...end }, context(more));

describe('what a test says of itself', () => {
  const cases: readonly (readonly [string, Outcome, Partial<JudgeContext>, object])[] = [
    ['exit 0 passes', exit(0), {}, { verdict: 'passed' }],
    ['exit 1 fails', exit(1), {}, { verdict: 'failed' }],
    ['exit 77 skips', exit(77), {}, { verdict: 'skipped' }],
    ['exit 99 could not run', exit(99), {}, { verdict: 'none', noVerdict: 'could_not_run' }],
    [
      'a signal fails',
      { kind: 'ended', exit: { kind: 'signalled', signal: 'SIGSEGV' }, missing: none },
      {},
      { verdict: 'failed', reason: 'killed by SIGSEGV' },
    ],
    [
      '127 of a command nobody asked for could not run',
      exit(127),
      {},
      { verdict: 'none', noVerdict: 'could_not_run' },
    ],
    [
      '127 where the artefact lacks its command fails',
      exit(127, { needed: [], underTest: ['mytool'] as never }),
      {},
      { verdict: 'failed' },
    ],
    [
      '126 where the artefact lacks its command fails',
      exit(126, { needed: [], underTest: ['mytool'] as never }),
      {},
      { verdict: 'failed' },
    ],
    [
      'no case makes a red exit green',
      exit(2),
      { cases: [{ name: 'a', result: 'pass' }] },
      { verdict: 'failed' },
    ],
    [
      'a failed case makes exit 0 red',
      exit(0),
      { cases: [{ name: 'a', result: 'fail' }] },
      { verdict: 'failed' },
    ],
    [
      'a failed case makes exit 77 red',
      exit(77),
      { cases: [{ name: 'a', result: 'fail' }] },
      { verdict: 'failed' },
    ],
    [
      'a failed case makes exit 99 red',
      exit(99),
      { cases: [{ name: 'a', result: 'fail' }] },
      { verdict: 'failed' },
    ],
    [
      'declared cases that never reported: tested nothing',
      exit(0),
      { spec: { cases: ['a'], timeoutMs: 1, underTest: [] } },
      { verdict: 'none', noVerdict: 'tested_nothing' },
    ],
    [
      'no case where there were some: tested nothing',
      exit(0),
      { last: { verdict: 'passed', hadCases: true } },
      { verdict: 'none', noVerdict: 'tested_nothing' },
    ],
    [
      'an empty measurement: tested nothing',
      exit(0),
      { cases: [{ name: 'a', result: 'pass', measurement: { raw: '' } }] },
      { verdict: 'none', noVerdict: 'tested_nothing' },
    ],
    [
      'a measurement that is a number counts',
      exit(0),
      { cases: [{ name: 'a', result: 'pass', measurement: { raw: '1.5e3' } }] },
      { verdict: 'passed' },
    ],
    [
      'a needed command that is missing: tested nothing',
      exit(0, { needed: ['iperf3'] as never, underTest: [] }),
      {},
      { verdict: 'none', noVerdict: 'tested_nothing' },
    ],
    [
      'its own limit fails it while the host answers',
      { kind: 'timed_out', afterMs: 60_000, hostAnswered: true },
      {},
      { verdict: 'failed', reason: 'timed out after 60 s' },
    ],
    ['a crash fails it', { kind: 'crashed', evidence: 'another boot id' }, {}, { verdict: 'failed' }],
    [
      'what could not be executed could not run',
      { kind: 'never_started', why: 'no interpreter' },
      { testStarted: false },
      { verdict: 'none', noVerdict: 'could_not_run' },
    ],
  ];
  it.each(cases)('%s', (_, outcome, more, verdict) => {
    expect(decide(outcome, more)).toMatchObject({ do: 'verdict', verdict });
  });

  it('lets a verdict stand when the teardown failed, and marks it', () => {
    expect(decide(exit(0), {}, { teardown: 'failed' })).toMatchObject({
      verdict: { verdict: 'passed', marks: ['teardown_failed'] },
    });
  });

  it('proves passed, failed and skipped by their attempt, and nothing else', () => {
    expect([exit(0), exit(1), exit(77)].map((o) => (decide(o) as { proof?: string }).proof)).toEqual([
      '10',
      '10',
      '10',
    ]);
    expect(decide(exit(99))).not.toHaveProperty('proof');
  });
});

describe('a new red on a used host', () => {
  const used = { fresh: false, freshCanBeHad: true } as const;
  it('is tried once more on a fresh one before it is said', () => {
    expect(decide(exit(1), used)).toMatchObject({
      do: 'again',
      fresh: true,
      memory: { red: { attempt: '10' } },
    });
  });
  it('is said and marked where no fresh host can be had', () => {
    expect(decide(exit(1), { ...used, freshCanBeHad: false })).toMatchObject({
      verdict: { verdict: 'failed', marks: ['not_repeated_on_fresh_host'] },
    });
  });
  it('is no new red when the last verdict was red already', () => {
    expect(decide(exit(1), { ...used, last: { verdict: 'failed', hadCases: false } })).toMatchObject({
      verdict: { verdict: 'failed', marks: [] },
    });
  });
  const red: RunMemory = { red: { attempt: '9', reason: 'exit 1', ranBefore: ['7', '8'] } };
  it('that is green when fresh is passed, marked contaminated, with the attempts that ran before', () => {
    expect(decide(exit(0), { memory: red })).toMatchObject({
      verdict: { verdict: 'passed', marks: ['contaminated'] },
      proof: '10',
      evidence: { ranBefore: ['7', '8'] },
    });
  });
  it('that is red when fresh is failed, without a mark', () => {
    expect(decide(exit(1), { memory: red })).toMatchObject({
      verdict: { verdict: 'failed', marks: [] },
      proof: '10',
    });
  });
  it('is said, proven by the first attempt, where the repetition comes to nothing', () => {
    expect(sayUsed(red)).toMatchObject({
      verdict: { verdict: 'failed', marks: ['not_repeated_on_fresh_host'] },
      proof: '9',
    });
    expect(sayUsed({})).toBeUndefined();
  });
});

describe.each([126, 127])('an end by %i on a used host', (code) => {
  const used = { fresh: false, freshCanBeHad: true } as const;
  const unable: RunMemory = { unable: { attempt: '9', reason: 'no tool', ranBefore: ['7'] } };
  it('is tried once more on a fresh one: somebody may have hidden a command', () => {
    const first = { do: 'again', fresh: true, memory: { unable: { attempt: '10' } } };
    expect(decide(exit(code), used)).toMatchObject(first);
    const lostMeanwhile = decide(lost(), { memory: unable });
    expect(lostMeanwhile).toMatchObject({ do: 'again', fresh: true, memory: unable });
  });
  it('that passes when fresh is passed, marked contaminated', () => {
    expect(decide(exit(0), { memory: unable })).toMatchObject({
      verdict: { verdict: 'passed', marks: ['contaminated'] },
      evidence: { redOnUsedHost: '9', ranBefore: ['7'] },
    });
  });
  it('that is red when fresh is failed, and the same when fresh could not run', () => {
    expect(decide(exit(1), { memory: unable })).toMatchObject({ verdict: { verdict: 'failed', marks: [] } });
    const same = { verdict: { verdict: 'none', noVerdict: 'could_not_run', marks: [] } };
    expect(decide(exit(code), { memory: unable })).toMatchObject(same);
    expect(decide(exit(code), { ...used, memory: unable })).toMatchObject(same);
  });
  it.each([
    ['the host was fresh', { fresh: true, freshCanBeHad: true }],
    ['no fresh one can be had', { fresh: false, freshCanBeHad: false }],
    ['it is a canary', { ...used, purpose: 'canary' }],
    ['a red is repeated', { ...used, memory: { red: { attempt: '9', reason: 'exit 1', ranBefore: [] } } }],
  ] as const)('is not tried again where %s', (_, more) => {
    expect(decide(exit(code), more)).toMatchObject({ do: 'verdict' });
  });
  it('is said, and is no red, where the repetition comes to nothing', () => {
    expect(sayUsed(unable)).toEqual({
      do: 'verdict',
      verdict: {
        ...{ verdict: 'none', noVerdict: 'could_not_run', reason: 'no tool' },
        marks: ['not_repeated_on_fresh_host'],
      },
    });
  });
  it('that says 99 is its own word, and is not repeated', () => {
    expect(decide(exit(99), used)).toMatchObject({ verdict: { noVerdict: 'could_not_run' } });
  });
});

describe('what is not the test’s', () => {
  it.each([
    [
      'a chain that failed blames its step',
      { kind: 'chain_failed', step: 's', layer: 'use', result: 'failed', message: 'm' },
      'step:s',
    ],
    ['a step that lied is blamed', { kind: 'tag_lied', step: 's', tag: 't', presence: 'absent' }, 'step:s'],
    ['what earlier attempts left is the host’s', { kind: 'unclean', message: 'm' }, 'clean'],
    ['a lost host is the way to it', lost(), 'reach'],
  ] as const)('%s', (_, outcome, work) => {
    expect(decide(outcome as Outcome)).toMatchObject({ do: 'again', blame: { work } });
  });
  it.each([
    ['a host that is not as recorded', { kind: 'stale', message: 'm' }],
    ['a late executor', { kind: 'fenced', message: 'm' }],
    ['an executor that died', { kind: 'executor_lost', message: 'm' }],
    ['a tag that was gone, and no step had claimed it', { kind: 'tag_lied', tag: 't', presence: 'absent' }],
  ] as const)('%s is nobody’s failure', (_, outcome) => {
    const decision = decide(outcome as Outcome);
    expect(decision).toMatchObject({ do: 'again' });
    expect(decision).not.toHaveProperty('blame');
  });
  it('gives a run whose hosts are lost a bounded number of attempts', () => {
    const losses = Array.from({ length: LIMITS.lost - 1 }, (_, i) => ({
      host: `${i + 2}`,
      attempt: `${i}`,
      testStarted: true,
      back: true,
    }));
    expect(decide(lost({ back: true }), { memory: { losses } })).toMatchObject({
      verdict: { verdict: 'none', noVerdict: 'host_lost' },
    });
  });
  it('counts no loss that is known to be due to something else', () => {
    const losses = Array.from({ length: LIMITS.lost - 1 }, (_, i) => {
      return { host: `${i + 2}`, attempt: `${i}`, testStarted: false, back: false };
    });
    const another = { testStarted: false, memory: { losses } } as const;
    expect(decide(lost(), another)).toMatchObject({ verdict: { noVerdict: 'host_lost' } });
    expect(decide(lost(), { ...another, inDoubt: ['2'] })).toMatchObject({ do: 'again' });
    // Under its test it may be the test's doing, whatever else is known.
    const under = losses.map((loss) => ({ ...loss, testStarted: true, back: true }));
    expect(decide(lost({ back: true }), { memory: { losses: under }, inDoubt: ['2'] })).toMatchObject({
      verdict: { noVerdict: 'host_lost' },
    });
  });
  it('is a cancelled run’s end where nothing was proven, and not where something was', () => {
    expect(decide(lost(), { cancelledBy: 'ann' })).toMatchObject({ verdict: { noVerdict: 'cancelled' } });
    expect(decide(exit(0), { cancelledBy: 'ann' })).toMatchObject({ verdict: { verdict: 'passed' } });
  });
});

describe('the test’s own setup', () => {
  const failed: Outcome = { kind: 'setup_failed', result: 'failed', message: 'no disk' };
  it('is tried on another host first, and then its owner is asked', () => {
    const first = decide(failed, { testStarted: false });
    expect(first).toMatchObject({ do: 'again', memory: { avoid: [{ host: '1', attempt: '10' }] } });
    const memory = (first as { memory: RunMemory }).memory;
    expect(
      decide(failed, { testStarted: false, memory, host: { id: '2', name: 'two' }, attempt: '11' }),
    ).toMatchObject({ do: 'hold_for_owner' });
  });
});

describe('a test that kills its hosts', () => {
  const loss = (host: string, back = false) => ({ host, attempt: `1${host}`, testStarted: true, back });
  it('crashed them when other work survives on both', () => {
    expect(crashedTwice({ losses: [loss('1'), loss('2')] }, () => 'yes')).toMatchObject({
      do: 'verdict',
      verdict: { verdict: 'failed' },
      proof: '12',
    });
  });
  it('waits while that is not known, and is tried again where one of them is bad', () => {
    expect(crashedTwice({ losses: [loss('1'), loss('2')] }, (h) => (h === '1' ? 'yes' : 'unknown'))).toBe(
      'wait',
    );
    expect(
      crashedTwice({ losses: [loss('1'), loss('2')] }, (h) => (h === '1' ? 'yes' : 'no')),
    ).toBeUndefined();
  });
  it('is not accused for connections that broke, nor for one host twice', () => {
    expect(crashedTwice({ losses: [loss('1', true), loss('2')] }, () => 'yes')).toBeUndefined();
    expect(crashedTwice({ losses: [loss('1'), loss('1')] }, () => 'yes')).toBeUndefined();
  });
});
