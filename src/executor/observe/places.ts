/**
 * Where in a test's output things were told, in bytes from its beginning. What was told after something else stands
 * after it, even where nothing was printed in between: then a byte further on than it was.
 */
export class Places {
  private last = 0;

  /** The place of something that was observed. */
  after(at: number): number {
    this.last = Math.max(at, this.last + 1);
    return this.last;
  }

  /** The place of a case, which ends what led up to it. */
  upTo(at: number): number {
    this.last = Math.max(at, this.last);
    return this.last;
  }
}
