import type { Demand, Target } from '../domain/demand.js';
import type { AskedNow } from '../domain/explain/tag-use.js';
import type { Id } from '../domain/id.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { WHY_WAITING } from './waiting.js';

/** A run that somebody wants explained. */
export interface RunToExplain {
  readonly id: Id;
  readonly projectId: Id;
  readonly project: string;
  readonly test: string;
  readonly state: 'waiting' | 'held' | 'running' | 'done';
  readonly verdict: string | null;
  readonly noVerdict: string | null;
  readonly reason: string;
  readonly target: Target;
  readonly requirement: string;
  readonly purpose: Demand['purpose'];
  /** Of one that is done it is not on record any more. */
  readonly demand: Demand | null;
  readonly demandKey: string | null;
  /** Text, since it decides the order to the microsecond. */
  readonly turnAt: string | null;
  readonly deadline: Date | null;
  /** Not tried again before; null: now, or never by itself. */
  readonly notBefore: Date | null;
  readonly incident: { readonly id: string; readonly title: string; readonly owner: string } | null;
  readonly host: string | null;
}

/** One run, if it may be seen. */
export async function findRunToExplain(
  sql: Sql,
  visible: Visible,
  id: Id,
): Promise<RunToExplain | undefined> {
  const [row] = await sql.rows<RunToExplain>(
    `SELECT r.id, r.project_id AS "projectId", p.name AS project, r.test_name AS test, r.target, t.requirement, r.purpose,
       CASE WHEN r.verdict IS NOT NULL THEN 'done' ELSE coalesce(q.state, 'waiting') END AS state,
       r.verdict, r.no_verdict AS "noVerdict", q.deadline,
       CASE WHEN isfinite(q.not_before) AND q.not_before > grid_now() THEN q.not_before END AS "notBefore",
       CASE WHEN r.verdict IS NOT NULL THEN r.reason
            ELSE coalesce((SELECT w.reason FROM (${WHY_WAITING}) w), q.reason, 'just accepted') END AS reason,
       d.spec AS demand, d.key AS "demandKey", q.turn_at::text AS "turnAt",
       (SELECT jsonb_build_object('id', 'i' || i.id, 'title', i.title, 'owner', i.owner)
        FROM incident i WHERE i.id = q.incident_id
          AND (i.project_id IS NULL OR $1::bigint[] IS NULL OR i.project_id = ANY ($1))) AS incident,
       (SELECT h.name FROM host_seat s JOIN host h ON h.id = s.host_id WHERE s.attempt_id = q.attempt_id
        ORDER BY s.role <> 'main' LIMIT 1) AS host
     FROM run r JOIN project p ON p.id = r.project_id JOIN test t ON t.id = r.test_id
     LEFT JOIN queue q ON q.run_id = r.id LEFT JOIN demand d ON d.key = q.demand
     WHERE r.id = $2 AND ($1::bigint[] IS NULL OR r.project_id = ANY ($1))`,
    [visibleIds(visible), id],
  );
  return row;
}

/** Past so many the place in the order is not counted on. */
export const MOST_COUNTED = 10_000;

/** Of runs that wait with these demands: how many come before a turn, and how many there are; each up to `MOST_COUNTED`. */
export async function placeAmong(
  sql: Sql,
  demands: readonly string[],
  before: { readonly turnAt: string; readonly run: Id },
): Promise<{ readonly ahead: number; readonly of: number }> {
  const counted = (condition: string) => `
    (SELECT count(*)::integer FROM (
       SELECT 1 FROM unnest($1::text[]) AS k(key) CROSS JOIN LATERAL (
         SELECT 1 FROM queue WHERE state = 'waiting' AND demand = k.key ${condition} LIMIT ${MOST_COUNTED}) one
       LIMIT ${MOST_COUNTED}) counted)`;
  const [row] = await sql.rows<{ ahead: number; of: number }>(
    `SELECT ${counted('AND (turn_at, run_id) < ($2::timestamptz, $3::bigint)')} AS ahead, ${counted('')} AS of`,
    [demands, before.turnAt, before.run],
  );
  return row ?? { ahead: 0, of: 0 };
}

/** What the last runs of a test took on their hosts, in seconds, in the middle; undefined: none has ended. */
export async function typicalSeconds(sql: Sql, projectId: Id, test: string): Promise<number | undefined> {
  const [row] = await sql.rows<{ s: number | null }>(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a.s) AS s FROM (
       SELECT id FROM run WHERE project_id = $1 AND test_name = $2 ORDER BY id DESC LIMIT 40) r
     CROSS JOIN LATERAL (
       SELECT extract(epoch FROM ended_at - created_at)::float8 AS s FROM attempt
       WHERE run_id = r.id AND test_started_at IS NOT NULL AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1) a`,
    [projectId, test],
  );
  return row?.s ?? undefined;
}

/** For how long, in seconds, each seat that is taken has been. */
export async function seatsTakenFor(sql: Sql): Promise<ReadonlyMap<Id, readonly number[]>> {
  const rows = await sql.rows<{ host: Id; s: number }>(
    `SELECT host_id AS host, extract(epoch FROM grid_now() - taken_at)::float8 AS s FROM host_seat`,
  );
  const seats = new Map<Id, number[]>();
  for (const { host, s } of rows) seats.set(host, [...(seats.get(host) ?? []), s]);
  return seats;
}

/** What runs that are not done ask for, as far as they may be seen. */
export function askedNow(sql: Sql, visible: Visible): Promise<AskedNow[]> {
  return sql.rows<AskedNow>(
    `SELECT d.spec->>'requirement' AS requirement, sum(q.runs)::integer AS runs
     FROM (SELECT demand, count(*) AS runs FROM queue
           WHERE $1::bigint[] IS NULL OR project_id = ANY ($1) GROUP BY demand) q
     JOIN demand d ON d.key = q.demand GROUP BY 1 ORDER BY 1`,
    [visibleIds(visible)],
  );
}

/** Tests as far as it matters where they can run: the inventory's version, else the newest, of each that may be seen. */
export function testsToPlace(
  sql: Sql,
  visible: Visible,
): Promise<{ name: string; project: string; requirement: string; labels: string[] }[]> {
  return sql.rows(
    `SELECT DISTINCT ON (p.name, t.name) p.name AS project, t.name, t.requirement,
       coalesce(t.spec->'labels', '[]') AS labels
     FROM test t JOIN project p ON p.id = t.project_id WHERE $1::bigint[] IS NULL OR p.id = ANY ($1)
     ORDER BY p.name, t.name, t.listed DESC, t.id DESC LIMIT 20000`,
    [visibleIds(visible)],
  );
}
