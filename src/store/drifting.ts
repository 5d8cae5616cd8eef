import type { Id } from '../domain/id.js';
import { chronicle } from './chronicle.js';
import type { Sql } from './store.js';

/** A tag that is declared of a host and not seen so there; `detail` says it for people. */
export interface HostDrift {
  readonly name: string;
  /** The place of a device; '' of anything else. */
  readonly instance: string;
  readonly detail: string;
}

/** Whom to tell of a host's drifts. */
export interface DriftingHost {
  readonly id: Id;
  readonly name: string;
  readonly owner: string;
}

/** The drifts on record, by host. */
export async function driftsOnRecord(sql: Sql): Promise<ReadonlyMap<Id, readonly HostDrift[]>> {
  const rows = await sql.rows<HostDrift & { hostId: Id }>(
    `SELECT host_id AS "hostId", name, instance, detail FROM host_drift ORDER BY host_id, name, instance`,
  );
  const found = new Map<Id, HostDrift[]>();
  for (const { hostId, ...drift } of rows) found.set(hostId, [...(found.get(hostId) ?? []), drift]);
  return found;
}

/** Writes down what has drifted on a host and what no longer does, and tells the owner of what is new. */
export async function writeDrifts(
  sql: Sql,
  host: DriftingHost,
  before: readonly HostDrift[],
  now: readonly HostDrift[],
): Promise<void> {
  const isIn = (list: readonly HostDrift[], drift: HostDrift) =>
    list.some((one) => one.name === drift.name && one.instance === drift.instance);
  const over = before.filter((drift) => !isIn(now, drift));
  const fresh = now.filter(
    (drift) => !before.some((one) => isIn([one], drift) && one.detail === drift.detail),
  );
  await sql.rows(
    `DELETE FROM host_drift d USING jsonb_to_recordset($2::jsonb) AS g(name text, instance text)
     WHERE d.host_id = $1 AND d.name = g.name AND d.instance = g.instance`,
    [host.id, JSON.stringify(over)],
  );
  await sql.rows(
    `INSERT INTO host_drift (host_id, name, instance, detail)
     SELECT $1, name, instance, detail FROM jsonb_to_recordset($2::jsonb) AS g(name text, instance text, detail text)
     ON CONFLICT (host_id, name, instance) DO UPDATE SET detail = EXCLUDED.detail, since = grid_now()`,
    [host.id, JSON.stringify(fresh)],
  );
  const subject = `h${host.id}`;
  const said = (drifts: readonly HostDrift[]) => drifts.map(({ name, detail }) => `${name}: ${detail}`);
  const title = `host ${host.name} is not as declared: ${said(fresh).join('; ')}`.slice(0, 2000);
  await chronicle(sql, [
    ...(over.length === 0
      ? []
      : [{ kind: 'host.as_declared', subject, data: { host: host.name, tags: over.map((d) => d.name) } }]),
    ...(fresh.length === 0
      ? []
      : [
          { kind: 'host.drifted', subject, data: { host: host.name, drifts: said(fresh) } },
          { kind: 'owner.told', subject, data: { owner: host.owner, scope: 'host', title } },
        ]),
  ]);
}
