import type { Rates } from '../../src/domain/culprit/rates.js';

/** What another way found, and with how many trials. */
export interface Found {
  readonly change: number;
  readonly trials: number;
}

/** A trial of a state, which may deceive. */
export type Try = (state: number) => boolean;

/** A test that is bad from a change on, and flakes. */
export function flaking(change: number, { a, b }: Rates, roll: () => number): Try {
  return (state) => roll() < (state >= change ? 1 - b : a);
}

/** Plain bisection: each state is tried so often, and is bad when most of these were; the ends are believed. */
export function bisection(changes: number, isBad: Try, repeats: number): Found {
  let [good, bad, trials] = [0, changes, 0];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    let fails = 0;
    for (let n = 0; n < repeats; n++) if (isBad(middle)) fails++;
    trials += repeats;
    if (fails * 2 > repeats) bad = middle;
    else good = middle;
  }
  return { change: bad, trials };
}
