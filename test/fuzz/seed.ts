/** Where mutants begin; FUZZ_SEED tries others by hand. */
export const SEED = Number(process.env['FUZZ_SEED'] ?? 20261122);

/** How many times as many as usual; FUZZ_COUNT widens the search by hand. */
const FACTOR = Number(process.env['FUZZ_COUNT'] ?? 1);

/** The number of mutants where usually there are so many. */
export const count = (usual: number) => Math.ceil(usual * FACTOR);

/** Repeatable numbers (mulberry32, by Tommy Ettinger). */
export class Dice {
  constructor(private state: number) {}

  /** From 0 on, below `n`. */
  below(n: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}
