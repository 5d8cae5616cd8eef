import type { Id } from '../domain/id.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { pageOf, type Shown, shown } from './view.js';

interface IncidentRow {
  readonly key: Id;
  readonly id: string;
  readonly scope: string;
  readonly host: string | null;
  readonly step: string | null;
  readonly test: string | null;
  readonly title: string;
  readonly signature: string;
  readonly owner: string;
  readonly openedAt: Date;
  readonly closedAt: Date | null;
  readonly closeReason: string | null;
  readonly checks: number;
  readonly nextCheckAt: Date | null;
  readonly holds: number;
}

interface EvidenceRow {
  readonly key: Id;
  readonly work: string;
  readonly host: string | null;
  readonly ok: boolean;
  readonly run: string | null;
  readonly detail: string;
  readonly at: Date;
}

interface ToldRow {
  readonly key: Id;
  readonly message: string;
  readonly via: 'mail' | 'web_hook' | 'digest';
  readonly to: string;
  readonly kind: string;
  readonly at: Date;
  readonly sentAt: Date | null;
  readonly givenUpAt: Date | null;
  readonly tries: number;
  readonly error: string | null;
}

/** More is told of no incident at once. */
const TOLD_SHOWN = 100;
/** How much evidence is shown of one incident: the latest. */
const EVIDENCE_SHOWN = 50;

const INCIDENTS = `
  SELECT i.id AS key, 'i' || i.id AS id, i.scope, h.name AS host, i.step, i.test_name AS test, i.title,
    i.signature, i.owner, i.opened_at AS "openedAt", i.closed_at AS "closedAt", i.close_reason AS "closeReason",
    i.checks, i.next_check_at AS "nextCheckAt",
    (SELECT count(*)::integer FROM queue q WHERE q.incident_id = i.id
       AND ($1::bigint[] IS NULL OR q.project_id = ANY ($1))) AS holds
  FROM incident i LEFT JOIN host h ON h.id = i.host_id
  WHERE (i.project_id IS NULL OR $1::bigint[] IS NULL OR i.project_id = ANY ($1))`;

/** Incidents that may be seen, newest first, older than `before`. */
export async function listIncidents(
  sql: Sql,
  visible: Visible,
  wanted: { readonly open?: boolean | undefined; readonly before?: Id | undefined; readonly limit: number },
) {
  const rows = await sql.rows<IncidentRow>(
    `${INCIDENTS} AND ($2::boolean IS NULL OR (i.closed_at IS NULL) = $2) AND ($3::bigint IS NULL OR i.id < $3)
     ORDER BY i.id DESC LIMIT $4`,
    [visibleIds(visible), wanted.open ?? null, wanted.before ?? null, wanted.limit + 1],
  );
  const page = pageOf(rows, wanted.limit, (last) => last.key);
  return { ...page, items: await withEvidence(sql, visible, page.items) };
}

/** One incident, if it may be seen. */
export async function findIncident(sql: Sql, visible: Visible, id: Id) {
  const rows = await sql.rows<IncidentRow>(`${INCIDENTS} AND i.id = $2`, [visibleIds(visible), id]);
  return (await withEvidence(sql, visible, rows))[0];
}

/** What a run of a project that may not be seen says is left out; that it was seen stays. */
async function withEvidence(sql: Sql, visible: Visible, incidents: readonly IncidentRow[]) {
  const rows = await sql.rows<EvidenceRow>(
    `SELECT e.incident_id AS key, h.name AS host, e.ok, e.at,
       CASE WHEN open.it THEN e.work ELSE 'work of another project' END AS work,
       CASE WHEN open.it THEN 'r' || e.run_id END AS run,
       CASE WHEN open.it THEN e.detail ELSE '' END AS detail
     FROM unnest($2::bigint[]) AS wanted (id)
     CROSS JOIN LATERAL (SELECT * FROM evidence e WHERE e.incident_id = wanted.id
       ORDER BY e.id DESC LIMIT ${EVIDENCE_SHOWN}) e
     LEFT JOIN host h ON h.id = e.host_id LEFT JOIN run r ON r.id = e.run_id
     CROSS JOIN LATERAL (SELECT e.run_id IS NULL OR $1::bigint[] IS NULL
       OR coalesce(r.project_id = ANY ($1), false) AS it) open
     ORDER BY e.id DESC`,
    [visibleIds(visible), incidents.map((incident) => incident.key)],
  );
  const told = await sql.rows<ToldRow>(
    `SELECT wanted.id AS key, 'm' || m.id AS message, m.via, m.recipient AS to, m.kind, m.at, m.sent_at AS "sentAt",
       m.given_up_at AS "givenUpAt", m.tries, m.error
     FROM unnest($1::bigint[]) AS wanted (id) CROSS JOIN LATERAL (SELECT * FROM message
       WHERE thread = 'i' || wanted.id ORDER BY id LIMIT ${TOLD_SHOWN}) m ORDER BY m.id`,
    [incidents.map((incident) => incident.key)],
  );
  return incidents.map(({ key, ...incident }) => ({
    ...shown(incident),
    told: told
      .filter((row) => row.key === key)
      .map(({ key: _, ...row }): Shown<Omit<ToldRow, 'key'>> => shown(row)),
    evidence: rows
      .filter((row) => row.key === key)
      .map(({ key: _, ...row }): Shown<Omit<EvidenceRow, 'key'>> => shown(row)),
  }));
}
