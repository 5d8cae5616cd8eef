import { seatsTaken } from '../store/assigning.js';
import {
  closeIncident,
  dueChecks,
  hostsBeingLookedAt,
  type Incident,
  lookedAtSince,
  nextCheck,
  recentRecords,
} from '../store/blaming.js';
import { decide } from '../store/leader.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import { submitOwnWork } from '../store/unfolding.js';
import type { KnownHost, World } from '../store/world.js';
import { canarySince } from './blame.js';
import { ASKED_S, ask, checkTarget } from './check-where.js';
import { findOut } from './find-out.js';
import type { Planned } from './plan.js';
import type { Settings } from './settings.js';

/** Between two looks at a host whose probes do not work though runs wait for what they would see, or that has changed. */
const LOOK_AGAIN_S = 600;

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

function isGone({ hostId, step }: Incident, { byId, steps }: World): boolean {
  return (
    (hostId !== null && !byId.has(hostId)) || (step !== null && !steps.some(({ name }) => name === step))
  );
}
