import type { Id } from '../domain/id.js';
import type { Unit } from '../domain/plan/instruments.js';
import type { LimitedResource } from '../domain/plan/resource-limits.js';
import type { PlacePlan } from '../protocol/messages.js';
import { equip } from './equipping.js';
import { type Handout, handlingOf } from './recording.js';
import type { Sql } from './store.js';
import { ARTEFACTS_OF_RUN } from './submission.js';

/** An executor that may be given work. */
export interface LiveExecutor {
  readonly lease: Id;
  readonly name: string;
  /** Attempts it can still take. */
  readonly room: number;
  /** Of the protocol, as it speaks it. */
  readonly version: string;
}

/** Executors whose lease lives and that take work. */
export function liveExecutors(sql: Sql): Promise<LiveExecutor[]> {
  return sql.rows<LiveExecutor>(
    `SELECT l.id AS lease, x.name, l.version,
       (l.capacity - (SELECT count(*) FROM queue q WHERE q.lease_id = l.id))::integer AS room
     FROM lease l JOIN executor x ON x.id = l.executor_id
     WHERE l.ended_at IS NULL AND NOT l.draining AND l.expires_at > grid_now() ORDER BY l.id`,
  );
}

/** Seats that are taken, by host. */
export async function seatsTaken(sql: Sql): Promise<ReadonlyMap<Id, ReadonlySet<number>>> {
  const rows = await sql.rows<{ host_id: Id; seat: number }>(`SELECT host_id, seat FROM host_seat`);
  const taken = new Map<Id, Set<number>>();
  for (const row of rows) taken.set(row.host_id, (taken.get(row.host_id) ?? new Set()).add(row.seat));
  return taken;
}

/** Which run has which host, and for how many seconds. */
export function whoHasSeats(sql: Sql): Promise<{ host: Id; run: Id; forS: number }[]> {
  return sql.rows(
    `SELECT host_id AS host, run_id AS run, extract(epoch FROM grid_now() - taken_at)::float8 AS "forS"
     FROM host_seat WHERE role = 'main'`,
  );
}

/** Units of instruments that are taken, by instrument. */
export async function unitsTaken(sql: Sql): Promise<ReadonlyMap<Id, ReadonlySet<number>>> {
  const rows = await sql.rows<{ resource_id: Id; unit: number }>(
    `SELECT resource_id, unit FROM instrument_seat`,
  );
  const taken = new Map<Id, Set<number>>();
  for (const { resource_id: id, unit } of rows) taken.set(id, (taken.get(id) ?? new Set()).add(unit));
  return taken;
}

/** Resources with a limit, and how many chains that are under way use each. */
export function limitedResources(sql: Sql): Promise<LimitedResource[]> {
  return sql.rows<LimitedResource>(
    `SELECT r.name, (r.spec->>'limit')::integer AS "limit",
       (SELECT count(*) FROM host_seat s JOIN attempt a ON a.run_id = s.run_id AND a.id = s.attempt_id
        WHERE s.role = 'main' AND a.chain_done_at IS NULL AND jsonb_path_exists(a.plan,
          '$[*].chain[*].uses[*] ? (@ == $name)', jsonb_build_object('name', r.name)))::integer AS "inUse"
     FROM resource r WHERE r.removed_at IS NULL AND r.spec ? 'limit' ORDER BY r.name`,
  );
}

/** One run on one seat of one host, by one executor. */
export interface NewAttempt {
  readonly runId: Id;
  readonly demand: string;
  readonly lease: Id;
  readonly hostId: Id;
  readonly seat: number;
  /** Seats that stay empty beside it: a chain with a step below `use` needs the whole host. */
  readonly kept: readonly number[];
  /** Of the instruments that it asks for; they go with the seat. */
  readonly units: readonly Unit[];
  readonly requirement: string;
  readonly fresh: boolean;
  readonly place: PlacePlan;
  /** Its executor's claim waits for it: it counts as handed out with the assignment. */
  readonly handOver: boolean;
}

/** What was assigned, and to which lease; `handout` where it is to be handed over. */
export interface Assigned {
  readonly lease: Id;
  readonly handout?: Handout;
}

/**
 * Gives attempts to executors: queue, attempt, place and seat in one go. A run that is no longer waiting, or an
 * executor whose lease has ended meanwhile, or a host that a person has taken since, leaves that attempt out. Gives
 * those that were assigned.
 */
export async function assign(sql: Sql, planned: readonly NewAttempt[]): Promise<Assigned[]> {
  const withStock = await equip(
    sql,
    planned.map(({ place }) => place.chain),
  );
  const attempts = planned.map(({ place, ...one }) => ({
    ...one,
    place: { ...place, chain: withStock(place.chain) },
  }));
  const rows = await sql.rows<Omit<Handout, 'places'>>(
    `WITH given AS (
       SELECT g.* FROM jsonb_to_recordset($1::jsonb) AS g("runId" bigint, demand text, lease bigint, "hostId" bigint,
         seat integer, kept integer[], units jsonb, requirement text, fresh boolean, place jsonb, "handOver" boolean)
       WHERE EXISTS (SELECT FROM lease l WHERE l.id = g.lease AND l.ended_at IS NULL FOR KEY SHARE)
         AND EXISTS (SELECT FROM host h WHERE h.id = g."hostId" AND h.health <> 'maintenance')
         AND NOT EXISTS (SELECT FROM reservation v WHERE v.host_id = g."hostId" AND v.ended_at IS NULL)),
     taken AS (
       UPDATE queue q SET state = 'running', since = grid_now(), attempt_id = nextval('attempt_id_seq'),
         lease_id = g.lease, attempts = q.attempts + 1, report_seq = 0,
         claimed_at = CASE WHEN g."handOver" THEN grid_now() END, reason_code = 'running',
         reason = 'runs on ' || (g.place->'host'->>'name'), stop_why = NULL
       FROM given g WHERE q.run_id = g."runId" AND q.state = 'waiting' AND q.demand = g.demand AND q.cancelled_by IS NULL
       RETURNING q.run_id, q.attempt_id, q.attempts, q.lease_id, q.project_id, q.test_id, q.owner, g."handOver"),
     tried AS (
       INSERT INTO attempt (run_id, id, number, lease_id, plan)
       SELECT t.run_id, t.attempt_id, t.attempts, t.lease_id, jsonb_build_array(g.place)
       FROM taken t JOIN given g ON g."runId" = t.run_id),
     placed AS (
       INSERT INTO place (run_id, attempt_id, role, host_id, seat, requirement, fresh)
       SELECT t.run_id, t.attempt_id, 'main', g."hostId", g.seat, g.requirement, g.fresh
       FROM taken t JOIN given g ON g."runId" = t.run_id),
     seated AS (
       INSERT INTO host_seat (host_id, seat, run_id, attempt_id, lease_id, role, owner)
       SELECT g."hostId", s.seat, t.run_id, t.attempt_id, t.lease_id, s.role, t.owner
       FROM taken t JOIN given g ON g."runId" = t.run_id CROSS JOIN LATERAL (
         SELECT g.seat, 'main' AS role UNION ALL SELECT k, 'kept ' || k FROM unnest(g.kept) AS k) AS s),
     equipped AS (
       INSERT INTO instrument_seat (resource_id, unit, host_id, seat, attempt_id)
       SELECT u.resource, u.unit, g."hostId", g.seat, t.attempt_id
       FROM taken t JOIN given g ON g."runId" = t.run_id
       CROSS JOIN LATERAL jsonb_to_recordset(g.units) AS u(resource bigint, unit integer)),
     told AS (
       INSERT INTO history (project_id, run_id, kind, subject, actor, data)
       SELECT t.project_id, t.run_id, 'run.running', 'r' || t.run_id, 'testyard',
         jsonb_build_object('attempt', 'a' || t.attempt_id, 'host', g.place->'host'->>'name')
       FROM taken t JOIN given g ON g."runId" = t.run_id)
     SELECT run_id AS run, attempt_id AS attempt, attempts AS number,
       CASE WHEN "handOver" THEN (SELECT spec FROM test WHERE test.id = taken.test_id) END AS spec,
       CASE WHEN "handOver" THEN (SELECT variant FROM run WHERE run.id = taken.run_id) END AS variant,
       CASE WHEN "handOver" THEN (SELECT ${ARTEFACTS_OF_RUN} FROM run r WHERE r.id = taken.run_id) END AS artefacts,
       CASE WHEN "handOver" THEN ${handlingOf('taken.test_id')} END AS handling
     FROM taken ORDER BY run_id`,
    [JSON.stringify(attempts)],
  );
  const asked = new Map(attempts.map((attempt) => [attempt.runId, attempt]));
  return rows.flatMap((row) => {
    const attempt = asked.get(row.run);
    if (attempt === undefined) return [];
    const { lease, handOver, place } = attempt;
    return [{ lease, ...(handOver ? { handout: { ...row, places: [place] } } : {}) }];
  });
}

/** Takes back that attempts were handed out: the claim that they were meant for had ended. */
export async function notHandedOut(sql: Sql, attempts: readonly Id[]): Promise<void> {
  await sql.rows(
    `UPDATE queue SET claimed_at = NULL WHERE attempt_id = ANY($1::bigint[]) AND report_seq = 0 AND ended IS NULL`,
    [attempts],
  );
}
