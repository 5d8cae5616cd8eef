import { type LavaMapping, mappingWith } from '../domain/lava/mapping.js';
import { type Visible, visibleIds } from './access.js';
import { chronicle } from './chronicle.js';
import { type Sql, type Store, wake } from './store.js';
import { shown } from './view.js';

interface GridRow {
  readonly state: 'online' | 'offline' | 'halted';
  readonly who: string;
  readonly why: string;
  readonly since: Date;
  readonly schedulerAlive: boolean;
  readonly runs: Record<'waiting' | 'held' | 'running', number>;
  readonly hosts: Record<'good' | 'suspect' | 'quarantined' | 'maintenance' | 'offline', number>;
  readonly executors: { name: string; alive: boolean; attempts: number }[];
  readonly openIncidents: number;
  readonly unsent: number;
  readonly drifting: string[];
  readonly poolsHalted: { name: string; why: string }[];
}

/** How the grid is; counts are of what may be seen. */
export async function readGrid(sql: Sql, visible: Visible) {
  const [row] = await sql.rows<GridRow>(
    `SELECT g.state, g.who, g.why, g.since,
       (SELECT holder IS NOT NULL AND expires_at > grid_now() FROM leadership) AS "schedulerAlive",
       (SELECT jsonb_build_object('waiting', count(*) FILTER (WHERE state = 'waiting'),
          'held', count(*) FILTER (WHERE state = 'held'), 'running', count(*) FILTER (WHERE state = 'running'))
        FROM queue WHERE $1::bigint[] IS NULL OR project_id = ANY ($1)) AS runs,
       (SELECT jsonb_build_object('good', count(*) FILTER (WHERE health = 'good' AND NOT offline),
          'suspect', count(*) FILTER (WHERE health = 'suspect' AND NOT offline),
          'quarantined', count(*) FILTER (WHERE health = 'quarantined' AND NOT offline),
          'maintenance', count(*) FILTER (WHERE health = 'maintenance' AND NOT offline),
          'offline', count(*) FILTER (WHERE offline))
        FROM host WHERE removed_at IS NULL) AS hosts,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', x.name, 'alive', l.id IS NOT NULL, 'attempts',
          (SELECT count(*) FROM queue q WHERE q.lease_id = l.id)) ORDER BY x.name), '[]')
        FROM executor x LEFT JOIN lease l
          ON l.executor_id = x.id AND l.ended_at IS NULL AND l.expires_at > grid_now()) AS executors,
       (SELECT count(*)::integer FROM incident WHERE closed_at IS NULL
          AND (project_id IS NULL OR $1::bigint[] IS NULL OR project_id = ANY ($1))) AS "openIncidents",
       (SELECT count(*)::integer FROM message WHERE sent_at IS NULL AND given_up_at IS NULL AND error IS NOT NULL) AS unsent,
       ARRAY(SELECT h.name FROM host h WHERE h.removed_at IS NULL
         AND EXISTS (SELECT FROM host_drift d WHERE d.host_id = h.id) ORDER BY h.name) AS drifting,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'why', why) ORDER BY name), '[]')
        FROM pool WHERE state = 'halted' AND removed_at IS NULL) AS "poolsHalted"
     FROM grid g`,
    [visibleIds(visible)],
  );
  if (row === undefined) throw new Error('The grid has no row: the schema is not there');
  return shown(row);
}

/** Where the API may fetch tests from. */
export async function readSources(sql: Sql): Promise<readonly string[]> {
  const [row] = await sql.rows<{ sources: readonly string[] }>(`SELECT sources FROM grid`);
  return row?.sources ?? [];
}

/** Whether the inventory says how mail goes out. */
export async function sendsMail(sql: Sql): Promise<boolean> {
  const [row] = await sql.rows<{ sends: boolean }>(`SELECT mail ? 'smtp' AS sends FROM grid`);
  return row?.sends ?? false;
}

/** Projects whose tests may bring handlers of their own. */
export async function readTrustedProjects(sql: Sql): Promise<readonly string[]> {
  const [row] = await sql.rows<{ trusted: readonly string[] }>(
    `SELECT trusted_projects AS trusted FROM grid`,
  );
  return row?.trusted ?? [];
}

/** What words of LAVA metadata ask of a host. */
export async function readLavaMapping(sql: Sql): Promise<LavaMapping> {
  const [row] = await sql.rows<{ said: Partial<LavaMapping> }>(`SELECT lava_mapping AS said FROM grid`);
  return mappingWith(row?.said);
}

/**
 * Halts the grid: it starts nothing more, and with `kill` what runs is stopped, to be run again later. Halting
 * it again says the new reason.
 */
export async function haltGrid(
  store: Store,
  actor: string,
  why: string,
  mode: 'drain' | 'kill',
): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.rows(
      `UPDATE grid SET since = CASE WHEN state = 'halted' THEN since ELSE grid_now() END, state = 'halted', who = $1, why = $2,
         halted_by = '{}'`,
      [actor, why],
    );
    if (mode === 'kill') {
      await tx.rows(`UPDATE queue SET stop_why = $1 WHERE state = 'running' AND stop_why IS NULL`, [
        `the grid was halted by ${actor}: ${why}`,
      ]);
    }
    await chronicle(tx, [{ kind: 'grid.halted', subject: 'grid', actor, data: { why, mode } }]);
    await wake(tx, 'testyard_scheduler', 'testyard_executors', 'testyard_history');
  });
}

/** Takes every halt back, of the grid and of its pools; what is online already stays as it is. */
export async function resumeGrid(store: Store, actor: string, why: string): Promise<void> {
  await store.transaction(async (tx) => {
    const resumed = await tx.rows(
      `UPDATE grid SET state = 'online', who = $1, why = $2, since = grid_now(), halted_by = '{}' WHERE state <> 'online' RETURNING one`,
      [actor, why],
    );
    const pools = await tx.rows<{ name: string }>(
      `UPDATE pool SET state = 'online', why = NULL, halted_by = '{}' WHERE state <> 'online' RETURNING name`,
    );
    if (resumed.length + pools.length === 0) return;
    await chronicle(tx, [
      ...(resumed.length > 0 ? [{ kind: 'grid.resumed', subject: 'grid', actor, data: { why } }] : []),
      ...pools.map(({ name }) => ({ kind: 'pool.online', subject: `pool:${name}`, actor, data: { why } })),
    ]);
    await wake(tx, 'testyard_scheduler', 'testyard_executors', 'testyard_history');
  });
}

/** Whether the database answers and has the schema; rejects where it does not. */
export async function answers(sql: Sql): Promise<void> {
  await sql.rows(`SELECT history_epoch FROM grid`);
}

/** The token an executor's name is bound to, and whether that executor lives. */
export async function findExecutor(sql: Sql, name: string) {
  const [row] = await sql.rows<{ tokenId: string | null; alive: boolean }>(
    `SELECT x.token_id AS "tokenId", EXISTS (SELECT FROM lease l WHERE l.executor_id = x.id
       AND l.ended_at IS NULL AND l.expires_at > grid_now()) AS alive
     FROM executor x WHERE x.name = $1`,
    [name],
  );
  return row;
}

/** Whether a lease was granted to an executor that registered with this token. */
export async function isLeaseOf(sql: Sql, lease: string, tokenId: string): Promise<boolean> {
  const rows = await sql.rows(
    `SELECT 1 FROM lease l JOIN executor x ON x.id = l.executor_id WHERE l.id = $1 AND x.token_id = $2`,
    [lease, tokenId],
  );
  return rows.length > 0;
}
