import { describe, expect, it } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import type { Demand } from '../../src/domain/demand.js';
import { type Coming, isSmall, lookAhead, type Turn } from '../../src/domain/plan/ahead.js';
import type { Candidate } from '../../src/domain/plan/candidate.js';
import { type Fit, fitOf } from '../../src/domain/plan/fit.js';
import { aStep } from '../stages/parts.js';
import { candidate, entry } from './a-host.js';

const COSTS = { a: 100, b: 300, c: 900 } as const;
type Tag = keyof typeof COSTS;
const TAGS = Object.keys(COSTS) as Tag[];
/** Whichever was made last is there alone. */
const steps = TAGS.map((tag) =>
  aStep(`make-${tag}`, tag, { layer: 'packages', costS: COSTS[tag], clears: true }),
);
const stepOf = (tag: Tag) => steps.find(({ gives }) => gives.includes(tag));
const expectedS = new Map(steps.map((step) => [step.name, step.costS]));

const host = (id: number, has?: Tag): Candidate => {
  const step = has === undefined ? undefined : stepOf(has);
  const stack = step === undefined ? [] : [entry(step)];
  return candidate({}, { id: String(id), name: `h${id}`, stack, used: true, expectedS });
};
const wants = (requirement: string): Demand => ({
  ...{ requirement, target: {}, purpose: 'test', fresh: false, avoid: [] },
});
const run = (
  runId: number,
  tag: string,
  more: { takesS?: number; points?: number; spoils?: boolean } = {},
) => {
  const { takesS = 600, points = 0, spoils = false } = more;
  const dirties = spoils ? ('packages' as const) : ('nothing' as const);
  return { head: { runId: String(runId), demand: tag, points, dirties }, demand: wants(tag), takesS };
};
const ask = (demand: Demand, one: Candidate): Fit => fitOf(demand, one, steps, []);
const wayNow = (demand: string, one: Candidate) => {
  const fit = ask(wants(demand), one);
  return fit.kind === 'yes' ? fit : undefined;
};
const said = (turns: readonly Turn[]) =>
  turns.map(({ run: { head }, host: { name }, way }) => `${head.runId} ${way ? 'on' : 'after'} ${name}`);

describe('all that waits and all that serves it', () => {
  it('is seen together: nobody takes what another one needs who has nowhere else to go', () => {
    // Pair by pair the first would have the host that has b, since it costs nothing there.
    const runs = [run(1, 'b', { spoils: true }), run(2, 'b'), run(3, 'a')];
    const turns = lookAhead(runs, [host(1, 'b'), host(2)], [], wayNow, ask);
    expect(said(turns)).toEqual(['2 on h1', '1 after h1', '3 on h2']);
  });

  it('says of a host at work who is to wait for it, where that costs less than to change a free one', () => {
    const busy = [{ host: host(1, 'c'), inS: 500 }];
    expect(said(lookAhead([run(1, 'c'), run(2, 'a')], [host(2)], busy, wayNow, ask))).toEqual([
      '2 on h2',
      '1 after h1',
    ]);
    const late = [{ host: host(1, 'c'), inS: 5000 }];
    expect(said(lookAhead([run(1, 'c')], [host(2)], late, wayNow, ask))).toEqual(['1 on h2']);
  });

  it('keeps the turns of those who want the same', () => {
    const runs = [1, 2, 3, 4].map((n) => run(n, 'a'));
    const turns = lookAhead(runs, [host(1, 'a'), host(2, 'a')], [], wayNow, ask);
    expect(said(turns).filter((one) => one.includes('on'))).toEqual(['1 on h1', '2 on h2']);
    const one = lookAhead(runs, [host(1)], [], wayNow, ask);
    expect(said(one)).toEqual(['1 on h1', '2 after h1', '3 after h1', '4 after h1']);
  });

  it('serves first who is a point ahead, at any cost', () => {
    const runs = [run(1, 'a'), run(2, 'c', { points: 2 })];
    expect(said(lookAhead(runs, [host(1, 'a')], [], wayNow, ask))).toEqual(['2 on h1', '1 after h1']);
  });

  it('spares what somebody else may need: an empty host is changed before one that carries something', () => {
    expect(said(lookAhead([run(1, 'a')], [host(1, 'b'), host(2)], [], wayNow, ask))).toEqual(['1 on h2']);
  });

  it('leaves out whom no host could serve, and begins nothing that may not begin now', () => {
    const turns = lookAhead([run(1, 'd'), run(2, 'a')], [host(1)], [], () => undefined, ask);
    expect(turns).toEqual([]);
    const second = lookAhead([run(1, 'd'), run(2, 'a')], [host(1)], [], wayNow, ask);
    expect(said(second)).toEqual(['2 on h1']);
  });

  it('is little only where runs, and what would be asked of hosts, are few', () => {
    const many = (runs: number, demands: number): Coming[] =>
      Array.from({ length: runs }, (_, n) => run(n, String(n % demands)));
    expect(isSmall(many(16, 8), 10)).toBe(true);
    expect(isSmall(many(17, 1), 1)).toBe(false);
    expect([isSmall(many(1, 1), 16), isSmall(many(1, 1), 17)]).toEqual([true, false]);
    expect(isSmall(many(16, 16), 10)).toBe(false);
  });

  it('comes out as well as the best of all orders, or nearly', () => {
    const roll = dice(5);
    const any = <T>(of: readonly T[]): T => of[Math.floor(roll() * of.length)] as T;
    let [ours, best, asGood] = [0, 0, 0];
    for (let n = 0; n < 150; n++) {
      const starts = [
        { has: any(TAGS), inS: 0 },
        { has: any([...TAGS, undefined]), inS: any([0, 200, 900]) },
      ];
      const runs = Array.from({ length: 5 }, (_, number) =>
        run(number, any(TAGS), { takesS: 100 + roll() * 900, spoils: roll() < 0.3 }),
      );
      const hosts = starts.map(({ has, inS }, id) => ({ host: host(id, has), inS }));
      const turns = lookAhead(
        runs,
        hosts.filter(({ inS }) => inS === 0).map((one) => one.host),
        hosts.filter(({ inS }) => inS > 0),
        wayNow,
        ask,
      );
      expect(turns.map((turn) => turn.run.head.runId).sort()).toEqual(['0', '1', '2', '3', '4']);
      const rows = hosts.map((one) => turns.filter((turn) => turn.host.id === one.host.id).map((t) => t.run));
      const worth = (all: readonly (readonly Coming[])[]) =>
        all.reduce((sum, row, id) => sum + worthOf(row, starts[id] ?? { inS: 0 }), 0);
      const least = Math.min(...splits(runs).map(worth));
      const got = worth(rows);
      expect(got).toBeGreaterThan(least - 1e-6);
      ours += got;
      best += least;
      if (got < least + 1e-6) asGood++;
    }
    expect(asGood).toBeGreaterThan(135);
    expect(ours / best).toBeLessThan(1.01);
  });
});

/** What a row costs by the rule itself: provisioning, four tenths of each wait, less three tenths of what stands at the end. */
function worthOf(
  row: readonly Coming[],
  start: { readonly has?: Tag | undefined; readonly inS: number },
): number {
  let [has, atS, cost] = [start.has, start.inS, 0];
  for (const { head, takesS } of row) {
    const tag = head.demand as Tag;
    const costS = has === tag ? 0 : COSTS[tag];
    atS += costS;
    cost += costS + 0.4 * atS;
    atS += takesS;
    has = head.dirties === 'packages' ? undefined : tag;
  }
  return cost - 0.3 * (has === undefined ? 0 : COSTS[has]);
}

/** Every way to put some in order into two rows. */
function splits<T>(all: readonly T[]): (readonly [readonly T[], readonly T[]])[] {
  return orders(all).flatMap((order) =>
    Array.from({ length: all.length + 1 }, (_, n) => [order.slice(0, n), order.slice(n)] as const),
  );
}

function orders<T>(all: readonly T[]): (readonly T[])[] {
  if (all.length < 2) return [all];
  return all.flatMap((one, n) => orders(all.filter((_, m) => m !== n)).map((rest) => [one, ...rest]));
}
