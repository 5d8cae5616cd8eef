import type { PoolCap } from '../inventory.js';
import type { Cause } from './cause.js';

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

/** The longest pause between two recovery checks: of what many share, and of one host or step. */
const PAUSE_S = { shared: 300, own: 3600 } as const;

/**
 * Seconds until the next recovery check after `checks` that failed: doubling, up to a limit. Where many share the cause
 * runs wait for its end, and what fails next for another reason would be taken for part of it.
 */
export function checkDelayS(checks: number, firstS: number, scope: Cause['kind']): number {
  const isShared = ['resource', 'pool', 'image', 'change', 'grid'].includes(scope);
  return Math.min(firstS * 2 ** Math.min(checks, 20), isShared ? PAUSE_S.shared : PAUSE_S.own);
}
