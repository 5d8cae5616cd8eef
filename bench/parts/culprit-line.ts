import type { Conclusion, Outcome, Question, Trial } from '../../src/domain/culprit/question.js';
import type { Rates } from '../../src/domain/culprit/rates.js';
import { asked, nextTrials, openSearch, type Search, told } from '../../src/domain/culprit/search.js';

/** What is true in one simulated breakage. */
export interface Truth {
  /** The change that broke it; or it is none. */
  readonly cause: number | 'flaky' | 'environment';
  readonly rates: Rates;
  /** The share of trials that fail for want of infrastructure. */
  readonly errors?: number;
  /** What bringing a host into another state costs, in trials. */
  readonly switching?: number;
}

/** How one simulated search went. */
export interface Went {
  readonly right: boolean;
  readonly conclusion: Conclusion | undefined;
  /** Trials of the search that told something, and those of verification. */
  readonly trials: number;
  readonly verifying: number;
  /** Trials of the search, with those that told nothing. */
  readonly all: number;
  /** Rounds of the search in which all hosts worked at the same time. */
  readonly rounds: number;
  /** Trials and switches of the search, in trials. */
  readonly cost: number;
}

/** Names of hosts that are all there for the search. */
export function hostsOf(count: number): readonly { readonly name: string }[] {
  return Array.from({ length: count }, (_, n) => ({ name: `h${n}` }));
}

/** What a trial of a state says, where the truth is known. */
export function outcomeOf(truth: Truth, trial: Trial, roll: () => number): Outcome {
  if (truth.errors !== undefined && roll() < truth.errors) return 'error';
  const bad = truth.cause === 'environment' || (truth.cause !== 'flaky' && trial.state >= truth.cause);
  return roll() < (bad ? 1 - truth.rates.b : truth.rates.a) ? 'bad' : 'good';
}

/** Plays one search to its end; hosts work in rounds. */
export function playLine(question: Question, truth: Truth, hosts: number, roll: () => number): Went {
  const all = hostsOf(hosts);
  const { switching = 0 } = truth;
  let search = openSearch(question);
  let [rounds, count, cost] = [0, 0, 0];
  while (search.phase !== 'done') {
    const trials = nextTrials(search, all);
    if (trials.length === 0) throw new Error(`nothing to try: ${JSON.stringify(search)}`);
    if (search.phase === 'search') {
      rounds++;
      count += trials.length;
      for (const trial of trials) cost += 1 + (trial.switches ? switching : 0);
    }
    search = asked(search, trials);
    for (const trial of trials)
      search = told(search, { trial: trial.id, outcome: outcomeOf(truth, trial, roll) });
  }
  const { conclusion } = search;
  return {
    right: isRight(search, truth),
    conclusion,
    trials: search.spent.search,
    verifying: search.spent.verify,
    all: count,
    rounds,
    cost,
  };
}

function isRight({ conclusion }: Search, { cause }: Truth): boolean {
  if (typeof cause === 'string') return conclusion?.kind === cause;
  return conclusion?.kind === 'culprit' && conclusion.changes.length === 1 && conclusion.changes[0] === cause;
}
