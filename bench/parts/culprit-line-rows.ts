import type { Question } from '../../src/domain/culprit/question.js';
import { capacity, confirmation, type Rates } from '../../src/domain/culprit/rates.js';
import { bisection, type Found, flaking } from './culprit-known-ways.js';
import { playLine, type Truth, type Went } from './culprit-line.js';
import { leastShare, type Mean, meanOf } from './culprit-measure.js';

/** Many searches under the same conditions. */
export interface Cell {
  readonly label: string;
  readonly trials: Mean;
  readonly all: Mean;
  readonly rounds: Mean;
  readonly cost: Mean;
  readonly verifying: Mean;
  readonly searches: number;
  readonly right: number;
}

/** The rates at which figures are to be reached. */
export const RATES: readonly Rates[] = [
  { a: 0, b: 0 },
  { a: 0.02, b: 0.1 },
  { a: 0.1, b: 0.3 },
];
export const LENGTHS = [64, 1024];

/** How a cell is played. */
export interface Play {
  readonly changes: number;
  readonly rates: Rates;
  readonly isKnown?: boolean;
  readonly hosts?: number;
  readonly errors?: number;
  readonly cause?: 'flaky' | 'environment';
  readonly switching?: number;
  /** A switch is paid for though the search does not know that it costs anything. */
  readonly ignoresSwitching?: boolean;
}

/** Plays many searches; the culprit is any of the changes. */
export function cell(play: Play, searches: number, roll: () => number): Cell {
  const { changes, rates, hosts = 1 } = play;
  const question: Question = {
    kind: 'line',
    changes,
    ...(play.isKnown ? { rates } : {}),
    ...(play.switching === undefined || play.ignoresSwitching ? {} : { switching: play.switching }),
  };
  const went: Went[] = [];
  for (let n = 0; n < searches; n++) {
    const truth: Truth = {
      cause: play.cause ?? 1 + Math.floor(roll() * changes),
      rates,
      ...(play.errors === undefined ? {} : { errors: play.errors }),
      ...(play.switching === undefined ? {} : { switching: play.switching }),
    };
    went.push(playLine(question, truth, hosts, roll));
  }
  return {
    label: labelOf(play),
    trials: meanOf(went.map(({ trials }) => trials)),
    all: meanOf(went.map(({ all }) => all)),
    rounds: meanOf(went.map(({ rounds }) => rounds)),
    cost: meanOf(went.map(({ cost }) => cost)),
    verifying: meanOf(went.map(({ verifying }) => verifying)),
    searches,
    right: went.filter(({ right }) => right).length,
  };
}

function labelOf({
  changes,
  rates,
  isKnown,
  hosts = 1,
  errors,
  cause,
  switching,
  ignoresSwitching,
}: Play): string {
  return [
    `${changes} changes`,
    `a ${rates.a} b ${rates.b}`,
    isKnown ? 'rates known' : '',
    hosts > 1 ? `${hosts} hosts` : '',
    errors === undefined ? '' : `${errors * 100} % errors`,
    cause ?? '',
    switching === undefined ? '' : ignoresSwitching ? 'switching ignored' : 'switching weighed',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** The trials that one host needs at least, nearly: to find one of so many, and to be sure of it. */
export function fewestTrials(changes: number, rates: Rates): number {
  return Math.log2(changes) / capacity(rates) + Math.log2(1 / 0.01) / confirmation(rates);
}

/** The rounds that so many hosts need at least. */
export function fewestRounds(changes: number, rates: Rates, hosts: number): number {
  const bits = Math.log2(changes);
  return Math.max(bits / Math.log2(hosts + 1), bits / (hosts * capacity(rates)));
}

/** The lower end of the interval of the share that ended right, over cells that belong together. */
export function leastRight(cells: readonly Cell[]): number {
  const sum = (of: (cell: Cell) => number) => cells.reduce((all, one) => all + of(one), 0);
  return leastShare(
    sum(({ right }) => right),
    sum(({ searches }) => searches),
  );
}

/** A quotient of two means, at the worse end of its interval. */
export function mostRatio(over: Mean, under: Mean): number {
  const ratio = over.mean / under.mean;
  return ratio * (1 + Math.hypot(over.half / over.mean, under.half / under.mean));
}

/** What a known way comes to: the share that it names rightly, and its trials. */
export function knownWay(
  changes: number,
  rates: Rates,
  repeats: number,
  searches: number,
  roll: () => number,
): { readonly right: number; readonly trials: number } {
  const found: boolean[] = [];
  let trials = 0;
  for (let n = 0; n < searches; n++) {
    const change = 1 + Math.floor(roll() * changes);
    const one: Found = bisection(changes, flaking(change, rates, roll), repeats);
    found.push(one.change === change);
    trials += one.trials;
  }
  return { right: found.filter(Boolean).length / searches, trials: trials / searches };
}
