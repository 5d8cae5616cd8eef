import type { Id } from '../domain/id.js';
import type { Decision } from '../domain/judge/judge.js';
import { mayRun } from '../domain/provision/chain.js';
import { blame, checkDelayS, quarantineCap, type Scope, signatureOf } from '../domain/recover/blame.js';
import {
  addEvidence,
  checkUnderWay,
  closeIncident,
  dueChecks,
  hostsBeingLookedAt,
  type Incident,
  moveIncident,
  type NewIncident,
  nextCheck,
  openIncident,
  openIncidents,
  recordsAbout,
  releaseHeld,
  setHealth,
  setPool,
} from '../store/blaming.js';
import type { EndedAttempt } from '../store/judging.js';
import { decide } from '../store/leader.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import { submitOwnWork } from '../store/unfolding.js';
import type { KnownHost, World } from '../store/world.js';
import type { Settings } from './settings.js';

/** A piece of work that failed on a host, for no fault of a test. */
export interface Failure {
  readonly host: Id;
  readonly work: string;
  readonly step?: string;
  readonly message: string;
  readonly run: Id;
  readonly attempt: Id;
}

/** Finds whose failure it is, and opens, widens or moves the one incident for it. */
export async function infrastructureFailed(
  tx: Transaction,
  failure: Failure,
  world: World,
  settings: Settings,
): Promise<void> {
  const scope = blame(failure, await recordsAbout(tx, failure.host, failure.work));
  const open = (await openIncidents(tx)).find((i) => covers(i, failure));
  const incident = open?.id ?? (await openIncident(tx, describe(scope, failure, world, settings)));
  await addEvidence(tx, incident, {
    host: failure.host,
    work: failure.work,
    ok: false,
    run: failure.run,
    attempt: failure.attempt,
    signature: signatureOf(failure.message),
    detail: failure.message,
  });
  if (open !== undefined && open.scope !== scope.kind && open.scope !== 'step') {
    await moveIncident(tx, incident, describe(scope, failure, world, settings));
    if (open.scope === 'host') await trustAgain(tx, open, world, `the blame moved: ${scope.why}`);
  }
  if (scope.kind === 'host' && (open === undefined || open.scope === 'host'))
    await distrust(tx, failure.host, scope, world);
}

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
  const passed = decision.do === 'verdict' && decision.verdict.verdict === 'passed';
  const said = decision.do === 'verdict' ? decision.verdict.reason : decision.reason;
  const told = ['ended', 'host_lost', 'timed_out', 'chain_failed', 'tag_lied', 'unclean'].includes(
    attempt.end.outcome.kind,
  );
  if (!passed) {
    await nextCheck(tx, incident.id, told ? checkDelayS(incident.checks + 1, settings.checkFirstS) : 1, told);
    if (told && incident.scope === 'host' && incident.hostId !== null) {
      const scope = blame(
        { host: incident.hostId, work: incident.work, attempt: incident.attempt },
        await recordsAbout(tx, incident.hostId, incident.work),
      );
      if (scope.kind === 'host') await distrust(tx, incident.hostId, scope, world);
    }
    return;
  }
  await addEvidence(tx, incident.id, {
    host: attempt.hostId,
    work: attempt.target.step === undefined ? 'canary' : `step:${attempt.target.step}`,
    ok: true,
    run: attempt.runId,
    attempt: attempt.attemptId,
    signature: '',
    detail: said,
  });
  const failedOn = incident.failedOn ?? attempt.hostId;
  if (incident.scope === 'host') {
    const scope = blame(
      { host: failedOn, work: incident.work, attempt: incident.attempt },
      await recordsAbout(tx, failedOn, incident.work),
    );
    if (scope.kind === 'host') await closeIncident(tx, incident.id, 'a canary works there again');
    else await moveIncident(tx, incident.id, describe(scope, failureBehind(incident), world, settings));
    await trustAgain(
      tx,
      incident,
      world,
      scope.kind === 'host' ? 'a canary works there again' : `the blame moved: ${scope.why}`,
    );
  } else if (incident.scope === 'step' && attempt.hostId !== failedOn) {
    const records = await recordsAbout(tx, failedOn, incident.work);
    const here = records.find((r) => r.host === failedOn && r.work === incident.work);
    const still = here !== undefined && BigInt(here.badAttempt) > BigInt(here.okAttempt);
    const scope: Scope = {
      kind: 'step_on_host',
      why: `${incident.step} works on ${world.byId.get(attempt.hostId)?.name}`,
    };
    if (still && world.byId.has(failedOn))
      await moveIncident(tx, incident.id, describe(scope, failureBehind(incident), world, settings));
    else
      await closeIncident(tx, incident.id, `the step works again on ${world.byId.get(attempt.hostId)?.name}`);
    if (still) await releaseHeld(tx, incident.id, 'the step works on other hosts');
  } else {
    await closeIncident(tx, incident.id, `the step works again on ${world.byId.get(attempt.hostId)?.name}`);
  }
}

/** Gives due recovery checks and first looks to the queue. */
export async function recover(
  store: Store,
  epoch: string,
  world: World,
  wantCanary: readonly KnownHost[],
): Promise<number> {
  const due = await dueChecks(store);
  const unseen = world.hosts.filter(
    (h) =>
      h.unseen.length > 0 &&
      !h.offline &&
      h.health === 'good' &&
      !world.incidents.some((i) => i.scope === 'host' && i.hostId === h.id),
  );
  if (due.length === 0 && unseen.length === 0 && wantCanary.length === 0) return 0;
  const looked = await hostsBeingLookedAt(store);
  const looks = new Map(
    [...unseen, ...wantCanary].filter((h) => !looked.has(h.name)).map((h) => [h.name, h]),
  );
  if (due.length === 0 && looks.size === 0) return 0;
  await decide(store, epoch, async (tx) => {
    for (const incident of due) {
      const target = checkTarget(incident, world);
      if (target === undefined) {
        await nextCheck(tx, incident.id, 60, false);
        continue;
      }
      await submitOwnWork(tx, {
        purpose: 'recovery',
        incident: incident.id,
        target,
        why: `recovery check of i${incident.id}`,
      });
      await checkUnderWay(tx, incident.id);
    }
    for (const host of looks.values()) {
      const reason = host.unseen.length > 0 ? `a first look at ${host.name}` : `canary on ${host.name}`;
      await submitOwnWork(tx, { purpose: 'canary', target: { host: host.name }, why: reason });
    }
    await wake(tx, 'testyard_scheduler', 'testyard_history');
  });
  return due.length + looks.size;
}

/** Where the next check of an incident is to be made; undefined: nowhere just now. */
function checkTarget(incident: Incident, world: World): { host: string; step?: string } | undefined {
  if (incident.scope === 'host') {
    const host = world.byId.get(incident.hostId ?? '');
    return host === undefined || host.offline ? undefined : { host: host.name };
  }
  const step = world.steps.find((s) => s.name === incident.step);
  if (step === undefined) return undefined;
  if (incident.scope === 'step_on_host') {
    const host = world.byId.get(incident.hostId ?? '');
    return host === undefined ? undefined : { host: host.name, step: step.name };
  }
  // Another host than the one that showed the failure tells more; after that they take turns.
  const able = world.hosts.filter((h) => h.health === 'good' && !h.offline && mayRun(step, h));
  const others = able.filter((h) => h.id !== incident.failedOn);
  const turn = [...others, ...able.filter((h) => h.id === incident.failedOn)];
  const host = turn[incident.checks % Math.max(turn.length, 1)];
  return host === undefined ? undefined : { host: host.name, step: step.name };
}

function covers(incident: Incident, failure: Failure): boolean {
  if (incident.scope === 'host') return incident.hostId === failure.host;
  if (incident.scope === 'step') return incident.step === failure.step && failure.step !== undefined;
  return (
    incident.scope === 'step_on_host' && incident.step === failure.step && incident.hostId === failure.host
  );
}

function describe(
  scope: Scope,
  failure: Pick<Failure, 'host' | 'work' | 'step' | 'message'>,
  world: World,
  settings: Settings,
): NewIncident {
  const host = world.byId.get(failure.host);
  const step = world.steps.find((s) => s.name === failure.step);
  const name = host?.name ?? `h${failure.host}`;
  const signature = signatureOf(failure.message);
  const admin = world.grid.admin;
  switch (scope.kind) {
    case 'host':
      return {
        scope: 'host',
        hostId: failure.host,
        signature,
        title: `host ${name}: ${failure.message}`,
        owner: host?.owner ?? admin,
        checkInS: 0,
      };
    case 'step':
      return {
        scope: 'step',
        step: failure.step ?? '',
        signature,
        title: `step ${failure.step} is broken: ${failure.message}`,
        owner: step?.owner ?? admin,
        checkInS: settings.checkFirstS,
      };
    case 'step_on_host':
      return {
        scope: 'step_on_host',
        hostId: failure.host,
        step: failure.step ?? '',
        signature,
        title: `step ${failure.step} does not work on ${name}: ${failure.message}`,
        owner: host?.owner ?? admin,
        checkInS: settings.checkFirstS,
      };
  }
}

function failureBehind(incident: Incident): Pick<Failure, 'host' | 'work' | 'step' | 'message'> {
  return {
    host: incident.failedOn ?? '0',
    work: incident.work,
    message: incident.signature,
    ...(incident.work.startsWith('step:') ? { step: incident.work.slice('step:'.length) } : {}),
  };
}

/** Suspect, or quarantined where two different pieces of work failed and the pool's cap allows it. */
async function distrust(
  tx: Transaction,
  hostId: Id,
  scope: Extract<Scope, { kind: 'host' }>,
  world: World,
): Promise<void> {
  const host = world.byId.get(hostId);
  if (host === undefined) return;
  if (!scope.quarantine) {
    if (host.health === 'good') await setHealth(tx, hostId, 'suspect', scope.why);
    return;
  }
  const mates = world.hosts.filter((h) => h.pool === host.pool);
  const rows = await tx.rows<{ n: number }>(
    `SELECT count(*)::integer AS n FROM host WHERE pool_id = $1 AND health = 'quarantined' AND id <> $2 AND removed_at IS NULL`,
    [host.poolId, hostId],
  );
  const cap = quarantineCap(mates.length);
  if ((rows[0]?.n ?? 0) + 1 > cap) {
    if (host.health === 'good') await setHealth(tx, hostId, 'suspect', scope.why);
    await setPool(
      tx,
      host.poolId,
      'halted',
      `more than ${cap} of ${mates.length} hosts would be quarantined; a person is asked: the cause is probably shared`,
    );
    return;
  }
  await setHealth(tx, hostId, 'quarantined', scope.why);
}

/** The host is good again; its pool goes on once few enough of it are in doubt. */
async function trustAgain(tx: Transaction, incident: Incident, world: World, why: string): Promise<void> {
  const host = world.byId.get(incident.hostId ?? incident.failedOn ?? '');
  if (host === undefined) return;
  await setHealth(tx, host.id, 'good', why);
  const [left] = await tx.rows<{ bad: number; all: number }>(
    `SELECT count(*) FILTER (WHERE health IN ('suspect', 'quarantined'))::integer AS bad, count(*)::integer AS all
     FROM host WHERE pool_id = $1 AND removed_at IS NULL`,
    [host.poolId],
  );
  if (left !== undefined && left.bad <= quarantineCap(left.all)) {
    await setPool(tx, host.poolId, 'online', 'the hosts in doubt have recovered');
  }
}
