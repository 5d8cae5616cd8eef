import type { Blobs } from '../ports/blobs.js';
import { listSegments, type PlaceKey, readOutputState, readSegments } from '../store/log.js';
import { isOutage } from '../store/outage.js';
import type { Store } from '../store/store.js';
import type { Wakeup } from '../store/wakeup.js';
import { Bell } from './bell.js';
import { Refusal } from './problem.js';

/** Output is looked for without having been woken: segments come without an entry of history. */
const LOOK_AGAIN_MS = 1000;

/** What bytes are read from. */
export interface LogSource {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly place: PlaceKey;
  readonly from: number;
  readonly stop: AbortSignal;
}

/** The bytes from `from` until `until`, which are there already. */
export async function* logBytes(source: LogSource, until: number): AsyncGenerator<Buffer> {
  const reader = new OutputReader(source);
  for (let before = -1; reader.position < until && !source.stop.aborted; ) {
    // Segments may become a blob while they are read: then the rest is found there at the second look.
    if (reader.position === before) throw new Error(`Output of run ${source.place.run} is missing`);
    before = reader.position;
    for await (const chunk of reader.available()) {
      const left = until - (reader.position - chunk.length);
      if (left > 0) yield chunk.subarray(0, left);
      if (reader.position >= until) return;
    }
  }
}

/** The bytes from `from` on, as they come, until the attempt has ended. `allowed` is asked again and again. */
export async function* followLog(
  source: LogSource,
  wakeup: Wakeup,
  allowed: () => Promise<unknown>,
): AsyncGenerator<Buffer> {
  const bell = new Bell(wakeup, 'testyard_history');
  const reader = new OutputReader(source);
  try {
    while (!source.stop.aborted) {
      try {
        await allowed();
        const before = await readOutputState(source.store, source.place);
        for await (const chunk of reader.available()) {
          // Asked after it was read: what came once the right to read was gone is not told.
          await allowed();
          yield chunk;
        }
        if (before.ended && reader.position >= before.bytes) return;
      } catch (error) {
        if (error instanceof Refusal) return;
        if (!isOutage(error)) throw error;
      }
      await bell.wait(LOOK_AGAIN_MS, source.stop);
    }
  } finally {
    bell.close();
  }
}

/** Reads a place's output on from where it is: segments first, and the blob once they have become one. */
class OutputReader {
  position: number;
  private lastSeq = 0;
  /** How many bytes there are up to `lastSeq`. */
  private upToLast = 0;
  private placed = false;

  constructor(private readonly source: LogSource) {
    this.position = source.from;
  }

  /** All that is there now and was not given yet; `position` is moved before each chunk is. */
  async *available(): AsyncGenerator<Buffer> {
    const { store, blobs, place, stop } = this.source;
    const state = await readOutputState(store, place);
    if (state.blob !== undefined) {
      for await (const chunk of await blobs.open(state.blob, this.position)) {
        this.position += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
      return;
    }
    if (!this.placed) await this.findPosition();
    while (!stop.aborted) {
      const segments = await readSegments(store, place, this.lastSeq);
      if (segments.length === 0) return;
      for (const { seq, data } of segments) {
        const fresh = data.subarray(Math.max(0, this.position - this.upToLast));
        this.lastSeq = seq;
        this.upToLast += data.length;
        if (fresh.length === 0) continue;
        this.position += fresh.length;
        yield fresh;
      }
    }
  }

  /** Passes over the segments that lie before the first byte wanted, without reading them. */
  private async findPosition(): Promise<void> {
    for (const { seq, bytes } of await listSegments(this.source.store, this.source.place, 0)) {
      if (this.upToLast + bytes > this.position) break;
      this.lastSeq = seq;
      this.upToLast += bytes;
    }
    this.placed = true;
  }
}
