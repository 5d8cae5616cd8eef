import type { Logger } from 'pino';
import type { Blobs } from '../ports/blobs.js';
import { compactOutput } from '../store/log.js';
import { isOutage } from '../store/outage.js';
import type { Store } from '../store/store.js';
import { forgetOldKeys } from '../store/submission.js';

const PLACES_AT_ONCE = 50;

/** Every how many rounds idempotency keys are looked at. */
const ROUNDS_PER_TIDY = 100;

/** Makes finished output into blobs and forgets old keys, every so often, until it is stopped. */
export function startUpkeep(store: Store, blobs: Blobs, everyMs: number, log: Logger) {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let rounds = 0;
  const round = async () => {
    try {
      if (rounds++ % ROUNDS_PER_TIDY === 0) await forgetOldKeys(store);
      while (!stopped && (await compactOutput(store, blobs, PLACES_AT_ONCE)) === PLACES_AT_ONCE);
    } catch (error) {
      if (!isOutage(error)) log.error({ err: error }, 'Upkeep of output failed; it will be tried again');
    }
  };
  let running: Promise<void> = Promise.resolve();
  const next = () => {
    if (stopped) return;
    timer = setTimeout(() => {
      running = round();
      void running.then(next);
    }, everyMs);
  };
  next();
  return {
    /** Resolves when what was begun is finished. */
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
