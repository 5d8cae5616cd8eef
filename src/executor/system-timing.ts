import { randomBytes } from 'node:crypto';
import type { Timing } from './timing.js';

/** The machine's own clock and random numbers. */
export const systemTiming: Timing = {
  monotonicMs: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  randomHex: (bytes) => randomBytes(bytes).toString('hex'),
};
