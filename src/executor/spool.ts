import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';

/**
 * A queue in memory that goes on in an append-only file once it holds too much, so that an outage of the grid
 * costs disk and no memory. The file is this incarnation's own: a new one has a new lease and tells nothing of
 * what the old one did.
 */
export class Spool<T> {
  private readonly memory: { readonly item: T; readonly bytes: number }[] = [];
  private held = 0;
  /** What the disk did not take, and all that came after it. */
  private readonly overflow: { readonly item: T; readonly bytes: number }[] = [];
  private overflowing = 0;
  private file: number | undefined;
  /** Positions in the file, in bytes: what was read up to, and what was written up to. */
  private readTo = 0;
  private writtenTo = 0;

  constructor(
    private readonly memoryBytes: number,
    private readonly path: string | undefined,
  ) {}

  get empty(): boolean {
    return this.memory.length === 0 && this.readTo === this.writtenTo && this.overflow.length === 0;
  }

  /** Bytes that wait on disk. */
  get onDisk(): number {
    return this.writtenTo - this.readTo;
  }

  /**
   * Adds `item`, which takes about `bytes` of memory. Where the disk takes no more it stays in memory; past as much
   * again as there may be, what is not `precious` is left out: false.
   */
  push(item: T, bytes: number, precious: boolean): boolean {
    const toDisk = this.onDisk > 0 || this.overflow.length > 0 || this.held + bytes > this.memoryBytes;
    if (this.path === undefined || !toDisk) {
      this.memory.push({ item, bytes });
      this.held += bytes;
      return true;
    }
    if (this.overflow.length === 0 && this.write(item, bytes, this.path)) return true;
    if (!precious && this.overflowing + bytes > this.memoryBytes) return false;
    this.overflow.push({ item, bytes });
    this.overflowing += bytes;
    return true;
  }

  /** Appends to the file; false where the disk refuses. */
  private write(item: T, bytes: number, path: string): boolean {
    const text = Buffer.from(JSON.stringify(item));
    const record = Buffer.alloc(8 + text.length);
    record.writeUInt32LE(text.length, 0);
    record.writeUInt32LE(bytes, 4);
    text.copy(record, 8);
    try {
      this.file ??= openSync(path, 'w+', 0o600);
      for (let at = 0; at < record.length; ) {
        at += writeSync(this.file, record, at, record.length - at, this.writtenTo + at);
      }
    } catch {
      // What was written of it is written over by the next one.
      return false;
    }
    this.writtenTo += record.length;
    return true;
  }

  /** Takes the oldest item. */
  shift(): T | undefined {
    const first = this.memory.shift();
    if (first) {
      this.held -= first.bytes;
      return first.item;
    }
    if (this.onDisk > 0) return this.shiftFromDisk();
    const last = this.overflow.shift();
    if (last) this.overflowing -= last.bytes;
    return last?.item;
  }

  close(): void {
    this.memory.length = 0;
    this.overflow.length = 0;
    this.held = 0;
    this.overflowing = 0;
    this.forgetFile();
  }

  private shiftFromDisk(): T | undefined {
    if (this.file === undefined || this.onDisk === 0) return undefined;
    const length = this.readAt(this.readTo, 8).readUInt32LE(0);
    const item = JSON.parse(this.readAt(this.readTo + 8, length).toString('utf8')) as T;
    this.readTo += 8 + length;
    if (this.onDisk === 0) this.forgetFile();
    return item;
  }

  private readAt(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; ) {
      const got = readSync(this.file as number, bytes, at, length - at, position + at);
      if (got === 0) throw new Error('the spool file is shorter than what was written to it');
      at += got;
    }
    return bytes;
  }

  private forgetFile(): void {
    if (this.file !== undefined && this.path !== undefined) {
      closeSync(this.file);
      rmSync(this.path, { force: true });
    }
    this.file = undefined;
    this.readTo = 0;
    this.writtenTo = 0;
  }
}
