import type { Target } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import { doesCover, stepOf, type Work } from '../domain/recover/cause.js';
import { hasShown, showing, telling } from '../domain/recover/experiment.js';
import { isLater, type Moment, type Suspect, type WorkRecord } from '../domain/recover/infer.js';
import { checkDelayS } from '../domain/recover/limits.js';
import { seatsTaken } from '../store/assigning.js';
import { closeIncident, type Incident, nextCheck, openIncidents, tellWhyNot } from '../store/blaming.js';
import type { Transaction } from '../store/store.js';
import type { KnownHost, World } from '../store/world.js';
import { causeOf } from './about.js';
import { canarySince, settle, suspectsOf } from './blame.js';
import { ASKED_S, ask, canTell, isFailing, showFirst } from './check-where.js';
import type { Settings } from './settings.js';

/** Until it is tried again to find a host for a check that would tell the suspects apart; and how long altogether. */
const NO_HOST_S = 15;
const NO_LONGER_S = 600;

/** From this on the test that ran when a host was lost may be what took it down. */
const MAYBE_TEST = 0.05;

/** A host that was lost under a test and is down for so long needs its owner's hands; the longest pause between two looks. */
const STAYS_DOWN_S = 300;
const LOOK_AGAIN_MOST_S = 60;

/** It is not known whose failure it is: asks for what would tell, and says so; where nothing would, the likeliest is it. */
export async function findOut(
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
  const isCovered = (work: Work) => known.some((cause) => doesCover(cause, work, world));
  const all = trials(incident, suspects, records, isCovered, world);
  const able = all.filter((trial) => !isCovered(trial));
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
  if (incident.ageS < NO_LONGER_S) {
    if (wanted.some(tells)) return nextCheck(tx, incident.id, NO_HOST_S, false);
    // What would tell may be kept from telling by what is known: that may be over soon, and the host be back.
    if (telling(all.filter(isCovered), suspects, world).length > 0)
      return (await looksOnceMore(tx, incident, records, world))
        ? undefined
        : nextCheck(tx, incident.id, NO_HOST_S, false);
  }
  const ofTest = suspects.find(({ cause }) => cause.kind === 'test')?.probability ?? 0;
  if (ofTest <= MAYBE_TEST) return settle(tx, incident, top, world, settings);
  // What keeps it down for a reason that is known is told already: nothing is learnt of it before that is over.
  const canary = { host: incident.failedOn, work: 'canary' };
  if (isCovered(canary)) return nextCheck(tx, incident.id, LOOK_AGAIN_MOST_S, false);
  return waitUntilBack(tx, incident, top, records, world, settings);
}

/**
 * The test that ran may have taken its host down: what comes of it elsewhere will tell. It is the host's owner's only
 * where the host stays down for longer than it takes to start.
 */
async function waitUntilBack(
  tx: Transaction,
  incident: Incident,
  { explains }: Suspect,
  records: readonly WorkRecord[],
  world: World,
  settings: Settings,
): Promise<void> {
  const host = world.byId.get(incident.failedOn);
  const canary = lastBadLook(incident, records);
  const lookedAgoS = agoS(incident, canary);
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

/** The last canary on the host of an incident that found it down. */
const lastBadLook = ({ failedOn }: Incident, records: readonly WorkRecord[]): Moment | undefined =>
  records.find(({ host, work }) => host === failedOn && work === 'canary')?.bad;

/** How long ago that was, in seconds; what never was is as long ago as can be said. */
const agoS = ({ ageS, failedAtMs }: Incident, seen: Moment | undefined): number =>
  ageS - ((seen?.atMs ?? 0) - failedAtMs) / 1000;

/** Looks at a host that was lost once more, if that was not done in the last minute. */
async function looksOnceMore(
  tx: Transaction,
  incident: Incident,
  records: readonly WorkRecord[],
  { byId }: World,
): Promise<boolean> {
  const name = byId.get(incident.failedOn)?.name;
  const isRecent = agoS(incident, lastBadLook(incident, records)) < LOOK_AGAIN_MOST_S;
  if (name === undefined || stepOf(incident.work) !== undefined || isRecent) return false;
  await nextCheck(tx, incident.id, ASKED_S, false);
  await ask(tx, incident, { host: name }, `${name} once more (i${incident.id})`);
  return true;
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

/** Work on hosts that are well which could be done: canaries, and the steps that share something with what failed. */
function trials(
  incident: Incident,
  suspects: readonly Suspect[],
  records: readonly WorkRecord[],
  isCovered: (work: Work) => boolean,
  world: World,
) {
  const failed = { attempt: incident.attempt, atMs: incident.failedAtMs };
  const isKnown = (host: string, work: string) => {
    const last = records.find((record) => record.host === host && record.work === work);
    // That it fails for a reason that is known tells nothing.
    const moments = isCovered({ host, work }) ? [last?.ok] : [last?.ok, last?.bad];
    return moments.some((moment) => moment !== undefined && isLater(moment, failed));
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
