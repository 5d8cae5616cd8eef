import type { Id } from '../domain/id.js';
import { chronicle } from './chronicle.js';
import { type Sql, wake } from './store.js';

/**
 * Halts what the inventory's policy says of an incident of this scope: nothing more than its scope, the pools in
 * which it was seen, or the grid. What another incident halted before stays halted for this one too. A step that works
 * elsewhere, on a host that works otherwise, is never reason for more.
 */
export async function haltAsDeclared(
  sql: Sql,
  id: Id,
  { scope, title }: { readonly scope: string; readonly title: string },
): Promise<void> {
  if (scope === 'step_on_host') return;
  const [policy] = await sql.rows<{ reach: string | null; mode: 'drain' | 'kill' }>(
    `SELECT CASE WHEN $1 = 'grid' THEN 'grid' ELSE halt_policy->>$1 END AS reach,
       coalesce(halt_policy->>'running', 'drain') AS mode FROM grid`,
    [scope],
  );
  const why = `halted by policy (${scope}: ${policy?.reach}) because of i${id}: ${title}`;
  if (policy?.reach === 'pool') {
    const halted = await sql.rows<{ name: string; isNew: boolean }>(
      `WITH hit AS (
         SELECT DISTINCT h.pool_id FROM evidence e JOIN host h ON h.id = e.host_id WHERE e.incident_id = $1 AND NOT e.ok),
       before AS (SELECT p.id, p.state FROM pool p JOIN hit ON hit.pool_id = p.id)
       UPDATE pool p SET state = 'halted', why = CASE WHEN p.state = 'halted' THEN p.why ELSE $2 END,
         halted_by = p.halted_by || $1::bigint
       FROM before b WHERE b.id = p.id AND NOT $1::bigint = ANY (p.halted_by)
         AND (p.state = 'online' OR cardinality(p.halted_by) > 0)
       RETURNING p.name, b.state = 'online' AS "isNew"`,
      [id, why],
    );
    for (const { name, isNew } of halted)
      if (isNew) await chronicle(sql, [{ kind: 'pool.halted', subject: `pool:${name}`, data: { why } }]);
  }
  if (policy?.reach === 'grid') {
    const halted = await sql.rows<{ isNew: boolean }>(
      `WITH before AS (SELECT state FROM grid)
       UPDATE grid g SET state = 'halted', halted_by = g.halted_by || $1::bigint,
         who = CASE WHEN b.state = 'online' THEN 'testyard' ELSE g.who END,
         why = CASE WHEN b.state = 'online' THEN $2 ELSE g.why END,
         since = CASE WHEN b.state = 'online' THEN grid_now() ELSE g.since END
       FROM before b WHERE NOT $1::bigint = ANY (g.halted_by) AND (b.state = 'online' OR cardinality(g.halted_by) > 0)
       RETURNING b.state = 'online' AS "isNew"`,
      [id, why],
    );
    if (halted[0]?.isNew !== true) return;
    const { mode } = policy;
    // What looks whether it is over goes on.
    if (mode === 'kill') {
      await sql.rows(
        `UPDATE queue SET stop_why = $1 WHERE state = 'running' AND stop_why IS NULL AND purpose = 'test'`,
        [why],
      );
      await wake(sql, 'testyard_executors');
    }
    await chronicle(sql, [{ kind: 'grid.halted', subject: 'grid', data: { why, mode } }]);
  }
}

/** Lets go on what an incident's policy had halted, and no other incident's keeps; a person's halt stays. */
export async function liftHalts(sql: Sql, id: Id, reason: string): Promise<void> {
  const why = `i${id} is over: ${reason}`;
  const pools = await sql.rows<{ name: string; isOver: boolean }>(
    `UPDATE pool SET halted_by = array_remove(halted_by, $1::bigint),
       state = CASE WHEN cardinality(halted_by) = 1 THEN 'online' ELSE state END,
       why = CASE WHEN cardinality(halted_by) = 1 THEN NULL ELSE why END
     WHERE $1::bigint = ANY (halted_by) RETURNING name, state = 'online' AS "isOver"`,
    [id],
  );
  for (const { name, isOver } of pools)
    if (isOver) await chronicle(sql, [{ kind: 'pool.online', subject: `pool:${name}`, data: { why } }]);
  const grid = await sql.rows<{ isOver: boolean }>(
    `UPDATE grid SET halted_by = array_remove(halted_by, $1::bigint),
       since = CASE WHEN cardinality(halted_by) = 1 THEN grid_now() ELSE since END,
       who = CASE WHEN cardinality(halted_by) = 1 THEN 'testyard' ELSE who END,
       why = CASE WHEN cardinality(halted_by) = 1 THEN $2 ELSE why END,
       state = CASE WHEN cardinality(halted_by) = 1 THEN 'online' ELSE state END
     WHERE $1::bigint = ANY (halted_by) RETURNING state = 'online' AS "isOver"`,
    [id, why],
  );
  if (grid[0]?.isOver === true)
    await chronicle(sql, [{ kind: 'grid.resumed', subject: 'grid', data: { why } }]);
}
