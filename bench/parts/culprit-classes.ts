import { UNKNOWN_RATE, withRun } from '../../src/domain/culprit/failure-rate.js';
import { type Class, classOf, nextReruns, type Reruns } from '../../src/domain/culprit/rerun.js';

/** How one new failure was classified. */
export interface Classified {
  readonly as: Class;
  readonly rounds: number;
}

/** Reruns of a test that failed at one rate and fails at another now, in the last good state too if that is so. */
export function classify(
  usual: number,
  now: number,
  controlsToo: boolean,
  hosts: number,
  roll: () => number,
): Classified {
  let before = UNKNOWN_RATE;
  for (let n = 0; n < 400; n++) before = withRun(before, roll() < usual);
  let reruns: Reruns = { before, failed: 0, passed: 0, controlsFailed: 0, controlsPassed: 0 };
  const failing = (count: number, rate: number) =>
    Array.from({ length: count }, () => roll() < rate).filter(Boolean).length;
  for (let rounds = 0; ; rounds++) {
    const as = classOf(reruns);
    const plan = nextReruns(reruns, hosts);
    // Where the controls do not tell either, nobody is accused.
    if (as !== undefined || plan.reruns + plan.controls === 0) return { as: as ?? 'undecided', rounds };
    const failed = failing(plan.reruns, now);
    const controls = failing(plan.controls, controlsToo ? now : usual);
    reruns = {
      before,
      failed: reruns.failed + failed,
      passed: reruns.passed + plan.reruns - failed,
      controlsFailed: reruns.controlsFailed + controls,
      controlsPassed: reruns.controlsPassed + plan.controls - controls,
    };
  }
}
