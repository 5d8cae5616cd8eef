/** A line of ours in a byte stream that is otherwise a test's: a head, and text of a form up to the end of line. */
export interface OwnLine {
  readonly head: string;
  /** What follows the head; anything else is output that only begins like a line of ours. */
  readonly form: RegExp;
  /** Bytes between head and end of line; what is longer is output too. */
  readonly most: number;
  /** Called when all output before it has been handed on. */
  readonly read: (text: string) => void;
}

type Sought = OwnLine & { readonly bytes: Buffer };
type Found = { readonly at: number; readonly line: Sought };

/** Takes lines of ours out of a byte stream, whatever the chunks are; `onOutput` gets every other byte in order. */
export class OwnLineSplitter {
  private readonly lines: readonly Sought[];
  private held: Buffer = Buffer.alloc(0);

  constructor(
    lines: readonly OwnLine[],
    private readonly onOutput: (bytes: Buffer) => void,
  ) {
    this.lines = lines.map((line) => ({ ...line, bytes: Buffer.from(line.head) }));
  }

  take(chunk: Buffer): void {
    let bytes = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = Buffer.alloc(0);
    for (;;) {
      const found = this.first(bytes);
      const from = found === undefined ? this.beginOfHead(bytes) : found.at + found.line.bytes.length;
      const end = found === undefined ? -1 : bytes.indexOf(10, from);
      if (found === undefined || (end === -1 && bytes.length - from <= found.line.most)) {
        this.hold(bytes, found?.at ?? from);
        return;
      }
      const { at, line } = found;
      const text = end === -1 || end - from > line.most ? '' : bytes.toString('latin1', from, end);
      const isOurs = line.form.test(text);
      this.emit(bytes.subarray(0, isOurs ? at : from));
      if (isOurs) line.read(text);
      bytes = bytes.subarray(isOurs ? end + 1 : from);
    }
  }

  /** The stream has ended: what was held back was none of ours. */
  end(): void {
    this.emit(this.held);
    this.held = Buffer.alloc(0);
  }

  private first(bytes: Buffer): Found | undefined {
    let best: Found | undefined;
    for (const line of this.lines) {
      const at = bytes.indexOf(line.bytes);
      if (at !== -1 && (best === undefined || at < best.at)) best = { at, line };
    }
    return best;
  }

  private hold(bytes: Buffer, from: number): void {
    this.emit(bytes.subarray(0, from));
    this.held = Buffer.from(bytes.subarray(from));
  }

  private emit(bytes: Buffer): void {
    if (bytes.length > 0) this.onOutput(bytes);
  }

  /** Where in the last bytes a head may begin; `bytes.length` where none can. */
  private beginOfHead(bytes: Buffer): number {
    const longest = Math.max(...this.lines.map((line) => line.bytes.length));
    for (let from = Math.max(bytes.length - longest + 1, 0); from < bytes.length; from++) {
      const rest = bytes.subarray(from);
      if (this.lines.some((line) => line.bytes.subarray(0, rest.length).equals(rest))) return from;
    }
    return bytes.length;
  }
}
