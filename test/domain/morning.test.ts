import { describe, expect, it } from 'vitest';
import { compareNights, type NightRun } from '../../src/domain/judge/morning.js';

type Word = NightRun['verdict'] | 'nothing' | 'absent';

let count = 0;
function night(word: Word, more: Partial<NightRun> = {}): NightRun[] {
  if (word === 'absent') return [];
  count += 1;
  const verdict = word === 'nothing' ? 'none' : word;
  const noVerdict = { none: 'host_lost', nothing: 'tested_nothing' }[word as 'none' | 'nothing'];
  const base = { run: `r${count}`, test: 'boot', variant: {}, target: {}, verdict, reason: 'why' };
  return [{ ...base, ...(noVerdict === undefined ? {} : { noVerdict }), ...more }];
}

const LISTS = ['new', 'still', 'fixed', 'leftOut', 'noVerdict', 'testedNothing'] as const;

/** In which list a test is that was so before and is so now. */
function listOf(before: Word, now: Word, redBefore = false): string {
  const [past, here] = [night(before), night(now)];
  const since = new Map(
    here.map(({ run }) => [run, { run: redBefore ? 'r0' : run, at: '2026-01-01T00:00:00Z' }]),
  );
  const morning = compareNights(here, past, since);
  return LISTS.filter((list) => morning[list].length > 0).join() || '-';
}

describe('the morning', () => {
  it.each<[Word, string[]]>([
    // now:      passed   failed   skipped    none         nothing          held         absent
    ['passed', ['-', 'new', '-', 'noVerdict', 'testedNothing', 'noVerdict', '-']],
    ['failed', ['fixed', 'still', 'leftOut', 'noVerdict', 'testedNothing', 'noVerdict', 'leftOut']],
    ['skipped', ['-', 'new', '-', 'noVerdict', 'testedNothing', 'noVerdict', '-']],
    ['none', ['-', 'new', '-', 'noVerdict', 'testedNothing', 'noVerdict', '-']],
    ['nothing', ['-', 'new', '-', 'noVerdict', 'testedNothing', 'noVerdict', '-']],
    ['held', ['-', 'new', '-', 'noVerdict', 'testedNothing', 'noVerdict', '-']],
    ['absent', ['-', 'new', '-', 'noVerdict', 'testedNothing', 'noVerdict', '-']],
  ])('of a test that was %s before', (before, wanted) => {
    const words: Word[] = ['passed', 'failed', 'skipped', 'none', 'nothing', 'held', 'absent'];
    expect(words.map((now) => listOf(before, now))).toEqual(wanted);
  });

  it('makes no old red new because the lab was down the night before', () => {
    expect(listOf('none', 'failed', true)).toBe('still');
    expect(listOf('held', 'failed', true)).toBe('still');
    // A green in between is a green.
    expect(listOf('passed', 'failed', true)).toBe('new');
    expect(listOf('absent', 'failed', true)).toBe('new');
  });

  it('counts first, and marks what is known', () => {
    const known = { id: 'k1', link: 'https://example.org/1', why: '' };
    const now = [
      ...night('failed', { known }),
      ...night('passed', { test: 'net' }),
      ...night('held', { test: 'x' }),
    ];
    const morning = compareNights(now, [], new Map());
    expect(morning.counts).toEqual({ passed: 1, failed: 1, skipped: 0, none: 0, held: 1, known: 1 });
    expect(morning.new).toMatchObject([{ test: 'boot', known }]);
  });

  it('tells since when what is still red is red, and which run it was before', () => {
    const [past, now] = [night('failed'), night('failed')];
    const since = { run: 'r1', at: '2026-01-01T00:00:00Z' };
    const morning = compareNights(now, past, new Map([[now[0]?.run ?? '', since]]));
    expect(morning.still).toMatchObject([{ before: past[0]?.run, since }]);
  });

  it('takes variants and targets apart, and the same asked for twice in its order', () => {
    const a = { variant: { A: '1' } };
    const b = { target: { host: 'one' } };
    const before = [...night('failed', a), ...night('passed', b), ...night('passed'), ...night('failed')];
    const now = [...night('passed'), ...night('passed'), ...night('failed', b), ...night('failed', a)];
    const morning = compareNights(now, before, new Map());
    expect(morning.fixed.map(({ run }) => run)).toEqual([now[1]?.run]);
    expect(morning.new.map(({ run }) => run)).toEqual([now[2]?.run]);
    expect(morning.still.map(({ run }) => run)).toEqual([now[3]?.run]);
    expect(morning.leftOut).toEqual([]);
  });
});
