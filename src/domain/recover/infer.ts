import type { Id } from '../id.js';
import { type Cause, causesOf, doesCover, type Lab, PACE, stepOf, type Work } from './cause.js';

/** When a piece of work came to something: attempts tell apart what came at the same time. */
export interface Moment {
  readonly attempt: Id;
  readonly atMs: number;
}

/** What one piece of work last came to on one host; undefined: never. */
export interface WorkRecord extends Work {
  readonly ok?: Moment;
  readonly bad?: Moment;
  /** The first of the failures in a row of which `bad` is the last. */
  readonly badSince?: Moment;
}

/** A failure whose cause is looked for. */
export interface Failing extends Work {
  readonly moment: Moment;
  /** How many hosts were lost under the test that ran, in the attempts of this run; 0 or undefined: none ran. */
  readonly lostUnderTest?: number;
  /** The resource that the step itself took to be at fault; null or undefined: it could not tell. */
  readonly hint?: string | null | undefined;
  /** The step ended well and left nothing of what it gives. */
  readonly lied?: boolean;
}

/** What a failure may be due to, and how likely that is beside the others. */
export interface Suspect {
  readonly cause: Cause;
  /** Of all that it may be due to; they add up to 1. */
  readonly probability: number;
  /** What it explains of all that fails now, the failure itself among it. */
  readonly explains: readonly Work[];
}

/**
 * How often each kind of cause is at fault before anything is known, relative to the others: of a step that failed, and
 * of anything else. Where they come from: docs/decisions/0007.
 */
const PRIOR: Readonly<Record<Cause['kind'], { readonly step: number; readonly other: number }>> = {
  host: { step: 2, other: 20 },
  step: { step: 3, other: 0 },
  step_on_host: { step: 1, other: 0 },
  resource: { step: 3, other: 1 },
  image: { step: 4, other: 0 },
  change: { step: 4, other: 0 },
  pool: { step: 0.05, other: 2 },
  test: { step: 0, other: 10 },
  grid: { step: 0, other: 0.2 },
  chance: { step: 2, other: 2 },
};

/** What a step says of a resource is mostly so; what it stands on may be behind it, its own doing rarely. */
const HINT = { named: 10, own: 0.2 } as const;

/** How often a step that has not got what it needs from outside ends well all the same, instead of failing. */
const UNNOTICED = 0.05;

/** How often something else breaks, or something fails for a reason of its own, while one cause is looked for. */
const NOISE = 0.02;

/** How often work fails that is covered by a cause that is at fault: of a host other work and a canary, of all else. */
const FAILS = { host: 0.7, canary: 0.9, other: 0.95 } as const;

/** The share of sick hosts that are sick in one thing only. */
const SICK_IN_ONE = 0.05;

/** What began to fail longer ago than this before a failure is of another time. */
const WINDOW_MS = 30 * 60_000;

/**
 * What a failure is due to, likeliest first: Bayes over the causes that cover it, each with its prior. What worked after
 * the failure clears all that covers it (a host only in part: it may do one thing well and fail at another). A cause
 * explains what it covers and what began to fail after it last worked; what fails now and is not explained must have
 * broken by itself, host by host or step by step, whichever are fewer. `isTaken`: what another incident has explained.
 */
export function infer(
  failed: Failing,
  records: readonly WorkRecord[],
  lab: Lab,
  isTaken: (record: Work, cause: Cause) => boolean = () => false,
): readonly Suspect[] {
  const kind = stepOf(failed.work) === undefined ? 'other' : 'step';
  const lost = failed.lostUnderTest ?? 0;
  const causes: readonly Cause[] = [
    ...causesOf(failed, lab),
    ...(lost > 0 ? [{ kind: 'test', on: failed.host } as const] : []),
  ];
  const known = causes.flatMap((cause) => {
    const explains = explained(cause, failed, records, lab, isTaken);
    return explains.length === 0 ? [] : [{ cause, explains }];
  });
  const all = [...new Set(known.flatMap(({ explains }) => explains))];
  const weighed = known.map(({ cause, explains }) => {
    const left = all.filter((record) => !explains.includes(record));
    // Hosts that one run lost one after the other have not broken by themselves.
    const apart = cause.kind === 'test' ? 0 : faultsIn(left, failed) + Math.max(0, lost - 1);
    const again = cause.kind === 'chance' && hasFailedAgain(failed, records) ? NOISE : 1;
    const weight =
      PRIOR[cause.kind][kind] *
      NOISE ** apart *
      shareWell(cause, failed, records) *
      again *
      hinted(cause, failed) *
      (failed.lied === true && isShared(cause) ? UNNOTICED : 1);
    return { cause, explains, weight };
  });
  const sum = weighed.reduce((total, { weight }) => total + weight, 0);
  return weighed
    .map(({ cause, explains, weight }) => ({ cause, explains, probability: weight / sum }))
    .sort((a, b) => b.probability - a.probability || width(a.cause) - width(b.cause));
}

function hinted(cause: Cause, { hint }: Failing): number {
  if (typeof hint !== 'string') return 1;
  if (cause.kind === 'resource') return cause.resource === hint ? HINT.named : 1;
  return ['step', 'step_on_host', 'image', 'change'].includes(cause.kind) ? HINT.own : 1;
}

function isShared({ kind }: Cause): boolean {
  return kind === 'resource' || kind === 'pool' || kind === 'grid';
}

/** How likely it is that a piece of work fails while this cause is at fault. */
export function failsUnder(cause: Cause, work: Work, lab: Lab): number {
  if (cause.kind === 'chance' || !doesCover(cause, work, lab)) return NOISE;
  if (cause.kind !== 'host' && cause.kind !== 'test') return FAILS.other;
  return work.work === 'canary' ? FAILS.canary : FAILS.host;
}

/** What a cause explains of what fails now; nothing, where it does not explain the failure in question. */
function explained(
  cause: Cause,
  failed: Failing,
  records: readonly WorkRecord[],
  lab: Lab,
  isTaken: (record: Work, cause: Cause) => boolean,
): readonly Work[] {
  const itself = records.find((one) => one.host === failed.host && one.work === failed.work) ?? failed;
  const covered = records.filter((record) => doesCover(cause, record, lab));
  const worked = lastOf(covered.filter((record) => doesClear(cause, failed, record)).map(({ ok }) => ok));
  // Of both the host may come back.
  const mayComeBack = ['host', 'test', 'chance'].includes(cause.kind);
  if (worked !== undefined && !mayComeBack && isLater(worked, failed.moment)) return [];
  const others = covered.filter((record) => {
    const { bad, badSince = bad, ok } = record;
    if (record === itself || bad === undefined || badSince === undefined) return false;
    if (ok !== undefined && isLater(ok, bad)) return false;
    if (worked !== undefined && !isLater(badSince, worked)) return false;
    return badSince.atMs >= failed.moment.atMs - WINDOW_MS && !isTaken(record, cause);
  });
  return [itself, ...others];
}

/**
 * A canary or a test that ends says of a host only that it can be reached and works as such: its steps may still fail. A step that
 * works says nothing of who is let in by now: the connection may have been there before.
 */
function doesClear(cause: Cause, failed: Failing, { work }: Work): boolean {
  if (cause.kind !== 'host') return stepOf(failed.work) !== undefined || stepOf(work) === undefined;
  return stepOf(failed.work) === undefined && (work === 'canary' || work === 'test');
}

/**
 * How likely a sick host is to have done well what it has done well since: one that is sick all over hardly; one in so many
 * is sick in one thing only, a clock or a BMC, and does everything else.
 */
function shareWell(cause: Cause, failed: Failing, records: readonly WorkRecord[]): number {
  if (cause.kind !== 'host') return 1;
  const allOver = records
    .filter(({ host, ok }) => host === cause.host && ok !== undefined && isLater(ok, failed.moment))
    // A canary that took far too long is none that worked.
    .filter(({ work }) => work !== 'canary' || !isSlowSince(failed, records))
    // That it could be reached is known of a host on which anything failed.
    .filter(({ work }) => stepOf(work) !== undefined || work === 'canary' || work === 'test')
    .reduce((share, { work }) => share * (1 - (work === 'canary' ? FAILS.canary : FAILS.host)), 1);
  return (1 - SICK_IN_ONE) * allOver + SICK_IN_ONE;
}

/** Whether work took its host far too long: in this failure, or since. */
export function isSlowSince({ host, work, moment }: Failing, records: readonly WorkRecord[]): boolean {
  const pace = records.find((one) => one.host === host && one.work === PACE);
  if (pace?.bad === undefined || (pace.ok !== undefined && isLater(pace.ok, pace.bad))) return false;
  return work === PACE || isLater(pace.bad, moment);
}

function hasFailedAgain({ host, work, moment }: Failing, records: readonly WorkRecord[]): boolean {
  return records.some(
    (one) => one.host === host && one.work === work && one.bad !== undefined && isLater(one.bad, moment),
  );
}

/**
 * How many things must have broken by themselves for these to fail. A step that failed here too would explain this, and
 * so would the host on which it failed: of that one each step counts.
 */
function faultsIn(records: readonly Work[], failed: Work): number {
  const hosts = new Set(
    records.map(({ host, work }) => (host === failed.host ? (stepOf(work) ?? host) : host)),
  );
  const works = new Set(
    records.map(({ host, work }) => (work === failed.work ? host : (stepOf(work) ?? host))),
  );
  return Math.min(hosts.size, works.size);
}

/** Whether something came after something else. */
export function isLater(a: Moment, b: Moment): boolean {
  return a.atMs === b.atMs ? BigInt(a.attempt) > BigInt(b.attempt) : a.atMs > b.atMs;
}

function lastOf(moments: readonly (Moment | undefined)[]): Moment | undefined {
  return moments.reduce((a, b) => (a === undefined || (b !== undefined && isLater(b, a)) ? b : a), undefined);
}

/** How much a cause takes down: of equally likely ones the narrowest is said. */
export function width({ kind }: Cause): number {
  return [
    'chance',
    'step_on_host',
    'host',
    'step',
    'test',
    'change',
    'image',
    'resource',
    'pool',
    'grid',
  ].indexOf(kind);
}
