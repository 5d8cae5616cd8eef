import { placed } from './line-next.js';
import type { Leading } from './line-view.js';
import type { Cause, Question, State } from './question.js';
import { membersOf, type SetBelief, setBelief } from './set-belief.js';
import { union } from './set-causes.js';
import { Installs } from './set-installs.js';
import { meanSetRates, nextSets } from './set-next.js';
import type { Space } from './space.js';
import type { Tally } from './tally.js';

type Sets = readonly (readonly number[])[];

const spaces = new WeakMap<
  readonly Tally[],
  { readonly question: Question; readonly sets: Sets; readonly space: Space }
>();

/** What is believed of a set of changes, and what to try next; kept with the tallies and the sets, which never change. */
export function setSpace(question: Question, tallies: readonly Tally[], sets: Sets): Space {
  const kept = spaces.get(tallies);
  // Sets that are under way may have been added since, with no tally yet.
  if (kept?.question === question && kept.sets === sets) return kept.space;
  const space = spaceOf(question, tallies, sets);
  spaces.set(tallies, { question, sets, space });
  return space;
}

function spaceOf(question: Question, tallies: readonly Tally[], sets: Sets): Space {
  const belief = setBelief(question, tallies, sets);
  const installs = new Installs(question.changes, tallies, sets);
  const refused = tallies.filter((one) => one.refused > 0).map(({ state }) => sets[state] ?? []);
  const best = belief.p.indexOf(Math.max(...belief.p));
  const turn = tallies.reduce(
    (sum, { good, bad, silent, other }) => sum + good + bad + other + silent.length,
    0,
  );
  const find = (underWay: Sets, count: number) =>
    nextSets(question, belief, installs, refused, underWay, count, turn + underWay.length);
  // Asked for twice: whether there is any, and which.
  let first: Sets | undefined;
  const next = (underWay: Sets, count: number) => {
    if (underWay.length > 0 || count !== 1) return find(underWay, count);
    first ??= find([], 1);
    return first;
  };
  return {
    leading: leadingOf(belief, best, tallies, sets, installs),
    points: belief.points,
    rates: () => meanSetRates(belief),
    causes: () => Array.from(belief.p, (_, n) => causeOf(belief, n)),
    isBad: (state) => isIn(belief, best, sets[state] ?? [], question.changes),
    choices: (underWay, hosts) => {
      const chosen = next(
        underWay.map((state) => sets[state] ?? []),
        hosts.length,
      );
      return placed(numbered(sets, chosen), hosts, tallies);
    },
    isExhausted: () => next([], 1).length === 0,
    unlooked: () => [],
  };
}

function isIn({ causes }: SetBelief, cause: number, set: readonly number[], changes: number): boolean {
  const members = membersOf(set, changes);
  const one = causes[cause];
  return one === undefined ? cause === causes.length : members[one.first] === 1 && members[one.second] === 1;
}

function causeOf({ causes, p }: SetBelief, n: number): Cause {
  const [cause, probability] = [causes[n], p[n] as number];
  if (cause !== undefined) return { kind: 'changes', changes: cause.changes, probability };
  return { kind: n === causes.length ? 'environment' : 'flaky', changes: [], probability };
}

/** The number of each set; new ones are numbered on. */
export function numbered(sets: Sets, chosen: Sets): readonly State[] {
  const numbers = new Map(sets.map((set, n) => [set.join(), n]));
  return chosen.map((of) => {
    const key = of.join();
    const state = numbers.get(key) ?? numbers.size;
    numbers.set(key, state);
    return { state, of };
  });
}

/** The likeliest cause; of changes with the two sets, installable as far as one can tell, between which it shows. */
function leadingOf(
  belief: SetBelief,
  best: number,
  tallies: readonly Tally[],
  sets: Sets,
  installs: Installs,
): Leading {
  const cause = belief.causes[best];
  const leading = causeOf(belief, best);
  if (cause === undefined) return leading;
  const { closures } = belief;
  const smallest = union(closures[cause.first - 1] ?? [], closures[cause.second - 1] ?? []);
  const ran = tallies.filter(({ good, bad }) => good + bad > 0).map(({ state }) => sets[state] ?? []);
  const refused = new Set(
    tallies.filter((one) => one.refused > 0).map(({ state }) => (sets[state] ?? []).join()),
  );
  let [found, likeliest]: [Sets, number] = [[], 0];
  for (const set of [smallest, ...ran.filter((one) => smallest.every((change) => one.includes(change)))]) {
    const rest = set.filter((change) => !closures[change - 1]?.includes(cause.second));
    if (refused.has(set.join()) || refused.has(rest.join())) continue;
    const installable = installs.probability(set) * installs.probability(rest);
    if (installable > likeliest) [found, likeliest] = [[set, rest], installable];
  }
  const [withIt, withoutIt] = numbered(sets, found);
  return withIt === undefined || withoutIt === undefined
    ? leading
    : { ...leading, with: withIt, without: withoutIt };
}
