import { membersOf } from './set-belief.js';
import type { Tally } from './tally.js';

/**
 * How likely changes need each other without saying so: change i is in and j is not, and it cannot be installed. At
 * first 1 in n^2 for each pair; what was installed shows that none of the pairs it cut was needed, what was not makes
 * all that it cut likelier. A change 0 that is never in stands for what is missing altogether..
 */
export class Installs {
  /** Row i, column j: 'i needs j'. */
  private readonly needed: Float64Array;

  constructor(
    private readonly changes: number,
    tallies: readonly Tally[],
    sets: readonly (readonly number[])[],
  ) {
    this.needed = new Float64Array((changes + 1) ** 2).fill(1 / changes ** 2);
    const installed = tallies.filter(({ good, bad, other }) => good + bad + other > 0);
    for (const { state } of installed) this.cuts(sets[state] ?? [], () => 0);
    for (const { state, refused } of tallies)
      if (refused > 0) {
        const fails = 1 - this.probability(sets[state] ?? []);
        if (fails > 0) this.cuts(sets[state] ?? [], (needed) => Math.min(0.999, needed / fails));
      }
  }

  /** How likely it is that this set can be installed. */
  probability(set: readonly number[]): number {
    let product = 1;
    this.cuts(set, (needed) => {
      product *= 1 - needed;
      return needed;
    });
    return product;
  }

  private cuts(set: readonly number[], put: (needed: number) => number): void {
    const members = membersOf(set, this.changes);
    for (const inside of set)
      for (let outside = 0; outside <= this.changes; outside++)
        if (members[outside] === 0) {
          const place = inside * (this.changes + 1) + outside;
          this.needed[place] = put(this.needed[place] as number);
        }
  }
}
