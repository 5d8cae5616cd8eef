/** What is to happen at some moment; true where the scheduler should look afterwards. */
export type Act = () => boolean | Promise<boolean>;

interface Entry {
  readonly atS: number;
  readonly nth: number;
  readonly act: Act;
}

/** What is to happen when, in simulated seconds. What falls on one moment happens in the order in which it was said. */
export class Agenda {
  private now = 0;
  private said = 0;
  /** The next one last. */
  private readonly entries: Entry[] = [];

  /** Simulated seconds since the beginning. */
  get nowS(): number {
    return this.now;
  }

  /** Says what is to happen at a moment, or now where that is past. */
  at(seconds: number, act: Act): void {
    const entry = { atS: Math.max(seconds, this.now), nth: this.said++, act };
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.entries[middle];
      if (there !== undefined && isBefore(entry, there)) low = middle + 1;
      else high = middle;
    }
    this.entries.splice(low, 0, entry);
  }

  /** Says what is to happen after so many seconds. */
  in(seconds: number, act: Act): void {
    this.at(this.now + seconds, act);
  }

  /** When something happens next; undefined: never. */
  get nextS(): number | undefined {
    return this.entries.at(-1)?.atS;
  }

  /** Moves time to the next moment. */
  advance(): void {
    this.now = this.nextS ?? this.now;
  }

  /** Takes the first thing that is due now. */
  take(): Act | undefined {
    return this.nextS !== undefined && this.nextS <= this.now ? this.entries.pop()?.act : undefined;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atS < other.atS || (one.atS === other.atS && one.nth < other.nth);
}
