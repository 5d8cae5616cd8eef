import type { Id } from '../domain/id.js';
import { TO_HAND_OUT } from './recording.js';
import type { Sql } from './store.js';

/**
 * True while the lease lives; keeps it alive until the transaction ends, so that nothing is written under a dead
 * one: whoever ends it takes the row for itself. Renewals are not kept waiting.
 */
export async function holdLease(sql: Sql, lease: Id): Promise<boolean> {
  const rows = await sql.rows(`SELECT 1 FROM lease WHERE id = $1 AND ended_at IS NULL FOR KEY SHARE`, [
    lease,
  ]);
  return rows.length > 0;
}

/**
 * Whether an incarnation may have a lease of its own: its lease where it has one already. Executors of one name
 * take turns here until the transaction ends.
 */
export async function mayRegister(
  sql: Sql,
  request: { executor: string; incarnation: string },
  token: Id | undefined,
): Promise<{ executor: Id; lease?: Id } | 'not_yours' | 'incarnation_over'> {
  const [executor] = await sql.rows<{ id: Id; token_id: Id | null }>(
    `INSERT INTO executor AS x (name, token_id) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET token_id = coalesce(x.token_id, EXCLUDED.token_id) RETURNING id, token_id`,
    [request.executor, token ?? null],
  );
  if (executor === undefined) throw new Error('an upsert gives its row');
  if ((executor.token_id ?? undefined) !== token) return 'not_yours';
  const [same] = await sql.rows<{ id: Id; ended: boolean; mine: boolean }>(
    `SELECT id, ended_at IS NOT NULL AS ended, executor_id = $2 AS mine FROM lease WHERE incarnation = $1`,
    [request.incarnation, executor.id],
  );
  if (same === undefined) return { executor: executor.id };
  if (!same.mine) return 'not_yours';
  return same.ended ? 'incarnation_over' : { executor: executor.id, lease: same.id };
}

/** Grants a lease; gives its id. */
export async function grantLease(
  sql: Sql,
  executor: Id,
  request: { incarnation: string; protocol: string; capacity: number },
  ttlMs: number,
): Promise<Id> {
  const [lease] = await sql.rows<{ id: Id }>(
    `INSERT INTO lease (executor_id, incarnation, version, capacity, expires_at)
     VALUES ($1, $2, $3, $4, grid_now() + $5 * interval '1 ms') RETURNING id`,
    [executor, request.incarnation, request.protocol, request.capacity, ttlMs],
  );
  if (lease === undefined) throw new Error('an insert gives its row');
  return lease.id;
}

/** Leases of an executor that nobody has ended yet. */
export function olderLeases(sql: Sql, executor: Id): Promise<{ id: Id }[]> {
  return sql.rows(`SELECT id FROM lease WHERE executor_id = $1 AND ended_at IS NULL`, [executor]);
}

/** Renews a lease; false where it has ended. */
export async function renewLease(sql: Sql, lease: Id, ttlMs: number, draining: boolean): Promise<boolean> {
  const rows = await sql.rows(
    `UPDATE lease SET renewed_at = grid_now(), expires_at = grid_now() + $2 * interval '1 ms', draining = $3
     WHERE id = $1 AND ended_at IS NULL RETURNING id`,
    [lease, ttlMs, draining],
  );
  return rows.length > 0;
}

/** Attempts of a lease that live, which are to be stopped, and which are due to be handed out (again). */
export function livingAttempts(
  sql: Sql,
  lease: Id,
): Promise<{ attempt: Id; stop: string | null; due: boolean }[]> {
  return sql.rows(
    `SELECT attempt_id AS attempt, ${TO_HAND_OUT} AS due,
       CASE WHEN cancelled_by IS NOT NULL THEN 'cancelled by ' || cancelled_by ELSE stop_why END AS stop
     FROM queue WHERE lease_id = $1 AND ended IS NULL`,
    [lease],
  );
}
