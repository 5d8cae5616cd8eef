/**
 * Takes the trailers `TY-<nonce>-<phase>\n` out of a byte stream, whatever the chunks are: `onOutput` gets every
 * other byte in order, `onTrailer` is called when all output before the trailer has been handed on.
 */
export class TrailerSplitter {
  private readonly mark: Buffer;
  private held: Buffer = Buffer.alloc(0);

  constructor(
    nonce: string,
    private readonly onOutput: (bytes: Buffer) => void,
    private readonly onTrailer: (phase: number) => void,
  ) {
    this.mark = Buffer.from(`TY-${nonce}-`);
  }

  take(chunk: Buffer): void {
    let bytes = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = Buffer.alloc(0);
    for (;;) {
      const at = bytes.indexOf(this.mark);
      const end = at === -1 ? -1 : bytes.indexOf(10, at + this.mark.length);
      if (at === -1 || end === -1) {
        // A number is at most 10 digits: what is longer is output that only begins like a trailer.
        const from =
          at !== -1 && bytes.length - at < this.mark.length + 11 ? at : this.beginOfMark(bytes, at);
        this.emit(bytes.subarray(0, from));
        this.held = Buffer.from(bytes.subarray(from));
        return;
      }
      const number = bytes.subarray(at + this.mark.length, end).toString('latin1');
      if (/^[0-9]{1,10}$/.test(number)) {
        this.emit(bytes.subarray(0, at));
        this.onTrailer(Number(number));
        bytes = bytes.subarray(end + 1);
      } else {
        this.emit(bytes.subarray(0, at + this.mark.length));
        bytes = bytes.subarray(at + this.mark.length);
      }
    }
  }

  /** The stream has ended: what was held back was no trailer. */
  end(): void {
    this.emit(this.held);
    this.held = Buffer.alloc(0);
  }

  private emit(bytes: Buffer): void {
    if (bytes.length > 0) this.onOutput(bytes);
  }

  /** Where in the last bytes a mark may begin; `bytes.length` where none can. */
  private beginOfMark(bytes: Buffer, skip: number): number {
    const first = Math.max(skip + 1, bytes.length - this.mark.length + 1, 0);
    for (let from = first; from < bytes.length; from++) {
      if (this.mark.subarray(0, bytes.length - from).equals(bytes.subarray(from))) return from;
    }
    return bytes.length;
  }
}
