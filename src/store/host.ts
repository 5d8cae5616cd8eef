import type { Health } from '../domain/host.js';
import type { Id } from '../domain/id.js';
import type { Presence } from '../domain/requirement.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { pageOf, shown } from './view.js';

interface HostRow {
  readonly id: string;
  readonly name: string;
  readonly pool: string;
  readonly type: string;
  readonly owner: string | null;
  readonly transport: string;
  readonly state: 'idle' | 'leased' | 'offline';
  readonly health: Health;
  readonly healthWhy: string;
  readonly healthSince: Date;
  readonly outBy: string | null;
  readonly reserved: { person: string; why: string; until: string } | null;
  readonly seats: number;
  readonly seatsTaken: number;
  readonly expendable: string[];
  readonly dirtyFrom: string | null;
  readonly fresh: boolean;
  readonly stack: { layer: string; step: string; gives: string[] }[];
  readonly seen: { name: string; source: 'declared' | 'probed' | 'produced' }[];
  readonly probes: { name: string; worked: boolean }[];
  readonly runs: string[];
}

/** $1: the projects whose runs may be seen; $2: a name, $3: an id, $4: a pool, $5: names after it, $6: how many. */
const HOSTS = `
  SELECT 'h' || h.id AS id, h.name, p.name AS pool, h.host_type AS type, h.owner, h.transport->>'kind' AS transport,
    CASE WHEN h.offline THEN 'offline' WHEN taken.seats > 0 THEN 'leased' ELSE 'idle' END AS state,
    h.health, h.health_why AS "healthWhy", h.health_since AS "healthSince", h.seats, h.out_by AS "outBy",
    (SELECT jsonb_build_object('person', v.person, 'why', v.why,
       'until', to_char(v.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
     FROM reservation v WHERE v.host_id = h.id AND v.ended_at IS NULL) AS reserved,
    taken.seats AS "seatsTaken", h.expendable, h.dirty_from AS "dirtyFrom", 
    (NOT h.used_since_stack AND h.dirty_from IS NULL) OR h.transport->>'kind' = 'local' AS fresh,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('layer', s.layer, 'step', s.step, 'gives', s.gives)
       ORDER BY s.position), '[]') FROM host_stack s WHERE s.host_id = h.id) AS stack,
    (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('name', t.name, 'source', t.source)), '[]')
       FROM host_tag t WHERE t.host_id = h.id) AS seen,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('name', b.probe, 'worked', b.worked)), '[]')
       FROM host_probe b WHERE b.host_id = h.id) AS probes,
    taken.runs
  FROM host h JOIN pool p ON p.id = h.pool_id
  CROSS JOIN LATERAL (
    SELECT count(*)::integer AS seats, coalesce(jsonb_agg('r' || seat.run_id ORDER BY seat.run_id)
      FILTER (WHERE $1::bigint[] IS NULL OR q.project_id = ANY ($1)), '[]') AS runs
    FROM host_seat seat LEFT JOIN queue q ON q.run_id = seat.run_id WHERE seat.host_id = h.id) taken
  WHERE h.removed_at IS NULL AND ($2::text IS NULL OR h.name = $2) AND ($3::bigint IS NULL OR h.id = $3)
    AND ($4::text IS NULL OR p.name = $4) AND ($5::text IS NULL OR h.name > $5)
  ORDER BY h.name LIMIT $6`;

/** Hosts by name, after `after`; everybody sees all hosts, and of their runs those of their own projects. */
export async function listHosts(
  sql: Sql,
  visible: Visible,
  wanted: { readonly pool?: string | undefined; readonly after?: string | undefined; readonly limit: number },
) {
  const rows = await sql.rows<HostRow>(HOSTS, [
    visibleIds(visible),
    null,
    null,
    wanted.pool ?? null,
    wanted.after ?? null,
    wanted.limit + 1,
  ]);
  const probed = await readProbedTags(sql);
  return pageOf(
    rows.map((row) => viewOf(row, probed)),
    wanted.limit,
    (last) => last.name,
  );
}

/** One host, by its id or name. */
export async function findHost(
  sql: Sql,
  visible: Visible,
  host: { readonly id?: Id; readonly name?: string },
) {
  const [row] = await sql.rows<HostRow>(HOSTS, [
    visibleIds(visible),
    host.name ?? null,
    host.id ?? null,
    null,
    null,
    1,
  ]);
  return row === undefined ? undefined : viewOf(row, await readProbedTags(sql));
}

/** Whether each catalogue tag has a probe. */
async function readProbedTags(sql: Sql): Promise<ReadonlyMap<string, boolean>> {
  const rows = await sql.rows<{ name: string; probed: boolean }>(
    `SELECT name, spec->>'probe' IS NOT NULL AS probed FROM tag WHERE removed_at IS NULL ORDER BY name`,
  );
  return new Map(rows.map((row) => [row.name, row.probed]));
}

function viewOf({ seen, probes, ...row }: HostRow, catalogue: ReadonlyMap<string, boolean>) {
  const worked = new Map(probes.map((probe) => [probe.name, probe.worked]));
  const has = (name: string, source: string) =>
    seen.some((tag) => tag.name === name && tag.source === source);
  const produced = new Set(row.stack.flatMap((entry) => entry.gives));
  const names = new Set([...catalogue.keys(), ...seen.map((tag) => tag.name), ...produced]);
  const tags = [...names].sort().map((name): { name: string; presence: Presence; source: string } => {
    // Where there is a probe, only what it saw counts; else what was declared or left by a step.
    if (catalogue.get(name) === true) {
      if (worked.get(name) !== true) return { name, presence: 'unknown', source: 'probed' };
      return { name, presence: has(name, 'probed') ? 'present' : 'absent', source: 'probed' };
    }
    const made = produced.has(name);
    const there = made || has(name, 'declared');
    return { name, presence: there ? 'present' : 'absent', source: made ? 'produced' : 'declared' };
  });
  return { ...shown(row), tags };
}
