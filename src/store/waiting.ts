import type { Demand } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import type { RunMemory } from '../domain/judge/judge.js';
import type { Head } from '../domain/plan/pairing.js';
import type { Sql } from './store.js';

/**
 * What the run of a row `q` of the queue waits for: what its demand waits for; one that was put off, or tried before,
 * says that of its own too. No row where the queue's own reason is all there is.
 */
export const WHY_WAITING = `
  SELECT d.reason_code AS code,
         CASE WHEN q.reason_code = 'new' THEN d.reason ELSE q.reason || '; ' || d.reason END AS reason
  FROM demand d WHERE d.key = q.demand AND q.state = 'waiting' AND q.reason_code <> 'put_off'
    AND d.reason_code <> 'new'`;

/** A demand that runs wait with, and how many. */
export interface WaitingDemand {
  readonly key: string;
  readonly spec: Demand;
  readonly reasonCode: string;
  readonly reason: string;
}

/** Every demand that some run waits with and may be served now; one index probe each, however many runs. */
export async function waitingDemands(sql: Sql): Promise<WaitingDemand[]> {
  return sql.rows<WaitingDemand>(
    `WITH RECURSIVE waiting AS (
       (SELECT demand FROM queue WHERE state = 'waiting' ORDER BY demand LIMIT 1)
       UNION ALL
       SELECT (SELECT q.demand FROM queue q WHERE q.state = 'waiting' AND q.demand > w.demand ORDER BY q.demand LIMIT 1)
       FROM waiting w WHERE w.demand IS NOT NULL)
     SELECT d.key, d.spec, d.reason_code AS "reasonCode", d.reason
     FROM waiting w JOIN demand d ON d.key = w.demand`,
  );
}

/** Whether any run waits to be served; by the index, in which the first is found at once. */
export async function isAnythingWaiting(sql: Sql): Promise<boolean> {
  const rows = await sql.rows(`SELECT FROM queue WHERE state = 'waiting' ORDER BY demand LIMIT 1`);
  return rows.length > 0;
}

/**
 * The first runs of demands in the order they will be served: by effective priority, which is priority + age /
 * ageing time - `fairShare` * the owner's share. The share, from 0 to 1, is what the owner has used hosts lately and uses
 * them now, of all that those have who wait here. Of one owner's runs that is the order of `turn_at` whatever the hour
 * (see the migration that made it), so that the index gives each owner's first runs and nothing else is looked at.
 * `takesS`: how long its test should take, by what it took before, else at most.
 */
export async function headOfDemand(
  sql: Sql,
  keys: readonly string[],
  limit: number,
  fairShare: number,
): Promise<(Head & { readonly takesS: number })[]> {
  const rows = await sql.rows<Head & { readonly takesS: number }>(
    `WITH RECURSIVE heads AS (
       SELECT k.key, (SELECT owner FROM queue WHERE state = 'waiting' AND demand = k.key ORDER BY owner LIMIT 1) AS owner
       FROM unnest($1::text[]) AS k(key)
       UNION ALL
       SELECT h.key, (SELECT q.owner FROM queue q WHERE q.state = 'waiting' AND q.demand = h.key AND q.owner > h.owner
         ORDER BY q.owner LIMIT 1)
       FROM heads h WHERE h.owner IS NOT NULL),
     owners AS MATERIALIZED (SELECT DISTINCT owner FROM heads WHERE owner <> ''),
     -- Whoever waits alone is behind nobody: only where two meet is anything reckoned.
     uses AS MATERIALIZED (
       SELECT o.owner, coalesce((SELECT decayed_use(u.seconds, u.as_of) FROM host_use u WHERE u.owner = o.owner), 0)
         + coalesce((SELECT sum(extract(epoch FROM grid_now() - s.taken_at)) FROM host_seat s WHERE s.owner = o.owner), 0)::float8
         AS used
       FROM owners o WHERE (SELECT count(*) FROM owners) > 1),
     behind AS MATERIALIZED (
       SELECT owner, $3::float8 * used / nullif(sum(used) OVER (), 0) * (SELECT ageing_s FROM grid) * interval '1 s' AS by
       FROM uses)
     SELECT q.run_id AS "runId", q.demand, t.spec->>'dirties' AS dirties,
       extract(epoch FROM grid_now() - q.turn_at - coalesce(b.by, interval '0')) / (SELECT ageing_s FROM grid)::float8 AS points,
       coalesce((SELECT sum(seconds) / nullif(sum(worked), 0) FROM learned_cost
           WHERE what = 'test:' || q.project_id || ':' || t.name),
         (t.spec->>'timeoutMs')::float8 / 1000) AS "takesS"
     FROM heads h LEFT JOIN behind b ON b.owner = h.owner CROSS JOIN LATERAL (
       SELECT run_id, demand, turn_at, test_id, project_id FROM queue
       WHERE state = 'waiting' AND demand = h.key AND owner = h.owner AND cancelled_by IS NULL
         AND (not_before IS NULL OR not_before <= grid_now())
       ORDER BY turn_at, run_id LIMIT $2) AS q JOIN test t ON t.id = q.test_id
     WHERE h.owner IS NOT NULL
     ORDER BY q.turn_at + coalesce(b.by, interval '0'), q.run_id`,
    [keys, limit, fairShare],
  );
  return rows.map(({ dirties, ...row }) => ({ ...row, ...(dirties ? { dirties } : {}) }));
}

/** Keeps the time in which a waiting run gains a point of priority; where that is another than before, everybody's turn is. */
export async function keepAgeing(sql: Sql, ageingS: number): Promise<void> {
  await sql.rows(
    `WITH changed AS (UPDATE grid SET ageing_s = $1 WHERE ageing_s <> $1 RETURNING one)
     UPDATE queue SET turn_at = enqueued_at - priority * $1::float8 * interval '1 s' FROM changed`,
    [ageingS],
  );
}

/** Says why a demand waits, if that is something new. */
export async function sayWhy(
  sql: Sql,
  says: readonly { key: string; code: string; reason: string }[],
): Promise<void> {
  if (says.length === 0) return;
  await sql.rows(
    `UPDATE demand d SET reason_code = s.code, reason = s.reason, since = grid_now()
     FROM jsonb_to_recordset($1::jsonb) AS s(key text, code text, reason text) WHERE d.key = s.key`,
    [JSON.stringify(says)],
  );
}

/** Holds every waiting run of a demand by an incident, `holdS` seconds at most; gives their ids. */
export async function holdDemand(
  sql: Sql,
  key: string,
  incident: Id,
  reason: string,
  holdS: number,
): Promise<Id[]> {
  const rows = await sql.rows<{ run_id: Id }>(
    `WITH held AS (
       UPDATE queue SET state = 'held', since = grid_now(), incident_id = $2, reason_code = 'incident', reason = $3,
         deadline = grid_now() + $4 * interval '1 s'
       WHERE state = 'waiting' AND demand = $1 AND purpose = 'test' RETURNING run_id, project_id),
     told AS (
       INSERT INTO history (project_id, run_id, kind, subject, actor, data)
       SELECT project_id, run_id, 'run.held', 'r' || run_id, 'testyard',
         jsonb_build_object('incident', 'i' || $2::bigint, 'reason', $3::text) FROM held)
     SELECT run_id FROM held`,
    [key, incident, reason, holdS],
  );
  return rows.map((r) => r.run_id);
}

/** Runs that wait with a demand and remember earlier attempts. */
export async function memoriesOfDemand(sql: Sql, key: string): Promise<{ runId: Id; memory: RunMemory }[]> {
  return sql.rows(`SELECT run_id AS "runId", memory FROM queue WHERE state = 'waiting' AND demand = $1`, [
    key,
  ]);
}

/** Runs that wait to see whether hosts that were lost under them survive other work. */
export async function crashWaits(sql: Sql): Promise<{ runId: Id; memory: RunMemory; demand: string }[]> {
  return sql.rows(
    `SELECT run_id AS "runId", memory, demand FROM queue WHERE not_before = 'infinity' AND state = 'waiting'`,
  );
}

/** Lets a run that was put off be served again. */
export async function putOn(sql: Sql, runs: readonly Id[]): Promise<void> {
  await sql.rows(`UPDATE queue SET not_before = NULL WHERE run_id = ANY($1::bigint[])`, [runs]);
}

/** Runs whose deadline has passed, and those that somebody cancelled and that do not run; with why they wait or are held. */
export async function overdue(
  sql: Sql,
): Promise<
  { runId: Id; state: 'waiting' | 'held'; cancelledBy: string | null; memory: RunMemory; reason: string }[]
> {
  return sql.rows(
    `SELECT run_id AS "runId", state, cancelled_by AS "cancelledBy", memory, 
       coalesce((SELECT w.reason FROM (${WHY_WAITING}) w), reason) AS reason
     FROM queue q WHERE state IN ('waiting', 'held') AND (cancelled_by IS NOT NULL OR deadline <= grid_now())
     ORDER BY run_id LIMIT 1000 FOR UPDATE`,
  );
}
