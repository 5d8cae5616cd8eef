/** A line as it was printed. */
export interface PrintedLine {
  readonly text: string;
  /** Where it begins, in bytes from the beginning of all that was printed. */
  readonly at: number;
  /** How many of the bytes taken last had come when it ended. */
  readonly until: number;
}

/** What is longer is cut. */
const LONGEST_LINE = 4096;

/** Cuts what is printed into lines, with the places where they begin. */
export class PrintedLines {
  private line = Buffer.alloc(0);
  private begin = 0;
  private seen = 0;

  /** The lines that have ended with these bytes. */
  take(bytes: Buffer): readonly PrintedLine[] {
    const lines: PrintedLine[] = [];
    for (let from = 0; from < bytes.length; ) {
      const end = bytes.indexOf(10, from);
      const until = end === -1 ? bytes.length : end;
      const room = LONGEST_LINE - this.line.length;
      if (room > 0)
        this.line = Buffer.concat([this.line, bytes.subarray(from, Math.min(until, from + room))]);
      if (end === -1) break;
      lines.push(this.cut(end + 1));
      this.begin = this.seen + end + 1;
      from = end + 1;
    }
    this.seen += bytes.length;
    return lines;
  }

  /** The last line, where it has no end; nothing more comes. */
  end(): readonly PrintedLine[] {
    return this.line.length === 0 ? [] : [this.cut(0)];
  }

  private cut(until: number): PrintedLine {
    const text = this.line.toString('utf8').replace(/\r+$/, '');
    this.line = Buffer.alloc(0);
    return { text, at: this.begin, until };
  }
}
