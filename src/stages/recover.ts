import type { Decision } from '../domain/judge/judge.js';
import { fitOf } from '../domain/plan/fit.js';
import { blame, checkDelayS, type Scope } from '../domain/recover/blame.js';
import {
  addEvidence,
  closeIncident,
  dueChecks,
  hostsBeingLookedAt,
  type Incident,
  lookedAtSince,
  nextCheck,
  openIncidents,
  recordsAbout,
  releaseHeld,
} from '../store/blaming.js';
import type { EndedAttempt } from '../store/judging.js';
import { decide } from '../store/leader.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import { submitOwnWork } from '../store/unfolding.js';
import type { KnownHost, World } from '../store/world.js';
import { type Failure, moveBlame } from './blame.js';
import type { Planned } from './plan.js';
import type { Settings } from './settings.js';
import { trustAgain } from './trust.js';

/** Until a check that was asked for has come back; asked for again after this where it got lost. */
const ASKED_S = 60;

/** Between two looks at a host whose probes do not work though runs wait for what they would see, or that has changed. */
const LOOK_AGAIN_S = 600;

/** A recovery check has ended: what it says about its incident. */
export async function checkEnded(
  tx: Transaction,
  attempt: EndedAttempt,
  decision: Decision,
  world: World,
  settings: Settings,
): Promise<void> {
  const incident = (await openIncidents(tx)).find((i) => i.id === attempt.incidentId);
  // The blame may have moved meanwhile: a canary says nothing about a step.
  const { step } = attempt.target;
  if (incident === undefined || step !== (incident.scope === 'host' ? undefined : incident.step)) return;
  const passed = decision.do === 'verdict' && decision.verdict.verdict === 'passed';
  const { kind } = attempt.end.outcome;
  if (!passed) {
    const told = TELLING.includes(kind);
    const delayS = told ? checkDelayS(incident.checks + 1, settings.checkFirstS) : AGAIN_S;
    await nextCheck(tx, incident.id, delayS, told);
    return;
  }
  await addEvidence(tx, incident.id, {
    host: attempt.hostId,
    work: step === undefined ? 'canary' : `step:${step}`,
    ok: true,
    run: attempt.runId,
    attempt: attempt.attemptId,
    signature: '',
    detail: decision.verdict.reason,
  });
  await checkPassed(tx, incident, attempt, world, settings);
}

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
  const failedOn = incident.failedOn ?? attempt.hostId;
  const records = await recordsAbout(tx, failedOn, incident.work);
  if (incident.scope === 'host') {
    const scope = blame({ host: failedOn, work: incident.work, attempt: incident.attempt }, records);
    if (scope.kind !== 'host') {
      await moveBlame(tx, incident, scope, failureBehind(incident), world, settings);
      return;
    }
    await closeIncident(tx, incident.id, 'a canary works there again');
    await trustAgain(tx, incident, world, 'a canary works there again');
    return;
  }
  const works = `the step works again on ${world.byId.get(attempt.hostId)?.name}`;
  const here = records.find((r) => r.host === failedOn && r.work === incident.work);
  const still = here !== undefined && BigInt(here.badAttempt) > BigInt(here.okAttempt);
  if (incident.scope === 'step' && attempt.hostId !== failedOn && still && world.byId.has(failedOn)) {
    const scope: Scope = { kind: 'step_on_host', why: works };
    await releaseHeld(tx, incident.id, 'the step works on other hosts');
    await moveBlame(tx, incident, scope, failureBehind(incident), world, settings);
    return;
  }
  await closeIncident(tx, incident.id, works);
}

/** Gives due recovery checks and looks at hosts to the queue; a grid that people stopped checks nothing. */
export async function recover(
  store: Store,
  epoch: string,
  world: World,
  wanted: Pick<Planned, 'wantCanary' | 'wantLook'>,
): Promise<number> {
  if (world.grid.state !== 'online' && !world.grid.byIncident) return 0;
  const due = world.incidents.length === 0 ? [] : await dueChecks(store);
  const looks = world.grid.byIncident ? [] : await hostsToLookAt(store, world, wanted);
  if (due.length === 0 && looks.length === 0) return 0;
  await decide(store, epoch, async (tx) => {
    for (const incident of due) await check(tx, incident, world);
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
  const underWay = await hostsBeingLookedAt(store);
  const lately = maybe.length === 0 ? new Set() : await lookedAtSince(store, LOOK_AGAIN_S);
  const all = [...unseen, ...wantCanary, ...maybe.filter((h) => !lately.has(h.id))];
  return [...new Map(all.filter((h) => !underWay.has(h.name)).map((h) => [h.name, h])).values()];
}

/** Asks for the next check of an incident; what it is about may be gone for good. */
async function check(tx: Transaction, incident: Incident, world: World): Promise<void> {
  const gone =
    (incident.hostId !== null && !world.byId.has(incident.hostId)) ||
    (incident.step !== null && !world.steps.some((s) => s.name === incident.step));
  if (gone) {
    await closeIncident(tx, incident.id, 'the inventory no longer has what it is about');
    return;
  }
  await nextCheck(tx, incident.id, ASKED_S, false);
  const target = checkTarget(incident, world);
  if (target === undefined) return;
  await submitOwnWork(tx, {
    purpose: 'recovery',
    incident: incident.id,
    target,
    why: `recovery check of i${incident.id}`,
  });
}

/** Where the next check of an incident is to be made; undefined: nowhere just now. */
function checkTarget(incident: Incident, world: World): { host: string; step?: string } | undefined {
  const host = world.byId.get(incident.hostId ?? '');
  if (incident.scope === 'host') {
    if (host === undefined || host.offline) return undefined;
    return host.health === 'maintenance' || host.reserved !== undefined ? undefined : { host: host.name };
  }
  const step = incident.step ?? '';
  const able = (host === undefined ? world.hosts.filter((h) => h.health === 'good') : [host]).filter((h) => {
    const target = { host: h.name, step };
    const demand = { requirement: '', target, purpose: 'recovery' as const, fresh: false, avoid: [] };
    return fitOf(demand, h, world.steps, world.incidents).kind === 'yes';
  });
  // Another host than the one that showed the failure tells more; after that they take turns.
  const others = able.filter((h) => h.id !== incident.failedOn);
  const turn = [...others, ...able.filter((h) => h.id === incident.failedOn)];
  const chosen = turn[incident.checks % Math.max(turn.length, 1)];
  return chosen === undefined ? undefined : { host: chosen.name, step };
}

function failureBehind(incident: Incident): Pick<Failure, 'host' | 'work' | 'step' | 'message'> {
  return {
    host: incident.failedOn ?? '0',
    work: incident.work,
    message: incident.detail,
    ...(incident.work.startsWith('step:') ? { step: incident.work.slice('step:'.length) } : {}),
  };
}
