import { layerLeftByPerson } from '../domain/host.js';
import type { Id } from '../domain/id.js';
import type { Layer } from '../domain/layer.js';
import { HOST_MOVES_BY_PERSON, sourcesOf } from '../domain/states.js';
import { addEvidence, openIncident } from './blaming.js';
import { chronicle } from './chronicle.js';
import type { Sql, Transaction } from './store.js';

/**
 * Keeps the scheduler from deciding until this transaction ends: what it decides next sees what was done here,
 * so that nothing starts on a host after a person was told that nothing would.
 */
export async function holdDecisions(tx: Transaction): Promise<void> {
  await tx.rows(`SELECT 1 FROM leadership FOR NO KEY UPDATE`);
}

/** Ends the grid's own work that waits for a host; what runs there is let finish. */
export async function cancelOwnWork(sql: Sql, host: string, actor: string): Promise<void> {
  await sql.rows(
    `UPDATE queue SET cancelled_by = $2
     WHERE purpose <> 'test' AND target->>'host' = $1 AND state = 'waiting' AND cancelled_by IS NULL`,
    [host, actor],
  );
}

/** A person was on the host: what it carries is unknown from the lowest layer that may be changed there. */
export async function leftByPerson(sql: Sql, hostId: Id, expendable: readonly Layer[]): Promise<void> {
  await sql.rows(
    `WITH hit AS (
       SELECT id, least_layer(dirty_from, least_layer(step_layer, $2::text)) AS layer FROM host
       WHERE id = $1 AND transport->>'kind' <> 'local'),
     dropped AS (
       DELETE FROM host_stack k USING hit WHERE k.host_id = hit.id AND layer_rank(k.layer) >= layer_rank(hit.layer)),
     forgotten AS (DELETE FROM host_probe p USING hit WHERE p.host_id = hit.id)
     UPDATE host h SET dirty_from = hit.layer, step_layer = NULL, used_since_stack = true, fingerprint = NULL,
       version = nextval('host_version_seq')
     FROM hit WHERE h.id = hit.id`,
    [hostId, layerLeftByPerson(expendable)],
  );
}

/**
 * A host comes back from a person: it is suspect until a canary works there, and that is asked for at once.
 * One that the grid itself had quarantined stays so until then.
 */
export async function comeBack(tx: Transaction, hostId: Id, actor: string, why: string): Promise<void> {
  const [host] = await tx.rows<{ name: string; owner: string }>(
    `SELECT h.name, coalesce(h.owner, g.admin) AS owner FROM host h CROSS JOIN grid g WHERE h.id = $1`,
    [hostId],
  );
  if (host === undefined) throw new Error(`there is no host ${hostId}`);
  const moved = await tx.rows(
    `UPDATE host SET health = 'suspect', health_why = $2, health_since = grid_now(), out_by = NULL,
       version = nextval('host_version_seq')
     WHERE id = $1 AND health = ANY($3::text[]) AND (health = 'good' OR out_by IS NOT NULL) RETURNING id`,
    [hostId, why, sourcesOf(HOST_MOVES_BY_PERSON, 'suspect')],
  );
  if (moved.length > 0)
    await chronicle(tx, [
      { kind: 'host.suspect', subject: `h${hostId}`, actor, data: { host: host.name, why } },
    ]);
  const open = await tx.rows(
    `UPDATE incident SET next_check_at = grid_now(), settled_at = coalesce(settled_at, grid_now())
     WHERE host_id = $1 AND scope = 'host' AND closed_at IS NULL RETURNING id`,
    [hostId],
  );
  if (open.length > 0) return;
  const title = `${host.name}: ${why}`;
  const incident = await openIncident(tx, {
    scope: 'host',
    hostId,
    signature: 'a person had it',
    title,
    owner: host.owner,
    checkInS: 0,
  });
  await addEvidence(tx, incident, {
    host: hostId,
    work: 'person',
    ok: false,
    run: null,
    attempt: '0',
    signature: 'a person had it',
    detail: why,
  });
  // Nothing has to be found out: a canary on that host is what is wanted.
  await tx.rows(`UPDATE incident SET settled_at = grid_now() WHERE id = $1`, [incident]);
}
