import type { Conclusion, Outcome, Question, Trial } from '../../src/domain/culprit/question.js';
import type { Rates } from '../../src/domain/culprit/rates.js';
import { asked, nextTrials, openSearch, told } from '../../src/domain/culprit/search.js';
import { setCauses } from '../../src/domain/culprit/set-causes.js';
import { hostsOf } from './culprit-line.js';

/** An upgrade of many packages of which some need others, and some of these needs nobody declared. */
export interface Upgrade {
  readonly needs: readonly (readonly number[])[];
  readonly undeclared: readonly (readonly [number, number])[];
}

/** How one simulated search among sets went. */
export interface SetWent {
  readonly right: boolean;
  readonly conclusion: Conclusion | undefined;
  readonly trials: number;
  readonly rounds: number;
  readonly refused: number;
  readonly verifying: number;
  /** Causes that differ by which states they make bad. */
  readonly causes: number;
}

/** Rolls needs: each change needs one of those before it with this probability, twice over. */
export function rollUpgrade(changes: number, share: number, undeclared: number, roll: () => number): Upgrade {
  const any = (below: number) => 1 + Math.floor(roll() * below);
  const needs = Array.from({ length: changes }, (_, n) =>
    n === 0 ? [] : [0, 1].flatMap(() => (roll() < share ? [any(n)] : [])),
  );
  // As with those that are declared, the later needs the earlier: changes in a circle are never apart.
  const pairs = Array.from({ length: undeclared }, () => {
    const later = 1 + any(changes - 1);
    return [later, any(later - 1)] as const;
  });
  return { needs, undeclared: pairs };
}

/** Plays one search among sets to its end; `culprit` is one change or two. */
export function playSet(
  question: Question,
  upgrade: Upgrade,
  culprit: readonly number[],
  rates: Rates,
  hosts: number,
  roll: () => number,
): SetWent {
  let search = openSearch(question);
  let [rounds, refused] = [0, 0];
  const outcome = ({ of = [] }: Trial): Outcome => {
    const has = (change: number) => of.includes(change);
    if (upgrade.undeclared.some(([one, other]) => has(one) && !has(other))) return 'refused';
    return roll() < (culprit.every(has) ? 1 - rates.b : rates.a) ? 'bad' : 'good';
  };
  while (search.phase !== 'done') {
    const trials = nextTrials(search, hostsOf(hosts));
    if (trials.length === 0) throw new Error(`nothing to try: ${JSON.stringify(search)}`);
    if (search.phase === 'search') rounds++;
    search = asked(search, trials);
    for (const trial of trials) {
      const came = outcome(trial);
      if (came === 'refused') refused++;
      search = told(search, { trial: trial.id, outcome: came });
    }
  }
  const { conclusion, spent } = search;
  return {
    right: isSame(question, conclusion, culprit),
    conclusion,
    trials: spent.search,
    rounds,
    refused,
    verifying: spent.verify,
    causes: setCauses(question).causes.length + 2,
  };
}

/** Whether what was concluded comes with the same changes as the culprit: nothing could tell these apart. */
function isSame(question: Question, conclusion: Conclusion | undefined, culprit: readonly number[]): boolean {
  if (conclusion?.kind !== 'culprit' && conclusion?.kind !== 'several') return false;
  const { closures } = setCauses(question);
  const closed = (changes: readonly number[]) =>
    [...new Set(changes.flatMap((change) => closures[change - 1] ?? []))].sort((a, b) => a - b).join();
  return closed(conclusion.changes) === closed(culprit);
}
