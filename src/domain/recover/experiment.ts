import type { Lab, Work } from './cause.js';
import { failsUnder, type Suspect } from './infer.js';

/** From this on a cause is taken to be the one: a host that was lost is not, before a neighbour was seen to be well. */
const SURE = 0.95;

/** What tells less than this is not worth a check. */
const TELLS_SOMETHING = 0.01;

/** Seconds of a host's time that halve the worth of a check. */
const HALF_WORTH_S = 600;

/** A piece of work that could be done to see who is at fault. */
export interface Trial extends Work {
  /** What it costs of the host's time. */
  readonly costS: number;
}

/** Whether it is known whose failure it is. */
export function isSure(suspects: readonly Suspect[]): boolean {
  return (suspects[0]?.probability ?? 0) >= SURE;
}

/** The checks that would tell the suspects apart, the most telling for its cost first. */
export function telling<One extends Trial>(
  trials: readonly One[],
  suspects: readonly Suspect[],
  lab: Lab,
): readonly One[] {
  return trials
    .map((trial) => ({ trial, worth: disagreement(trial, suspects, lab) / (1 + trial.costS / HALF_WORTH_S) }))
    .filter(({ worth }) => worth > TELLS_SOMETHING)
    .sort((a, b) => b.worth - a.worth)
    .map(({ trial }) => trial);
}

/** How far the suspects, each by its weight, differ about what would come of it: a variance. */
function disagreement(trial: Trial, suspects: readonly Suspect[], lab: Lab): number {
  const said = suspects.map(({ cause, probability }) => ({
    probability,
    fails: failsUnder(cause, trial, lab),
  }));
  const mean = said.reduce((sum, { probability, fails }) => sum + probability * fails, 0);
  return said.reduce((sum, { probability, fails }) => sum + probability * (fails - mean) ** 2, 0);
}
