import type { ComponentKind } from '../domain/watch.js';
import type { Arrivals } from '../ports/arrivals.js';
import type { Calendar } from '../ports/calendar.js';
import { recordArrivals } from '../store/changing.js';
import { type Store, wake } from '../store/store.js';
import {
  askByLine,
  type DueWatch,
  dueWatches,
  knownVersions,
  wasNotRead,
  wasRead,
  watchLines,
} from '../store/watching.js';

/** Between two looks at the clock. */
const PAUSE_MS = 5000;
/** One look takes no longer. */
const LOOK_MS = 900_000;
/** So many places are looked at beside each other. */
const AT_ONCE = 4;

/**
 * Looks at places where new versions arrive: by their lines of cron, and when a web hook asks. Reading is outside of
 * any transaction, and what was read is recorded in one: a look that is cut off is made again. Tests call `look()` by hand.
 */
export class Watcher {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<unknown> | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly store: Store,
    private readonly arrivals: Readonly<Record<ComponentKind, Arrivals>>,
    private readonly calendar: Calendar,
    private readonly log: (line: string) => void,
  ) {}

  /** Looks from now on, until `stop`. */
  start(): void {
    this.looking = this.look()
      .catch((error: Error) => this.log(`watches: ${error.message}`))
      .then(() => {
        if (!this.stopping.signal.aborted) this.timer = setTimeout(() => this.start(), PAUSE_MS);
      });
  }

  /** Cuts off the looks under way: they are made again. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.looking;
  }

  /** Looks wherever it is due; gives how many changes are new. */
  async look(): Promise<number> {
    await this.askByClock();
    const due = await dueWatches(this.store);
    let found = 0;
    for (let at = 0; at < due.length && !this.stopping.signal.aborted; at += AT_ONCE) {
      const counts = await Promise.all(due.slice(at, at + AT_ONCE).map((one) => this.lookAt(one)));
      found += counts.reduce((sum, count) => sum + count, 0);
    }
    return found;
  }

  /** That a line was looked at and that its watches are asked for is one and the same moment. */
  private async askByClock(): Promise<void> {
    await this.store.transaction(async (tx) => {
      const { lines, now } = await watchLines(tx);
      for (const { line, lookedAt } of lines)
        await askByLine(tx, line, now, lookedAt !== null && this.calendar.fallsBetween(line, lookedAt, now));
    });
  }

  private async lookAt(due: DueWatch): Promise<number> {
    const { spec, mark } = due;
    const known = {
      versions: await knownVersions(this.store, spec.name),
      ...(mark === null ? {} : { mark }),
    };
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(LOOK_MS)]);
    const look = await this.arrivals[spec.place.kind].look(spec, known, signal);
    if (this.stopping.signal.aborted) return 0;
    return await this.store.transaction(async (tx) => {
      if (look.kind === 'unreadable') await wasNotRead(tx, due, look.why);
      else if (!(await wasRead(tx, due, look.kind === 'read' ? look.mark : undefined))) return 0;
      const found = look.kind === 'read' ? (await recordArrivals(tx, spec, look)).changes.length : 0;
      await wake(tx, 'testyard_scheduler', 'testyard_history');
      return found;
    });
  }
}
