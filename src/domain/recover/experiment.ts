import { doesCover, type Lab, type Work } from './cause.js';
import { failsUnder, type Suspect } from './infer.js';

/**
 * From this on a cause is taken to be the one. A host is taken to be so later: it gets no work meanwhile, so that nothing is
 * lost by asking its neighbours in all that it shares, and its owner is told for nothing where it was one of those.
 */
const SURE = { host: 0.99, other: 0.95 } as const;

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
export function isSure([top]: readonly Suspect[]): boolean {
  return top !== undefined && top.probability >= (top.cause.kind === 'host' ? SURE.host : SURE.other);
}

/** Whether a canary has worked, or failed, on the host since the failure. */
export type Looked = 'not yet' | 'ok' | 'bad';

/**
 * Whether the likeliest cause has shown itself: of a host a canary must have told, and what several hosts share must have
 * failed on two. Each further failure on one host makes all that it shares likelier by the same, so that no number of
 * them tells the host from what it shares.
 */
export function hasShown({ cause, explains }: Suspect, looked: Looked): boolean {
  if (cause.kind === 'host') return looked !== 'not yet';
  return cause.kind === 'step_on_host' || new Set(explains.map(({ host }) => host)).size > 1;
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

/** The checks in which the likeliest cause could show itself where it has not: however likely it is. The cheapest first. */
export function showing<One extends Trial>(
  trials: readonly One[],
  { cause, explains }: Suspect,
  lab: Lab,
): readonly One[] {
  const isNew = ({ host, work }: Work) =>
    cause.kind === 'host' ? work === 'canary' : explains.every((one) => one.host !== host);
  return trials
    .filter((trial) => doesCover(cause, trial, lab) && isNew(trial))
    .sort((a, b) => a.costS - b.costS);
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
