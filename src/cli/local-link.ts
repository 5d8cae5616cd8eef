import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { BlobMissing } from '../ports/blobs.js';
import { GridLink } from '../protocol/grid-link.js';
import type {
  Assignment,
  AttemptEvent,
  Claim,
  Claimed,
  Keep,
  Kept,
  Registered,
  Renewed,
  Report,
  Reported,
} from '../protocol/messages.js';
import { PROTOCOL } from '../protocol/terms.js';

/** What `testyard run` hears of its one attempt. */
export interface Listener {
  event(event: AttemptEvent): void;
  output(bytes: Uint8Array): void;
  /** A file that the test or a handler left, before the event that names its digest. */
  kept(digest: string, bytes: Buffer): void;
}

const LEASE = { lease: '1', ttlMs: 60_000, renewEveryMs: 10_000, protocol: PROTOCOL } as const;

/** The grid as `testyard run` plays it: one lease, one assignment, and everything heard as it comes. */
export class LocalLink extends GridLink {
  private handedOut = false;
  private closed = false;
  private cancelled: string | undefined;
  private entriesSeen = 0;
  private segmentsSeen = 0;
  private settle: () => void = () => {};
  private wake: () => void = () => {};

  /** Settles when the attempt has ended and everything of it was heard. */
  readonly ended = new Promise<void>((resolve) => {
    this.settle = resolve;
  });

  constructor(
    private readonly assignment: Assignment,
    private readonly listener: Listener,
    /** What is under test: paths by digest. */
    private readonly files: ReadonlyMap<string, string> = new Map(),
  ) {
    super();
  }

  /** The way to the one host of it. */
  get transport(): 'local' | 'ssh' {
    return this.assignment.places[0]?.host.transport.kind ?? 'local';
  }

  /** Asks the executor to stop; it then ends the attempt as cancelled. */
  cancel(why: string): void {
    this.cancelled = why;
    this.wake();
  }

  /** Nothing more is wanted: a claim that still waits comes back empty. */
  close(): void {
    this.closed = true;
    this.wake();
  }

  async register(): Promise<Registered> {
    return LEASE;
  }

  async claim({ waitMs }: Claim): Promise<Claimed> {
    if (!this.handedOut) {
      this.handedOut = true;
      return { assignments: [this.assignment], stop: [] };
    }
    if (this.cancelled === undefined && !this.closed)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    return { assignments: [], stop: this.toStop() };
  }

  async renew(): Promise<Renewed> {
    return { ttlMs: LEASE.ttlMs, stop: this.toStop(), gone: [] };
  }

  async report({ entries, segments }: Report): Promise<Reported> {
    // Output first: an end is only heard after all that was printed before it.
    for (const segment of segments) {
      if (segment.seq <= this.segmentsSeen) continue;
      this.segmentsSeen = segment.seq;
      this.listener.output(Buffer.from(segment.data, 'base64'));
    }
    let isOver = false;
    for (const { seq, event } of entries) {
      if (seq <= this.entriesSeen) continue;
      this.entriesSeen = seq;
      // Here nobody needs the outcome before the end.
      if (event.kind !== 'decided') this.listener.event(event);
      isOver ||= event.kind === 'ended';
    }
    if (isOver) this.settle();
    return { attempts: [{ attempt: this.assignment.attempt, recorded: this.entriesSeen }] };
  }

  async release(): Promise<void> {}

  /** Artefacts are files of whoever types. */
  async blob(_lease: string, digest: string): Promise<Readable> {
    const file = this.files.get(digest);
    if (file === undefined) throw new BlobMissing(digest);
    return createReadStream(file);
  }

  async keep({ data }: Keep): Promise<Kept> {
    const bytes = Buffer.from(data, 'base64');
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.listener.kept(digest, bytes);
    return { digest };
  }

  private toStop(): Claimed['stop'] {
    return this.cancelled === undefined ? [] : [{ attempt: this.assignment.attempt, why: this.cancelled }];
  }
}
