import type { Outcome } from '../culprit/question.js';
import type { Id } from '../id.js';

/** What of a run is bad, in a search. */
export type Predicate =
  /** The test failed, as it did when the search began. */
  | 'fails'
  /** What is to be put in cannot be. */
  | 'refused'
  /** The host was lost. */
  | 'lost';

/** That a run with changes could not be had, on which host. */
export interface SeenBad {
  readonly is: 'refused' | 'lost';
  readonly host: Id;
}

/** What a run with changes came to, as far as a search goes by it. */
export interface Tried {
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'none';
  readonly noVerdict?: string;
  readonly reason: string;
  /** How its last attempt ended; undefined: there was none. */
  readonly outcome?: string;
  /** What its failure is known by. */
  readonly signature?: string;
  /** The step in which it broke off, and what was said of that. */
  readonly step?: string;
  readonly message?: string;
  /** The step's own word that what is asked for cannot be put in: no trial more will change that. */
  readonly refused?: boolean;
  /** The resource that failed the step: what it says is of no change. */
  readonly resource?: string;
  readonly host?: Id;
  readonly attempt?: Id;
}

/**
 * What a trial says of what is searched for. `versioned`: the steps that put changes in. Only where the failing
 * set-up itself is searched for does it say anything of the change.
 */
export function readTrial(
  tried: Tried,
  predicate: Predicate,
  signature: string,
  versioned: ReadonlySet<string>,
): Outcome {
  if (tried.noVerdict === 'cancelled') return 'withdrawn';
  const isOfChange = isOfChanges(tried, versioned);
  if (tried.outcome === 'host_lost') return 'lost';
  const hasRun = tried.verdict !== 'none' || tried.outcome === 'ended' || tried.outcome === 'timed_out';
  if (predicate === 'refused') return hasRun ? 'good' : isOfChange ? 'bad' : 'error';
  // Whether a host would have lived cannot be seen where nothing could be put in: another state must tell.
  if (!hasRun && isOfChange && predicate === 'lost') return 'refused';
  if (!hasRun || tried.verdict === 'none') return isOfChange && tried.refused === true ? 'refused' : 'error';
  if (predicate === 'lost' || tried.verdict !== 'failed') return 'good';
  return signature === '' || tried.signature === signature ? 'bad' : 'other';
}

/** What is to be found out of a run with all the changes; undefined: there is nothing bad in it. */
export function predicateOf(tried: Tried, versioned: ReadonlySet<string>): Predicate | 'nothing' | undefined {
  if (tried.verdict === 'failed') return 'fails';
  if (tried.verdict !== 'none') return undefined;
  if (tried.outcome === 'host_lost') return 'lost';
  return isOfChanges(tried, versioned) ? 'refused' : 'nothing';
}

/** Whether a chain broke off where changes are put in, and by no failure of what they come from. */
function isOfChanges({ step, resource }: Tried, versioned: ReadonlySet<string>): boolean {
  return step !== undefined && versioned.has(step) && resource === undefined;
}
