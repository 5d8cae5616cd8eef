import type { Id } from '../domain/id.js';
import { type Caller, visibleTo } from '../store/access.js';
import { HISTORY_START, type HistoryPlace, historyEnd, readHistory } from '../store/history.js';
import { isOutage } from '../store/outage.js';
import type { Store } from '../store/store.js';
import type { Wakeup } from '../store/wakeup.js';
import { Bell } from './bell.js';
import type { EventView } from './contract.js';
import { Refusal, unreadable } from './problem.js';

/** How long nothing is said at most. */
const BEAT_MS = 15_000;

/** History is looked at without having been woken: an older transaction may have ended silently. */
const LOOK_AGAIN_MS = 1000;

const EVENTS_AT_ONCE = 200;

/** A place in history as clients hold it: of one epoch. */
export interface Cursor {
  readonly epoch: string;
  readonly place: HistoryPlace;
  /** Only of a stream that begins now: what had happened by then. */
  readonly snapshot?: string;
}

/** `epoch.txid.id` */
export function writeEventCursor({ epoch, place }: Cursor): string {
  return `${epoch}.${place.txid}.${place.id}`;
}

/** Where a stream begins: after the cursor, at the start, or now. One of another epoch is refused: 410. */
export async function beginAt(store: Store, cursor: string | undefined): Promise<Cursor> {
  const end = await historyEnd(store);
  if (cursor === undefined || cursor === '') return end;
  if (cursor === 'start') return { epoch: end.epoch, place: HISTORY_START };
  const [, epoch, txid, id] = /^([0-9a-f-]{36})\.([0-9]{1,19})\.([0-9]{1,18})$/.exec(cursor) ?? [];
  if (epoch === undefined || txid === undefined || id === undefined) {
    throw unreadable('The query is not understood', [
      { where: 'after', message: "no cursor: it is the id of an event, or 'start'" },
    ]);
  }
  if (epoch !== end.epoch) {
    throw new Refusal(410, 'other-epoch', 'This grid was restored since: what the cursor stands for is gone');
  }
  return { epoch, place: { txid, id } };
}

/** What a stream is made from. */
export interface EventSource {
  readonly store: Store;
  readonly wakeup: Wakeup;
  /** Who listens, asked again and again: rejects with a Refusal once the token is good for nothing. */
  readonly caller: () => Promise<Caller>;
  readonly from: Cursor;
  readonly project?: Id | undefined;
  readonly run?: Id | undefined;
  readonly stop: AbortSignal;
}

/**
 * History as server-sent events. Pulled: nothing is read before the client has taken what was read last, so
 * that a slow one costs no memory. Ends with the token, or when the grid was restored.
 */
export async function* eventStream(source: EventSource): AsyncGenerator<string> {
  const bell = new Bell(source.wakeup, 'testyard_history');
  const { epoch } = source.from;
  let place = source.from.place;
  let saidAtMs = performance.now();
  try {
    yield `retry: 1000\nid: ${writeEventCursor(source.from)}\n\n`;
    while (!source.stop.aborted) {
      const page = await readPage(source, place);
      if (page === 'over' || (page !== 'later' && page.epoch !== epoch)) return;
      if (page !== 'later') {
        place = page.seen;
        if (page.entries.length > 0) {
          yield page.entries.map(({ place: at, entry }) => textOf({ epoch, place: at }, entry)).join('');
          saidAtMs = performance.now();
        }
        if (page.entries.length >= EVENTS_AT_ONCE) continue;
      }
      if (performance.now() - saidAtMs >= BEAT_MS) {
        yield `: still here\nid: ${writeEventCursor({ epoch, place })}\n\n`;
        saidAtMs = performance.now();
      }
      await bell.wait(LOOK_AGAIN_MS, source.stop);
    }
  } finally {
    bell.close();
  }
}

async function readPage(source: EventSource, after: HistoryPlace) {
  try {
    const caller = await source.caller();
    return await readHistory(source.store, {
      after,
      visible: visibleTo(caller),
      tokens: caller.gridAdmin,
      project: source.project,
      run: source.run,
      since: source.from.snapshot,
      limit: EVENTS_AT_ONCE,
    });
  } catch (error) {
    if (isOutage(error)) return 'later';
    if (error instanceof Refusal) return 'over';
    throw error;
  }
}

function textOf(cursor: Cursor, entry: Omit<EventView, 'cursor'>): string {
  const id = writeEventCursor(cursor);
  const view: EventView = { cursor: id, ...entry };
  return `id: ${id}\ndata: ${JSON.stringify(view)}\n\n`;
}
