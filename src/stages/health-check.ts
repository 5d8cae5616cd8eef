import type { Calendar } from '../ports/calendar.js';
import {
  canariesAfterFaults,
  canariesBySchedule,
  checkLines,
  lookedUntil,
} from '../store/health-checking.js';
import { type Store, wake } from '../store/store.js';

/** Between two looks at the clock: cron counts in minutes. */
const PAUSE_MS = 15_000;

/**
 * Health checks of idle hosts: by the lines of cron in the inventory, and of hosts that were in a fault which is over. It
 * only submits canaries, like anybody who submits. Tests call `look()` by hand.
 */
export class HealthChecks {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<unknown> | undefined;
  private stopped = false;

  constructor(
    private readonly store: Store,
    private readonly calendar: Calendar,
    private readonly log: (line: string) => void,
  ) {}

  /** Looks from now on, until `stop`. */
  start(): void {
    this.looking = this.look()
      .catch((error: Error) => this.log(`health checks: ${error.message}`))
      .then(() => {
        if (!this.stopped) this.timer = setTimeout(() => this.start(), PAUSE_MS);
      });
  }

  /** Ends after the look under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  /** Gives canaries where they are due; gives how many. */
  async look(): Promise<number> {
    return await this.store.transaction(async (tx) => {
      const { lines, now } = await checkLines(tx);
      let given = await canariesAfterFaults(tx);
      for (const { line, lookedAt } of lines) {
        // A line that is new begins now: what it would have said before is nobody's wish.
        const isDue = lookedAt !== null && this.calendar.fallsBetween(line, lookedAt, now);
        if (isDue) given += await canariesBySchedule(tx, line);
        await lookedUntil(tx, line, now);
      }
      if (given > 0) await wake(tx, 'testyard_scheduler', 'testyard_history');
      return given;
    });
  }
}
