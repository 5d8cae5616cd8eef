import type { PoolCap } from '../inventory.js';

/**
 * How many hosts of a pool may be quarantined before it halts and a person is asked: what was declared; else 1 or
 * 10 %, the larger. A share is rounded down, to no less than 1: who wants none at all says the number.
 */
export function quarantineCap(hostsInPool: number, declared?: PoolCap): number {
  if (declared === undefined) return Math.max(1, Math.floor(hostsInPool / 10));
  return 'hosts' in declared
    ? declared.hosts
    : Math.max(1, Math.floor((hostsInPool * declared.percent) / 100));
}

/** Seconds until the next recovery check after `checks` that failed: doubling, at most an hour. */
export function checkDelayS(checks: number, firstS: number): number {
  return Math.min(firstS * 2 ** Math.min(checks, 20), 3600);
}
