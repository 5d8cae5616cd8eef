import type { Health } from '../domain/host.js';
import type { Id } from '../domain/id.js';
import type { Layer } from '../domain/layer.js';
import { holds } from '../domain/match/holds.js';
import {
  driftsOf,
  type TagRecord,
  tagOnRecord,
  type WrittenTag,
  whatIsKnown,
} from '../domain/match/known.js';
import { driftText } from '../domain/recover/drift.js';
import { givenBy } from '../domain/step.js';
import { instanceTexts, type Presence, type TagSpec } from '../domain/tag.js';
import { type Visible, visibleIds } from './access.js';
import { type KnownCatalogue, readCatalogue } from './catalogue.js';
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
  readonly dirtyFrom: Layer | null;
  readonly fresh: boolean;
  readonly stack: { layer: string; step: string; gives: string[] }[];
  readonly used: boolean;
  readonly tags: WrittenTag[];
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
    h.used_since_stack AS used,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'instance', t.instance, 'source', t.source,
       'raw', t.raw) ORDER BY t.name, t.instance), '[]') FROM host_tag t WHERE t.host_id = h.id) AS tags,
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
  const known = await readCatalogue(sql);
  return pageOf(
    rows.map((row) => viewOf(row, known, false)),
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
  return row === undefined ? undefined : viewOf(row, await readCatalogue(sql), true);
}

/** A tag of a host as people see it. */
interface TagView {
  readonly name: string;
  readonly presence: Presence;
  /** Whose word counts: `declared`, `produced` (by a step), `probed` or `derived`. */
  readonly source: string;
  /** In one line; of several each by itself. Empty where there is nothing more to say than that it is there. */
  readonly values: string[];
  /** What was declared and not seen so: it does not count. */
  readonly drift?: string;
}

/** `whole`: also what the standard look sees, and members of families; a list of hosts would drown in it. */
function viewOf(
  { tags: rows, probes, ...row }: HostRow,
  { catalogue, visible }: KnownCatalogue,
  whole: boolean,
) {
  const record: TagRecord = {
    tags: rows.map((tag) => tagOnRecord(tag, catalogue)),
    looked: new Map(probes.map((probe) => [probe.name, probe.worked])),
    gives: row.stack.flatMap((entry) => entry.gives),
    used: row.used,
    ...(row.dirtyFrom === null ? {} : { dirtyFrom: row.dirtyFrom }),
  };
  const facts = whatIsKnown(record, catalogue);
  const drifts = new Map(driftsOf(record, catalogue).map((d) => [d.declared.tag, d]));
  const names = new Set(
    [
      ...catalogue.names,
      ...visible,
      ...record.tags.map((tag) => tag.tag),
      ...record.gives.map(tagGiven),
    ].filter((name) => !name.endsWith(':*') && catalogue.alias(name) === undefined),
  );
  const tags = [...names].sort().flatMap((name): TagView[] => {
    const spec = catalogue.find(name);
    const drift = drifts.get(name);
    if (spec === undefined || (!whole && spec.source.by === 'look' && drift === undefined)) return [];
    const requirement = { kind: 'tag', name } as const;
    const truth = holds(requirement, facts, catalogue);
    const seen = spec.source.by === 'formula' ? undefined : facts(name);
    return [
      {
        name,
        presence: truth === 'yes' ? 'present' : truth === 'no' ? 'absent' : 'unknown',
        source: wordOf(spec, record),
        values: seen?.presence === 'present' ? seen.instances.flatMap(instanceTexts) : [],
        ...(drift === undefined ? {} : { drift: driftText(drift) }),
      },
    ];
  });
  const { used: _, ...shownRow } = row;
  return { ...shown(shownRow), tags };
}

function wordOf({ name, source }: TagSpec, { gives }: TagRecord): string {
  if (source.by === 'formula') return 'derived';
  if (source.by !== 'word') return 'probed';
  return gives.some((item) => tagGiven(item) === name) ? 'produced' : 'declared';
}

function tagGiven(item: string): string {
  return givenBy(item).tag;
}
