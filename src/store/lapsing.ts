import type { Id } from '../domain/id.js';
import { JUDGED_EARLY, PROBE_OF_GIVEN } from './recording.js';
import type { Sql } from './store.js';

/** After a pause in which nobody could renew, every live lease is granted in full again before any lapses. */
export async function grantAnew(sql: Sql, ttlMs: number): Promise<void> {
  await sql.rows(
    `UPDATE lease SET expires_at = greatest(expires_at, grid_now() + $1 * interval '1 ms') WHERE ended_at IS NULL`,
    [ttlMs],
  );
}

/** Leases that have run out. */
export function lapsedLeases(sql: Sql): Promise<{ id: Id; executor: string }[]> {
  return sql.rows(
    `SELECT l.id, x.name AS executor FROM lease l JOIN executor x ON x.id = l.executor_id
     WHERE l.ended_at IS NULL AND l.expires_at <= grid_now() ORDER BY l.id`,
  );
}

/**
 * Ends a lease, and with it every attempt under it: their outcome is executor lost, and what their hosts
 * are from the touched layer up is unknown from now on; what was never handed out touched nothing. An outcome that
 * had been told before stands: with a verdict the attempt is simply over, without one that is still to be judged.
 * `onlyIfLapsed` leaves a lease alone that was renewed meanwhile.
 */
export async function endLease(sql: Sql, lease: Id, reason: string, onlyIfLapsed: boolean): Promise<boolean> {
  // Waits for the reports that are being written under it; one that was renewed meanwhile is left alone.
  const dead = await sql.rows(
    `SELECT 1 FROM lease WHERE id = $1 AND ended_at IS NULL AND (NOT $2 OR expires_at <= grid_now()) FOR UPDATE`,
    [lease, onlyIfLapsed],
  );
  if (dead.length === 0) return false;
  await sql.rows(`UPDATE lease SET ended_at = grid_now(), end_reason = $2 WHERE id = $1`, [lease, reason]);
  await sql.rows(
    `WITH mine AS (
       SELECT q.run_id, q.attempt_id, q.project_id, t.spec->>'dirties' AS dirties, q.claimed_at, q.state,
         CASE WHEN q.purpose IN (${JUDGED_EARLY}) THEN q.decided END AS decided
       FROM queue q JOIN test t ON t.id = q.test_id JOIN attempt a ON a.run_id = q.run_id AND a.id = q.attempt_id
       WHERE q.lease_id = $1 AND q.ended IS NULL ORDER BY q.attempt_id FOR UPDATE OF q),
     to_judge AS (
       UPDATE queue q SET judge_early = false, ended = coalesce(m.decided, jsonb_build_object('teardown', 'none',
         'outcome', jsonb_build_object('kind', 'executor_lost', 'message', $2::text)))
       FROM mine m WHERE q.run_id = m.run_id AND m.state = 'running'),
     judged AS (DELETE FROM queue q USING mine m WHERE q.run_id = m.run_id AND m.state = 'ending'),
     freed AS (
       DELETE FROM host_seat s USING mine m WHERE s.run_id = m.run_id AND s.attempt_id = m.attempt_id AND m.state = 'ending'),
     over AS (
       UPDATE attempt a SET ended_at = grid_now(), outcome = 'executor_lost',
         detail = jsonb_strip_nulls(jsonb_build_object('message', $2::text, 'decided', m.decided->'outcome'))
       FROM mine m WHERE a.run_id = m.run_id AND a.id = m.attempt_id AND a.ended_at IS NULL),
     touched AS (
       SELECT h.id, least_layer(least_layer(h.dirty_from, h.step_layer), least_layer('boot',
           CASE WHEN m.dirties IS NULL THEN 'packages' WHEN m.dirties = 'nothing' THEN 'boot' ELSE m.dirties END)) AS layer
       FROM mine m JOIN host_seat s ON s.attempt_id = m.attempt_id JOIN host h ON h.id = s.host_id
       WHERE h.transport->>'kind' <> 'local' AND m.claimed_at IS NOT NULL),
     dropped AS (
       DELETE FROM host_stack k USING touched t
       WHERE k.host_id = t.id AND layer_rank(k.layer) >= layer_rank(t.layer)
       RETURNING k.host_id, k.gives),
     forgotten AS (
       DELETE FROM host_probe p USING dropped d WHERE p.host_id = d.host_id AND ${PROBE_OF_GIVEN})
     UPDATE host h SET dirty_from = t.layer, step_layer = NULL, used_since_stack = true,
       version = nextval('host_version_seq')
     FROM touched t WHERE h.id = t.id`,
    [lease, reason],
  );
  return true;
}
