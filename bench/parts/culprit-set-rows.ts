import type { Rates } from '../../src/domain/culprit/rates.js';
import { type Mean, meanOf } from './culprit-measure.js';
import { playSet, rollUpgrade, type SetWent } from './culprit-set.js';

/** Many searches among sets under the same conditions. */
export interface SetCell {
  /** Trials over log2 of the number of causes. */
  readonly times: Mean;
  readonly rounds: Mean;
  readonly refused: Mean;
  readonly verifying: Mean;
  readonly searches: number;
  readonly right: number;
}

const CHANGES = 40;
/** How likely each of two needs is, and how many more there are that nobody declared. */
const NEEDS = { share: 0.35, undeclared: 2 };

/** Plays searches for one change, or for two that break it only together; rates are known. */
export function setCell(
  size: 1 | 2,
  rates: Rates,
  hosts: number,
  searches: number,
  roll: () => number,
): SetCell {
  const went: SetWent[] = [];
  for (let n = 0; n < searches; n++) {
    const upgrade = rollUpgrade(CHANGES, NEEDS.share, NEEDS.undeclared, roll);
    const question = {
      kind: 'set',
      changes: CHANGES,
      needs: upgrade.needs,
      seed: Math.floor(roll() * 1e9),
      rates,
      // Reruns with controls went before.
      flaky: 0.05,
      environment: 0.05,
    } as const;
    went.push(playSet(question, upgrade, rollCulprit(size, roll), rates, hosts, roll));
  }
  return {
    times: meanOf(went.map(({ trials, causes }) => trials / Math.log2(causes))),
    rounds: meanOf(went.map(({ rounds }) => rounds)),
    refused: meanOf(went.map(({ refused }) => refused)),
    verifying: meanOf(went.map(({ verifying }) => verifying)),
    searches,
    right: went.filter(({ right }) => right).length,
  };
}

function rollCulprit(size: 1 | 2, roll: () => number): readonly number[] {
  const one = 1 + Math.floor(roll() * CHANGES);
  if (size === 1) return [one];
  const other = 1 + Math.floor(roll() * (CHANGES - 1));
  return [one, other >= one ? other + 1 : other];
}
