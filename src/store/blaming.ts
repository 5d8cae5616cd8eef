import type { Health } from '../domain/host.js';
import type { Id } from '../domain/id.js';
import type { PoolCap } from '../domain/inventory.js';
import type { Cause } from '../domain/recover/cause.js';
import type { WorkRecord } from '../domain/recover/infer.js';
import { quarantineCap } from '../domain/recover/limits.js';
import { HOST_MOVES_BY_GRID, INCIDENT_MOVES, type IncidentState, sourcesOf } from '../domain/states.js';
import { chronicle } from './chronicle.js';
import { haltAsDeclared, liftHalts } from './halting.js';
import type { Sql } from './store.js';

/** An incident as the grid works on it. */
export interface Incident {
  readonly id: Id;
  readonly scope: Exclude<Cause['kind'], 'chance'>;
  readonly hostId: Id | null;
  readonly step: string | null;
  readonly resource: string | null;
  readonly pool: string | null;
  readonly image: string | null;
  readonly change: string | null;
  readonly testName: string | null;
  readonly projectId: Id | null;
  readonly signature: string;
  /** What was said when it failed first. */
  readonly detail: string;
  readonly title: string;
  readonly owner: string;
  readonly checks: number;
  /** Its owner has been told; until then checks look for what tells the suspects apart. */
  readonly settled: boolean;
  readonly ageS: number;
  /** The piece of work whose failure opened it, in which attempt, and when. */
  readonly work: string;
  readonly attempt: Id;
  readonly failedOn: Id;
  readonly failedAtMs: number;
  /** How many hosts the run of that attempt has lost while its test ran, that attempt among them; 0: it did not run. */
  readonly lostUnderTest: number;
  /** The resource that the step itself took to be at fault. */
  readonly hint: string | null;
  /** It was a step that ended well and left nothing of what it gives. */
  readonly lied: boolean;
}

const INCIDENT = `SELECT i.id, i.scope, i.host_id AS "hostId", i.step, i.resource, i.pool, i.image, i.change,
    i.test_name AS "testName", i.project_id AS "projectId", i.signature, i.title, i.owner, i.checks,
    i.settled_at IS NOT NULL AS settled, extract(epoch FROM grid_now() - i.opened_at)::float8 AS "ageS",
    e.work, e.attempt_id AS attempt, e.host_id AS "failedOn", extract(epoch FROM e.at)::float8 * 1000 AS "failedAtMs", e.detail,
    coalesce(nullif((SELECT count(DISTINCT l->>'host') FILTER (WHERE (l->>'testStarted')::boolean AND NOT (l->>'back')::boolean)::integer
     FROM queue q CROSS JOIN LATERAL jsonb_array_elements(q.memory->'losses') AS l
     WHERE q.run_id = e.run_id AND e.work = 'reach' AND EXISTS (SELECT FROM jsonb_array_elements(q.memory->'losses') AS mine
       WHERE mine->>'attempt' = e.attempt_id::text AND (mine->>'testStarted')::boolean AND NOT (mine->>'back')::boolean)), 0),
     (SELECT jsonb_array_length(r.evidence->'lostAttempts') FROM run r WHERE r.id = e.run_id
       AND r.evidence->'lostAttempts' ? e.attempt_id::text), 0) AS "lostUnderTest",
    a.outcome->>'resource' AS hint, a.outcome->>'kind' IS NOT DISTINCT FROM 'tag_lied' AS lied
  FROM incident i JOIN LATERAL (SELECT work, attempt_id, host_id, detail, at, run_id FROM evidence
    WHERE incident_id = i.id AND NOT ok ORDER BY id LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT detail->'outcome' AS outcome FROM attempt WHERE run_id = e.run_id AND id = e.attempt_id) a ON true`;

/** Open incidents, oldest first. */
export function openIncidents(sql: Sql): Promise<Incident[]> {
  return sql.rows<Incident>(`${INCIDENT} WHERE i.closed_at IS NULL ORDER BY i.id`);
}

/** Incidents whose owners were told and that are over only since a piece of work began that has failed in this attempt. */
export function overSince(
  sql: Sql,
  { run, attempt, step }: { readonly run: Id; readonly attempt: Id; readonly step?: string },
): Promise<Incident[]> {
  return sql.rows<Incident>(
    `${INCIDENT} WHERE i.settled_at IS NOT NULL AND i.scope NOT IN ('test', 'host', 'step_on_host')
       AND i.closed_at > (SELECT coalesce(max(s.started_at), a.begun_at) FROM attempt a
         LEFT JOIN step_run s ON s.run_id = a.run_id AND s.attempt_id = a.id AND s.kind = 'chain' AND s.step = $3
         WHERE a.run_id = $1 AND a.id = $2 GROUP BY a.begun_at)
     ORDER BY i.id DESC`,
    [run, attempt, step ?? null],
  );
}

/** Open incidents whose next recovery check is due, and of which none is on its way: never two at once. */
export function dueChecks(sql: Sql): Promise<Incident[]> {
  return sql.rows<Incident>(
    `${INCIDENT} WHERE i.closed_at IS NULL AND i.next_check_at <= grid_now()
       AND NOT EXISTS (SELECT FROM queue q WHERE q.incident_id = i.id AND q.purpose = 'recovery')
       AND NOT EXISTS (SELECT FROM submission s WHERE s.unfolded_at IS NULL AND s.incident_id = i.id)
     ORDER BY i.id`,
  );
}

/** What pieces of work last came to on hosts, as far as that is of lately. */
export async function recentRecords(sql: Sql): Promise<WorkRecord[]> {
  const rows = await sql.rows<{
    host: Id;
    work: string;
    okAttempt: Id;
    okMs: number | null;
    badAttempt: Id;
    badMs: number | null;
    sinceAttempt: Id;
    sinceMs: number | null;
  }>(
    `SELECT host_id AS host, work, ok_attempt AS "okAttempt", extract(epoch FROM ok_at)::float8 * 1000 AS "okMs",
       bad_attempt AS "badAttempt", extract(epoch FROM bad_at)::float8 * 1000 AS "badMs",
       bad_since_attempt AS "sinceAttempt", extract(epoch FROM bad_since)::float8 * 1000 AS "sinceMs"
     FROM host_record WHERE ok_at > grid_now() - interval '1 day' OR bad_at > grid_now() - interval '1 day'`,
  );
  const at = (attempt: Id, atMs: number | null) => (atMs === null ? undefined : { attempt, atMs });
  return rows.map(({ host, work, ...row }) => {
    const ok = at(row.okAttempt, row.okMs);
    const bad = at(row.badAttempt, row.badMs);
    const badSince = at(row.sinceAttempt, row.sinceMs);
    return { host, work, ...(ok && { ok }), ...(bad && { bad }), ...(badSince && { badSince }) };
  });
}

/** What an incident is opened with. */
export interface NewIncident {
  readonly scope: Incident['scope'];
  readonly hostId?: Id;
  readonly step?: string;
  readonly resource?: string;
  readonly pool?: string;
  readonly image?: string;
  readonly change?: string;
  readonly testName?: string;
  readonly projectId?: Id;
  readonly signature: string;
  readonly title: string;
  readonly owner: string;
  /** Seconds until the first recovery check; undefined: none, somebody must act. */
  readonly checkInS?: number;
}

/** Opens an incident; gives its id. */
export async function openIncident(sql: Sql, incident: NewIncident): Promise<Id> {
  const [row] = await sql.rows<{ id: Id }>(
    `INSERT INTO incident (scope, host_id, step, test_name, project_id, signature, title, owner, next_check_at,
       resource, pool, image, change)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, grid_now() + $9 * interval '1 s', $10, $11, $12, $13) RETURNING id`,
    [
      incident.scope,
      incident.hostId ?? null,
      incident.step ?? null,
      incident.testName ?? null,
      incident.projectId ?? null,
      incident.signature,
      incident.title,
      incident.owner,
      incident.checkInS ?? null,
      incident.resource ?? null,
      incident.pool ?? null,
      incident.image ?? null,
      incident.change ?? null,
    ],
  );
  if (row === undefined) throw new Error('an insert gives its row');
  await chronicle(sql, [
    {
      kind: 'incident.opened',
      subject: `i${row.id}`,
      data: { scope: incident.scope, title: incident.title, owner: incident.owner },
    },
  ]);
  return row.id;
}

/** Moves an incident to what its blame has moved to; false where it may not go there from where it is. */
export async function moveIncident(sql: Sql, id: Id, to: NewIncident): Promise<boolean> {
  const moved = await sql.rows(
    `UPDATE incident SET scope = $2, host_id = $3, step = $4, title = $5, owner = $6, checks = 0, settled_at = NULL,
       next_check_at = grid_now() + $7 * interval '1 s', resource = $9, pool = $10, image = $11, change = $12
     WHERE id = $1 AND closed_at IS NULL AND scope = ANY($8::text[]) RETURNING id`,
    [
      id,
      to.scope,
      to.hostId ?? null,
      to.step ?? null,
      to.title,
      to.owner,
      to.checkInS ?? null,
      sourcesOf<IncidentState>(INCIDENT_MOVES, to.scope),
      to.resource ?? null,
      to.pool ?? null,
      to.image ?? null,
      to.change ?? null,
    ],
  );
  if (moved.length === 0) return false;
  await chronicle(sql, [
    {
      kind: 'incident.moved',
      subject: `i${id}`,
      data: { scope: to.scope, title: to.title, owner: to.owner },
    },
  ]);
  await liftHalts(sql, id, 'the blame has moved');
  return true;
}

/** Whose failure it is has settled: its owner is told, once per scope that it settles on, and the policy's halt made. */
export async function tellOwner(
  sql: Sql,
  id: Id,
  about: { readonly scope: Incident['scope']; readonly owner: string; readonly title: string },
): Promise<void> {
  const { scope, owner, title } = about;
  await sql.rows(`UPDATE incident SET settled_at = coalesce(settled_at, grid_now()) WHERE id = $1`, [id]);
  await chronicle(sql, [{ kind: 'owner.told', subject: `i${id}`, data: { owner, scope, title } }]);
  await haltAsDeclared(sql, id, { scope, title });
}

/** What an incident turned out to be due to is over: nothing that failed because of it counts against anything else. */
export async function forgive(sql: Sql, id: Id): Promise<void> {
  await sql.rows(
    `UPDATE host_record h SET bad_attempt = 0, bad_at = NULL, bad_since_attempt = 0, bad_since = NULL
     FROM (SELECT host_id, work, max(attempt_id) AS last FROM evidence WHERE incident_id = $1 AND NOT ok GROUP BY 1, 2) e
     WHERE h.host_id = e.host_id AND h.work = e.work AND h.bad_attempt <= e.last`,
    [id],
  );
}

/** Why nobody was told yet, or is not: what the failure may be due to, and what will tell. */
export async function tellWhyNot(
  sql: Sql,
  id: Id,
  data: { readonly why: string; readonly suspects: readonly string[] },
): Promise<void> {
  await chronicle(sql, [{ kind: 'incident.weighed', subject: `i${id}`, data }]);
}

/** Who answers for what several hosts or steps share, where somebody was declared. */
export async function ownerOfShared(
  sql: Sql,
  kind: 'pool' | 'resource',
  name: string,
): Promise<string | undefined> {
  const [row] = await sql.rows<{ owner: string | null }>(
    kind === 'pool'
      ? `SELECT owner FROM pool WHERE name = $1`
      : `SELECT spec->>'owner' AS owner FROM resource WHERE name = $1 AND removed_at IS NULL`,
    [name],
  );
  return row?.owner ?? undefined;
}

/** Writes down what speaks for or against an incident. */
export async function addEvidence(
  sql: Sql,
  incident: Id,
  seen: {
    host: Id;
    work: string;
    ok: boolean;
    run: Id | null;
    attempt: Id;
    signature: string;
    detail: string;
  },
): Promise<void> {
  await sql.rows(
    `INSERT INTO evidence (incident_id, host_id, work, ok, run_id, attempt_id, signature, detail)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      incident,
      seen.host,
      seen.work,
      seen.ok,
      seen.run,
      seen.attempt,
      seen.signature,
      seen.detail.slice(0, 2000),
    ],
  );
}

/** When the next check is due; `failed` counts the one that has ended. */
export async function nextCheck(sql: Sql, id: Id, delayS: number, failed: boolean): Promise<void> {
  await sql.rows(
    `UPDATE incident SET checks = checks + $3::integer, next_check_at = grid_now() + $2 * interval '1 s'
     WHERE id = $1 AND closed_at IS NULL`,
    [id, delayS, failed ? 1 : 0],
  );
}

/** Closes an incident, lifts the halts it made, and lets the runs it held wait again; gives how many. */
export async function closeIncident(sql: Sql, id: Id, reason: string): Promise<number> {
  const closed = await sql.rows(
    `UPDATE incident SET closed_at = grid_now(), close_reason = $2, next_check_at = NULL
     WHERE id = $1 AND closed_at IS NULL RETURNING id`,
    [id, reason],
  );
  if (closed.length === 0) return 0;
  await chronicle(sql, [{ kind: 'incident.closed', subject: `i${id}`, data: { reason } }]);
  await liftHalts(sql, id, reason);
  await forgive(sql, id);
  return releaseHeld(sql, id, reason);
}

/** Closes an incident that turned out to be part of another: that one holds its runs now. */
export async function joinIncident(sql: Sql, id: Id, other: Id): Promise<void> {
  await sql.rows(`UPDATE queue SET incident_id = $2 WHERE incident_id = $1 AND state = 'held'`, [id, other]);
  await sql.rows(`UPDATE evidence SET incident_id = $2 WHERE incident_id = $1`, [id, other]);
  await closeIncident(sql, id, `is part of i${other}`);
}

/** Lets the runs that an incident holds wait again. */
export async function releaseHeld(sql: Sql, id: Id, reason: string): Promise<number> {
  const rows = await sql.rows<{ run_id: Id }>(
    `WITH released AS (
       UPDATE queue q SET state = 'waiting', since = grid_now(), incident_id = NULL, reason_code = 'released',
         reason = $2, deadline = (SELECT q.enqueued_at + s.queue_timeout FROM run r
           JOIN submission s ON s.id = r.submission_id WHERE r.id = q.run_id)
       WHERE q.incident_id = $1 AND q.state = 'held' RETURNING q.run_id, q.project_id)
     INSERT INTO history (project_id, run_id, kind, subject, actor, data)
     SELECT project_id, run_id, 'run.released', 'r' || run_id, 'testyard',
       jsonb_build_object('incident', 'i' || $1::bigint, 'reason', $2::text) FROM released RETURNING run_id`,
    [id, reason],
  );
  return rows.length;
}

/** Says how far a host may be trusted; true where it moved there, false where it may not, was there, or a person took it out. */
export async function setHealth(sql: Sql, host: Id, health: Health, why: string): Promise<boolean> {
  const rows = await sql.rows<{ name: string }>(
    `UPDATE host SET health = $2, health_why = $3, health_since = grid_now(), version = nextval('host_version_seq')
     WHERE id = $1 AND health = ANY($4::text[]) AND out_by IS NULL RETURNING name`,
    [host, health, why, sourcesOf(HOST_MOVES_BY_GRID, health)],
  );
  if (rows.length === 0) return false;
  await chronicle(sql, [{ kind: `host.${health}`, subject: `h${host}`, data: { host: rows[0]?.name, why } }]);
  return true;
}

/** Halts a pool, or lets it go on. */
export async function setPool(sql: Sql, pool: Id, state: 'online' | 'halted', why: string): Promise<void> {
  const rows = await sql.rows<{ name: string }>(
    `UPDATE pool SET state = $2, why = $3 WHERE id = $1 AND state <> $2 RETURNING name`,
    [pool, state, state === 'halted' ? why : null],
  );
  if (rows.length === 0) return;
  await chronicle(sql, [{ kind: `pool.${state}`, subject: `pool:${rows[0]?.name}`, data: { why } }]);
}

/** Lets a pool go on once few enough of its hosts are in doubt; those that a person took out are not counted. */
export async function resumePool(sql: Sql, pool: Id): Promise<void> {
  const [left] = await sql.rows<{ bad: number; all: number; cap: PoolCap | null; kept: boolean }>(
    `SELECT count(*) FILTER (WHERE h.health IN ('suspect', 'quarantined') AND h.out_by IS NULL)::integer AS bad,
       count(*)::integer AS all, p.cap, cardinality(p.halted_by) > 0 AS kept
     FROM host h JOIN pool p ON p.id = h.pool_id WHERE p.id = $1 AND h.removed_at IS NULL GROUP BY p.id`,
    [pool],
  );
  if (left !== undefined && !left.kept && left.bad <= quarantineCap(left.all, left.cap ?? undefined))
    await setPool(sql, pool, 'online', 'the hosts in doubt have recovered');
}

/** Own work that waits or runs for hosts, so that none is given twice. */
export async function hostsBeingLookedAt(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await sql.rows<{ host: string | null }>(
    `SELECT target->>'host' AS host FROM queue WHERE purpose IN ('canary', 'recovery')
     UNION ALL
     SELECT t->>'host' FROM submission s CROSS JOIN LATERAL jsonb_array_elements(s.targets) AS t
     WHERE s.unfolded_at IS NULL AND s.purpose IN ('canary', 'recovery')`,
  );
  return new Set(rows.flatMap((r) => (r.host === null ? [] : [r.host])));
}

/** Hosts on which a canary was carried out within this time. */
export async function lookedAtSince(
  sql: Sql,
  seconds: number,
): Promise<ReadonlyMap<Id, 'worked' | 'failed'>> {
  const rows = await sql.rows<{ host: Id; came: 'worked' | 'failed' }>(
    `SELECT host_id AS host, CASE WHEN bad_at > coalesce(ok_at, '-infinity') THEN 'failed' ELSE 'worked' END AS came
     FROM host_record WHERE work = 'canary' AND greatest(ok_at, bad_at) > grid_now() - $1 * interval '1 s'`,
    [seconds],
  );
  return new Map(rows.map(({ host, came }) => [host, came]));
}
