/** Time and chance, as the executor gets them: durations go by a monotonic clock. */
export interface Timing {
  /** Milliseconds since some fixed moment; never runs backwards. */
  readonly monotonicMs: () => number;
  /** Calls `act` once after `ms`; what it returns takes that back. */
  readonly after: (ms: number, act: () => void) => () => void;
  /** `bytes` random bytes in hexadecimal digits. */
  readonly randomHex: (bytes: number) => string;
}

/** Resolves after `ms`, or as soon as `signal` is aborted; never rejects. */
export function pause(timing: Timing, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = timing.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** What `work` comes to, or `late()` when that takes longer than `ms`; `work` goes on unwatched then. */
export function within<T>(timing: Timing, work: Promise<T>, ms: number, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = timing.after(ms, () => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    });
    work.then(resolve, reject).finally(cancel);
  });
}
