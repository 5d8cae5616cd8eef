import type { Id } from '../domain/id.js';
import type { PoolCap } from '../domain/inventory.js';
import { quarantineCap } from '../domain/recover/limits.js';
import { type Incident, resumePool, setHealth, setPool } from '../store/blaming.js';
import type { Transaction } from '../store/store.js';
import type { World } from '../store/world.js';

/**
 * Suspect, or quarantined where two different pieces of work failed and the pool's cap allows it; true where it
 * was quarantined just now.
 */
export async function distrust(
  tx: Transaction,
  hostId: Id,
  scope: { readonly quarantine: boolean; readonly why: string },
  world: World,
): Promise<boolean> {
  const host = world.byId.get(hostId);
  if (host === undefined) return false;
  if (!scope.quarantine) {
    await setHealth(tx, hostId, 'suspect', scope.why);
    return false;
  }
  if (await isQuarantined(tx, hostId)) return false;
  const mates = world.hosts.filter((h) => h.pool === host.pool);
  const [pool] = await tx.rows<{ bad: number; cap: PoolCap | null }>(
    `SELECT p.cap, (SELECT count(*)::integer FROM host h WHERE h.pool_id = p.id AND h.health = 'quarantined'
       AND h.out_by IS NULL AND h.id <> $2 AND h.removed_at IS NULL) AS bad
     FROM pool p WHERE p.id = $1`,
    [host.poolId, hostId],
  );
  const cap = quarantineCap(mates.length, pool?.cap ?? undefined);
  if ((pool?.bad ?? 0) + 1 > cap) {
    await setHealth(tx, hostId, 'suspect', scope.why);
    await setPool(
      tx,
      host.poolId,
      'halted',
      `more than ${cap} of ${mates.length} hosts would be quarantined; a person is asked: the cause is probably shared`,
    );
    return false;
  }
  return setHealth(tx, hostId, 'quarantined', scope.why);
}

/** Whether a host is quarantined as this transaction sees it. */
async function isQuarantined(tx: Transaction, hostId: Id): Promise<boolean> {
  const rows = await tx.rows(`SELECT 1 FROM host WHERE id = $1 AND health = 'quarantined'`, [hostId]);
  return rows.length > 0;
}

/** Whether a person took a host out for maintenance: what fails there then is nobody's failure. */
export async function isInMaintenance(tx: Transaction, hostId: Id): Promise<boolean> {
  const rows = await tx.rows(`SELECT 1 FROM host WHERE id = $1 AND health = 'maintenance'`, [hostId]);
  return rows.length > 0;
}

/** The host is good again; its pool goes on once few enough of it are in doubt. */
export async function trustAgain(
  tx: Transaction,
  incident: Incident,
  world: World,
  why: string,
): Promise<void> {
  const host = world.byId.get(incident.hostId ?? incident.failedOn ?? '');
  if (host === undefined) return;
  await setHealth(tx, host.id, 'good', why);
  await resumePool(tx, host.poolId);
}
