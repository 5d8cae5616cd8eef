import type { Timing } from './timing.js';

/** A piece of the kept output and where in it the piece begins. */
export interface Segment {
  readonly seq: number;
  readonly atByte: number;
  readonly data: Buffer;
}

/** A segment holds at most this much, and waits at most this long. */
const SEGMENT_BYTES = 256 * 1024;
const SEGMENT_MS = 1000;

/**
 * Keeps the output of one place within a limit: the first half goes out as it comes; beyond that only the last
 * half is held, and goes out at the end behind a line that says how much was left out. Memory: half the limit.
 */
export class Output {
  /** Bytes kept so far, the line about the cut included. */
  kept = 0;
  /** Bytes left out in the middle. */
  cut = 0;
  private readonly head: number;
  private readonly tail: Tail;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private seq = 0;
  private cancelTimer: (() => void) | undefined;

  constructor(
    limitBytes: number,
    private readonly timing: Timing,
    private readonly onSegment: (segment: Segment) => void,
  ) {
    this.head = Math.floor(limitBytes / 2);
    this.tail = new Tail(limitBytes - this.head);
  }

  /** True where a part of it is told only at the end. */
  get holdsBack(): boolean {
    return !this.tail.isEmpty;
  }

  take(bytes: Buffer): void {
    const room = Math.max(0, this.head - this.kept);
    if (room > 0) this.emit(bytes.subarray(0, room));
    if (bytes.length > room) this.cut += this.tail.push(bytes.subarray(room));
  }

  /** Sends what is held back; nothing may be taken after it. */
  end(): void {
    if (this.cut > 0) this.emit(Buffer.from(`\n[testyard: ${this.cut} bytes left out here]\n`));
    for (const part of this.tail.parts()) this.emit(part);
    this.flush();
  }

  private emit(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const part = bytes.subarray(from, from + SEGMENT_BYTES - this.waitingBytes);
      from += part.length;
      this.kept += part.length;
      this.waiting.push(part);
      this.waitingBytes += part.length;
      if (this.waitingBytes >= SEGMENT_BYTES) this.flush();
    }
    if (this.waitingBytes > 0) this.cancelTimer ??= this.timing.after(SEGMENT_MS, () => this.flush());
  }

  /** Sends what has been gathered; what is held back beyond the limit stays. */
  flush(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    if (this.waitingBytes === 0) return;
    const data = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    this.onSegment({ seq: ++this.seq, atByte: this.kept - data.length, data });
  }
}

/** The last bytes of a stream, in a ring that grows up to its limit. */
class Tail {
  private ring = Buffer.alloc(0);
  private start = 0;
  private length = 0;

  constructor(private readonly limit: number) {}

  get isEmpty(): boolean {
    return this.length === 0;
  }

  /** Returns how many bytes fell out. */
  push(bytes: Buffer): number {
    const fresh = bytes.subarray(Math.max(0, bytes.length - this.limit));
    this.grow(Math.min(this.limit, this.length + fresh.length));
    const out = Math.max(0, this.length + fresh.length - this.limit);
    const size = this.ring.length;
    if (size > 0) {
      this.start = (this.start + out) % size;
      this.length -= out;
      const at = (this.start + this.length) % size;
      const first = Math.min(fresh.length, size - at);
      fresh.copy(this.ring, at, 0, first);
      fresh.copy(this.ring, 0, first);
    }
    this.length += fresh.length;
    return bytes.length - fresh.length + out;
  }

  parts(): readonly Buffer[] {
    const first = this.ring.subarray(this.start, this.start + this.length);
    return [first, this.ring.subarray(0, this.length - first.length)];
  }

  private grow(needed: number): void {
    if (needed <= this.ring.length) return;
    const ring = Buffer.alloc(Math.min(this.limit, Math.max(needed, this.ring.length * 2)));
    let at = 0;
    for (const part of this.parts()) at += part.copy(ring, at);
    this.ring = ring;
    this.start = 0;
  }
}
