import { describe, expect, test } from 'vitest';
import type { FreeHost, Outcome, Question, Trial } from '../../src/domain/culprit/question.js';
import { asked, nextTrials, openSearch, type Search, told } from '../../src/domain/culprit/search.js';

/** Ten changes: 3 needs 2, 2 needs 1, 7 and 8 need each other. */
const NEEDS = [[], [1], [2], [], [], [], [8], [7], [], []];
const SET: Question = { kind: 'set', changes: 10, needs: NEEDS, seed: 1 };
const hosts = (count: number): FreeHost[] => Array.from({ length: count }, (_, n) => ({ name: `h${n}` }));
const has = ({ of = [] }: Trial, ...changes: number[]) => changes.every((change) => of.includes(change));

/** Plays a search to its end; every set that it asks for must be closed. */
function play(question: Question, outcome: (trial: Trial) => Outcome, free = hosts(1)) {
  let search: Search = openSearch(question);
  const trials: Trial[] = [];
  for (let round = 0; search.phase !== 'done'; round++) {
    if (round > 500) throw new Error('no end');
    const next = nextTrials(search, free);
    expect(next.length, JSON.stringify(search)).toBeGreaterThan(0);
    search = asked(search, next);
    for (const trial of next) {
      for (const change of trial.of ?? [])
        for (const needed of NEEDS[change - 1] ?? []) expect(trial.of).toContain(needed);
      search = told(search, { trial: trial.id, outcome: outcome(trial) });
    }
    trials.push(...next);
  }
  return { ...search, trials };
}

describe('a set of changes', () => {
  test.each([1, 3, 6, 10])('change %i is named, and not what it needs', (change) => {
    const { conclusion } = play(SET, (trial) => (has(trial, change) ? 'bad' : 'good'));
    expect(conclusion).toMatchObject({ kind: 'culprit', changes: [change] });
  });

  test('two that break it only together are named together', () => {
    const { conclusion } = play(SET, (trial) => (has(trial, 4, 9) ? 'bad' : 'good'));
    expect(conclusion).toMatchObject({ changes: [4, 9], probability: expect.closeTo(1, 3) });
  });

  test('two that always come together are not told apart', () => {
    const { conclusion } = play(SET, (trial) => (has(trial, 7) ? 'bad' : 'good'));
    expect(conclusion).toMatchObject({ kind: 'several', changes: [7, 8] });
  });

  test('the environment and flakiness are told as such', () => {
    expect(play(SET, () => 'bad').conclusion?.kind).toBe('environment');
    let n = 0;
    expect(play(SET, () => (++n % 6 === 0 ? 'bad' : 'good')).conclusion?.kind).toBe('flaky');
  });

  test('a need that nobody declared is learnt from what cannot be installed', () => {
    const { conclusion, trials } = play(SET, (trial) => {
      if (has(trial, 5) && !has(trial, 6)) return 'refused';
      return has(trial, 5) ? 'bad' : 'good';
    });
    expect(conclusion).toMatchObject({ changes: [5] });
    expect(trials.filter((trial) => has(trial, 5) && !has(trial, 6)).length).toBeLessThan(12);
  });

  test('a change that can never be installed hides no other', () => {
    const { conclusion } = play(SET, (trial) => (has(trial, 9) ? 'refused' : has(trial, 4) ? 'bad' : 'good'));
    expect(conclusion).toMatchObject({ kind: 'culprit', changes: [4] });
  });

  test('several hosts try different sets', () => {
    const sets = nextTrials(openSearch(SET), hosts(6)).map(({ of }) => of?.join());
    expect(new Set(sets).size).toBe(6);
    const { conclusion } = play(SET, (trial) => (has(trial, 2) ? 'bad' : 'good'), hosts(6));
    expect(conclusion).toMatchObject({ changes: [2] });
  });

  test('a host that becomes free meanwhile knows what the others are trying', () => {
    const search = openSearch(SET);
    const first = nextTrials(search, [{ name: 'one' }]);
    const under = asked(search, first);
    const second = nextTrials(under, [{ name: 'two' }]);
    expect(second).toEqual(nextTrials(structuredClone(under), [{ name: 'two' }]));
    expect(second[0]?.of).not.toEqual(first[0]?.of);
    expect(second[0]?.state).not.toBe(first[0]?.state);
  });

  test('the same seed asks for the same sets', () => {
    const first = nextTrials(openSearch(SET), hosts(3));
    expect(nextTrials(openSearch({ ...SET }), hosts(3))).toEqual(first);
  });
});
