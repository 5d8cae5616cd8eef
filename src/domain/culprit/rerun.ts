import type { BrokenRule } from './broken-rule.js';
import { type FailureRate, rateOf } from './failure-rate.js';

/** Reruns of a first failure: of the state in which it failed, and of the last good state as controls. */
export interface Reruns {
  /** What the test did before, while it was thought to be in order. */
  readonly before: FailureRate;
  readonly failed: number;
  readonly passed: number;
  readonly controlsFailed: number;
  readonly controlsPassed: number;
  /** What the test says itself of when it is broken. */
  readonly rule?: BrokenRule;
}

/**
 * What a new failure is: `broken`, it fails more often than it did, and the last good state does not; `flaky`, as
 * often as it did; `environment`, the last good state fails now as well, so that no change is to blame;
 * `undecided`, as many reruns as there may be did not tell: search, with the rates that were seen.
 */
export type Class = 'broken' | 'flaky' | 'environment' | 'undecided';

/** How many of the free hosts rerun the new state, and how many the last good one. */
export interface RerunPlan {
  readonly reruns: number;
  readonly controls: number;
}

/** Rates that a broken test may fail at; each as likely. */
const BROKEN = [0.35, 0.5, 0.7, 0.9, 0.99];
/** A mixture sequential probability ratio test: wrong once in a thousand in either way (Wald 1945; Robbins 1970). */
const DECIDES = Math.log(999);
/** The same for the controls, of whether they do as the reruns did. */
const CONTROLS_DECIDE = Math.log(9);
/** So many times the usual rate is told from it in some dozens of reruns; what is nearer would want hundreds. */
const FAR = 1.5;
/** A record counts as so many runs beside the controls of today. */
const RECORD_COUNTS = 20;
const MOST_AT_ONCE = 16;
const MOST_RERUNS = 64;

/** What to do next with so many free hosts; no reruns where it is decided. */
export function nextReruns(reruns: Reruns, hosts: number): RerunPlan {
  const done = reruns.failed + reruns.passed;
  if (classOf(reruns) !== undefined || hosts === 0) return { reruns: 0, controls: 0 };
  const most = reruns.rule?.of ?? MOST_RERUNS;
  const together = Math.min(hosts, MOST_AT_ONCE, Math.max(1, most - done));
  // One at a time takes turns: three times the new state, once the good one.
  if (together === 1) {
    const controls = done % 4 === 3 && !isControlled(reruns) ? 1 : 0;
    return { reruns: 1 - controls, controls };
  }
  const controls = Math.ceil(together / 4);
  return { reruns: together - controls, controls };
}

function isControlled({ failed, passed, controlsFailed, controlsPassed }: Reruns): boolean {
  return (controlsFailed + controlsPassed) * 4 > failed + passed;
}

/** What the failure is, once the reruns say so. */
export function classOf(reruns: Reruns): Class | undefined {
  const { failed, passed } = reruns;
  const usual = usualRate(reruns);
  if (reruns.rule !== undefined) {
    const { bad, of } = reruns.rule;
    if (passed >= of - bad) return 'flaky';
    return failed > bad ? blamed(reruns, usual) : undefined;
  }
  const log = logMixture(failed, passed, usual);
  const isOver = failed + passed >= MOST_RERUNS;
  if (log >= DECIDES) return blamed(reruns, usual) ?? (isOver ? 'undecided' : undefined);
  if (log <= -DECIDES) return 'flaky';
  // A search has fewer trials for each state than that: what they do not tell from what is usual, it would not either.
  return isOver ? (log < 0 ? 'flaky' : 'undecided') : undefined;
}

/**
 * How often it fails anyhow: as its record says, unless the last good state clearly fails less often today. What flaked
 * may have been mended since, and what is new would be taken for more of the same.
 */
function usualRate({ before, controlsFailed, controlsPassed }: Reruns): number {
  const rate = rateOf(before);
  const controls = controlsFailed + controlsPassed;
  if (controlsFailed >= rate * controls) return rate;
  const seen = controlsFailed / controls;
  const isMended =
    controlsPassed * Math.log((1 - seen) / (1 - rate)) +
      (controlsFailed === 0 ? 0 : controlsFailed * Math.log(seen / rate)) >=
    CONTROLS_DECIDE;
  if (!isMended) return rate;
  const runs = Math.min(before.failures + before.passes, RECORD_COUNTS);
  return rateOf({ failures: rate * runs + controlsFailed, passes: (1 - rate) * runs + controlsPassed });
}

/** It fails more often: controls that do as the reruns did mean the environment; without any, one waits for them. */
function blamed(reruns: Reruns, usual: number): Class | undefined {
  const { failed, passed, controlsFailed, controlsPassed } = reruns;
  const controls =
    logMixture(failed + controlsFailed, passed + controlsPassed, usual) - logMixture(failed, passed, usual);
  // One control may have failed for a reason of its own.
  if (controls >= DECIDES) return 'environment';
  if (controlsFailed === 0 && controlsPassed > 0) return 'broken';
  return controls <= -CONTROLS_DECIDE ? 'broken' : undefined;
}

/** Rates of a broken test that can be told in so few reruns from how often it fails anyhow. */
function brokenRates(usual: number): readonly number[] {
  return BROKEN.filter((rate) => rate > usual && (rate >= FAR * usual || rate === BROKEN.at(-1)));
}

/** The log of how much better 'it fails at one of the broken rates' explains this than 'it fails as usual'. */
function logMixture(failed: number, passed: number, usual: number): number {
  const rates = brokenRates(usual);
  if (rates.length === 0) return 0;
  const logs = rates.map(
    (rate) => failed * Math.log(rate / usual) + passed * Math.log((1 - rate) / (1 - usual)),
  );
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / rates.length);
}
