import { digestOf } from '../domain/digest.js';
import type { Id } from '../domain/id.js';
import type { Matrix } from '../domain/submit/matrix.js';
import type { TestSpec } from '../domain/test.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { testAt } from './test-version.js';
import { pageOf, shown } from './view.js';

/** A test that is there, with what decides how many runs it comes to and where. */
export interface FoundTest {
  readonly id: Id;
  readonly name: string;
  readonly requirement: string;
  readonly matrix?: Matrix;
  readonly prefer?: readonly string[];
  /** Of a LAVA definition. */
  readonly params?: Readonly<Record<string, string>>;
}

/** SQL text: a row `t` of `test`, or its watched version `at`, as a FoundTest. */
const FOUND = `jsonb_strip_nulls(jsonb_build_object('id', coalesce(at.id, t.id)::text, 'name', t.name,
  'requirement', coalesce(at.requirement, t.requirement), 'matrix', coalesce(at.spec, t.spec)->'matrix',
  'prefer', coalesce(at.spec, t.spec)->'prefer', 'params', coalesce(at.spec, t.spec)->'lava'->'params')) AS found`;
const NO_VERSIONS = 'NULL::jsonb';

/**
 * What each name stands for in a project: the version that is trusted where the test is watched, else the inventory's, else
 * the newest; unknown names are missing from the map.
 */
export async function findTests(
  sql: Sql,
  projectId: Id,
  names: readonly string[],
): Promise<ReadonlyMap<string, FoundTest>> {
  const rows = await sql.rows<{ found: FoundTest }>(
    `SELECT ${FOUND} FROM (SELECT DISTINCT ON (name) * FROM test WHERE project_id = $1 AND name = ANY ($2::text[])
       ORDER BY name, listed DESC, id DESC) t LEFT JOIN ${testAt(NO_VERSIONS)} ON true`,
    [projectId, names],
  );
  return new Map(rows.map(({ found }) => [found.name, found]));
}

/** The inventory's tests of a project that have all of these labels and none of those, by name. */
export async function selectTests(
  sql: Sql,
  projectId: Id,
  labels: { readonly with: readonly string[]; readonly without: readonly string[] },
): Promise<readonly FoundTest[]> {
  const rows = await sql.rows<{ found: FoundTest }>(
    `SELECT ${FOUND} FROM test t LEFT JOIN ${testAt(NO_VERSIONS)} ON true WHERE t.project_id = $1 AND t.listed
       AND coalesce(t.spec->'labels', '[]') ?& $2::text[] AND NOT coalesce(t.spec->'labels', '[]') ?| $3::text[]
     ORDER BY t.name`,
    [projectId, labels.with, labels.without],
  );
  return rows.map(({ found }) => found);
}

/** All labels of the inventory's tests of a project, in order. */
export async function readLabels(sql: Sql, projectId: Id): Promise<readonly string[]> {
  const rows = await sql.rows<{ label: string }>(
    `SELECT DISTINCT l.label FROM test CROSS JOIN LATERAL jsonb_array_elements_text(spec->'labels') AS l(label)
     WHERE project_id = $1 AND listed AND jsonb_typeof(spec->'labels') = 'array' ORDER BY l.label`,
    [projectId],
  );
  return rows.map(({ label }) => label);
}

/** The names of a project's tests, to look for the one that was meant. */
export async function readTestNames(sql: Sql, projectId: Id): Promise<readonly string[]> {
  const rows = await sql.rows<{ name: string }>(
    `SELECT DISTINCT name FROM test WHERE project_id = $1 ORDER BY name LIMIT 10000`,
    [projectId],
  );
  return rows.map((row) => row.name);
}

/** Makes sure that these versions of tests exist, and gives their ids in the order asked. */
export async function putTests(tx: Sql, projectId: Id, specs: readonly TestSpec[]): Promise<readonly Id[]> {
  if (specs.length === 0) return [];
  const digests = specs.map(digestOf);
  const byDigest = new Map(specs.map((spec, index) => [digests[index] ?? '', spec]));
  // In order, so that two transactions with the same tests wait for each other instead of deadlocking.
  const versions = [...byDigest].sort(([a], [b]) => (a < b ? -1 : 1));
  const [, rows] = await Promise.all([
    tx.rows(
      `INSERT INTO test (project_id, name, digest, spec, requirement, requirement_key, owner)
     SELECT $1, v.* FROM unnest($2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[], $7::text[])
       AS v (name, digest, spec, requirement, requirement_key, owner)
     ON CONFLICT (project_id, name, digest) DO NOTHING`,
      [
        projectId,
        versions.map(([, spec]) => spec.name),
        versions.map(([digest]) => digest),
        versions.map(([, spec]) => JSON.stringify(spec)),
        versions.map(([, spec]) => spec.requirement),
        versions.map(([, spec]) => digestOf(spec.requirement)),
        versions.map(([, spec]) => spec.owner ?? null),
      ],
    ),
    tx.rows<{ id: Id; digest: string }>(
      `SELECT t.id, t.digest FROM unnest($2::text[], $3::text[]) AS v (name, digest)
     JOIN test t ON t.project_id = $1 AND t.name = v.name AND t.digest = v.digest`,
      [projectId, versions.map(([, spec]) => spec.name), versions.map(([digest]) => digest)],
    ),
  ]);
  const idOf = new Map(rows.map((row) => [row.digest, row.id]));
  return digests.map((digest) => idOf.get(digest) ?? '');
}

/** Makes these versions, and no others, the inventory's tests of a project: what a name stands for. */
export async function listAsInventory(tx: Sql, projectId: Id, specs: readonly TestSpec[]): Promise<void> {
  const ids = await putTests(tx, projectId, specs);
  await tx.rows(
    `UPDATE test SET listed = false WHERE project_id = $1 AND listed AND NOT id = ANY ($2::bigint[])`,
    [projectId, ids],
  );
  await tx.rows(`UPDATE test SET listed = true WHERE id = ANY ($1::bigint[]) AND NOT listed`, [ids]);
}

/** Where a page of tests goes on: after this project and name. */
export type TestKey = readonly [project: string, name: string];

/** The inventory's version, else the newest, of every test that may be seen, by project and name. */
export async function listTests(sql: Sql, visible: Visible, after: TestKey | undefined, limit: number) {
  const rows = await sql.rows<{
    project: string;
    name: string;
    requirement: string;
    owner: string | null;
    labels: string[];
    timeoutS: number;
    listed: boolean;
    last: { run: string; verdict: string; noVerdict?: string; judgedAt: string } | null;
  }>(
    `SELECT t.project, t.name, t.requirement, t.owner, t.labels, t."timeoutS", t.listed, last.run AS last
     FROM (
       SELECT DISTINCT ON (p.name, t.name) p.name AS project, t.project_id, t.name, t.requirement, t.owner,
              coalesce(t.spec->'labels', '[]') AS labels, t.listed,
              (t.spec->>'timeoutMs')::double precision / 1000 AS "timeoutS"
       FROM test t JOIN project p ON p.id = t.project_id
       WHERE ($1::bigint[] IS NULL OR p.id = ANY ($1))
         AND ($2::text IS NULL OR (p.name, t.name) > ($2, $3))
       ORDER BY p.name, t.name, t.listed DESC, t.id DESC LIMIT $4) t
     LEFT JOIN LATERAL (
       SELECT jsonb_strip_nulls(jsonb_build_object('run', 'r' || r.id, 'verdict', r.verdict, 'noVerdict', r.no_verdict,
         'judgedAt', to_char(r.judged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))) AS run
       FROM run r WHERE r.project_id = t.project_id AND r.test_name = t.name AND r.verdict IS NOT NULL
         AND r.purpose = 'test'
       ORDER BY r.id DESC LIMIT 1) last ON true
     ORDER BY t.project, t.name`,
    [visibleIds(visible), after?.[0] ?? null, after?.[1] ?? null, limit + 1],
  );
  return pageOf(rows.map(shown), limit, (last): TestKey => [last.project, last.name]);
}
