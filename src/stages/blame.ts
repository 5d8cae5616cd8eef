import type { Id } from '../domain/id.js';
import { blame, type Scope, signatureOf } from '../domain/recover/blame.js';
import {
  addEvidence,
  canariesFailed,
  type Incident,
  joinIncident,
  moveIncident,
  type NewIncident,
  openIncident,
  openIncidents,
  recordsAbout,
  tellOwner,
} from '../store/blaming.js';
import type { Transaction } from '../store/store.js';
import type { World } from '../store/world.js';
import type { Settings } from './settings.js';
import { distrust, isInMaintenance, isQuarantined, trustAgain } from './trust.js';

/** A piece of work that failed on a host, for no fault of a test. */
export interface Failure {
  readonly host: Id;
  readonly work: string;
  readonly step?: string;
  readonly message: string;
  readonly run: Id;
  readonly attempt: Id;
}

/** Finds whose failure it is, and opens or moves the one incident for it. */
export async function infrastructureFailed(
  tx: Transaction,
  failure: Failure,
  world: World,
  settings: Settings,
): Promise<void> {
  if (await isInMaintenance(tx, failure.host)) return;
  const scope = blame(failure, await recordsAbout(tx, failure.host, failure.work));
  const open = (await openIncidents(tx)).filter((i) => covers(i, failure)).sort(narrowFirst)[0];
  const about = describe(scope, failure, world, settings);
  const incident = open?.id ?? (await openIncident(tx, about));
  const canariesBefore = await canariesFailed(tx, incident);
  await addEvidence(tx, incident, {
    host: failure.host,
    work: failure.work,
    ok: false,
    run: failure.run,
    attempt: failure.attempt,
    signature: signatureOf(failure.message),
    detail: failure.message,
  });
  if (scope.kind !== 'host') {
    if (open === undefined) await settled(tx, incident, about);
    else if (open.scope !== 'step') await moveBlame(tx, open, scope, failure, world, settings);
    return;
  }
  if (open !== undefined && open.scope !== 'host') return;
  // A mere suspicion is nobody's news: the owner is told when it has been confirmed, once.
  const told = canariesBefore > 0 || (await isQuarantined(tx, failure.host));
  const quarantined = await distrust(tx, failure.host, scope, world);
  if (!told && (quarantined || failure.work === 'canary')) {
    const { owner, title } = open ?? about;
    await tellOwner(tx, incident, { scope: 'host', owner, title });
  }
}

/** The blame has moved from where it was: the host is good again, and the new owner is told. */
export async function moveBlame(
  tx: Transaction,
  incident: Incident,
  scope: Scope,
  failure: Pick<Failure, 'host' | 'work' | 'step' | 'message'>,
  world: World,
  settings: Settings,
): Promise<void> {
  if (incident.scope === scope.kind) return;
  const to = describe(scope, failure, world, settings);
  const twin = (await openIncidents(tx)).find((i) => i.id !== incident.id && isSame(i, to));
  if (twin !== undefined) await joinIncident(tx, incident.id, twin.id);
  else if (!(await moveIncident(tx, incident.id, to))) return;
  else await settled(tx, incident.id, to);
  if (incident.scope === 'host') await trustAgain(tx, incident, world, `the blame moved: ${scope.why}`);
}

/** The owner is told; what is broken everywhere takes the incidents of single hosts in: one thread per cause. */
async function settled(tx: Transaction, id: Id, about: NewIncident): Promise<void> {
  await tellOwner(tx, id, about);
  if (about.scope !== 'step') return;
  for (const other of await openIncidents(tx)) {
    if (other.id !== id && other.scope === 'step_on_host' && other.step === about.step)
      await joinIncident(tx, other.id, id);
  }
}

function isSame(incident: Incident, to: NewIncident): boolean {
  return (
    incident.scope === to.scope &&
    (incident.step ?? undefined) === to.step &&
    (incident.hostId ?? undefined) === to.hostId
  );
}

function covers(incident: Incident, failure: Failure): boolean {
  if (incident.scope === 'host') return incident.hostId === failure.host;
  if (incident.scope === 'test' || incident.step !== failure.step) return false;
  return incident.scope === 'step' || incident.hostId === failure.host;
}

/** A step that is known to be broken explains more than a host that is in doubt. */
function narrowFirst(a: Incident, b: Incident): number {
  return Number(a.scope === 'host') - Number(b.scope === 'host');
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
