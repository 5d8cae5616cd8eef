import type { Fact } from './judge/fact.js';
import type { Layer } from './layer.js';

/** How a command ended by itself. */
export type Exit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string };

/** The part of an attempt in which something happened. */
export type Phase = 'connect' | 'begin' | 'chain' | 'verify' | 'setup' | 'test' | 'teardown' | 'end';

/** What was seen in an attempt; only facts, the verdict is the judge's. */
export type Outcome =
  /** The test's process started and ended by itself. */
  | {
      readonly kind: 'ended';
      readonly exit: Exit;
      readonly missing: MissingCommands;
      /** Of a test whose output is TAP or KTAP. */
      readonly printed?: Printed;
      /** Of a test that did its own set-up. */
      readonly observed?: readonly Fact[];
    }
  /** The test's own limit passed; `hostAnswered` tells whether the host still did then. */
  | {
      readonly kind: 'timed_out';
      readonly afterMs: number;
      readonly hostAnswered: boolean;
      readonly observed?: readonly Fact[];
    }
  /** The test had started and the host came back with a boot id that nobody ordered, or its console shows a panic. */
  | { readonly kind: 'crashed'; readonly evidence: string }
  /** The wrapper could not execute the test. */
  | { readonly kind: 'never_started'; readonly why: string }
  /** A step of the chain did not do its work. */
  | {
      readonly kind: 'chain_failed';
      readonly step: string;
      readonly layer: Layer;
      readonly result: 'failed' | 'timed_out' | 'killed';
      readonly message: string;
      /** The resource whose failure it is, where the step could tell. */
      readonly resource?: string;
      /** What the step puts in refuses itself (a package manager's own word): to try again changes nothing. */
      readonly refused?: true;
    }
  /** A step claimed what is needed (or the facts did, where `step` is undefined) and what was seen denies it. */
  | {
      readonly kind: 'tag_lied';
      readonly step?: string;
      /** The clause of the requirement that does not hold. */
      readonly tag: string;
      readonly presence: 'absent' | 'unknown';
      /** In words: 'kernel is 5.10.0, needs >= 6.1'. */
      readonly why?: string;
    }
  /** The test's own setup did not do its work. */
  | {
      readonly kind: 'setup_failed';
      readonly result: 'failed' | 'timed_out' | 'killed';
      readonly message: string;
      readonly observed?: readonly Fact[];
    }
  /** The way into the host broke or never was. */
  | {
      readonly kind: 'host_lost';
      readonly phase: Phase;
      readonly error: string;
      readonly message: string;
      /** True where the host answered again soon after, with the same boot id: only the connection was lost. */
      readonly back?: boolean;
    }
  /** What earlier attempts left running could not be shown dead: nothing was started. */
  | { readonly kind: 'unclean'; readonly message: string }
  /** The host is not as recorded, so that the plan does not hold; nothing was done. */
  | { readonly kind: 'stale'; readonly message: string }
  /** The host has seen a higher attempt number: this executor is too late. */
  | { readonly kind: 'fenced'; readonly message: string }
  /** The executor's lease lapsed, or it gave the attempt back; counts against the executor, never the host. */
  | { readonly kind: 'executor_lost'; readonly message: string }
  /** The executor itself cannot do this (no bubblewrap, unreadable key file). */
  | { readonly kind: 'executor_unable'; readonly message: string }
  /** Stopped because somebody cancelled the run. */
  | { readonly kind: 'cancelled' };

/** Commands that the test or its artefact names and that are not on the host after the test. */
export interface MissingCommands {
  /** Of `commands`: what the test needs. */
  readonly needed: readonly string[];
  /** Of `underTest`: what the artefact brings. */
  readonly underTest: readonly string[];
}

/** An outcome that nothing seen after it could change: it may be told while the host is still tidied up. */
export function isSettled(outcome: Outcome): boolean {
  if (outcome.kind === 'timed_out') return outcome.hostAnswered;
  return outcome.kind === 'ended' || outcome.kind === 'never_started';
}

/** What came of the teardown. */
export type Teardown = 'none' | 'ok' | 'failed' | 'timed_out';

/** All that an executor says at the end of an attempt. */
export interface AttemptEnd {
  readonly outcome: Outcome;
  readonly teardown: Teardown;
  /** The lowest layer that was seen or must be taken as changed; undefined: nothing was. */
  readonly dirtied?: Layer;
  /** What says so, for people. */
  readonly dirtiedBy?: string;
}

/** Why a run has no verdict; each a word that people see. */
export type NoVerdict =
  /** 99, 126, 127, or the wrapper could not execute it. */
  | 'could_not_run'
  /** The test's own setup failed until the deadline. */
  | 'setup_failed'
  | 'host_lost'
  | 'tested_nothing'
  | 'cancelled'
  /** Waited longer than the submission allows. */
  | 'expired'
  /** Held by an incident until its deadline. */
  | 'held_too_long'
  | 'not_compatible';

/** What is said beside a verdict. */
export type Mark =
  /** Red on a used host, green on a fresh one. */
  | 'contaminated'
  /** A new red for which no fresh host could be had. */
  | 'not_repeated_on_fresh_host'
  /** The teardown failed; the verdict stands. */
  | 'teardown_failed'
  /** A pass with many more or fewer cases than the test's last passes had. */
  | 'unusual_case_count'
  /** A pass that took much longer or shorter than the test's last passes. */
  | 'unusual_duration';

/** The answer for a run, written once. */
export type Verdict =
  | {
      readonly verdict: 'passed' | 'failed' | 'skipped';
      readonly reason: string;
      readonly marks: readonly Mark[];
    }
  | {
      readonly verdict: 'none';
      readonly noVerdict: NoVerdict;
      readonly reason: string;
      readonly marks: readonly Mark[];
    };

/** What a test that prints TAP or KTAP said as a whole. */
export interface Printed {
  /** Test points of the outermost level. */
  readonly cases: number;
  /** Why all of it was skipped, where the plan is `1..0`; '' where it does not say. */
  readonly skipped?: string;
  /** Why the cases are not all that there should be: 'planned 5 cases and printed 3'. */
  readonly flaw?: string;
}
