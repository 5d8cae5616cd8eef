import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/domain/judge/fact.js';
import type { AttemptEnd, Outcome } from '../../src/domain/outcome.js';
import { End } from '../../src/protocol/attempt-end.js';
import { Claim, Report } from '../../src/protocol/messages.js';

const OBSERVED: readonly Fact[] = [
  { kind: 'command', at: 7, name: 'n' },
  { kind: 'package', names: ['p'], manager: 'apt', why: 'unknown' },
  { kind: 'module', name: 'n' },
  { kind: 'device', path: '/dev/x' },
  { kind: 'kernel_feature', name: 'n' },
  { kind: 'download', from: 'f', why: 'w' },
  { kind: 'space', path: '/' },
  { kind: 'permission', what: 'w' },
  { kind: 'places', call: 'lava-sync' },
  { kind: 'empty_comparison', text: 't' },
  { kind: 'does_nothing', command: 'c', why: 'w' },
  { kind: 'never_executed', commands: ['c'] },
  { kind: 'line_number', number: 45 },
];

/** One of each kind, with all that it can say. */
const OUTCOMES: { readonly [Kind in Outcome['kind']]: Required<Extract<Outcome, { kind: Kind }>> } = {
  ended: {
    kind: 'ended',
    exit: { kind: 'signalled', signal: 'KILL' },
    missing: { needed: ['a'], underTest: [] },
    printed: { cases: 3, skipped: 's', flaw: 'f' },
    observed: OBSERVED,
  },
  timed_out: { kind: 'timed_out', afterMs: 1.5, hostAnswered: false, observed: [] },
  crashed: { kind: 'crashed', evidence: 'panic' },
  never_started: { kind: 'never_started', why: 'w' },
  chain_failed: {
    kind: 'chain_failed',
    step: 's',
    layer: 'boot',
    result: 'timed_out',
    message: 'm',
    resource: 'r',
    refused: true,
  },
  tag_lied: { kind: 'tag_lied', step: 's', tag: 't', presence: 'unknown', why: 'w' },
  setup_failed: { kind: 'setup_failed', result: 'killed', message: 'm', observed: OBSERVED },
  host_lost: { kind: 'host_lost', phase: 'begin', error: 'e', message: 'm', back: true },
  unclean: { kind: 'unclean', message: 'm' },
  stale: { kind: 'stale', message: 'm' },
  fenced: { kind: 'fenced', message: 'm' },
  executor_lost: { kind: 'executor_lost', message: 'm' },
  executor_unable: { kind: 'executor_unable', message: 'm' },
  cancelled: { kind: 'cancelled' },
};

describe('the end of an attempt', () => {
  it.each(Object.entries(OUTCOMES))('%s is understood with all that it says', (_, outcome) => {
    const end: AttemptEnd = { outcome, teardown: 'failed', dirtied: 'use', dirtiedBy: 'it says so' };
    expect(End.parse(end)).toEqual(end);
  });

  it.each<[string, unknown]>([
    ['an exit that is none', { ...OUTCOMES.ended, exit: { kind: 'exited' } }],
    ['an exit past 32 bits', { ...OUTCOMES.ended, exit: { kind: 'exited', code: 2 ** 31 } }],
    ['a message that is no text', { ...OUTCOMES.host_lost, message: {} }],
    ['no message', { kind: 'host_lost', phase: 'begin', error: 'e' }],
    ['a layer that nobody knows', { ...OUTCOMES.chain_failed, layer: 'cellar' }],
    ['more than is taken', { ...OUTCOMES.stale, message: 'x'.repeat(20_000) }],
  ])('with %s is refused', (_, outcome) => {
    expect(End.safeParse({ outcome, teardown: 'none' }).success).toBe(false);
  });
});

it('what a newer executor says beside is passed over', () => {
  const outcome = { ...OUTCOMES.cancelled, more: 1 };
  expect(End.parse({ outcome, teardown: 'none', more: 1 })).toEqual({
    outcome: OUTCOMES.cancelled,
    teardown: 'none',
  });
});

describe('what the database could not keep is refused before it is asked', () => {
  const segment = { run: '1', attempt: '1', role: 'main', seq: 1, atByte: 0, data: 'AAAA' };
  const report = (more: object) => ({ lease: '1', entries: [], segments: [{ ...segment, ...more }] });

  it('and what it can keep is not', () => {
    expect(Report.safeParse(report({ run: '9223372036854775807', seq: 2 ** 31 - 1 })).success).toBe(true);
  });

  it.each<[string, object]>([
    ['an id past 64 bits', { run: '9223372036854775808' }],
    ['a number past 32 bits', { seq: 2 ** 31 }],
    ['a part of a byte', { atByte: 0.5 }],
    ['a role without end', { role: 'x'.repeat(101) }],
    ['no base64', { data: 'a?' }],
  ])('%s', (_, more) => {
    expect(Report.safeParse(report(more)).success).toBe(false);
  });

  it('a text in place of an id is an answer too', () => {
    expect(Claim.safeParse({ lease: '((((', waitMs: 0 }).success).toBe(false);
  });
});
