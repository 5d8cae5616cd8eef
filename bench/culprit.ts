import type { Rates } from '../src/domain/culprit/rates.js';
import type { Class } from '../src/domain/culprit/rerun.js';
import { classify } from './parts/culprit-classes.js';
import { gitBisectRun } from './parts/culprit-git.js';
import {
  type Cell,
  cell,
  fewestRounds,
  fewestTrials,
  knownWay,
  LENGTHS,
  leastRight,
  mostRatio,
  type Play,
  RATES,
} from './parts/culprit-line-rows.js';
import { leastShare, meanOf } from './parts/culprit-measure.js';
import { type SetCell, setCell } from './parts/culprit-set-rows.js';
import { asked, dice, type Figure, report } from './parts/report.js';

/**
 * Searches for a culprit that only the simulation knows, at least 20,000 trials a row. Bounds hold for the worse end of the
 * 95 % interval, in the worst of a row's cells; a share that ended right is taken over both lengths.
 */
const options = asked({ searches: 3000, repositories: 60 });
const roll = dice(options.seed);
const figures: Record<string, Figure> = {};
const most = (than: number) => ({ kind: 'most', than }) as const;
const least = (than: number) => ({ kind: 'least', than }) as const;

/** Searches in a cell: a long line takes longer, and says as much. */
function play(conditions: Play): Cell {
  const played = cell(conditions, options.searches / (conditions.changes > 64 ? 2 : 1), roll);
  if (!options.json) {
    const { label, trials, rounds, verifying, right, searches } = played;
    const numbers = [trials, rounds, verifying].map(({ mean }) => mean.toFixed(1).padStart(7));
    console.log(`${label.padEnd(60)} ${numbers.join('')}   ${((100 * right) / searches).toFixed(2)} %`);
  }
  return played;
}

if (!options.json) console.log(`${''.padEnd(60)}  trials rounds  verif   right`);
oneHost();
for (const hosts of [4, 16]) severalHosts(hosts);
errors();
notAChange();
switching();
sets();
classes();
knownWays();
gitItself();
process.exitCode = report('culprit', figures, options) ? 0 : 1;

function oneHost(): void {
  const known: Record<'times' | 'right', number[]> = { times: [], right: [] };
  const unknown: Record<'times' | 'right', number[]> = { times: [], right: [] };
  for (const rates of [...RATES, { a: 0.02, b: 0.5 }]) {
    const cells = LENGTHS.map((changes) => ({
      changes,
      known: play({ changes, rates, isKnown: true }),
      unknown: play({ changes, rates }),
    }));
    for (const one of cells) {
      // The bound with known rates is asked for at the three pairs only.
      if (RATES.includes(rates))
        known.times.push((one.known.trials.mean + one.known.trials.half) / fewestTrials(one.changes, rates));
      unknown.times.push(mostRatio(one.unknown.trials, one.known.trials));
    }
    if (RATES.includes(rates)) known.right.push(leastRight(cells.map((one) => one.known)));
    unknown.right.push(leastRight(cells.map((one) => one.unknown)));
  }
  figures['line_1_known'] = { value: Math.max(...known.times), bound: most(1.2) };
  figures['line_1_known_right'] = { value: Math.min(...known.right), bound: least(0.99) };
  figures['line_1_unknown'] = { value: Math.max(...unknown.times), bound: most(2.2) };
  figures['line_1_unknown_right'] = { value: Math.min(...unknown.right), bound: least(0.98) };
}

function severalHosts(hosts: number): void {
  const times = (isKnown: boolean, rates: readonly Rates[]) =>
    Math.max(
      ...rates.flatMap((one) =>
        LENGTHS.map((changes) => {
          const { rounds } = play({ changes, rates: one, hosts, isKnown });
          return (rounds.mean + rounds.half) / fewestRounds(changes, one, hosts);
        }),
      ),
    );
  const noisy = RATES.slice(2);
  if (hosts === 16) {
    figures['line_16'] = { value: times(true, RATES.slice(0, 2)), bound: most(2) };
    figures['line_16_noisy'] = { value: times(true, noisy), bound: most(2.7) };
  } else figures[`line_${hosts}`] = { value: times(true, RATES), bound: most(2) };
  figures[`line_${hosts}_unknown`] = { value: times(false, RATES) };
}

function errors(): void {
  const lost: number[] = [];
  const times: number[] = [];
  for (const hosts of [1, 4])
    for (const rates of RATES) {
      const without = play({ changes: 64, rates, hosts });
      for (const share of [0.1, 0.3]) {
        const having = play({ changes: 64, rates, hosts, errors: share });
        lost.push(pointsLost(without, having));
        times.push(mostRatio(having.all, without.all) * (1 - share));
      }
    }
  figures['errors_30_points'] = { value: Math.max(...lost), bound: most(0.2) };
  figures['errors_30'] = { value: Math.max(...times), bound: most(1.05) };
}

/** Points of accuracy that the errors cost, in the middle of the interval: both are within a thousandth of one. */
function pointsLost(without: Cell, having: Cell): number {
  return 100 * (without.right / without.searches - having.right / having.searches);
}

function notAChange(): void {
  const rights: number[] = [];
  for (const cause of ['flaky', 'environment'] as const)
    for (const rates of cause === 'flaky' ? RATES.slice(1) : RATES)
      rights.push(leastRight(LENGTHS.map((changes) => play({ changes, rates, cause }))));
  figures['not_a_change'] = { value: Math.min(...rights), bound: least(0.995) };
}

function switching(): void {
  const times = RATES.flatMap((rates) =>
    LENGTHS.map((changes) => {
      const weighed = play({ changes, rates, switching: 20 });
      const ignored = play({ changes, rates, switching: 20, ignoresSwitching: true });
      return mostRatio(weighed.cost, ignored.cost);
    }),
  );
  figures['switching_20'] = { value: Math.max(...times), bound: most(0.7) };
}

/** One change of forty, or two together; and any of these, as often as the prior has them. */
function sets(): void {
  const noisyTimes: number[] = [];
  // A search takes as long as thirty along a line.
  const searches = Math.ceil(options.searches / 15);
  for (const [size, name] of [
    [1, 'set_single'],
    [2, 'set_pair'],
  ] as const) {
    const cells = RATES.slice(0, 2).map((rates) => {
      const one = setCell(size, rates, 1, searches, roll);
      const many = setCell(size, rates, 16, searches, roll);
      if (!options.json) for (const cell of [one, many]) console.log(name, JSON.stringify(rates), said(cell));
      return { one, many };
    });
    const [clean, noisy] = cells.map(({ one: { times } }) => times.mean + times.half) as [number, number];
    noisyTimes.push(noisy);
    figures[name] = { value: clean, bound: most(1.25) };
    figures[`${name}_noisy`] = { value: noisy, bound: most(1.5) };
    const worst = (of: (cell: SetCell) => number) =>
      Math.max(...cells.flatMap(({ one, many }) => [of(one), of(many)]));
    figures[`${name}_rounds_16`] = {
      value: Math.max(...cells.map(({ many: { rounds } }) => rounds.mean + rounds.half)),
      bound: most(3),
    };
    figures[`${name}_refused`] = {
      value: worst(({ refused }) => refused.mean + refused.half),
      bound: most(12),
    };
    figures[`${name}_right`] = { value: 1 - worst((cell) => 1 - leastShare(cell.right, cell.searches)) };
  }
  // As often as the prior has them: 85 single changes to 15 pairs.
  const [single = 0, pair = 0] = noisyTimes;
  figures['set_any_noisy'] = { value: 0.85 * single + 0.15 * pair, bound: most(1.5) };
}

function said({ times, rounds, refused, verifying, right, searches }: SetCell): string {
  const numbers = [times, rounds, refused, verifying].map(({ mean }) => mean.toFixed(2)).join(' ');
  return `${numbers} ${((100 * right) / searches).toFixed(1)} %`;
}

/** Sixteen hosts rerun a new failure: how soon it is known for what it is, and how often rightly. */
function classes(): void {
  const play = (usual: number, now: number, controlsToo: boolean) => {
    const all = Array.from({ length: 4000 }, () => classify(usual, now, controlsToo, 16, roll));
    const { mean, half } = meanOf(all.map(({ rounds }) => rounds));
    const share = (as: Class) => leastShare(all.filter((one) => one.as === as).length, all.length);
    return { rounds: mean + half, share };
  };
  const total = play(0, 1, false);
  figures['classify_total_rounds'] = { value: total.rounds, bound: most(1) };
  const halfBroken = play(0.01, 0.5, false);
  figures['classify_half_rounds'] = { value: halfBroken.rounds, bound: most(3) };
  figures['classify_right'] = {
    value: Math.min(
      total.share('broken'),
      halfBroken.share('broken'),
      play(0.02, 0.02, false).share('flaky'),
      play(0.01, 1, true).share('environment'),
    ),
  };
}

/** The program git itself, on repositories that are made for it, with a script that flakes as much. */
function gitItself(): void {
  for (const rates of RATES) {
    let right = 0;
    for (let n = 0; n < options.repositories; n++)
      if (gitBisectRun(64, 1 + Math.floor(roll() * 64), rates, Math.floor(roll() * 1e9))) right++;
    figures[`git_bisect_run_right_${rates.a}_${rates.b}`] = { value: right / options.repositories };
  }
}

/** What others do, on the same breakages: their share of right answers, and their trials. */
function knownWays(): void {
  for (const { a, b } of RATES.slice(1))
    for (const repeats of [1, 3, 5, 9]) {
      const name = repeats === 1 ? 'bisection' : `repeats_${repeats}`;
      const way = knownWay(64, { a, b }, repeats, options.searches, roll);
      figures[`${name}_right_${a}_${b}`] = { value: way.right };
      figures[`${name}_trials_${a}_${b}`] = { value: way.trials };
    }
}
