import type { QueueFacts } from './question.js';

/** When a run is likely to start, or why that cannot be said. */
export type Start = { readonly inS: number } | { readonly unknown: string };

/**
 * Seats take the runs in order, each the next that is free, and every run before it takes as long as such runs do.
 * `chainS`: what bringing the host into state takes.
 */
export function likelyStart({ ahead, typicalS, freeInS }: QueueFacts, chainS: number): Start {
  if (freeInS.length === 0) return { unknown: 'no host that could serve it is up' };
  const free = freeInS.map((s) => Math.max(0, s)).sort((a, b) => a - b);
  const now = free.filter((s) => s === 0).length;
  if (ahead < now) return { inS: chainS };
  if (typicalS === undefined || typicalS <= 0)
    return { unknown: 'no run like those before it has ended yet, so how long they take is not known' };
  // Starts within t seconds, over all seats, must be more than the runs ahead: t by bisection, to a second.
  const startsBy = (t: number) =>
    free.reduce((sum, s) => sum + (s <= t ? Math.floor((t - s) / typicalS) + 1 : 0), 0);
  let [low, high] = [0, (free[0] ?? 0) + (ahead + 1) * typicalS];
  while (high - low > 1) {
    const middle = (low + high) / 2;
    if (startsBy(middle) > ahead) high = middle;
    else low = middle;
  }
  return { inS: Math.round(high) + chainS };
}
