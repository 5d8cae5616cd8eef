import { describe, expect, test } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import { type BrokenRule, isBrokenBy, readBrokenRule } from '../../src/domain/culprit/broken-rule.js';
import { driftAfter, hasRisen, NO_DRIFT, risenSince } from '../../src/domain/culprit/drift-up.js';
import { rateOf, UNKNOWN_RATE, withRun } from '../../src/domain/culprit/failure-rate.js';
import { classOf, nextReruns, type Reruns } from '../../src/domain/culprit/rerun.js';

const runs = (outcomes: readonly boolean[]) => outcomes.reduce(withRun, UNKNOWN_RATE);
const passing = runs(Array.from({ length: 300 }, () => false));
const reruns = (over: Partial<Reruns>): Reruns => ({
  before: passing,
  failed: 0,
  passed: 0,
  controlsFailed: 0,
  controlsPassed: 0,
  ...over,
});

describe('how often a test fails', () => {
  test('is never thought to be nought', () => {
    expect(rateOf(passing)).toBe(0.005);
  });

  test('is forgotten: after 200 good runs what was bad counts half', () => {
    const bad = runs(Array.from({ length: 2000 }, () => true));
    const after = Array.from({ length: 200 }, () => false).reduce(withRun, bad);
    expect(rateOf(bad)).toBeGreaterThan(0.99);
    expect(rateOf(after)).toBeCloseTo(0.5, 1);
  });
});

describe('a first failure', () => {
  test('of 16 hosts a quarter runs the last good state', () => {
    expect(nextReruns(reruns({}), 16)).toEqual({ reruns: 12, controls: 4 });
    expect(nextReruns(reruns({}), 100)).toEqual({ reruns: 12, controls: 4 });
  });

  test('one host takes turns', () => {
    expect(nextReruns(reruns({}), 1)).toEqual({ reruns: 1, controls: 0 });
    expect(nextReruns(reruns({ failed: 3 }), 1)).toEqual({ reruns: 0, controls: 1 });
  });

  test.each([1, 2, 3, 5, 16])('comes to an end with %i hosts, whatever comes', (hosts) => {
    const roll = dice(hosts);
    const odd = runs(Array.from({ length: 300 }, (_, n) => n % 4 === 0));
    for (let n = 0; n < 50; n++) {
      let now = reruns({ before: odd });
      for (let round = 0; classOf(now) === undefined; round++) {
        expect(round).toBeLessThan(100);
        const { reruns: again, controls } = nextReruns(now, hosts);
        if (again + controls === 0) break;
        for (let one = 0; one < again; one++)
          now = roll() < 0.33 ? { ...now, failed: now.failed + 1 } : { ...now, passed: now.passed + 1 };
        now = { ...now, controlsPassed: now.controlsPassed + controls };
      }
    }
  });

  test('is broken where it fails again and the controls do not', () => {
    expect(classOf(reruns({ failed: 12, controlsPassed: 4 }))).toBe('broken');
    expect(nextReruns(reruns({ failed: 12, controlsPassed: 4 }), 16)).toEqual({ reruns: 0, controls: 0 });
  });

  test('is the environment where the last good state fails too', () => {
    expect(classOf(reruns({ failed: 12, controlsFailed: 4 }))).toBe('environment');
  });

  test('is not the environment because one control failed: tests do that now and then', () => {
    const one = reruns({ before: UNKNOWN_RATE, failed: 3, controlsFailed: 1 });
    expect(classOf(one)).toBeUndefined();
    expect(classOf({ ...one, failed: 6, controlsFailed: 2 })).toBe('environment');
    expect(classOf({ ...one, failed: 24, controlsPassed: 7 })).toBe('broken');
  });

  test('is flaky where it goes on as before', () => {
    expect(classOf(reruns({ failed: 0, passed: 24, controlsPassed: 8 }))).toBe('flaky');
  });

  test('is nothing yet where no control was run', () => {
    expect(classOf(reruns({ failed: 12 }))).toBeUndefined();
  });

  test('is searched for with the rates that were seen, where 64 reruns do not tell', () => {
    const odd = runs(Array.from({ length: 300 }, (_, n) => n % 4 === 0));
    expect(
      classOf(reruns({ before: odd, failed: 28, passed: 36, controlsFailed: 2, controlsPassed: 8 })),
    ).toBe('undecided');
  });

  test('that 64 reruns do not tell from what is usual is no reason for a search', () => {
    const odd = runs(Array.from({ length: 300 }, (_, n) => n % 4 === 0));
    expect(
      classOf(reruns({ before: odd, failed: 21, passed: 43, controlsFailed: 2, controlsPassed: 8 })),
    ).toBe('flaky');
  });

  test.each([0.2, 0.4, 0.5])('of a test that fails %f of the time anyhow is told in 64 reruns', (usual) => {
    const roll = dice(usual * 10);
    const failing = (count: number, rate: number) =>
      Array.from({ length: count }, () => roll() < rate).filter(Boolean).length;
    const told = Array.from({ length: 200 }, (_, n) => {
      // Every other one is broken: that is neither flaky nor the environment.
      const now = n % 2 === 0 ? usual : 0.99;
      const before = runs(Array.from({ length: 60 }, () => roll() < usual));
      let [failed, passed, controlsFailed, controlsPassed] = [0, 0, 0, 0];
      const all = () => reruns({ before, failed, passed, controlsFailed, controlsPassed });
      for (; classOf(all()) === undefined; ) {
        const next = nextReruns(all(), 4);
        const red = failing(next.reruns, now);
        const redControls = failing(next.controls, usual);
        [failed, passed] = [failed + red, passed + next.reruns - red];
        [controlsFailed, controlsPassed] = [
          controlsFailed + redControls,
          controlsPassed + next.controls - redControls,
        ];
      }
      return { isBroken: now !== usual, as: classOf(all()), count: failed + passed };
    });
    expect(Math.max(...told.map(({ count }) => count))).toBeLessThanOrEqual(64);
    const wrong = told.filter(({ isBroken, as }) => as !== 'undecided' && (as === 'broken') !== isBroken);
    expect(wrong.length).toBeLessThanOrEqual(20);
  });

  test.each([
    ['flakes as it did', 0.33, 0.33, 0, 0.06],
    ['was mended since, and fails half of the time with what is new', 0, 0.5, 0.98, 1],
    ['was mended since, and fails a third of the time with what is new', 0.02, 0.33, 0.8, 1],
  ])(
    'of a test that flaked a third of the time and %s is searched for or not',
    (_, good, now, least, most) => {
      const roll = dice(3);
      const failing = (count: number, rate: number) =>
        Array.from({ length: count }, () => roll() < rate).filter(Boolean).length;
      const record = runs(Array.from({ length: 84 }, (__, n) => n % 3 === 0));
      const told = Array.from({ length: 300 }, () => {
        let all = reruns({ before: record, failed: 1 });
        for (; classOf(all) === undefined; ) {
          const next = nextReruns(all, 4);
          const [red, redControls] = [failing(next.reruns, now), failing(next.controls, good)];
          all = {
            ...all,
            failed: all.failed + red,
            passed: all.passed + next.reruns - red,
            controlsFailed: all.controlsFailed + redControls,
            controlsPassed: all.controlsPassed + next.controls - redControls,
          };
        }
        return classOf(all);
      });
      const searched = told.filter((one) => one === 'broken' || one === 'undecided').length / told.length;
      expect(searched).toBeGreaterThanOrEqual(least);
      expect(searched).toBeLessThanOrEqual(most);
    },
  );
});

describe('ordinary runs', () => {
  test('tell that a test began to fail half of the time', () => {
    const roll = dice(1);
    const usual = runs(Array.from({ length: 300 }, (_, n) => n % 50 === 0));
    let drift = NO_DRIFT;
    for (let n = 0; n < 5000; n++) drift = driftAfter(drift, roll() < 0.02, usual);
    expect(hasRisen(drift)).toBe(false);
    let more = 0;
    for (; !hasRisen(drift); more++) drift = driftAfter(drift, roll() < 0.5, usual);
    expect(more).toBeLessThan(20);
  });

  test('more than nine of ten is all ten', () => {
    const ten = Array.from({ length: 10 }, () => true);
    const rule = readBrokenRule('9/10') as BrokenRule;
    expect(isBrokenBy(rule, ten)).toBe(true);
    expect(isBrokenBy(rule, [...ten.slice(1), false])).toBe(false);
    expect(isBrokenBy(rule, ten.slice(1))).toBe(false);
    const seen = { before: runs(ten), rule, controlsPassed: 3 };
    expect(classOf(reruns({ ...seen, failed: 9, passed: 0 }))).toBe(undefined);
    expect(classOf(reruns({ ...seen, failed: 10, passed: 0 }))).toBe('broken');
    expect(classOf(reruns({ ...seen, failed: 5, passed: 1 }))).toBe('flaky');
  });

  test('tell from where on it fails more often, as long as that is news', () => {
    const roll = dice(9);
    const some = (count: number, rate: number) => Array.from({ length: count }, () => roll() < rate);
    const before = some(150, 0.05);
    expect(risenSince(before)).toBe(undefined);
    let alarms = 0;
    for (let n = 0; n < 20; n++) {
      const after = some(300, 0.6);
      const at = after.findIndex((_, k) => risenSince([...before, ...after.slice(0, k + 1)]) !== undefined);
      if (at > 0 && at < 25) alarms++;
      const from = risenSince([...before, ...after.slice(0, at + 1)]) ?? 0;
      expect(from).toBeGreaterThan(120);
      expect(from).toBeLessThanOrEqual(151);
    }
    expect(alarms).toBe(20);
  });
});
