/** What trials of one state came to. */
export interface Tally {
  readonly state: number;
  readonly good: number;
  readonly bad: number;
  /** Failures of another kind, which hide whether this one is there. */
  readonly other: number;
  /** Hosts on which no answer could be had, one entry a trial. */
  readonly silent: readonly string[];
  /** Of these, hosts that were lost. */
  readonly lost: readonly string[];
  /** Times that the state could not be installed. */
  readonly refused: number;
}

/** How unlikely it must be that only chance kept a state from answering: to try others first, and to give it up. */
const CHANCE = { 'passed over': 0.01, 'given up': 0.00005 };
/** What is refused by one host is likely refused by all. */
const REFUSED_BY_CHANCE = 0.05;
/** Trials that the general rate of errors weighs as, against what a host was seen to do. */
const HOST_WEIGHT = 4;
/** Other failures that hide a state for good, where nothing else was ever seen of it. */
const HIDDEN_BY = 3;

/** The tallies with one of them put in its place. */
export function withTally(tallies: readonly Tally[], tally: Tally): readonly Tally[] {
  const place = tallies.findIndex(({ state }) => state >= tally.state);
  if (place === -1) return [...tallies, tally];
  const same = tallies[place]?.state === tally.state ? 1 : 0;
  return [...tallies.slice(0, place), tally, ...tallies.slice(place + same)];
}

/** The tally of a state; empty where nothing was tried. */
export function tallyOf(tallies: readonly Tally[], state: number): Tally {
  return (
    tallies.find((one) => one.state === state) ?? {
      state,
      good: 0,
      bad: 0,
      other: 0,
      silent: [],
      lost: [],
      refused: 0,
    }
  );
}

/**
 * States from which no answer can be had: never one, on two hosts or more (where there is only one: three times; of
 * what was refused: once),
 * and so often that what hosts do elsewhere does not explain it.
 */
export function untestable(tallies: readonly Tally[], how: keyof typeof CHANCE): readonly number[] {
  if (tallies.every(({ silent, other }) => silent.length === 0 && other === 0)) return [];
  const trials = tallies.reduce((sum, one) => sum + countOf(one), 0);
  const errors = tallies.reduce((sum, one) => sum + one.silent.length, 0);
  return tallies
    .filter((one) => {
      if (one.good + one.bad > 0) return false;
      if (one.other >= HIDDEN_BY) return true;
      const needed = one.refused > 0 ? 1 : new Set(one.silent).size >= 2 ? 2 : 3;
      if (one.silent.length < needed) return false;
      // Only others tell whether it is the state or the hosts: until they were tried it is passed over, never given up.
      if (how === 'given up' && trials === countOf(one)) return false;
      const general = (0.5 + errors - one.silent.length) / (10 + trials - countOf(one));
      let chance = REFUSED_BY_CHANCE ** one.refused;
      for (const host of one.silent) chance *= rateOf(host, one, tallies, general);
      return chance <= CHANCE[how];
    })
    .map(({ state }) => state);
}

/** Errors that a host had elsewhere make its errors here say less. */
function rateOf(host: string, here: Tally, tallies: readonly Tally[], general: number): number {
  let elsewhere = 0;
  for (const one of tallies) if (one !== here) for (const name of one.silent) if (name === host) elsewhere++;
  return Math.min(1, (elsewhere + HOST_WEIGHT * general) / (elsewhere + HOST_WEIGHT));
}

function countOf({ good, bad, other, silent }: Tally): number {
  return good + bad + other + silent.length;
}
