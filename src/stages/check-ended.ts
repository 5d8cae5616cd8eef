import type { Decision } from '../domain/judge/judge.js';
import { doesCover, PACE, stepOf, type Work } from '../domain/recover/cause.js';
import { isLater } from '../domain/recover/infer.js';
import { checkDelayS } from '../domain/recover/limits.js';
import { signatureOf } from '../domain/recover/signature.js';
import {
  addEvidence,
  closeIncident,
  type Incident,
  moveIncident,
  nextCheck,
  openIncidents,
  recentRecords,
  releaseHeld,
} from '../store/blaming.js';
import { type EndedAttempt, keepRecords } from '../store/judging.js';
import { canaryPace } from '../store/learning.js';
import { failingOtherwise, hasFailedOtherwise } from '../store/other-words.js';
import type { Transaction } from '../store/store.js';
import { submitOwnWork } from '../store/unfolding.js';
import type { World } from '../store/world.js';
import { about, causeOf } from './about.js';
import { reconsider } from './blame.js';
import { ASKED_S, ask, canDo, isFailing } from './check-where.js';
import type { Settings } from './settings.js';
import { trustAgain } from './trust.js';

/** A recovery check has ended: what it says about its incident. */
export async function checkEnded(
  tx: Transaction,
  attempt: EndedAttempt,
  decision: Decision,
  world: World,
  settings: Settings,
): Promise<void> {
  const incident = (await openIncidents(tx)).find((i) => i.id === attempt.incidentId);
  if (incident === undefined) return;
  const { step } = attempt.target;
  const done: Work = { host: attempt.hostId, work: step === undefined ? 'canary' : `step:${step}` };
  const passed = decision.do === 'verdict' && decision.verdict.verdict === 'passed';
  const told = TELLING.includes(attempt.end.outcome.kind);
  const isSlow = passed && step === undefined && (await wasSlow(tx, incident, attempt));
  if (passed && !isSlow)
    await addEvidence(tx, incident.id, {
      ...done,
      ok: true,
      run: attempt.runId,
      attempt: attempt.attemptId,
      signature: '',
      detail: decision.verdict.reason,
    });
  // What was done to tell suspects apart is no check of the one that it has told.
  const wasUnsettled = world.incidents.find(({ id }) => id === incident.id)?.settled === false;
  if (wasUnsettled && incident.settled) return;
  if (!incident.settled && (passed || told)) return reconsider(tx, incident.id, world, settings);
  // The blame may have moved meanwhile: a canary says nothing about a step.
  if (!doesCover(causeOf(incident), done, world)) return nextCheck(tx, incident.id, 0, false);
  if (passed && !isSlow) return checkPassed(tx, incident, attempt, world, settings);
  if (told && (await failsOnlyThere(tx, incident, attempt.hostId)))
    return worksElsewhere(tx, incident, world, settings);
  await nextCheck(tx, incident.id, await untilNext(tx, incident, attempt, told, settings), told);
}

/** Seconds until an incident is looked at again after a check that failed, or told nothing. */
async function untilNext(
  tx: Transaction,
  incident: Incident,
  { attemptId }: EndedAttempt,
  told: boolean,
  { checkFirstS }: Settings,
): Promise<number> {
  if (!told) return AGAIN_S;
  // Something else may fail there by now, and the incident be over: other work will tell.
  if (await hasFailedOtherwise(tx, incident.id, attemptId)) return checkFirstS;
  return checkDelayS(incident.checks + 1, checkFirstS, incident.scope);
}

/** Whether a canary took so much longer than on other hosts that its own is slow; written down where that tells something. */
async function wasSlow(tx: Transaction, incident: Incident, attempt: EndedAttempt): Promise<boolean> {
  const pace = await canaryPace(tx, attempt);
  const isSlow =
    pace !== undefined && pace.tookS > SLOW.times * pace.usualS && pace.tookS > SLOW.moreS + pace.usualS;
  const { hostId: host, runId: run, attemptId } = attempt;
  const seen = { host, work: PACE, attempt: attemptId, ok: !isSlow };
  if (isSlow || incident.work === PACE) await keepRecords(tx, [seen]);
  const detail = `the canary took ${pace?.tookS.toFixed(1)} s, elsewhere ${pace?.usualS.toFixed(1)} s`;
  if (isSlow) await addEvidence(tx, incident.id, { ...seen, run, signature: signatureOf(detail), detail });
  return isSlow;
}

/** A canary is slow that takes so many times as long as others, and so many seconds more. */
const SLOW = { times: 3, moreS: 1 } as const;

/** Outcomes of a check that say something about what is checked. */
const TELLING: readonly string[] = [
  'ended',
  'host_lost',
  'timed_out',
  'chain_failed',
  'tag_lied',
  'unclean',
  'never_started',
];

/** After a check that said nothing, since its executor is gone. */
const AGAIN_S = 1;

async function checkPassed(
  tx: Transaction,
  incident: Incident,
  attempt: EndedAttempt,
  world: World,
  settings: Settings,
): Promise<void> {
  const name = world.byId.get(attempt.hostId)?.name;
  const { failedOn } = incident;
  if (incident.scope === 'host') {
    if (await isSickInMore(tx, incident, attempt, world)) return nextCheck(tx, incident.id, 0, false);
    const why =
      attempt.target.step === undefined
        ? 'a canary works there again'
        : `${attempt.target.step} works there again`;
    await closeIncident(tx, incident.id, why);
    await trustAgain(tx, incident, world, why);
    return;
  }
  const host = world.byId.get(failedOn);
  if (
    incident.scope === 'step' &&
    attempt.hostId !== failedOn &&
    host !== undefined &&
    incident.step !== null
  ) {
    const target = { host: host.name, step: incident.step };
    if (isFailing(await recentRecords(tx), { host: failedOn, work: incident.work })) {
      if (!canDo(target, failedOn, world)) return worksElsewhere(tx, incident, world, settings);
      // It may work again everywhere: where it failed first will tell.
      await nextCheck(tx, incident.id, ASKED_S, false);
      return ask(tx, incident, target, `recovery check of i${incident.id}`);
    }
  }
  const left = await failingOtherwise(tx, incident.id);
  await closeIncident(tx, incident.id, `${WORKS[incident.scope]} again on ${name}`);
  await tryAgain(tx, incident, left, world);
}

/** Canaries work all the time on hosts whose clock is wrong or whose BMC is dead: where a step failed first, that tells. */
async function isSickInMore(
  tx: Transaction,
  { failedOn, work, attempt, failedAtMs }: Incident,
  { target }: EndedAttempt,
  world: World,
): Promise<boolean> {
  const step = stepOf(work);
  const name = world.byId.get(failedOn)?.name;
  if (step === undefined || target.step !== undefined || name === undefined) return false;
  if (!canDo({ host: name, step }, failedOn, world)) return false;
  const records = await recentRecords(tx);
  const canary = records.find((one) => one.host === failedOn && one.work === 'canary');
  const hasFailed = canary?.bad !== undefined && isLater(canary.bad, { attempt, atMs: failedAtMs });
  return !hasFailed && isFailing(records, { host: failedOn, work });
}

/**
 * What failed in the reach of an incident in other words than its own was taken for part of it, as nothing else can be learnt
 * there while it lasts. Now that it is over it is tried again, before it costs another run. Words alone tell nobody of
 * anything: a mirror that breaks off in the middle says something else than one that is gone.
 */
async function tryAgain(
  tx: Transaction,
  { id }: Incident,
  left: readonly Work[],
  { byId, steps }: World,
): Promise<void> {
  for (const { host, work } of left) {
    const name = byId.get(host)?.name;
    const step = stepOf(work);
    // The inventory may have lost it meanwhile.
    if (name === undefined || (step !== undefined && !steps.some((one) => one.name === step))) continue;
    const why = `${step ?? 'a canary'} on ${name}: it failed in other words while i${id} was open`;
    const target = { host: name, ...(step === undefined ? {} : { step }) };
    await submitOwnWork(tx, { purpose: 'canary', target, why });
  }
}

/** Whether a step that has failed again where it failed first works by now wherever else it had failed. */
async function failsOnlyThere(tx: Transaction, incident: Incident, host: string): Promise<boolean> {
  if (incident.scope !== 'step' || host !== incident.failedOn) return false;
  const failed = { attempt: incident.attempt, atMs: incident.failedAtMs };
  const records = (await recentRecords(tx)).filter(({ work }) => work === incident.work);
  const others = records.filter((one) => one.host !== host);
  return (
    others.some(({ ok }) => ok !== undefined && isLater(ok, failed)) &&
    !others.some((one) => isFailing(records, one))
  );
}

/** The step works on other hosts: what waits for it goes on there, and nobody is told before it has failed here again. */
async function worksElsewhere(
  tx: Transaction,
  incident: Incident,
  world: World,
  settings: Settings,
): Promise<void> {
  const { failedOn: host, detail: message } = incident;
  const cause = { kind: 'step_on_host', step: incident.step ?? '', host } as const;
  await releaseHeld(tx, incident.id, 'the step works on other hosts');
  await moveIncident(tx, incident.id, await about(tx, cause, { message }, world, settings));
  await nextCheck(tx, incident.id, settings.checkFirstS, false);
}

const WORKS: Readonly<Record<Incident['scope'], string>> = {
  host: 'a canary works',
  step: 'the step works',
  step_on_host: 'the step works',
  image: 'it can be put',
  change: 'it can be put in',
  resource: 'what needs it works',
  pool: 'a canary works',
  grid: 'a canary works',
  test: 'the test works',
};
