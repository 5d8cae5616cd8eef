import { digestOf } from '../domain/digest.js';
import type { Id } from '../domain/id.js';
import { imageVersion } from '../domain/image.js';
import { diffInventories, type InventoryChange, inventoryDigest } from '../domain/inventory/diff.js';
import type { Inventory } from '../domain/inventory.js';
import { TEST_DEFAULTS, type TestSpec } from '../domain/test.js';
import { readAppliedInventory } from './applied-inventory.js';
import { resumePool } from './blaming.js';
import { chronicle } from './chronicle.js';
import { hostInUse, hostsAtWork, type InUse, tagsAskedFor, unknownProjects } from './inventory-in-use.js';
import { PROBE_OF_GIVEN } from './recording.js';
import { type Store, type Transaction, wake } from './store.js';
import { listAsInventory } from './test.js';
import { applyWatches } from './watching.js';

/** The known piece of work that a suspect host is given: it needs a shell, a file and arithmetic. */
const CANARY: TestSpec = {
  name: 'canary',
  requirement: '',
  labels: [],
  run: Buffer.from(
    '#!/bin/sh\nset -e\necho "canary on $(uname -n)"\necho 6 >canary\n[ $(($(cat canary) * 7)) -eq 42 ]\n',
  ).toString('base64'),
  environment: {},
  ...TEST_DEFAULTS,
  timeoutMs: 60_000,
  dirties: 'nothing',
  cases: [],
  commands: [],
  underTest: [],
  network: false,
};

/** Who applies an inventory, and what becomes of hosts that are no longer in it and have work. */
export interface Applying {
  readonly actor?: string;
  /** They get no more work and go when they have none; without it the inventory is refused. */
  readonly drain?: boolean;
}

/** What came of applying an inventory. */
export type Applied =
  /** It says what is applied already: nothing was written. */
  | { readonly kind: 'unchanged'; readonly digest: string }
  | {
      readonly kind: 'applied';
      readonly digest: string;
      readonly changes: readonly InventoryChange[];
      /** Hosts that go when their work is done. */
      readonly draining: readonly string[];
    }
  /** Nothing was changed: what it would take away is in use. */
  | { readonly kind: 'refused'; readonly problems: readonly InUse[] };

/** Makes the grid what the inventory says, all or nothing. */
export async function applyInventory(
  store: Store,
  inventory: Inventory,
  { actor = 'testyard', drain = false }: Applying = {},
): Promise<Applied> {
  return await store.transaction(async (tx) => {
    await tx.rows(`SELECT pg_advisory_xact_lock(7470002)`);
    const before = await readAppliedInventory(tx);
    const digest = inventoryDigest(inventory);
    await listCanary(tx);
    if (inventoryDigest(before) === digest) return { kind: 'unchanged', digest };
    const changes = diffInventories(before, inventory);
    const going = changes.filter(({ what, change }) => what === 'host' && change === 'removed');
    const atWork = await hostsAtWork(
      tx,
      going.map(({ name }) => name),
    );
    const problems = [
      ...(drain ? [] : [...atWork].map(([name, runs]) => hostInUse(name, runs))),
      ...(await tagsAskedFor(tx, before, inventory)),
      ...(await unknownProjects(tx, inventory)),
    ];
    if (problems.length > 0) return { kind: 'refused', problems };
    await applyGrid(tx, inventory);
    await applyCatalogue(tx, inventory);
    await applyHosts(tx, inventory);
    await applyResources(tx, inventory);
    await applyWatches(tx, inventory.watches ?? []);
    // A host in doubt may have gone, or its pool's cap grown.
    for (const { id } of await tx.rows<{ id: Id }>(`SELECT id FROM pool WHERE state = 'halted'`))
      await resumePool(tx, id);
    await listAsInventory(tx, await projectId(tx, 'default'), inventory.tests);
    await chronicle(tx, [
      {
        kind: 'inventory.applied',
        subject: 'inventory',
        actor,
        data: { digest, ...counts(inventory, changes) },
      },
    ]);
    await wake(tx, 'testyard_scheduler', 'testyard_history');
    return { kind: 'applied', digest, changes, draining: [...atWork.keys()].sort() };
  });
}

function counts(inventory: Inventory, changes: readonly InventoryChange[]) {
  const { grid: _, ...lists } = inventory;
  const of = (change: InventoryChange['change']) => changes.filter((one) => one.change === change).length;
  return {
    ...Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.length])),
    ...{ added: of('added'), removed: of('removed'), changed: of('changed') },
  };
}

async function projectId(tx: Transaction, name: string): Promise<Id> {
  const [row] = await tx.rows<{ id: Id }>(`SELECT id FROM project WHERE name = $1`, [name]);
  if (row === undefined) throw new Error(`the project '${name}' is always there`);
  return row.id;
}

/** A new version of the program may have another one. */
async function listCanary(tx: Transaction): Promise<void> {
  const known = await tx.rows(`SELECT FROM test WHERE listed AND name = $1 AND digest = $2`, [
    CANARY.name,
    digestOf(CANARY),
  ]);
  if (known.length === 0) await listAsInventory(tx, await projectId(tx, 'testyard'), [CANARY]);
}

async function applyGrid(tx: Transaction, { grid }: Inventory): Promise<void> {
  await tx.rows(
    `UPDATE grid SET name = $1, admin = $2, default_requirement = $3, halt_policy = $4, sources = $5,
       lava_mapping = $6, handlers = $7, trusted_projects = $8, grid_steps = $9, people = $10, mail = $11,
       web_hooks = $12, health_check = $13, inventory_edition = inventory_edition + 1`,
    [
      ...[grid.name, grid.admin, grid.default, JSON.stringify(grid.halt ?? {}), grid.sources ?? []],
      ...[JSON.stringify(grid.lava ?? {}), JSON.stringify(grid.handlers ?? {}), grid.trustedProjects ?? []],
      ...[grid.gridSteps ?? false, JSON.stringify(grid.people ?? {}), JSON.stringify(grid.mail ?? {})],
      ...[JSON.stringify(grid.webHooks ?? {}), grid.healthCheck ?? ''],
    ],
  );
}

async function applyCatalogue(
  tx: Transaction,
  { tags, aliases, images = [], types, steps }: Inventory,
): Promise<void> {
  await tx.rows(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(name text, spec jsonb)),
     put AS (INSERT INTO tag (name, spec) SELECT name, spec FROM given
       ON CONFLICT (name) DO UPDATE SET spec = EXCLUDED.spec, removed_at = NULL)
     UPDATE tag SET removed_at = grid_now() WHERE removed_at IS NULL AND name NOT IN (SELECT name FROM given)`,
    [JSON.stringify(tags.map((spec) => ({ name: spec.name, spec })))],
  );
  await tx.rows(`DELETE FROM alias`);
  await tx.rows(
    `INSERT INTO alias (name, spec) SELECT spec->>'name', spec FROM jsonb_array_elements($1::jsonb) AS spec`,
    [JSON.stringify(aliases)],
  );
  await tx.rows(`DELETE FROM image`);
  await tx.rows(
    `INSERT INTO image (name, spec) SELECT spec->>'name', spec FROM jsonb_array_elements($1::jsonb) AS spec`,
    [JSON.stringify(images)],
  );
  await tx.rows(
    `INSERT INTO image_version (name, version, spec)
     SELECT name, version, spec FROM jsonb_to_recordset($1::jsonb) AS g(name text, version text, spec jsonb)
     ON CONFLICT (name, version) DO UPDATE SET spec = EXCLUDED.spec`,
    [JSON.stringify(images.map((spec) => ({ name: spec.name, version: imageVersion(spec), spec })))],
  );
  await tx.rows(`DELETE FROM host_type`);
  await tx.rows(
    `INSERT INTO host_type (name, spec) SELECT spec->>'name', spec FROM jsonb_array_elements($1::jsonb) AS spec`,
    [JSON.stringify(types)],
  );
  const given = JSON.stringify(steps.map((spec) => ({ name: spec.name, digest: digestOf(spec), spec })));
  // What a step left that is declared differently by now, or no longer, is not what its name says.
  await tx.rows(
    `WITH changed AS (
       SELECT k.host_id, min(layer_rank(k.layer)) AS rank FROM host_stack k JOIN step s ON s.name = k.step
       LEFT JOIN jsonb_to_recordset($1::jsonb) AS g(name text, digest text) ON g.name = s.name
       WHERE g.digest IS DISTINCT FROM s.digest GROUP BY k.host_id),
     dropped AS (
       DELETE FROM host_stack k USING changed c WHERE k.host_id = c.host_id AND layer_rank(k.layer) >= c.rank
       RETURNING k.host_id, k.layer, k.gives),
     forgotten AS (DELETE FROM host_probe p USING dropped d WHERE p.host_id = d.host_id AND ${PROBE_OF_GIVEN})
     UPDATE host h SET used_since_stack = true, dirty_from = least_layer(h.dirty_from,
       (SELECT d.layer FROM dropped d WHERE d.host_id = h.id ORDER BY layer_rank(d.layer) LIMIT 1))
     FROM changed c WHERE h.id = c.host_id`,
    [given],
  );
  // And an incident of it is looked at anew, at once: somebody has mended the step.
  await tx.rows(
    `UPDATE incident i SET next_check_at = grid_now(), checks = 0 FROM step s
     JOIN jsonb_to_recordset($1::jsonb) AS g(name text, digest text) ON g.name = s.name AND g.digest <> s.digest
     WHERE i.closed_at IS NULL AND i.step = s.name`,
    [given],
  );
  await tx.rows(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(name text, digest text, spec jsonb)),
     put AS (INSERT INTO step (name, digest, spec) SELECT name, digest, spec FROM given
       ON CONFLICT (name) DO UPDATE SET spec = EXCLUDED.spec, digest = EXCLUDED.digest, removed_at = NULL)
     UPDATE step SET removed_at = grid_now() WHERE removed_at IS NULL AND name NOT IN (SELECT name FROM given)`,
    [given],
  );
}

async function applyHosts(tx: Transaction, { hosts, pools }: Inventory): Promise<void> {
  await tx.rows(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb)
         AS g(name text, meaning text, owner text, projects text[], cap jsonb, "healthCheck" text)),
     put AS (INSERT INTO pool (name, meaning, owner, projects, cap, health_check)
       SELECT name, meaning, owner, projects, cap, "healthCheck" FROM given
       ON CONFLICT (name) DO UPDATE SET meaning = EXCLUDED.meaning, owner = EXCLUDED.owner,
         projects = EXCLUDED.projects, cap = EXCLUDED.cap, health_check = EXCLUDED.health_check, removed_at = NULL)
     UPDATE pool SET removed_at = grid_now() WHERE removed_at IS NULL AND name NOT IN (SELECT name FROM given)`,
    [JSON.stringify(pools)],
  );
  await tx.rows(
    `WITH given AS (SELECT g.*, p.id AS pool_id FROM jsonb_to_recordset($1::jsonb) AS g(name text, type text, pool text,
         owner text, seats integer, expendable text[], executor text, transport jsonb, restore jsonb)
       JOIN pool p ON p.name = g.pool)
     INSERT INTO host (name, pool_id, host_type, owner, seats, expendable, executor, transport, restore)
     SELECT name, pool_id, type, owner, seats, expendable, executor, transport, restore FROM given
     ON CONFLICT (name) DO UPDATE SET pool_id = EXCLUDED.pool_id, host_type = EXCLUDED.host_type,
       owner = EXCLUDED.owner, seats = EXCLUDED.seats, expendable = EXCLUDED.expendable, executor = EXCLUDED.executor,
       transport = EXCLUDED.transport, restore = EXCLUDED.restore, removed_at = NULL, draining = false`,
    [JSON.stringify(hosts.map(({ tags: _, resources: __, ...host }) => host))],
  );
  // Whatever changed in the catalogue concerns every host: all are read anew. What has work goes when it has none.
  await tx.rows(
    `UPDATE host h SET version = nextval('host_version_seq'),
       draining = h.removed_at IS NULL AND NOT h.name = ANY ($1::text[]) AND at_work,
       removed_at = CASE WHEN h.name = ANY ($1::text[]) OR (at_work AND h.removed_at IS NULL) THEN NULL
         ELSE coalesce(h.removed_at, grid_now()) END
     FROM (SELECT id, EXISTS (SELECT FROM host_seat s WHERE s.host_id = host.id) AS at_work FROM host) AS work
     WHERE work.id = h.id`,
    [hosts.map((h) => h.name)],
  );
  const declared = hosts.flatMap(({ name, tags }) =>
    tags.map(({ tag, place, raw, attributes }) => ({
      ...{ host: name, tag, place },
      raw: attributes === undefined ? raw : JSON.stringify(attributes),
    })),
  );
  await tx.rows(
    `WITH given AS (SELECT h.id, g.tag, g.place, g.raw
       FROM jsonb_to_recordset($1::jsonb) AS g(host text, tag text, place text, raw text) JOIN host h ON h.name = g.host),
     gone AS (DELETE FROM host_tag d WHERE d.source = 'declared'
       AND NOT EXISTS (SELECT FROM given g WHERE g.id = d.host_id AND g.tag = d.name AND g.place = d.instance))
     INSERT INTO host_tag AS t (host_id, name, instance, source, raw) SELECT id, tag, place, 'declared', raw FROM given
     ON CONFLICT (host_id, name, instance, source) DO UPDATE SET raw = EXCLUDED.raw, seen_at = grid_now()
       WHERE t.raw <> EXCLUDED.raw`,
    [JSON.stringify(declared)],
  );
}

async function applyResources(tx: Transaction, { resources, hosts }: Inventory): Promise<void> {
  await tx.rows(
    `WITH given AS (SELECT spec->>'name' AS name, spec FROM jsonb_array_elements($1::jsonb) AS spec),
     put AS (INSERT INTO resource (name, spec) SELECT name, spec FROM given
       ON CONFLICT (name) DO UPDATE SET spec = EXCLUDED.spec, removed_at = NULL)
     UPDATE resource SET removed_at = grid_now() WHERE removed_at IS NULL AND name NOT IN (SELECT name FROM given)`,
    [JSON.stringify(resources)],
  );
  const links = [
    ...hosts.flatMap((host) => host.resources.map((resource) => ({ host: host.name, resource }))),
    ...resources.flatMap(({ name, instrument }) =>
      (instrument?.with ?? []).map((host) => ({ host, resource: name })),
    ),
  ];
  await tx.rows(`DELETE FROM host_resource`);
  await tx.rows(
    `INSERT INTO host_resource (host_id, resource_id) SELECT h.id, r.id
     FROM jsonb_to_recordset($1::jsonb) AS g(host text, resource text)
     JOIN host h ON h.name = g.host JOIN resource r ON r.name = g.resource`,
    [JSON.stringify(links)],
  );
}
