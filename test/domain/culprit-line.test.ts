import { describe, expect, test } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import type { FreeHost, Outcome, Question, Trial } from '../../src/domain/culprit/question.js';
import {
  asked,
  expectedTrials,
  guided,
  killing,
  likeliest,
  nextTrials,
  openSearch,
  type Search,
  told,
} from '../../src/domain/culprit/search.js';

const LINE: Question = { kind: 'line', changes: 64 };
const hosts = (count: number): FreeHost[] => Array.from({ length: count }, (_, n) => ({ name: `h${n}` }));

/** Plays a search to its end; fails rather than going on for ever. */
function play(start: Search, outcome: (trial: Trial) => Outcome, free = hosts(1)): Search {
  let search = start;
  for (let round = 0; search.phase !== 'done'; round++) {
    if (round > 1000) throw new Error('no end');
    const trials = nextTrials(search, free);
    expect(trials.length, JSON.stringify(search)).toBeGreaterThan(0);
    search = asked(search, trials);
    for (const trial of trials) search = told(search, { trial: trial.id, outcome: outcome(trial) });
  }
  return search;
}

const from =
  (change: number) =>
  (trial: Trial): Outcome =>
    trial.state >= change ? 'bad' : 'good';

describe('a line of changes', () => {
  test.each([1, 2, 33, 64])('change %i is found and verified with and without it', (change) => {
    const { conclusion, spent } = play(openSearch(LINE), from(change));
    expect(conclusion).toMatchObject({ kind: 'culprit', changes: [change] });
    expect(conclusion).toHaveProperty('probability', expect.closeTo(1, 4));
    expect(spent.search).toBeLessThan(20);
    expect(spent.verify).toBeGreaterThan(4);
  });

  test('one lucky pass does not clear the culprit for good', () => {
    const passes = new Set<number>();
    const { conclusion } = play(openSearch(LINE), (trial) => {
      // The first time that a bad state is tried, it passes.
      if (trial.state >= 20 && trial.why === 'search' && passes.size === 0) {
        passes.add(trial.state);
        return 'good';
      }
      return from(20)(trial);
    });
    expect(conclusion).toMatchObject({ kind: 'culprit', changes: [20] });
  });

  test('what fails in the last good state too is the environment', () => {
    expect(play(openSearch(LINE), () => 'bad').conclusion).toMatchObject({ kind: 'environment' });
  });

  test('what fails now and then everywhere is flaky', () => {
    const roll = dice(3);
    const { conclusion } = play(openSearch(LINE), () => (roll() < 0.1 ? 'bad' : 'good'));
    expect(conclusion).toMatchObject({ kind: 'flaky' });
  });

  test('a score draws the first trial to its change and does not decide', () => {
    const scores = Array.from({ length: 64 }, (_, n) => (n === 49 ? 100 : 1));
    const question: Question = { ...LINE, scores };
    expect(play(openSearch(question), from(50)).spent.search).toBeLessThan(
      play(openSearch(LINE), from(50)).spent.search,
    );
    expect(play(openSearch(question), from(10)).conclusion).toMatchObject({ kind: 'culprit', changes: [10] });
  });
});

describe('what another search has seen of the same failure', () => {
  test('spares trials of one that goes on from it', () => {
    const trialsOf = (known: Partial<Question>) => {
      const roll = dice(5);
      let sum = 0;
      for (let n = 0; n < 20; n++) {
        const question: Question = { kind: 'line', changes: 18, environment: 0.85, flaky: 0.001, ...known };
        // It does harm by itself: nothing before it matters.
        const { conclusion, spent } = play(openSearch(question), () => (roll() < 0.7 ? 'bad' : 'good'));
        expect(conclusion?.kind).toBe('environment');
        sum += spent.search;
      }
      return sum;
    };
    const record = { failures: 0, runs: 20 };
    expect(trialsOf({ record, brokenRecord: { failures: 7, runs: 10 } })).toBeLessThan(0.6 * trialsOf({}));
  });
});

describe('several hosts', () => {
  test('look at different states, and fewer rounds are needed', () => {
    const trials = nextTrials(openSearch(LINE), hosts(8));
    expect(new Set(trials.map(({ state }) => state)).size).toBe(8);
    expect(new Set(trials.map(({ host }) => host)).size).toBe(8);
  });

  test('what is under way is not begun again', () => {
    const search = openSearch(LINE);
    const [first] = nextTrials(search, hosts(1));
    const waiting = asked(search, [first as Trial]);
    const [second] = nextTrials(waiting, [{ name: 'other' }]);
    expect(second?.id).toBe(2);
    expect(second?.state).not.toBe(first?.state);
  });

  test('verify where nothing was tried before', () => {
    let search = openSearch(LINE);
    while (search.phase === 'search') {
      const trials = nextTrials(search, hosts(1));
      search = asked(search, trials);
      for (const trial of trials) search = told(search, { trial: trial.id, outcome: from(7)(trial) });
    }
    const trials = nextTrials(search, hosts(5));
    expect(trials.map(({ host }) => host)).not.toContain('h0');
    expect(new Set(trials.map(({ why }) => why))).toEqual(new Set(['with', 'without']));
    expect(play(search, from(7), hosts(5)).conclusion).toMatchObject({ onFreshHosts: true });
    expect(play(search, from(7)).conclusion).toMatchObject({ onFreshHosts: false });
  });

  test('a host that carries the state is not switched', () => {
    const question: Question = { ...LINE, switching: 20 };
    let search = openSearch(question);
    let [switches, trials] = [0, 0];
    const roll = dice(5);
    search = play(search, (trial) => {
      trials++;
      if (trial.switches) switches++;
      return roll() < (trial.state >= 30 ? 0.7 : 0.1) ? 'bad' : 'good';
    });
    expect(search.conclusion).toMatchObject({ kind: 'culprit', changes: [30] });
    expect(switches).toBeLessThan(trials / 2);
    expect(search.spent.cost).toBe(trials + 20 * switches);
  });
});

describe('no evidence', () => {
  test('an infrastructure error changes nothing but the host, and the state goes to another', () => {
    const search = openSearch(LINE);
    const before = likeliest(search, 0.5);
    const [first] = nextTrials(search, hosts(1));
    const after = told(asked(search, [first as Trial]), { trial: 1, outcome: 'error' });
    expect(likeliest(after, 0.5)).toEqual(before);
    expect(after.erred).toEqual({ h0: 1 });
    const [again] = nextTrials(after, hosts(2)).filter(({ state }) => state === first?.state);
    expect(again?.host ?? 'h1').toBe('h1');
  });

  test('changes that no testable state separates are told as several', () => {
    const { conclusion } = play(
      openSearch(LINE),
      (trial) => ([20, 21].includes(trial.state) ? 'refused' : from(21)(trial)),
      hosts(3),
    );
    expect(conclusion).toMatchObject({ kind: 'several', changes: [20, 21, 22] });
  });

  test.each(['refused', 'error'] as const)(
    'a state that is %s whenever it is tried is passed over, though it is the only one that was tried',
    (outcome) => {
      const [first] = nextTrials(openSearch(LINE), hosts(1));
      const { conclusion, spent } = play(openSearch(LINE), (trial) =>
        trial.state === first?.state ? outcome : from(10)(trial),
      );
      expect(conclusion).toMatchObject({ kind: 'culprit', changes: [10] });
      expect(spent.nothing).toBeLessThan(4);
    },
  );

  test.each(['refused', 'other'] as const)('it ends where every state is %s', (outcome) => {
    const { conclusion } = play(openSearch(LINE), () => outcome);
    expect(conclusion?.kind).toBe('smallest set');
  });

  test('a host that answers nothing makes others be tried in turn', () => {
    let search = openSearch(LINE);
    const tried = new Set<number>();
    for (let n = 0; n < 6; n++) {
      const [trial] = nextTrials(search, hosts(1)) as [Trial];
      tried.add(trial.state);
      search = told(asked(search, [trial]), { trial: trial.id, outcome: 'error' });
    }
    expect(tried.size).toBeGreaterThan(1);
  });

  test('a failure of another kind is not the same failure', () => {
    const { conclusion } = play(
      openSearch(LINE),
      (trial) => (trial.state === 40 ? 'other' : from(50)(trial)),
      hosts(2),
    );
    expect(conclusion).toMatchObject({ kind: 'culprit', changes: [50] });
  });

  test('a change that kills hosts is a search of its own', () => {
    const lost = (trial: Trial): Outcome => (trial.state >= 45 ? 'lost' : 'good');
    let search = openSearch(LINE);
    for (let n = 0; n < 4; n++) {
      const trials = nextTrials(search, hosts(4));
      search = asked(search, trials);
      for (const trial of trials) search = told(search, { trial: trial.id, outcome: lost(trial) });
    }
    expect(killing(search).length).toBeGreaterThan(0);
    const { conclusion } = play(openSearch({ ...LINE, predicate: 'lost' }), lost, hosts(6));
    expect(conclusion).toMatchObject({ kind: 'culprit', changes: [45] });
  });

  test('hosts that may be lost are risked a few at a time', () => {
    const search = openSearch({ ...LINE, predicate: 'lost', atRisk: 1 });
    expect(nextTrials(search, hosts(16)).length).toBeLessThan(5);
    expect(nextTrials(openSearch(LINE), hosts(16))).toHaveLength(16);
  });
});

describe('people', () => {
  test('exclude, weigh and stop', () => {
    const excluded = guided(openSearch(LINE), { kind: 'exclude', changes: [30] });
    expect(likeliest(excluded, 1).some(({ changes }) => changes.includes(30))).toBe(false);
    const weighed = guided(openSearch(LINE), { kind: 'weigh', changes: [12], factor: 10_000 });
    expect(nextTrials(weighed, hosts(1))[0]?.state).toBeOneOf([11, 12]);
    const stopped = guided(openSearch(LINE), { kind: 'stop' });
    expect(stopped.conclusion?.kind).toBe('stopped');
    expect(nextTrials(stopped, hosts(4))).toEqual([]);
  });

  test('read what it has cost and what is still to be expected', () => {
    const search = openSearch(LINE);
    const begun = expectedTrials(search);
    const trial = nextTrials(search, hosts(1));
    const after = told(asked(search, trial), { trial: 1, outcome: 'bad' });
    expect(after.spent).toMatchObject({ search: 1, verify: 0, cost: 1 });
    expect(begun).toBeGreaterThan(6);
  });

  test('get the smallest set of causes where nothing decides', () => {
    const roll = dice(1);
    const { conclusion } = play(openSearch(LINE), () => (roll() < 0.5 ? 'bad' : 'good'));
    expect(['smallest set', 'flaky', 'environment']).toContain(conclusion?.kind);
  });
});

test('what a verification does not bear out is evidence like any other, and soon given up', () => {
  let verifying = 0;
  const { rejections, conclusion } = play(openSearch(LINE), (trial) => {
    // The search was misled: from its first trial with and without on it is bad everywhere.
    if (trial.why !== 'search') verifying++;
    return verifying > 0 ? 'bad' : from(33)(trial);
  });
  expect(rejections).toBe(1);
  expect(verifying).toBeLessThan(40);
  expect(conclusion?.kind).toBe('environment');
});

describe('a line on which what was broken is mended, and broken again', () => {
  /** Broken by each first, mended by each second. */
  const broken = (spans: readonly (readonly [number, number])[]) => (state: number) =>
    spans.some(([from, to]) => state >= from && state < to);
  const spans = [
    [
      [5, 9],
      [40, 99],
    ],
    [
      [5, 38],
      [40, 99],
    ],
    [
      [5, 9],
      [12, 30],
      [60, 99],
    ],
    [
      [5, 60],
      [62, 99],
    ],
    [
      [1, 62],
      [64, 99],
    ],
    [
      [10, 50],
      [55, 99],
    ],
    [[30, 99]],
  ] as const;

  test.each(spans.flatMap((one) => [1, 4, 16].map((free) => ({ one, free }))))(
    'the last of $one is named, by $free hosts',
    ({ one, free }) => {
      const isBad = broken(one);
      const question: Question = { ...LINE, mends: true };
      const found = play(openSearch(question), ({ state }) => (isBad(state) ? 'bad' : 'good'), hosts(free));
      expect(found.conclusion).toMatchObject({ kind: 'culprit', changes: [one.at(-1)?.[0]] });
      expect(found.spent.search).toBeLessThan(110);
    },
  );

  test('the last is named though the test flakes: hardly ever another one', () => {
    const roll = dice(7);
    const question: Question = { ...LINE, mends: true };
    const ends = new Map<string, number>();
    for (let n = 0; n < 100; n++) {
      const at = Array.from({ length: 3 }, () => 1 + Math.floor(roll() * 64)).sort((a, b) => a - b);
      const [first = 0, mended = 0, again = 0] = at;
      if (again - mended < 3 || mended === first) continue;
      const isBad = broken([
        [first, mended],
        [again, 99],
      ]);
      const { conclusion } = play(
        openSearch(question),
        ({ state }) => (roll() < (isBad(state) ? 0.9 : 0.02) ? 'bad' : 'good'),
        hosts(1 + (n % 4)),
      );
      const named = conclusion?.kind === 'culprit' ? conclusion.changes[0] : undefined;
      const how = named === undefined ? 'nobody' : named === again ? 'right' : 'wrong';
      ends.set(how, (ends.get(how) ?? 0) + 1);
    }
    expect(ends.get('wrong') ?? 0, JSON.stringify([...ends])).toBeLessThanOrEqual(1);
    expect(ends.get('nobody') ?? 0).toBeLessThanOrEqual(3);
  });
});
