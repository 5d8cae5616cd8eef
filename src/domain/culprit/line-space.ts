import { linePrior } from './line-belief.js';
import { type Choice, lineChoices } from './line-next.js';
import { causesOf, informationOf, type LineView, lineView, meanRates } from './line-view.js';
import { sinceLastGood, unlooked } from './mends.js';
import type { Question } from './question.js';
import type { Space } from './space.js';
import type { Tally } from './tally.js';

/** What is believed of a line of changes, and what to try next. */
export function lineSpace(asked: Question, all: readonly Tally[]): Space {
  const { question, tallies } = sinceLastGood(asked, all);
  const view = lineView(question, tallies);
  const first = view.leading.with?.state ?? 0;
  return {
    leading: view.leading,
    points: linePrior(question).points,
    rates: () => meanRates(view),
    causes: () => causesOf(view.p, view.states),
    isBad: (state) => state >= first,
    choices: (underWay, hosts) =>
      rationed(question, view, underWay, lineChoices(question, view, tallies, underWay, hosts)),
    isExhausted: () => view.states.length === 0,
    unlooked: () =>
      view.leading.kind === 'flaky'
        ? []
        : unlooked(asked, all, first).filter((state) => view.states.includes(state)),
  };
}

/** Where a bad outcome costs a host, only so many trials that few are to be expected at a time; one at least. */
function rationed(
  { predicate = 'fails', atRisk = 2 }: Question,
  view: LineView,
  underWay: readonly number[],
  choices: readonly Choice[],
): readonly Choice[] {
  if (predicate === 'fails') return choices;
  const bad = new Map<number, number>();
  informationOf(view, (state, _, probability) => bad.set(state, probability));
  let risk = underWay.reduce((sum, state) => sum + (bad.get(state) ?? 0), 0);
  return choices.filter(({ state }, n) => {
    const more = bad.get(state) ?? 0;
    if (risk + more > atRisk && (n > 0 || underWay.length > 0)) return false;
    risk += more;
    return true;
  });
}
