import { setTimeout as sleep } from 'node:timers/promises';
import type { RunView, SubmissionView } from '../http/contract.js';
import type { Client } from './client.js';
import { EXIT, Refused } from './failure.js';

/** How often is asked without having been told of anything, and for how long news are gathered. */
const RHYTHM = { pollMs: 15_000, pollWithoutEventsMs: 2000, gatherMs: 100, reconnectMs: 1000 } as const;

/** What somebody who watches is told. */
export interface Watcher {
  /** All runs there are, before what has changed is told. */
  seen?(runs: readonly RunView[]): void;
  /** A run has come to another state; `settled` when it is done or held. */
  changed(run: RunView, settled: boolean): void;
  /** How many are where, whenever that changes. */
  counted(submission: SubmissionView): void;
  /** The connection broke (with why) or is there again (undefined). */
  broken?(why: string | undefined): void;
}

/**
 * Follows a submission until every run is done or held, and returns its runs. Events only say when to look:
 * what is so is read anew each time, so that a break in the connection loses nothing.
 */
export async function watch(
  client: Client,
  submission: SubmissionView,
  watcher: Watcher,
  stop: AbortSignal = new AbortController().signal,
): Promise<readonly RunView[]> {
  const known = new Map<string, RunView>();
  const over = new AbortController();
  stop.addEventListener('abort', () => over.abort(), { once: true });
  const news = new News();
  const listening = listen(client, submission, news, over.signal, watcher);
  try {
    for (let first = true; ; first = false) {
      if (!first) await news.next(news.connected ? RHYTHM.pollMs : RHYTHM.pollWithoutEventsMs, over.signal);
      stop.throwIfAborted();
      const current = await client.submission(submission.id);
      watcher.counted(current);
      await look(client, submission.id, known, watcher);
      if (current.runCount !== undefined && known.size >= current.runCount && all(known, isSettled))
        return [...known.values()].sort(byId);
    }
  } finally {
    over.abort();
    await listening;
  }
}

/** How `testyard` exits after these runs: a red above all, then what has no answer. */
export function exitOf(runs: readonly Pick<RunView, 'state' | 'verdict'>[]): number {
  if (runs.some((run) => run.verdict === 'failed')) return EXIT.red;
  const answered = runs.every((run) => run.verdict === 'passed' || run.verdict === 'skipped');
  return answered && runs.length > 0 ? EXIT.ok : EXIT.unanswered;
}

async function look(
  client: Client,
  id: string,
  known: Map<string, RunView>,
  watcher: Watcher,
): Promise<void> {
  const runs = await client.all((cursor) => client.runs({ submission: id, limit: 500, cursor }));
  watcher.seen?.(runs);
  for (const run of [...runs].sort(byId)) {
    const before = known.get(run.id);
    known.set(run.id, run);
    const settled = isSettled(run);
    const same = before?.state === run.state && before.reason === run.reason && before.host === run.host;
    if (!same) watcher.changed(run, settled);
  }
}

async function listen(
  client: Client,
  submission: SubmissionView,
  news: News,
  signal: AbortSignal,
  watcher: Watcher,
): Promise<void> {
  let after: string | undefined;
  while (!signal.aborted) {
    let why: string;
    try {
      const query = { project: submission.project, ...(after === undefined ? {} : { after }) };
      const opened = () => {
        news.connected = true;
        watcher.broken?.(undefined);
        // What happened before the stream was open is seen by looking.
        news.tell();
      };
      for await (const event of client.events(query, signal, opened)) {
        after = event.cursor;
        news.tell();
      }
      why = 'the stream of events ended';
    } catch (error) {
      if (signal.aborted) return;
      // A cursor from before a restored back-up is worth nothing any more.
      if (error instanceof Refused) after = undefined;
      why = (error as Error).message;
    }
    news.connected = false;
    news.tell();
    watcher.broken?.(why);
    await sleep(RHYTHM.reconnectMs, undefined, { signal }).catch(() => {});
  }
}

/** Wakes a waiter; several pieces of news within a moment count as one. */
class News {
  connected = false;
  private pending = false;
  private wake: () => void = () => {};

  tell(): void {
    this.pending = true;
    this.wake();
  }

  async next(atMostMs: number, signal: AbortSignal): Promise<void> {
    if (!this.pending) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, atMostMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener('abort', this.wake, { once: true });
      });
    }
    await sleep(RHYTHM.gatherMs, undefined, { signal }).catch(() => {});
    this.pending = false;
  }
}

function isSettled(run: RunView): boolean {
  return run.state === 'done' || run.state === 'held';
}

function all(runs: ReadonlyMap<string, RunView>, holds: (run: RunView) => boolean): boolean {
  return [...runs.values()].every(holds);
}

function byId(a: RunView, b: RunView): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : 1);
}
