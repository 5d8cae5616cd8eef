import type { Target } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import type { Decision } from '../domain/judge/judge.js';
import { fitOf } from '../domain/plan/fit.js';
import { isThereAlready } from '../domain/provision/after.js';
import { doesCover, PACE, stepOf, type Work } from '../domain/recover/cause.js';
import { hasShown, showing, telling } from '../domain/recover/experiment.js';
import { isLater, type Moment, type Suspect, type WorkRecord } from '../domain/recover/infer.js';
import { checkDelayS } from '../domain/recover/limits.js';
import { signatureOf } from '../domain/recover/signature.js';
import type { StepSpec } from '../domain/step.js';
import { seatsTaken } from '../store/assigning.js';
import {
  addEvidence,
  closeIncident,
  dueChecks,
  hostsBeingLookedAt,
  type Incident,
  lookedAtSince,
  moveIncident,
  nextCheck,
  openIncidents,
  recentRecords,
  releaseHeld,
  tellWhyNot,
} from '../store/blaming.js';
import { type EndedAttempt, keepRecords } from '../store/judging.js';
import { decide } from '../store/leader.js';
import { canaryPace } from '../store/learning.js';
import { failingOtherwise, hasFailedOtherwise } from '../store/other-words.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import { submitOwnWork } from '../store/unfolding.js';
import type { KnownHost, World } from '../store/world.js';
import { about, causeOf } from './about.js';
import { canarySince, reconsider, settle, suspectsOf } from './blame.js';
import type { Planned } from './plan.js';
import type { Settings } from './settings.js';
import { trustAgain } from './trust.js';

/** Until a check that was asked for has come back; asked for again after this where it got lost. */
const ASKED_S = 60;

/** Between two looks at a host whose probes do not work though runs wait for what they would see, or that has changed. */
const LOOK_AGAIN_S = 600;

/** Until it is tried again to find a host for a check that would tell the suspects apart; and how long altogether. */
const NO_HOST_S = 15;
const NO_LONGER_S = 600;

/** From this on the test that ran when a host was lost may be what took it down. */
const MAYBE_TEST = 0.05;

/** A host that was lost under a test and is down for so long needs its owner's hands; the longest pause between two looks. */
const STAYS_DOWN_S = 300;
const LOOK_AGAIN_MOST_S = 60;

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

/** A canary works on hosts whose clock is wrong or whose BMC is dead, too: where a step failed first, that tells. */
async function isSickInMore(
  tx: Transaction,
  { failedOn, work }: Incident,
  { target }: EndedAttempt,
  world: World,
): Promise<boolean> {
  const step = stepOf(work);
  const name = world.byId.get(failedOn)?.name;
  if (step === undefined || target.step !== undefined || name === undefined) return false;
  if (!canDo({ host: name, step }, failedOn, world)) return false;
  return isFailing(await recentRecords(tx), { host: failedOn, work });
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

/** Whether what failed on a host has not worked there since. */
function isFailing(records: readonly WorkRecord[], { host, work }: Work): boolean {
  const here = records.find((one) => one.host === host && one.work === work);
  return here?.bad !== undefined && (here.ok === undefined || isLater(here.bad, here.ok));
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

/** Gives due recovery checks and looks at hosts to the queue; a grid that people stopped checks nothing. */
export async function recover(
  store: Store,
  epoch: string,
  world: World,
  wanted: Pick<Planned, 'wantCanary' | 'wantLook'>,
  settings: Settings,
): Promise<number> {
  if (world.grid.state !== 'online' && !world.grid.byIncident) return 0;
  const due = world.incidents.length === 0 ? [] : await dueChecks(store);
  const looks = world.grid.byIncident ? [] : await hostsToLookAt(store, world, wanted);
  if (due.length === 0 && looks.length === 0) return 0;
  await decide(store, epoch, async (tx) => {
    for (const incident of due) await check(tx, incident, world, settings);
    for (const host of looks) {
      const why = host.unseen.length > 0 ? `a first look at ${host.name}` : `canary on ${host.name}`;
      await submitOwnWork(tx, { purpose: 'canary', target: { host: host.name }, why });
    }
    await wake(tx, 'testyard_scheduler', 'testyard_history');
  });
  return due.length + looks.length;
}

async function hostsToLookAt(
  store: Store,
  world: World,
  { wantCanary, wantLook }: Pick<Planned, 'wantCanary' | 'wantLook'>,
): Promise<readonly KnownHost[]> {
  const unseen = world.hosts.filter(
    (h) =>
      h.unseen.length > 0 &&
      !h.offline &&
      h.health === 'good' &&
      h.reserved === undefined &&
      !world.incidents.some((i) => i.scope === 'host' && i.hostId === h.id),
  );
  const changed = world.hosts.filter(
    (h) => h.stale && !h.offline && h.health === 'good' && h.reserved === undefined,
  );
  const maybe = [...wantLook, ...changed];
  if (unseen.length === 0 && wantCanary.length === 0 && maybe.length === 0) return [];
  const lately = await lookedAtSince(store, LOOK_AGAIN_S);
  const all = [
    // One that could not be looked at, for a reason that is not its own, is no sooner seen by asking all the time.
    ...unseen.filter((h) => lately.get(h.id) !== 'failed'),
    ...wantCanary,
    ...maybe.filter((h) => !lately.has(h.id)),
  ];
  if (all.length === 0) return [];
  const underWay = await hostsBeingLookedAt(store);
  return [...new Map(all.filter((h) => !underWay.has(h.name)).map((h) => [h.name, h])).values()];
}

/** Asks for the next check of an incident; what it is about may be gone for good. */
async function check(tx: Transaction, incident: Incident, world: World, settings: Settings): Promise<void> {
  if (isGone(incident, world)) {
    await closeIncident(tx, incident.id, 'the inventory no longer has what it is about');
    return;
  }
  const records = await recentRecords(tx);
  if (!incident.settled && (incident.scope !== 'host' || canarySince(incident, records) !== 'not yet'))
    return findOut(tx, incident, records, world, settings);
  await nextCheck(tx, incident.id, ASKED_S, false);
  const target = checkTarget(incident, records, await seatsTaken(tx), world);
  if (target !== undefined) await ask(tx, incident, target, `recovery check of i${incident.id}`);
}

function ask(tx: Transaction, { id }: Incident, target: Target, why: string): Promise<void> {
  return submitOwnWork(tx, { purpose: 'recovery', incident: id, target, why });
}

function isGone({ hostId, step }: Incident, { byId, steps }: World): boolean {
  return (
    (hostId !== null && !byId.has(hostId)) || (step !== null && !steps.some(({ name }) => name === step))
  );
}

/** It is not known whose failure it is: asks for what would tell, and says so; where nothing would, the likeliest is it. */
async function findOut(
  tx: Transaction,
  incident: Incident,
  records: readonly WorkRecord[],
  world: World,
  settings: Settings,
): Promise<void> {
  const open = await openIncidents(tx);
  const suspects = suspectsOf(incident, open, records, world);
  // What fails for a reason that is known tells nothing of another.
  const known = open
    .filter(({ settled, id, scope }) => settled && id !== incident.id && scope !== 'test')
    .map(causeOf);
  const [top] = suspects;
  if (top === undefined)
    return closeIncident(tx, incident.id, 'what it may have been due to works').then(() => {});
  const able = trials(incident, suspects, records, world).filter(
    (trial) => !known.some((cause) => doesCover(cause, trial, world)),
  );
  const worth = telling(able, suspects, world);
  // However likely it is: nobody is told before it has shown itself, where that can be had.
  const isShown = hasShown(top, canarySince(incident, records));
  const wanted = showFirst(isShown ? worth : [...worth, ...showing(able, top, world)], world);
  const tells = ({ target, host }: (typeof able)[number]) => canTell(target, host, records, world);
  const taken = await seatsTaken(tx);
  // Beside a test that runs for long on a host of several seats there is room for a check.
  const isFull = (host: Id) => (taken.get(host)?.size ?? 0) >= (world.byId.get(host)?.seats ?? 1);
  const trial = wanted.find((one) => !isFull(one.host) && tells(one));
  if (trial !== undefined) {
    await nextCheck(tx, incident.id, ASKED_S, false);
    const said = suspects.map(({ cause, probability }) => sayCause(cause, probability, world));
    const why = `${trial.target.step ?? 'a canary'} on ${trial.target.host} will tell`;
    await tellWhyNot(tx, incident.id, { why, suspects: said });
    return ask(tx, incident, trial.target, `${why} (i${incident.id})`);
  }
  if (incident.ageS < NO_LONGER_S && wanted.some(tells)) return nextCheck(tx, incident.id, NO_HOST_S, false);
  const ofTest = suspects.find(({ cause }) => cause.kind === 'test')?.probability ?? 0;
  if (ofTest <= MAYBE_TEST) return settle(tx, incident, top, world, settings);
  // What keeps it down for a reason that is known is told already: nothing is learnt of it before that is over.
  const canary = { host: incident.failedOn, work: 'canary' };
  if (known.some((cause) => doesCover(cause, canary, world)))
    return nextCheck(tx, incident.id, LOOK_AGAIN_MOST_S, false);
  return lookAgain(tx, incident, top, records, world, settings);
}

/**
 * The test that ran may have taken its host down: what comes of it elsewhere will tell. It is the host's owner's only
 * where the host stays down for longer than it takes to start.
 */
async function lookAgain(
  tx: Transaction,
  incident: Incident,
  { explains }: Suspect,
  records: readonly WorkRecord[],
  world: World,
  settings: Settings,
): Promise<void> {
  const host = world.byId.get(incident.failedOn);
  const canary = records.find((one) => one.host === incident.failedOn && one.work === 'canary')?.bad;
  const lookedAgoS = incident.ageS - ((canary?.atMs ?? 0) - incident.failedAtMs) / 1000;
  const pauseS = Math.min(checkDelayS(incident.checks, settings.checkFirstS, 'host'), LOOK_AGAIN_MOST_S);
  // To the second: a pause of less would be over at once.
  const isDown = lookedAgoS < pauseS - 1;
  if (host === undefined || (isDown && incident.ageS >= STAYS_DOWN_S)) {
    if (
      host !== undefined &&
      canary !== undefined &&
      (await asksNearby(tx, incident, host, canary, records, world))
    )
      return;
    const cause = { kind: 'host', host: incident.failedOn } as const;
    return settle(tx, incident, { cause, probability: 1, explains }, world, settings);
  }
  if (isDown) return nextCheck(tx, incident.id, pauseS - lookedAgoS, false);
  await nextCheck(tx, incident.id, ASKED_S, true);
  return ask(tx, incident, { host: host.name }, `recovery check of i${incident.id}`);
}

/**
 * What a host that stays down shares with others may have failed since they were asked, and it be back from its test: looks at
 * one that shares it, of each such thing, and waits where one fails. False: all that works.
 */
async function asksNearby(
  tx: Transaction,
  incident: Incident,
  host: KnownHost,
  lastSeen: Moment,
  records: readonly WorkRecord[],
  world: World,
): Promise<boolean> {
  if (incident.ageS > NO_LONGER_S) return false;
  const others = world.hosts.filter((one) => one.id !== host.id && !one.offline);
  const lists = [
    others.filter(({ pool }) => pool === host.pool),
    ...(host.resources ?? []).map((one) => others.filter((other) => other.resources?.includes(one))),
  ];
  const fails = ({ id }: KnownHost) =>
    ['canary', 'reach'].some((work) => isFailing(records, { host: id, work }));
  if (lists.flat().some((one) => one.health === 'suspect' && fails(one))) {
    await nextCheck(tx, incident.id, NO_HOST_S, false);
    return true;
  }
  const canaryOf = ({ id }: KnownHost) => records.find((one) => one.host === id && one.work === 'canary');
  const isSeen = (one: KnownHost) => {
    const ok = canaryOf(one)?.ok;
    return ok !== undefined && isLater(ok, lastSeen);
  };
  const taken = await seatsTaken(tx);
  const canBeAsked = ({ id, health, reserved, seats }: KnownHost) =>
    health === 'good' && reserved === undefined && (taken.get(id)?.size ?? 0) < seats;
  const [asked] = lists.flatMap((list) => (list.some(isSeen) ? [] : list.filter(canBeAsked).slice(0, 1)));
  if (asked === undefined) return false;
  await nextCheck(tx, incident.id, ASKED_S, false);
  await ask(
    tx,
    incident,
    { host: asked.name },
    `a canary on ${asked.name}: ${host.name} stays down (i${incident.id})`,
  );
  return true;
}

/** Work that could be done now on hosts that are well: canaries, and the steps that share something with what failed. */
function trials(
  incident: Incident,
  suspects: readonly Suspect[],
  records: readonly WorkRecord[],
  world: World,
) {
  const failed = { attempt: incident.attempt, atMs: incident.failedAtMs };
  const isKnown = (host: string, work: string) => {
    const known = records.find((record) => record.host === host && record.work === work);
    return [known?.ok, known?.bad].some((moment) => moment !== undefined && isLater(moment, failed));
  };
  // Where not even a canary works nothing is learnt of steps.
  const isDown = (host: string) => isFailing(records, { host, work: 'canary' });
  const steps = world.steps.filter((step) =>
    suspects.some(({ cause }) =>
      doesCover(cause, { host: incident.failedOn, work: `step:${step.name}` }, world),
    ),
  );
  return world.hosts
    .filter(
      (host) =>
        (host.health === 'good' || host.id === incident.failedOn) &&
        !host.offline &&
        host.reserved === undefined,
    )
    .flatMap((host) => [
      { host: host.id, work: 'canary', costS: 1, target: { host: host.name } as Target },
      ...(isDown(host.id) ? [] : steps).map(({ name, costS }) => ({
        host: host.id,
        work: `step:${name}`,
        costS,
        target: { host: host.name, step: name } as Target,
      })),
    ])
    .filter(({ host, work }) => !isKnown(host, work));
}

function canDo(target: Target, host: string, world: World): boolean {
  return chainFor(target, host, world) !== undefined;
}

/** Whether a check could be made whose chain does not break before it: where a host is to be put back first, and cannot be. */
function canTell(target: Target, host: string, records: readonly WorkRecord[], world: World): boolean {
  const chain = chainFor(target, host, world);
  return (
    chain?.every(
      ({ name }) => name === target.step || !isFailing(records, { host, work: `step:${name}` }),
    ) === true
  );
}

/**
 * Where a step has done its work before it is seen that it has though it does nothing any more: those where that would show
 * come first.
 */
function showFirst<One extends { readonly target: Target; readonly host: Id }>(
  wanted: readonly One[],
  world: World,
): readonly One[] {
  const isHidden = ({ target, host }: One) => {
    const step = world.steps.find(({ name }) => name === target.step);
    const there = world.byId.get(host);
    if (step === undefined || there === undefined) return false;
    if (!isThereAlready(step, there, [])) return false;
    return isThereAlready(step, there, chainFor(target, host, world) ?? []);
  };
  const hidden = new Set(wanted.filter(isHidden));
  return [...wanted.filter((one) => !hidden.has(one)), ...hidden];
}

function chainFor(target: Target, host: string, world: World): readonly StepSpec[] | undefined {
  const there = world.byId.get(host);
  if (there === undefined) return undefined;
  const demand = { requirement: '', target, purpose: 'recovery' as const, fresh: false, avoid: [] };
  const fit = fitOf(demand, there, world.steps, world.incidents);
  return fit.kind === 'yes' ? fit.chain.steps : undefined;
}

function sayCause(cause: Suspect['cause'], probability: number, world: World): string {
  const name = 'host' in cause ? (world.byId.get(cause.host)?.name ?? cause.host) : '';
  const what = [
    cause.kind,
    ...Object.entries(cause).flatMap(([field, value]) =>
      field === 'kind' || field === 'host' ? [] : [value],
    ),
    name,
  ];
  return `${what.filter(Boolean).join(' ')}: ${Math.round(probability * 100)} %`;
}

/** Where the next check of an incident is to be made; undefined: nowhere just now. */
function checkTarget(
  incident: Incident,
  records: readonly WorkRecord[],
  busy: ReadonlyMap<string, unknown>,
  world: World,
): Target | undefined {
  const host = world.byId.get(incident.hostId ?? '');
  if (incident.scope === 'host') {
    if (host === undefined || host.offline || host.health === 'maintenance' || host.reserved !== undefined)
      return undefined;
    // Where canaries work and the steps do not, only a step tells.
    const step = canarySince(incident, records) === 'ok' ? stepOf(incident.work) : undefined;
    return { host: host.name, ...(step === undefined ? {} : { step }) };
  }
  const cause = causeOf(incident);
  const targets = world.hosts
    .filter((one) => (host === undefined ? one.health === 'good' : one.id === host.id))
    .flatMap((one) => [
      { host: one.id, work: 'canary', target: { host: one.name } as Target },
      ...world.steps.map(({ name }) => ({
        host: one.id,
        work: `step:${name}`,
        target: { host: one.name, step: name } as Target,
      })),
    ])
    .filter((one) => doesCover(cause, one, world))
    .filter(({ work }) => cause.kind !== 'pool' || work === 'canary');
  // Another host than the one that showed the failure tells more; after that they take turns.
  const turn = [
    ...targets.filter((t) => t.host !== incident.failedOn),
    ...targets.filter((t) => t.host === incident.failedOn),
  ];
  const from = incident.checks % Math.max(turn.length, 1);
  const able = [...turn.slice(from), ...turn.slice(0, from)];
  const idleFirst = [...able.filter((t) => !busy.has(t.host)), ...able.filter((t) => busy.has(t.host))];
  return showFirst(idleFirst, world).find(({ target, host }) => canDo(target, host, world))?.target;
}
