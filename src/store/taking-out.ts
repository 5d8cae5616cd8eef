import type { Health } from '../domain/host.js';
import { type Id, showId } from '../domain/id.js';
import type { Layer } from '../domain/layer.js';
import { closeIncident, resumePool } from './blaming.js';
import { chronicle } from './chronicle.js';
import { cancelOwnWork, comeBack, holdDecisions, leftByPerson } from './coming-back.js';
import { type Store, type Transaction, wake } from './store.js';

/** Which way a host is out: in maintenance not even canaries run there, in quarantine those do. */
export type Out = 'maintenance' | 'quarantined';

/** Who takes a host out or brings it back, and why. */
export interface Act {
  readonly host: Id;
  readonly who: string;
  readonly why: string;
}

/** How a host's health was when an act was refused because of it. */
export interface NotSo {
  readonly health: Health;
}

/**
 * Takes a host out: nothing new starts there, what runs is let finish or, with `kill`, stopped and run again
 * elsewhere. Doing it again says the new reason. Undefined where it is done.
 */
export async function takeOut(store: Store, to: Out, act: Act, kill: boolean): Promise<NotSo | undefined> {
  return await store.transaction(async (tx) => {
    await holdDecisions(tx);
    const host = await lockHost(tx, act.host);
    if (to === 'quarantined' && host.health === 'maintenance') return { health: host.health };
    await tx.rows(
      `UPDATE host SET health = $2, out_by = $3, health_why = $4, version = nextval('host_version_seq'),
         health_since = CASE WHEN health = $2 THEN health_since ELSE grid_now() END
       WHERE id = $1`,
      [act.host, to, act.who, said(to, act)],
    );
    if (to === 'maintenance') {
      await cancelOwnWork(tx, host.name, act.who);
      for (const { id } of await tx.rows<{ id: Id }>(
        `SELECT id FROM incident WHERE host_id = $1 AND scope = 'host' AND closed_at IS NULL`,
        [act.host],
      ))
        await closeIncident(tx, id, said(to, act));
    }
    if (kill) {
      await tx.rows(
        `UPDATE queue SET stop_why = $2 WHERE state = 'running' AND stop_why IS NULL
           AND run_id IN (SELECT run_id FROM host_seat WHERE host_id = $1)`,
        [act.host, `${host.name} was taken out by ${act.who}: ${act.why}`],
      );
    }
    await resumePool(tx, host.poolId);
    await tell(tx, `host.${to}`, act, { host: host.name, why: act.why, ...(kill ? { kill } : {}) });
    return undefined;
  });
}

/** Brings a host back: it is suspect until a canary works there. Undefined where it is done. */
export async function bringBack(store: Store, from: Out, act: Act): Promise<NotSo | undefined> {
  return await store.transaction(async (tx) => {
    await holdDecisions(tx);
    const host = await lockHost(tx, act.host);
    if (host.health !== from) return { health: host.health };
    const word = from === 'maintenance' ? 'maintenance' : 'quarantine';
    // One that the grid itself had quarantined is now a person's to end.
    await tx.rows(`UPDATE host SET out_by = $2 WHERE id = $1`, [act.host, act.who]);
    if (from === 'maintenance') await leftByPerson(tx, act.host, host.expendable);
    const why = act.why === '' ? '' : `: ${act.why}`;
    await comeBack(tx, act.host, act.who, `${word} ended by ${act.who}${why}; a canary will tell`);
    await tell(tx, 'host.brought_back', act, { host: host.name, from, why: act.why });
    return undefined;
  });
}

function said(to: Out, { who, why }: Act): string {
  return to === 'maintenance' ? `in maintenance by ${who}: ${why}` : `quarantined by ${who}: ${why}`;
}

async function tell(
  tx: Transaction,
  kind: string,
  act: Act,
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  await chronicle(tx, [{ kind, subject: showId('host', act.host), actor: act.who, data }]);
  await wake(tx, 'testyard_scheduler', 'testyard_executors', 'testyard_history');
}

async function lockHost(tx: Transaction, id: Id) {
  const [host] = await tx.rows<{ name: string; health: Health; poolId: Id; expendable: Layer[] }>(
    `SELECT name, health, pool_id AS "poolId", expendable FROM host WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  if (host === undefined) throw new Error(`there is no host ${id}`);
  return host;
}
