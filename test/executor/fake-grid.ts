import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { TestSpec } from '../../src/domain/test.js';
import { BlobMissing } from '../../src/ports/blobs.js';
import { GridLink } from '../../src/protocol/grid-link.js';
import {
  type Assignment,
  type AttemptEvent,
  type Claim,
  type Claimed,
  type Keep,
  type Kept,
  type PlacePlan,
  type Register,
  type Registered,
  type Renew,
  type Renewed,
  Report,
  type Reported,
} from '../../src/protocol/messages.js';
import { LeaseDead, PROTOCOL } from '../../src/protocol/terms.js';

/** The end of an attempt as it was reported. */
export type Ended = Extract<AttemptEvent, { readonly kind: 'ended' }>;

/** What was heard of one attempt. */
export class Heard {
  readonly events: AttemptEvent[] = [];
  output = Buffer.alloc(0);
  seqs: number[] = [];
  readonly ended: Promise<Ended>;
  private settle: (ended: Ended) => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  add(seq: number, event: AttemptEvent): void {
    this.seqs.push(seq);
    this.events.push(event);
    if (event.kind === 'ended') this.settle(event);
  }

  kinds(): string[] {
    return this.events.map((event) => ('what' in event ? `${event.what} started` : event.kind));
  }
}

/** A grid that hands out what it is given and keeps what it hears. */
export class FakeGrid extends GridLink {
  /** True while the grid cannot be asked. */
  outage = false;
  /** Leases that have ended. */
  readonly dead = new Set<string>();
  readonly incarnations: string[] = [];
  readonly released: string[] = [];
  readonly refused = new Set<string>();
  calls = 0;
  private lease = 0;
  private queue: Assignment[] = [];
  private stops: { attempt: string; why: string }[] = [];
  private readonly heardOf = new Map<string, Heard>();
  private readonly segments = new Map<string, number>();
  private wakes: (() => void)[] = [];

  give(assignment: Assignment): Heard {
    this.queue.push(assignment);
    this.wake();
    return this.heard(assignment.attempt);
  }

  cancel(attempt: string): void {
    this.stops.push({ attempt, why: 'cancelled' });
    this.wake();
  }

  heard(attempt: string): Heard {
    const heard = this.heardOf.get(attempt) ?? new Heard();
    this.heardOf.set(attempt, heard);
    return heard;
  }

  wake(): void {
    for (const wake of this.wakes.splice(0)) wake();
  }

  /** What it says that it speaks. */
  protocol: string | undefined = PROTOCOL;

  override async register(request: Register): Promise<Registered> {
    this.check();
    this.incarnations.push(request.incarnation);
    return {
      lease: String(++this.lease),
      ttlMs: 3000,
      renewEveryMs: 100,
      ...(this.protocol && { protocol: this.protocol }),
    };
  }

  override async claim({ lease, waitMs }: Claim): Promise<Claimed> {
    this.check(lease);
    if (this.queue.length === 0 && this.stops.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        timer.unref();
        this.wakes.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.check(lease);
    return { assignments: this.queue.splice(0), stop: this.stops.splice(0) };
  }

  override async renew({ lease }: Renew): Promise<Renewed> {
    this.check(lease);
    return { ttlMs: 3000, stop: [], gone: [] };
  }

  override async report(request: Report): Promise<Reported> {
    this.check(request.lease);
    const { entries, segments } = Report.parse(request);
    for (const { attempt, role, seq, atByte, data } of segments) {
      const key = `${attempt} ${role}`;
      if (seq !== (this.segments.get(key) ?? 0) + 1) continue;
      this.segments.set(key, seq);
      const heard = this.heard(attempt);
      if (atByte !== heard.output.length)
        throw new Error(`segment at ${atByte}, expected ${heard.output.length}`);
      heard.output = Buffer.concat([heard.output, Buffer.from(data, 'base64')]);
    }
    for (const { attempt, seq, event } of entries) {
      if (!this.refused.has(attempt)) this.heard(attempt).add(seq, event);
    }
    const attempts = [...new Set([...entries, ...segments].map(({ attempt }) => attempt))];
    return {
      attempts: attempts.map((attempt) =>
        this.refused.has(attempt)
          ? { attempt, refused: 'not_yours' as const }
          : { attempt, recorded: Math.max(0, ...this.heard(attempt).seqs) },
      ),
    };
  }

  override async release(lease: string): Promise<void> {
    this.check(lease);
    this.released.push(lease);
  }

  /** What `blob` gives, by digest. */
  readonly blobs = new Map<string, () => Readable>();
  /** Digests that were asked for, in order. */
  readonly fetched: string[] = [];

  override async blob(lease: string, digest: string): Promise<Readable> {
    this.check(lease);
    this.fetched.push(digest);
    const open = this.blobs.get(digest);
    if (open === undefined) throw new BlobMissing(digest);
    return open();
  }

  /** What was kept, by digest. */
  readonly kept = new Map<string, Buffer>();

  override async keep({ lease, data }: Keep): Promise<Kept> {
    this.check(lease);
    const bytes = Buffer.from(data, 'base64');
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.kept.set(digest, bytes);
    return { digest };
  }

  private check(lease?: string): void {
    this.calls++;
    if (this.outage) throw new Error('the grid cannot be asked');
    if (lease !== undefined && this.dead.has(lease)) throw new LeaseDead('the lease has ended');
  }
}

let lastAttempt = 0;

/** An assignment of a script on a host; `test` and `place` replace what is usual. */
export function assignmentOf(
  script: string | Buffer,
  host: PlacePlan['host'],
  test: Partial<TestSpec> = {},
  place: Partial<PlacePlan> = {},
): Assignment {
  return {
    run: '1',
    attempt: String(++lastAttempt),
    number: 1,
    places: [{ role: 'main', host, seat: 1, chain: [], verify: [], fresh: true, ...place }],
    test: {
      name: 'test',
      requirement: '',
      labels: [],
      run: Buffer.from(script).toString('base64'),
      environment: {},
      timeoutMs: 30_000,
      setupTimeoutMs: 30_000,
      teardownTimeoutMs: 30_000,
      dirties: 'nothing',
      cases: [],
      commands: [],
      underTest: [],
      network: false,
      ...test,
    },
    outputLimitBytes: 16 * 1024 * 1024,
  };
}

/** Resolves when `holds` does; rejects after `ms`. */
export async function until(holds: () => boolean | Promise<boolean>, ms = 50_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`did not come true within ${ms} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
