import type { BrokenRule } from './broken-rule.js';
import type { FailureRecord, Rates } from './rates.js';

/** What is to be found out: which of some changes broke a test. Changes are numbered from 1. */
export interface Question {
  /** `line`: state i has the first i changes; `set`: any set that holds with each change all that it needs. */
  readonly kind: 'line' | 'set';
  /** How many changes there are. */
  readonly changes: number;
  /** What each change needs of the others, by number; of a set. */
  readonly needs?: readonly (readonly number[])[];
  /** What the search among sets rolls its dice with: the same number, the same sets. */
  readonly seed?: number;
  /** How likely each change is to be it, before any trial; only their proportions count. */
  readonly scores?: readonly number[];
  /** What a person multiplied each of them by; 0 excludes it. */
  readonly weights?: readonly number[];
  /**
   * What is bad: `fails`, the test failed as it did when the search began; `lost`, the host could not be reached any
   * more, whatever the test said.
   */
  readonly predicate?: 'fails' | 'lost';
  /** The rates, where they are known. */
  readonly rates?: Rates;
  /** How often the test failed while it was thought to be in order. */
  readonly record?: FailureRecord;
  /** How often it failed where it is known to be broken in the way that is searched for. */
  readonly brokenRecord?: FailureRecord;
  /** What the test says itself of when it is broken; the reruns before a search go by it. */
  readonly rule?: BrokenRule;
  /** How likely it is that the test only flakes, before any trial: .30 unless said. */
  readonly flaky?: number;
  /** How likely it is that what it runs on is bad today: .10 unless said. */
  readonly environment?: number;
  /** What was broken may have been mended on the line, and broken again: the last step from good to bad is wanted. */
  readonly mends?: boolean;
  /** The first state that is in question: what lies before it is out; 0 unless said. */
  readonly first?: number;
  /** What it costs to bring a host into another state, in trials: 0 unless said. */
  readonly switching?: number;
  /** Bad trials that may be expected at a time, where each costs a host: 2 unless said; for `lost`. */
  readonly atRisk?: number;
}

/** A state that can be tried. */
export interface State {
  /** Of a line how many changes are in; of a set its number, in the order in which sets were first asked for. */
  readonly state: number;
  /** The changes that are in, of a set; in rising order. */
  readonly of?: readonly number[];
}

/** A host that is free for a trial. */
export interface FreeHost {
  readonly name: string;
  /** The number of the state that it carries; where it is not given, what the search last did there. */
  readonly at?: number;
}

/** One experiment. */
export interface Trial extends State {
  /** Its number within the search, from 1. */
  readonly id: number;
  readonly host: string;
  /** To learn more; or to verify a culprit, with it or without it. */
  readonly why: 'search' | 'with' | 'without';
  /** Whether the host must be brought into this state. */
  readonly switches: boolean;
}

/**
 * What came of a trial: `good`; `bad`, the failure that is searched for; `other`, another failure; `error`, the
 * infrastructure failed before the test could say anything; `refused`, the state cannot be installed;
 * `lost`, the host was lost; `withdrawn`, nobody carried it out.
 */
export type Outcome = 'good' | 'bad' | 'other' | 'error' | 'refused' | 'lost' | 'withdrawn';

/** The answer to a trial. */
export interface Result {
  readonly trial: number;
  readonly outcome: Outcome;
}

/** What a person asks of a search: a change is not it; it is so many times as likely; enough. */
export type Guidance =
  | { readonly kind: 'exclude'; readonly changes: readonly number[] }
  | { readonly kind: 'weigh'; readonly changes: readonly number[]; readonly factor: number }
  | { readonly kind: 'stop' };

/** How a search ended. */
export type Conclusion =
  /** These changes, together, break it; verified. More than one of a line is a group no testable state separates. */
  | {
      readonly kind: 'culprit' | 'several';
      readonly changes: readonly number[];
      readonly probability: number;
      /** By how much 'the culprit' explained the trials with and without better than 'no effect'. */
      readonly likelihoodRatio: number;
      /** Whether they were on hosts that had no part in the search. */
      readonly onFreshHosts: boolean;
    }
  /** It is bad in the last good state too, today. */
  | { readonly kind: 'environment'; readonly probability: number }
  /** It fails now and then in every state; `rate` is how often. */
  | { readonly kind: 'flaky'; readonly probability: number; readonly rate: number }
  /** Given up, or stopped by a person: the fewest causes that hold .9. */
  | {
      readonly kind: 'smallest set' | 'stopped';
      readonly causes: readonly Cause[];
    };

/** Something that may have made the test fail. */
export interface Cause {
  readonly kind: 'changes' | 'environment' | 'flaky';
  /** The changes; none of the other kinds. */
  readonly changes: readonly number[];
  readonly probability: number;
}
