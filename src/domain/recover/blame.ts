import type { Id } from '../id.js';
import type { PoolCap } from '../inventory.js';

/** What one piece of work last came to on one host. Attempt ids order events; '0': never. */
export interface WorkRecord {
  readonly host: Id;
  /** `step:NAME`, `reach` (connection), `clean` (leftovers), `canary`, `test` (somebody's test ran to its end). */
  readonly work: string;
  readonly okAttempt: Id;
  readonly badAttempt: Id;
}

/** Whose failure it most likely is. */
export type Scope =
  /** The host: it becomes suspect, and only canaries run there. `quarantine`: two different pieces of work failed. */
  | { readonly kind: 'host'; readonly quarantine: boolean; readonly why: string }
  /** The step, wherever it runs. */
  | { readonly kind: 'step'; readonly why: string }
  /** The step on this host: it works elsewhere, and the host works otherwise. */
  | { readonly kind: 'step_on_host'; readonly why: string };

/**
 * The narrowest cause that shares the failures and not the successes. `failed` is a piece of work that
 * failed on a host in `attempt`; `records` all that is known of that work anywhere and of that host.
 */
export function blame(
  failed: { readonly host: Id; readonly work: string; readonly attempt: Id },
  records: readonly WorkRecord[],
): Scope {
  const elsewhere = records.filter((r) => r.work === failed.work && r.host !== failed.host);
  const worksElsewhere = elsewhere.filter((r) => later(r.okAttempt, r.badAttempt));
  const lastWorked = elsewhere.map((r) => r.okAttempt).reduce(latest, '0');
  const failsSince = elsewhere.filter((r) => later(r.badAttempt, lastWorked));
  const here = records.filter((r) => r.host === failed.host && r.work !== failed.work);
  // What failed there before the host did other work well is somebody else's failure, or over.
  const well = here
    .filter((r) => r.work === 'canary' || r.work === 'test')
    .map((r) => r.okAttempt)
    .reduce(latest, '0');
  const failsHere = here.filter((r) => later(r.badAttempt, r.okAttempt) && later(r.badAttempt, well));
  const cleared = here.some((r) => r.work === 'canary' && later(r.okAttempt, failed.attempt));
  const isStep = failed.work.startsWith('step:');
  const name = failed.work.replace(/^step:/, '');

  if (isStep && failsSince.length > 0) {
    return {
      kind: 'step',
      why: `${name} failed on ${failsSince.length + 1} hosts and worked on none since`,
    };
  }
  if (isStep && cleared) {
    return worksElsewhere.length > 0
      ? { kind: 'step_on_host', why: `${name} works on other hosts, and a canary works on this one` }
      : { kind: 'step', why: `a canary works on the host where ${name} failed` };
  }
  const other = failsHere[0];
  if (other !== undefined) {
    return {
      kind: 'host',
      quarantine: true,
      why: `two different pieces of work failed there: ${name} and ${other.work}`,
    };
  }
  return { kind: 'host', quarantine: false, why: `${name} failed there; a canary will tell` };
}

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

/**
 * What is the same of two errors: the text without numbers, addresses and paths, at most 200 characters.
 */
export function signatureOf(text: string): string {
  return text
    .replace(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/gi, 'MAC')
    .replace(/\b[0-9]{1,3}(\.[0-9]{1,3}){3}(:[0-9]+)?\b/g, 'ADDRESS')
    .replace(/(\/[\w.@+-]+)+\/?/g, 'PATH')
    .replace(/\b(0x)?[0-9a-f]{8,}\b/gi, 'HEX')
    .replace(/[0-9]+(\.[0-9]+)?/g, 'N')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}

function later(a: Id, b: Id): boolean {
  return BigInt(a) > BigInt(b);
}

function latest(a: Id, b: Id): Id {
  return later(a, b) ? a : b;
}
