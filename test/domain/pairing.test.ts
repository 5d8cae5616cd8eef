import { describe, expect, it } from 'vitest';
import type { Demand } from '../../src/domain/demand.js';
import type { Candidate } from '../../src/domain/plan/candidate.js';
import { fitOf, fitsOf } from '../../src/domain/plan/fit.js';
import { type Head, Pairing } from '../../src/domain/plan/pairing.js';
import { Soon } from '../../src/domain/plan/soon.js';
import { expectedCostS, isNews } from '../../src/domain/provision/learned.js';
import { aStep } from '../stages/parts.js';
import { candidate, entry } from './a-host.js';

const steps = ['a', 'b', 'c'].map((tag) =>
  aStep(`make-${tag}`, tag, { layer: 'packages', costS: tag === 'c' ? 900 : 100, clears: true }),
);
const [makeA, makeB] = steps;
const carrying = (id: string, name: string, ...made: (typeof makeA)[]): Candidate => {
  const stack = made.flatMap((step) => (step === undefined ? [] : [entry(step)]));
  const expectedS = new Map(steps.map((step) => [step.name, step.costS]));
  return candidate({}, { id, name, stack, used: true, expectedS });
};
const wants = (requirement: string): Demand => ({
  requirement,
  target: {},
  purpose: 'test',
  fresh: false,
  avoid: [],
});
const head = (runId: string, demand: string, more: Partial<Head> = {}): Head => ({
  ...{ runId, demand, points: 0, dirties: 'nothing' },
  ...more,
});

/** Which run goes where, until nothing is free. */
function paired(heads: readonly Head[], hosts: readonly Candidate[]): string[] {
  const taken = new Set<string>();
  const pairing = new Pairing(
    heads,
    (demand) => fitsOf(wants(demand), hosts, steps, []).fits,
    ({ host }) => !taken.has(host.id),
  );
  const said: string[] = [];
  for (let pair = pairing.next(); pair !== undefined; pair = pairing.next()) {
    taken.add(pair.way.host.id);
    said.push(`${pair.head.runId} on ${pair.way.host.name}`);
  }
  return said;
}

describe('who goes first, and where', () => {
  it('is whoever finds what is needed there, before who came earlier and would take it away', () => {
    const hosts = [carrying('1', 'has-a', makeA)];
    expect(paired([head('1', 'b', { points: 0.01 }), head('2', 'a')], hosts)).toEqual(['2 on has-a']);
  });

  it('is whoever has waited long enough, at any cost', () => {
    const hosts = [carrying('1', 'has-a', makeA)];
    expect(paired([head('1', 'b', { points: 1 }), head('2', 'a')], hosts)).toEqual(['1 on has-a']);
  });

  it('is the order of turns where nothing is to be done for anybody', () => {
    const hosts = [carrying('1', 'one', makeA), carrying('2', 'two', makeA)];
    const heads = [3, 2, 1].map((n) => head(String(n), 'a', { points: n / 1000 }));
    expect(paired(heads, hosts)).toEqual(['3 on one', '2 on two']);
  });

  it('spares what somebody else may need: an empty host is changed before one that carries something', () => {
    const hosts = [carrying('1', 'has-b', makeB), carrying('2', 'empty')];
    expect(paired([head('1', 'a')], hosts)).toEqual(['1 on empty']);
  });

  it('weighs a dear host that has it against a cheap one that must be changed', () => {
    const hosts = [carrying('1', 'empty'), carrying('2', 'has-a', makeA)];
    expect(paired([head('1', 'a')], hosts)).toEqual(['1 on has-a']);
  });

  it('lets what leaves the host as it is go before what spoils it', () => {
    const hosts = [carrying('1', 'has-a', makeA)];
    const heads = [head('1', 'a', { dirties: 'packages' }), head('2', 'a', { dirties: 'boot' })];
    expect(paired(heads, hosts)).toEqual(['2 on has-a']);
  });
});

describe('a host that is at work', () => {
  const soon = (inS: number) =>
    new Soon([{ host: carrying('1', 'has-a', makeA), inS }], (demand, host) =>
      fitOf(demand, host, steps, []),
    );
  const test = { takesS: 600, dirties: 'nothing' } as const;

  it('is waited for where that costs less than to change another, and not where it is at work for long', () => {
    expect(soon(200).rather(wants('a'), 100, test)?.name).toBe('has-a');
    expect(soon(300).rather(wants('a'), 100, test)).toBeUndefined();
    expect(soon(200).rather(wants('b'), 100, test)).toBeUndefined();
  });

  it('is promised to who waits for it: the next one waits longer, and finds what that one leaves', () => {
    const busy = soon(100);
    expect(busy.rather(wants('a'), 900, test)?.name).toBe('has-a');
    expect(busy.rather(wants('a'), 100, test)).toBeUndefined();
    expect(busy.rather(wants('a'), 900, { ...test, dirties: 'packages' })?.name).toBe('has-a');
    expect(busy.rather(wants('a'), 600, test)).toBeUndefined();
  });
});

describe('what a step is expected to cost', () => {
  it('is as declared while nothing is known, and then as it was', () => {
    expect(expectedCostS(60, { tried: 0, worked: 0, seconds: 0 })).toBe(60);
    expect(expectedCostS(60, { tried: 18, worked: 18, seconds: 18 * 200 })).toBeCloseTo(186);
  });

  it('is more where it often fails', () => {
    const good = expectedCostS(60, { tried: 18, worked: 18, seconds: 18 * 60 });
    const bad = expectedCostS(60, { tried: 18, worked: 8, seconds: 8 * 60 });
    expect(bad).toBeCloseTo(2 * good);
  });

  it('is news only where it differs by much', () => {
    const known = new Map([['a', 100]]);
    expect(isNews(known, new Map([['a', 110]]))).toBe(false);
    expect(isNews(known, new Map([['a', 130]]))).toBe(true);
    expect(isNews(known, new Map([...known, ['b', 1]]))).toBe(true);
  });
});
