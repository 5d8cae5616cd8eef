import type { GridLink } from '../protocol/grid-link.js';
import type { Report, Reported } from '../protocol/messages.js';
import { LeaseDead } from '../protocol/terms.js';
import { Spool } from './spool.js';
import { pause, type Timing } from './timing.js';

/** One piece of news: an event or a segment of output. */
export type News =
  | { readonly kind: 'entry'; readonly attempt: string; readonly entry: Report['entries'][number] }
  | { readonly kind: 'segment'; readonly attempt: string; readonly segment: Report['segments'][number] };

/** How the outbox sends. */
export interface OutboxOptions {
  /** News that is not urgent waits this long for company. */
  readonly gatherMs: number;
  readonly backOff: { readonly firstMs: number; readonly mostMs: number };
  /** Beyond it news is put on disk. */
  readonly memoryBytes: number;
  /** Where; undefined: memory is all there is. */
  readonly spoolFile?: string;
}

/** What the outbox finds out. */
export interface OutboxListener {
  /** The lease has ended; nothing more is sent. */
  readonly leaseDead: () => void;
  /** The grid wants no more of this attempt. */
  readonly refused: (attempt: string, why: string) => void;
}

const MOST_ENTRIES = 5000;
const MOST_SEGMENTS = 2000;
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * What is to be told to the grid under one lease, in order. One report is under way at a time, and it is made
 * again with the same content until the grid has taken it.
 */
export class Outbox {
  private readonly spool: Spool<News>;
  private readonly dropped = new Set<string>();
  private readonly stopped = new AbortController();
  private batch: readonly News[] = [];
  private sending = false;
  private cancelGather: (() => void) | undefined;
  private idle: (() => void)[] = [];

  constructor(
    private readonly link: GridLink,
    private readonly lease: string,
    private readonly timing: Timing,
    private readonly options: OutboxOptions,
    private readonly listener: OutboxListener,
  ) {
    this.spool = new Spool(options.memoryBytes, options.spoolFile);
  }

  /** Takes news; `urgent` news goes out at once with all that waits. */
  add(news: News, urgent: boolean): void {
    if (this.stopped.signal.aborted || this.dropped.has(news.attempt)) return;
    // Output may have a gap where memory and disk are full; what decides about a verdict may not.
    this.spool.push(news, sizeOf(news), news.kind === 'entry');
    if (urgent) this.send();
    else this.cancelGather ??= this.timing.after(this.options.gatherMs, () => this.send());
  }

  /** Tells nothing more of an attempt. */
  drop(attempt: string): void {
    this.dropped.add(attempt);
    this.batch = this.batch.filter((news) => news.attempt !== attempt);
  }

  /** Resolves when everything was taken by the grid, or the outbox was closed. */
  delivered(): Promise<void> {
    if (!this.sending && this.spool.empty) return Promise.resolve();
    this.send();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** Ends it; what was not told stays untold. */
  close(): void {
    this.stopped.abort();
    this.cancelGather?.();
    this.spool.close();
    this.settle();
  }

  private send(): void {
    this.cancelGather?.();
    this.cancelGather = undefined;
    if (this.sending || this.stopped.signal.aborted) return;
    this.sending = true;
    this.work().finally(() => {
      this.sending = false;
      if (this.stopped.signal.aborted || this.spool.empty) this.settle();
      else this.send();
    });
  }

  private async work(): Promise<void> {
    let waitMs = this.options.backOff.firstMs;
    while (!this.stopped.signal.aborted) {
      if (this.batch.length === 0) this.batch = this.nextBatch();
      if (this.batch.length === 0) return;
      const report = this.reportOf(this.batch);
      try {
        const left = this.unrecorded(await this.link.report(report));
        if (left.length === 0) waitMs = this.options.backOff.firstMs;
        this.batch = left;
        if (left.length === 0) continue;
      } catch (error) {
        if (error instanceof LeaseDead) {
          this.close();
          this.listener.leaseDead();
          return;
        }
      }
      await pause(this.timing, waitMs, this.stopped.signal);
      waitMs = Math.min(waitMs * 2, this.options.backOff.mostMs);
    }
  }

  private nextBatch(): News[] {
    const batch: News[] = [];
    let [entries, segments, bytes] = [0, 0, 0];
    while (entries < MOST_ENTRIES && segments < MOST_SEGMENTS && bytes < MOST_BYTES) {
      const news = this.spool.shift();
      if (news === undefined) break;
      if (this.dropped.has(news.attempt)) continue;
      batch.push(news);
      bytes += sizeOf(news);
      if (news.kind === 'entry') entries++;
      else segments++;
    }
    return batch;
  }

  private reportOf(batch: readonly News[]): Report {
    return {
      lease: this.lease,
      entries: batch.flatMap((news) => (news.kind === 'entry' ? [news.entry] : [])),
      segments: batch.flatMap((news) => (news.kind === 'segment' ? [news.segment] : [])),
    };
  }

  /** What of the batch the grid did not take although it takes the attempt: it is told again. */
  private unrecorded(reported: Reported): readonly News[] {
    const recorded = new Map<string, number>();
    for (const attempt of reported.attempts) {
      if ('refused' in attempt) {
        this.drop(attempt.attempt);
        this.listener.refused(attempt.attempt, attempt.refused);
      } else recorded.set(attempt.attempt, attempt.recorded);
    }
    return this.batch.filter(
      (news) =>
        news.kind === 'entry' && news.entry.seq > (recorded.get(news.attempt) ?? Number.POSITIVE_INFINITY),
    );
  }

  private settle(): void {
    for (const resolve of this.idle.splice(0)) resolve();
  }
}

/** About how much of a report it takes; what was seen on a host is all that is ever long beside output. */
function sizeOf(news: News): number {
  if (news.kind === 'segment') return news.segment.data.length;
  const { event } = news.entry;
  if (!('tags' in event) || event.tags.every(({ instances }) => instances === undefined)) return 500;
  return 500 + JSON.stringify(event.tags).length;
}
