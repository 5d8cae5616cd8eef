import type { Id } from '../domain/id.js';
import { type Cause, causesOf, doesCover, isSameCause, PACE, stepOf } from '../domain/recover/cause.js';
import { hasShown, isSure, type Looked } from '../domain/recover/experiment.js';
import {
  type Failing,
  infer,
  isLater,
  isSlowSince,
  type Suspect,
  type WorkRecord,
  width,
} from '../domain/recover/infer.js';
import { checkDelayS } from '../domain/recover/limits.js';
import { signatureOf } from '../domain/recover/signature.js';
import { takenBy } from '../domain/recover/taken.js';
import {
  addEvidence,
  closeIncident,
  forgive,
  type Incident,
  joinIncident,
  moveIncident,
  nextCheck,
  openIncident,
  openIncidents,
  overSince,
  recentRecords,
  tellOwner,
} from '../store/blaming.js';
import type { Transaction } from '../store/store.js';
import type { World } from '../store/world.js';
import { about, causeOf } from './about.js';
import type { Settings } from './settings.js';
import { distrust, isInMaintenance, trustAgain } from './trust.js';

/** A piece of work that failed on a host, for no fault of a test. */
export interface Failure {
  readonly host: Id;
  readonly work: string;
  readonly step?: string;
  readonly message: string;
  /** The resource that the step itself took to be at fault. */
  readonly hint?: string | undefined;
  /** The step ended well and left nothing of what it gives. */
  readonly lied?: boolean;
  readonly run: Id;
  readonly attempt: Id;
}

/** Below this a host is not what a failure is due to. */
const UNLIKELY = 0.1;

/** Puts a failure to the incident that it is part of, or opens one, and finds whose failure it is. */
export async function infrastructureFailed(
  tx: Transaction,
  failure: Failure,
  world: World,
  settings: Settings,
): Promise<void> {
  if (await isInMaintenance(tx, failure.host)) return;
  if (await wasOver(tx, failure, world)) return;
  const open = (await openIncidents(tx)).filter(({ scope }) => scope !== 'test');
  const records = await recentRecords(tx);
  const moment = records.find(({ host, work }) => host === failure.host && work === failure.work)?.bad;
  const suspects =
    moment === undefined
      ? []
      : infer({ ...failure, moment }, records, world, takenBy(told(open), records, world, failure));
  const home = open
    .filter(
      (incident) =>
        doesCover(causeOf(incident), failure, world) &&
        (isPossible(causeOf(incident), suspects) || (!incident.settled && isBehind(incident, failure))),
    )
    .sort(firmFirst)[0];
  const incident =
    home?.id ?? (await openIncident(tx, await about(tx, first(failure), failure, world, settings)));
  await addEvidence(tx, incident, evidenceOf(failure));
  const [top] = suspects;
  const isMore =
    top !== undefined && isSure(suspects) && home !== undefined && width(top.cause) > width(causeOf(home));
  if (home?.settled === true && !isMore) {
    if (home.scope === 'host') await distrustFurther(tx, home, suspects, world);
    return;
  }
  await reconsider(tx, incident, world, settings);
}

/** Whether work failed that began while something lasted which is over by now: that is one more failure of it, and nobody's. */
async function wasOver(tx: Transaction, failure: Failure, world: World): Promise<boolean> {
  const over = await overSince(tx, failure);
  const past = over.find((incident) => doesCover(causeOf(incident), failure, world));
  if (past === undefined) return false;
  await addEvidence(tx, past.id, evidenceOf(failure));
  await forgive(tx, past.id);
  return true;
}

function evidenceOf({ host, work, run, attempt, message }: Failure) {
  return { host, work, ok: false, run, attempt, signature: signatureOf(message), detail: message };
}

/** Looks again at all incidents of which it is not known whose failure they are: what has ended well tells something too. */
export async function reconsiderAll(tx: Transaction, world: World, settings: Settings): Promise<void> {
  for (const { settled, id } of await openIncidents(tx))
    if (!settled) await reconsider(tx, id, world, settings, false);
}

/**
 * Looks again at whose failure an incident is, by all that is known by now, and acts on it. `isNews`: something has
 * failed, or a check has come back, and so the next one is due at once.
 */
export async function reconsider(
  tx: Transaction,
  id: Id,
  world: World,
  settings: Settings,
  isNews = true,
): Promise<void> {
  const open = await openIncidents(tx);
  const incident = open.find((one) => one.id === id);
  if (incident === undefined || incident.scope === 'test') return;
  const records = await recentRecords(tx);
  if (isOver(incident, records)) {
    await closeIncident(tx, id, overText(incident));
    if (incident.scope === 'host') await trustAgain(tx, incident, world, overText(incident));
    return;
  }
  const suspects = suspectsOf(incident, open, records, world);
  const [top] = suspects;
  if (top === undefined) return;
  const looked = canarySince(incident, records);
  // Whether a test takes its hosts down is the judge's to say; until then canaries look whether they live.
  const isNobodys = top.cause.kind === 'test' || top.cause.kind === 'chance';
  if (isSure(suspects) && !isNobodys && hasShown(top, looked)) {
    await settle(tx, incident, top, world, settings);
    return;
  }
  if (incident.settled) return;
  const scope = provisional(incident, suspects, looked, world);
  if (scope.kind !== incident.scope) {
    await moveIncident(tx, id, await about(tx, scope, failureBehind(incident), world, settings));
    if (incident.scope === 'host') await trustAgain(tx, incident, world, 'it is looked for elsewhere too');
  }
  if (scope.kind === 'host')
    await distrust(
      tx,
      incident.failedOn,
      { quarantine: false, why: `${nameOf(incident.work)} failed there; a canary will tell` },
      world,
    );
  if (isNews || scope.kind !== incident.scope) await nextCheck(tx, id, 0, false);
}

/** What an incident may be due to, by what is known now. */
export function suspectsOf(
  incident: Incident,
  open: readonly Incident[],
  records: readonly WorkRecord[],
  world: World,
): readonly Suspect[] {
  const others = open.filter(({ id }) => id !== incident.id);
  return infer(failingOf(incident), records, world, takenBy(told(others), records, world, incident));
}

/** It is known whose failure it is, or nothing more can be learnt: the owner is told, once, and what is part of it joins. */
export async function settle(
  tx: Transaction,
  incident: Incident,
  { cause, explains }: Suspect,
  world: World,
  settings: Settings,
): Promise<void> {
  if (cause.kind === 'chance' || cause.kind === 'test') {
    const why = 'it happened once, and nothing that could show its cause fails: nobody is told';
    await closeIncident(tx, incident.id, why);
    if (incident.scope === 'host') await trustAgain(tx, incident, world, why);
    return;
  }
  const to = await about(tx, cause, failureBehind(incident), world, settings);
  const others = (await openIncidents(tx)).filter((one) => one.id !== incident.id && one.scope !== 'test');
  const isPart = (one: Incident) =>
    isSameCause(causeOf(one), cause) ||
    (width(causeOf(one)) < width(cause) && explains.some((work) => isBehind(one, work)));
  const parts = others.filter(isPart);
  // Whoever was told of a part of it is told on in the same thread.
  const stays = [incident, ...parts].sort((a, b) => threadFirst(a, b, cause))[0] ?? incident;
  const isThere = isSameCause(causeOf(stays), cause);
  if (!isThere && !(await moveIncident(tx, stays.id, to))) return;
  if (!isThere || !stays.settled)
    await tellOwner(tx, stays.id, { scope: cause.kind, owner: to.owner, title: to.title });
  for (const part of [incident, ...parts]) {
    if (part.id !== stays.id) await joinIncident(tx, part.id, stays.id);
    if (part.scope === 'host' && !isSameCause(causeOf(part), cause))
      await trustAgain(tx, part, world, `the blame moved: ${to.title}`);
  }
  if (cause.kind === 'host') await condemn(tx, incident.failedOn, explains, world);
  // Of a host a canary has told already.
  const checks = cause.kind === 'host' ? 1 : 0;
  await nextCheck(tx, stays.id, checkDelayS(checks, settings.checkFirstS, cause.kind), checks > 0);
}

/** A host that is at fault is quarantined once two different pieces of work have failed there. */
async function condemn(
  tx: Transaction,
  host: Id,
  explains: Suspect['explains'],
  world: World,
): Promise<void> {
  const [one, other] = new Set(explains.filter((work) => work.host === host).map(({ work }) => nameOf(work)));
  const quarantine = one !== undefined && other !== undefined;
  const why = quarantine
    ? `two different pieces of work failed there: ${one} and ${other}`
    : `${one} failed there`;
  await distrust(tx, host, { quarantine, why }, world);
}

async function distrustFurther(
  tx: Transaction,
  home: Incident,
  suspects: readonly Suspect[],
  world: World,
): Promise<void> {
  const here = suspects.find(({ cause }) => cause.kind === 'host' && cause.host === home.hostId);
  if (here !== undefined && home.hostId !== null) await condemn(tx, home.hostId, here.explains, world);
}

/** What is taken to be at fault while that is not certain: no wider than what shows already. */
function provisional(
  { failedOn: host, work }: Incident,
  suspects: readonly Suspect[],
  looked: Looked,
  world: World,
): Cause {
  const step = stepOf(work);
  const ofHost = suspects.find(({ cause }) => cause.kind === 'host')?.probability ?? 0;
  if (step === undefined || looked === 'bad' || (looked === 'not yet' && ofHost >= UNLIKELY))
    return { kind: 'host', host };
  const onlyThere = suspects
    .filter(({ cause }) => cause.kind === 'host' || cause.kind === 'step_on_host')
    .reduce((sum, { probability }) => sum + probability, 0);
  if (onlyThere > 0.5) return { kind: 'step_on_host', step, host };
  return causesOf({ host, work }, world).find(({ kind }) => kind === 'image') ?? { kind: 'step', step };
}

/** What a canary has told since an incident's failure; that failure may be a canary's. */
export function canarySince(incident: Incident, records: readonly WorkRecord[]): Looked {
  const failed = failingOf(incident).moment;
  const canary = records.find(({ host, work }) => host === incident.failedOn && work === 'canary');
  const isSince = (moment: WorkRecord['ok']) => moment !== undefined && isLater(moment, failed);
  if (isSince(canary?.ok) && !(canary?.bad && canary.ok && isLater(canary.bad, canary.ok))) return 'ok';
  return isSince(canary?.bad) || incident.work === 'canary' ? 'bad' : 'not yet';
}

/** Whether what failed first works there again; that a host works at all is told by any canary. */
function isOver(incident: Incident, records: readonly WorkRecord[]): boolean {
  if (stepOf(incident.work) === undefined && !isSlowSince(failingOf(incident), records))
    return !incident.settled && canarySince(incident, records) === 'ok';
  const here = records.find(({ host, work }) => host === incident.failedOn && work === incident.work);
  return here?.ok !== undefined && isLater(here.ok, failingOf(incident).moment) && !incident.settled;
}

function overText({ work }: Incident): string {
  if (work === PACE) return 'a canary takes no longer there than elsewhere';
  return `${stepOf(work) ?? 'a canary'} works there again`;
}

/** What is known to be at fault: causes whose owners have been told. */
function told(open: readonly Incident[]): readonly Cause[] {
  return open.filter(({ settled, scope }) => settled && scope !== 'test').map(causeOf);
}

function isPossible(cause: Cause, suspects: readonly Suspect[]): boolean {
  return suspects.some((suspect) => isSameCause(suspect.cause, cause));
}

/** Where a failure belongs: to what is known, rather than to what is looked into; and to the wider one. */
function firmFirst(a: Incident, b: Incident): number {
  return Number(b.settled) - Number(a.settled) || width(causeOf(b)) - width(causeOf(a));
}

/** Of incidents that are one: that of the cause, then the one that was told first. */
function threadFirst(a: Incident, b: Incident, cause: Cause): number {
  const isIt = (one: Incident) => Number(isSameCause(causeOf(one), cause));
  return isIt(b) - isIt(a) || Number(b.settled) - Number(a.settled) || Number(a.id) - Number(b.id);
}

function isBehind({ failedOn, work }: Incident, one: { readonly host: Id; readonly work: string }): boolean {
  return one.host === failedOn && one.work === work;
}

/** A first failure is taken to be its host's. */
function first({ host }: Failure): Cause {
  return { kind: 'host', host };
}

function failingOf(incident: Incident): Failing {
  const { failedOn: host, work, attempt, failedAtMs: atMs, lostUnderTest, hint, lied } = incident;
  return { host, work, moment: { attempt, atMs }, lostUnderTest, hint, lied };
}

/** What opened an incident, in the words of the failure. */
function failureBehind({ failedOn: host, work, detail }: Incident) {
  const step = stepOf(work);
  return { host, work, message: detail, ...(step === undefined ? {} : { step }) };
}

function nameOf(work: string): string {
  return stepOf(work) ?? work;
}
