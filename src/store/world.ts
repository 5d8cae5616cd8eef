import { stepsAt } from '../domain/baseline.js';
import { digestOf } from '../domain/digest.js';
import type { Fingerprint, Health, Reserved, StackEntry } from '../domain/host.js';
import type { Id } from '../domain/id.js';
import type { Layer } from '../domain/layer.js';
import { type TagRecord, tagOnRecord, type WrittenTag, whatIsKnown } from '../domain/match/known.js';
import type { Candidate, OpenIncident } from '../domain/plan/candidate.js';
import type { Instrument } from '../domain/plan/instruments.js';
import { expectedCostS, isNews } from '../domain/provision/learned.js';
import type { StepSpec } from '../domain/step.js';
import type { Catalogue } from '../domain/tag.js';
import type { Restore } from '../ports/images.js';
import type { Transport } from '../ports/shell.js';
import { type KnownCatalogue, readCatalogue } from './catalogue.js';
import { readBaseline } from './changing.js';
import { stepExperience } from './learning.js';
import type { Sql } from './store.js';

/** A host with what an executor needs to reach it. */
export interface KnownHost extends Candidate {
  readonly poolId: Id;
  readonly owner?: string;
  readonly transport: Transport;
  readonly restore?: Restore;
  /** What is attached to it and can be leased with it, by name. */
  readonly instruments: readonly Instrument[];
  /** What is on record about its tags, from which `facts` are. */
  readonly record: TagRecord;
  /** Tags and families that can be seen and were never looked for here. */
  readonly unseen: readonly string[];
  /** The host has changed since some of its tags were seen: what is known of them counts until it is looked again. */
  readonly stale: boolean;
}

/** What deciding is done from: read once, at the start of a beat. */
export interface World {
  readonly hosts: readonly KnownHost[];
  readonly byId: ReadonlyMap<Id, KnownHost>;
  readonly steps: readonly StepSpec[];
  readonly catalogue: Catalogue;
  /** Tags and families that are looked for on every host. */
  readonly visible: readonly string[];
  readonly incidents: readonly OpenIncident[];
  readonly grid: {
    readonly state: 'online' | 'offline' | 'halted';
    readonly why: string;
    readonly admin: string;
    /** An incident's policy halted it: what shows that the incident is over goes on. */
    readonly byIncident: boolean;
    /** Canonical; added to every run that does not contradict it. */
    readonly defaultRequirement: string;
  };
}

interface HostRow {
  id: Id;
  version: string;
  name: string;
  pool_id: Id;
  pool: string;
  pool_state: string;
  pool_why: string | null;
  pool_projects: string[] | null;
  host_type: string;
  owner: string | null;
  transport: Transport;
  restore: Restore | null;
  executor: string | null;
  seats: number;
  expendable: Layer[];
  offline: boolean;
  health: Health;
  health_why: string;
  reserved: Reserved | null;
  dirty_from: Layer | null;
  used_since_stack: boolean;
  fingerprint: Fingerprint | null;
  stack: StackEntry[] | null;
  probes: { probe: string; worked: boolean; looks: string }[] | null;
  tags: WrittenTag[] | null;
  instruments: Instrument[] | null;
  resources: string[];
  ok_attempt: Id;
}

/**
 * Keeps what did not change from beat to beat: hosts are read again only when their version moved. What has not
 * changed, a host, the steps or the catalogue, is the same object again: that is how others know.
 */
export class WorldReader {
  private readonly cached = new Map<Id, { version: string; row: HostRow; host?: KnownHost }>();
  private steps: readonly StepSpec[] = [];
  private catalogue: KnownCatalogue | undefined;
  private signature = '';
  /** Of the inventory that catalogue and steps are of, and of the baseline that the steps are at. */
  private edition = '';
  private hosts: readonly KnownHost[] = [];
  private byId: ReadonlyMap<Id, KnownHost> = new Map();

  /** Expected costs of steps, by host type. */
  private costs: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map();
  private reads = 0;

  /** Reads the world as it is now. */
  async read(sql: Sql): Promise<World> {
    const [seen] = await sql.rows<
      World['grid'] & { hosts: string; incidents: OpenIncident[]; edition: string }
    >(
      `SELECT inventory_edition || ':' || baseline_edition AS edition, state, why, admin, default_requirement AS "defaultRequirement",
         cardinality(halted_by) > 0 AS "byIncident",
         (SELECT count(*) || ':' || coalesce(sum(version), 0) FROM host WHERE removed_at IS NULL AND NOT draining) || ':' ||
           coalesce((SELECT string_agg(id || state || coalesce(why, '') || coalesce(projects::text, ''), ',' ORDER BY id) FROM pool), '') AS hosts,
         (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', id::text, 'scope', scope,
            'hostId', host_id::text, 'step', step, 'resource', resource, 'pool', pool, 'image', image, 'change', change, 'title', title,
            'settled', settled_at IS NOT NULL)) ORDER BY id), '[]')
          FROM incident WHERE closed_at IS NULL) AS incidents
       FROM grid`,
    );
    if (seen === undefined) throw new Error('there is one row of grid');
    const { hosts, incidents, edition, ...grid } = seen;
    const known = this.catalogue;
    if (edition !== this.edition || known === undefined) await this.readDeclared(sql);
    this.edition = edition;
    // Versions only grow: their sum tells whether any has changed, however many hosts there are.
    if (hosts !== this.signature || this.catalogue !== known) {
      await this.readHosts(sql);
      this.signature = hosts;
    }
    this.catalogue ??= await readCatalogue(sql);
    const { catalogue, visible } = this.catalogue;
    return {
      hosts: this.hosts,
      byId: this.byId,
      steps: this.steps,
      catalogue,
      visible,
      incidents,
      grid,
    };
  }

  /** Hosts of a type are read anew by what steps cost there where that is news. */
  private async readCosts(sql: Sql): Promise<void> {
    const declared = new Map(this.steps.map(({ name, costS }) => [name, costS]));
    const now = new Map<string, Map<string, number>>();
    for (const { step, hostType, ...experience } of await stepExperience(sql)) {
      const declaredS = declared.get(step);
      if (declaredS === undefined) continue;
      const ofType = now.get(hostType) ?? new Map<string, number>();
      now.set(hostType, ofType.set(step, expectedCostS(declaredS, experience)));
    }
    const before = this.costs;
    this.costs = new Map(
      [...now].map(([type, costs]) => {
        const known = before.get(type);
        return [type, known !== undefined && !isNews(known, costs) ? known : costs];
      }),
    );
    for (const entry of this.cached.values()) {
      const type = entry.row.host_type;
      if (before.get(type) !== this.costs.get(type)) delete entry.host;
    }
  }

  /** Catalogue and steps: they change with the inventory and the baseline alone. */
  private async readDeclared(sql: Sql): Promise<void> {
    const { catalogue } = this.catalogue ?? {};
    this.catalogue = await readCatalogue(sql, this.catalogue);
    // Every host's tags are read by the catalogue.
    if (this.catalogue.catalogue !== catalogue) for (const entry of this.cached.values()) delete entry.host;
    await this.readSteps(sql);
  }

  /** The steps, at the versions of the baseline. */
  private async readSteps(sql: Sql): Promise<void> {
    const [{ versions }, rows] = await Promise.all([
      readBaseline(sql),
      sql.rows<{ spec: StepSpec }>(`SELECT spec FROM step WHERE removed_at IS NULL ORDER BY name`),
    ]);
    const declared = rows.map(({ spec }) => spec);
    const steps = stepsAt(declared, Object.fromEntries(versions));
    if (JSON.stringify(steps) !== JSON.stringify(this.steps)) this.steps = steps;
  }

  private async readHosts(sql: Sql): Promise<void> {
    const versions = await sql.rows<{ id: Id; version: string }>(
      `SELECT h.id, h.version || ':' || p.state || ':' || coalesce(p.why, '') || ':' ||
         coalesce(p.projects::text, '') AS version
       FROM host h JOIN pool p ON p.id = h.pool_id WHERE h.removed_at IS NULL AND NOT h.draining ORDER BY h.id`,
    );
    const changed = new Map(
      versions.filter((v) => this.cached.get(v.id)?.version !== v.version).map((v) => [v.id, v.version]),
    );
    if (changed.size > 0) {
      for (const row of await hostRows(sql, [...changed.keys()]))
        this.cached.set(row.id, { version: changed.get(row.id) ?? '', row });
      if (this.reads++ % COSTS_EVERY === 0) await this.readCosts(sql);
    }
    this.catalogue ??= await readCatalogue(sql);
    const { catalogue, visible } = this.catalogue;
    this.hosts = versions.flatMap((v) => {
      const entry = this.cached.get(v.id);
      if (entry === undefined) return [];
      entry.host ??= known(entry.row, catalogue, visible, this.costs.get(entry.row.host_type));
      return [entry.host];
    });
    this.byId = new Map(this.hosts.map((h) => [h.id, h]));
  }
}

/** Of so many reads of hosts one asks what steps have cost. */
const COSTS_EVERY = 20;

function hostRows(sql: Sql, ids: readonly Id[]): Promise<HostRow[]> {
  return sql.rows<HostRow>(
    `SELECT h.id, h.name, h.pool_id, p.name AS pool, p.state AS pool_state, p.why AS pool_why,
       p.projects AS pool_projects, h.host_type,
       h.owner, h.transport, h.restore, h.executor, h.seats, h.expendable, h.offline, h.health, h.health_why,
       h.dirty_from, h.used_since_stack, h.fingerprint,
       (SELECT jsonb_build_object('person', v.person, 'until', v.until AT TIME ZONE 'UTC')
          FROM reservation v WHERE v.host_id = h.id AND v.ended_at IS NULL) AS reserved,
       (SELECT jsonb_agg(jsonb_build_object('layer', layer, 'step', step, 'key', key, 'gives', gives)
          ORDER BY position) FROM host_stack s WHERE s.host_id = h.id) AS stack,
       (SELECT jsonb_agg(jsonb_build_object('probe', probe, 'worked', worked, 'looks', fingerprint))
          FROM host_probe pr WHERE pr.host_id = h.id) AS probes,
       (SELECT jsonb_agg(jsonb_build_object('name', name, 'instance', instance, 'source', source, 'raw', raw))
          FROM host_tag ht WHERE ht.host_id = h.id AND source IN ('declared', 'probed')) AS tags,
       (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', r.id::text, 'name', r.name,
          'units', r.spec->'instrument'->'units', 'address', r.spec->'instrument'->'address'))
          ORDER BY r.name) FROM host_resource hr JOIN resource r ON r.id = hr.resource_id
          WHERE hr.host_id = h.id AND r.removed_at IS NULL AND r.spec ? 'instrument') AS instruments,
       ARRAY(SELECT r.name FROM host_resource hr JOIN resource r ON r.id = hr.resource_id
          WHERE hr.host_id = h.id AND r.removed_at IS NULL AND NOT r.spec ? 'instrument' ORDER BY r.name) AS resources,
       '0' AS ok_attempt
     FROM host h JOIN pool p ON p.id = h.pool_id WHERE h.id = ANY($1::bigint[])`,
    [ids],
  );
}

function known(
  row: HostRow,
  catalogue: Catalogue,
  visible: readonly string[],
  expectedS: ReadonlyMap<string, number> | undefined,
): KnownHost {
  const stack = row.stack ?? [];
  const record: TagRecord = {
    tags: (row.tags ?? []).map((tag) => tagOnRecord(tag, catalogue)),
    looked: new Map((row.probes ?? []).map((p) => [p.probe, p.worked])),
    gives: stack.flatMap((entry) => entry.gives),
    used: row.used_since_stack,
    ...(row.dirty_from === null ? {} : { dirtyFrom: row.dirty_from }),
  };
  return {
    id: row.id,
    name: row.name,
    pool: row.pool,
    poolId: row.pool_id,
    type: row.host_type,
    seats: row.seats,
    expendable: row.expendable,
    canRestore: row.restore !== null,
    offline: row.offline,
    health: row.health,
    healthWhy: row.health_why,
    isolated: row.transport.kind === 'local',
    stack,
    used: row.used_since_stack,
    record,
    facts: whatIsKnown(record, catalogue),
    catalogue,
    okAttempt: row.ok_attempt,
    transport: row.transport,
    instruments: row.instruments ?? [],
    ...(row.resources.length === 0 ? {} : { resources: row.resources }),
    unseen: visible.filter((name) => !record.looked.has(name)),
    stale:
      row.fingerprint !== null &&
      new Set(
        (row.probes ?? []).map((p) => p.looks).filter((l) => l !== '' && l !== digestOf(row.fingerprint)),
      ).size > 0,
    ...(expectedS === undefined ? {} : { expectedS }),
    ...(row.reserved === null ? {} : { reserved: row.reserved }),
    ...(row.owner === null ? {} : { owner: row.owner }),
    ...(row.restore === null ? {} : { restore: row.restore }),
    ...(row.executor === null ? {} : { executor: row.executor }),
    ...(row.dirty_from === null ? {} : { dirtyFrom: row.dirty_from }),
    ...(row.fingerprint === null ? {} : { fingerprint: row.fingerprint }),
    ...(row.pool_projects === null ? {} : { poolProjects: row.pool_projects }),
    ...(row.pool_state === 'halted' ? { poolHalted: row.pool_why ?? 'halted' } : {}),
  };
}

/** The newest attempt in which each host did somebody's work or a canary well. */
export async function okAttempts(sql: Sql): Promise<ReadonlyMap<Id, Id>> {
  const rows = await sql.rows<{ host_id: Id; ok: Id }>(
    `SELECT host_id, max(ok_attempt) AS ok FROM host_record WHERE work IN ('test', 'canary') GROUP BY host_id`,
  );
  return new Map(rows.map((r) => [r.host_id, r.ok]));
}
