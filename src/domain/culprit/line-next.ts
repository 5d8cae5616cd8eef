import { informationOf, type LineView, quantileStates } from './line-view.js';
import type { FreeHost, Question, State } from './question.js';
import { type Tally, tallyOf } from './tally.js';

/** A state for a host to try. */
export interface Choice extends State {
  readonly host: FreeHost;
}

/** What free hosts should try next; `underWay` are the states of trials that are not told yet. */
export function lineChoices(
  question: Question,
  view: LineView,
  tallies: readonly Tally[],
  underWay: readonly number[],
  hosts: readonly FreeHost[],
): readonly Choice[] {
  if (view.states.length === 0 || hosts.length === 0) return [];
  const [only] = hosts;
  const states =
    hosts.length + underWay.length === 1 && only !== undefined
      ? [bestState(question, view, only)]
      : without(quantileStates(view, hosts.length + underWay.length), underWay);
  return placed(
    states.map((state) => ({ state })),
    hosts,
    tallies,
  );
}

/** The state that tells most for what it costs to try it on this host. */
function bestState({ switching = 0 }: Question, view: LineView, host: FreeHost): number {
  let [best, most] = [view.states[0] as number, Number.NEGATIVE_INFINITY];
  informationOf(view, (state, bits) => {
    const worth = (bits * view.testable(state)) / (host.at === state ? 1 : 1 + switching);
    if (worth > most) [best, most] = [state, worth];
  });
  return best;
}

/** The states but those nearest to what is under way: that part of the work is being done. */
function without(states: readonly number[], underWay: readonly number[]): readonly number[] {
  const left = [...states];
  for (const state of underWay) {
    let nearest = 0;
    left.forEach((one, n) => {
      if (Math.abs(one - state) < Math.abs((left[nearest] as number) - state)) nearest = n;
    });
    left.splice(nearest, 1);
  }
  return left;
}

/** States given to hosts so that few must be switched, and not to those that had no answer for the same one. */
export function placed(
  states: readonly State[],
  hosts: readonly FreeHost[],
  tallies: readonly Tally[],
): readonly Choice[] {
  const left = [...hosts];
  const take = (n: number) => left.splice(n, 1)[0] as FreeHost;
  const choices: Choice[] = [];
  const later: State[] = [];
  for (const one of states) {
    const { state } = one;
    const there = left.findIndex(({ at }) => at === state);
    if (there === -1 || tallyOf(tallies, state).silent.includes(left[there]?.name ?? '')) later.push(one);
    else choices.push({ ...one, host: take(there) });
  }
  for (const one of later) {
    const { silent } = tallyOf(tallies, one.state);
    const willing = left.findIndex(({ name }) => !silent.includes(name));
    choices.push({ ...one, host: take(Math.max(0, willing)) });
  }
  return choices;
}
