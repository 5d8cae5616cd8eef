import { digestOf } from '../domain/digest.js';
import type { Id } from '../domain/id.js';
import type { Inventory } from '../domain/inventory.js';
import { TEST_DEFAULTS, type TestSpec } from '../domain/test.js';
import { chronicle } from './chronicle.js';
import { type Store, type Transaction, wake } from './store.js';
import { listAsInventory } from './test.js';

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

/** Makes the grid what the inventory says, all or nothing; what it no longer names is taken out of use. */
export async function applyInventory(store: Store, inventory: Inventory): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.rows(`SELECT pg_advisory_xact_lock(7470002)`);
    await tx.rows(`UPDATE grid SET name = $1, admin = $2, default_requirement = $3`, [
      inventory.grid.name,
      inventory.grid.admin,
      inventory.grid.default,
    ]);
    await applyCatalogue(tx, inventory);
    await applyHosts(tx, inventory);
    const projects = await tx.rows<{ id: Id; name: string }>(`SELECT id, name FROM project`);
    for (const { id, name } of projects) {
      if (name === 'default') await listAsInventory(tx, id, inventory.tests);
      if (name === 'testyard') await listAsInventory(tx, id, [CANARY]);
    }
    const { tags, hosts, steps, tests } = inventory;
    const counts = { tags: tags.length, hosts: hosts.length, steps: steps.length, tests: tests.length };
    await chronicle(tx, [{ kind: 'inventory.applied', subject: 'inventory', data: counts }]);
    await wake(tx, 'testyard_scheduler', 'testyard_history');
  });
}

async function applyCatalogue(tx: Transaction, { tags, steps }: Inventory): Promise<void> {
  await tx.rows(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(name text, spec jsonb)),
     put AS (INSERT INTO tag (name, spec) SELECT name, spec FROM given
       ON CONFLICT (name) DO UPDATE SET spec = EXCLUDED.spec, removed_at = NULL)
     UPDATE tag SET removed_at = grid_now() WHERE removed_at IS NULL AND name NOT IN (SELECT name FROM given)`,
    [JSON.stringify(tags.map((spec) => ({ name: spec.name, spec })))],
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
     forgotten AS (DELETE FROM host_probe p USING dropped d WHERE p.host_id = d.host_id AND p.probe = ANY (d.gives))
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

async function applyHosts(tx: Transaction, { hosts }: Inventory): Promise<void> {
  await tx.rows(`INSERT INTO pool (name) SELECT unnest($1::text[]) ON CONFLICT (name) DO NOTHING`, [
    [...new Set(hosts.map((h) => h.pool))],
  ]);
  const rows = hosts.map(
    ({ name, type, pool, owner, seats, expendable, executor, transport, restore, tags }) => ({
      name,
      type,
      pool,
      owner,
      seats,
      expendable,
      executor,
      transport,
      restore,
      tags,
    }),
  );
  await tx.rows(
    `WITH given AS (SELECT g.*, p.id AS pool_id FROM jsonb_to_recordset($1::jsonb) AS g(name text, type text, pool text,
         owner text, seats integer, expendable text[], executor text, transport jsonb, restore jsonb)
       JOIN pool p ON p.name = g.pool)
     INSERT INTO host (name, pool_id, host_type, owner, seats, expendable, executor, transport, restore)
     SELECT name, pool_id, type, owner, seats, expendable, executor, transport, restore FROM given
     ON CONFLICT (name) DO UPDATE SET pool_id = EXCLUDED.pool_id, host_type = EXCLUDED.host_type,
       owner = EXCLUDED.owner, seats = EXCLUDED.seats, expendable = EXCLUDED.expendable, executor = EXCLUDED.executor,
       transport = EXCLUDED.transport, restore = EXCLUDED.restore, removed_at = NULL`,
    [JSON.stringify(rows)],
  );
  // Whatever changed in the catalogue concerns every host: all are read anew.
  await tx.rows(
    `UPDATE host SET version = nextval('host_version_seq'),
       removed_at = CASE WHEN name = ANY($1::text[]) THEN NULL ELSE coalesce(removed_at, grid_now()) END`,
    [hosts.map((h) => h.name)],
  );
  await tx.rows(
    `WITH given AS (SELECT h.id, t.tag FROM jsonb_to_recordset($1::jsonb) AS g(name text, tags jsonb)
       JOIN host h ON h.name = g.name CROSS JOIN LATERAL jsonb_array_elements_text(g.tags) AS t(tag)),
     gone AS (DELETE FROM host_tag d WHERE d.source = 'declared'
       AND NOT EXISTS (SELECT FROM given g WHERE g.id = d.host_id AND g.tag = d.name))
     INSERT INTO host_tag (host_id, name, source) SELECT id, tag, 'declared' FROM given ON CONFLICT DO NOTHING`,
    [JSON.stringify(rows.map(({ name, tags }) => ({ name, tags })))],
  );
}
