import type { BrokenRule } from '../domain/culprit/broken-rule.js';
import type { FailureRecord } from '../domain/culprit/rates.js';
import type { Id } from '../domain/id.js';
import type { PastHarm } from '../domain/intake/scores.js';
import type { Sql } from './store.js';

/** How often a test failed and passed of late, in ordinary runs. */
export async function failureRecord(sql: Sql, project: Id, test: string): Promise<FailureRecord | undefined> {
  const [row] = await sql.rows<FailureRecord>(
    `SELECT count(*) FILTER (WHERE verdict = 'failed')::integer AS failures,
       count(*) FILTER (WHERE verdict IN ('passed', 'failed'))::integer AS runs
     FROM (SELECT verdict FROM run WHERE project_id = $1 AND test_name = $2 AND purpose = 'test' AND verdict IS NOT NULL
       ORDER BY id DESC LIMIT 200) r`,
    [project, test],
  );
  return row === undefined || row.runs === 0 ? undefined : row;
}

/** What a test says itself of when it is broken. */
export async function ruleOf(sql: Sql, test: Id): Promise<BrokenRule | undefined> {
  const [row] = await sql.rows<{ rule: BrokenRule | null }>(
    `SELECT spec->'broken' AS rule FROM test WHERE id = $1`,
    [test],
  );
  return row?.rule ?? undefined;
}

/** What a test asks for and how long it runs, and how long steps take, in seconds as far as they were seen: the mean over all hosts. */
export async function whatItTakes(
  sql: Sql,
  test: Id,
  steps: readonly string[],
): Promise<{
  readonly requirement: string;
  readonly runS: number | null;
  readonly stepS: Readonly<Record<string, number>>;
}> {
  const [row] = await sql.rows<{ requirement: string; runS: number | null; stepS: Record<string, number> }>(
    `SELECT t.requirement,
       (SELECT (sum(seconds) / nullif(sum(worked), 0))::float8 FROM learned_cost WHERE what = 'test:' || t.project_id || ':' || t.name) AS "runS",
       (SELECT coalesce(jsonb_object_agg(l.step, l.took), '{}') FROM (SELECT substr(what, 6) AS step, sum(seconds) / sum(worked) AS took
          FROM learned_cost WHERE what = ANY ($2::text[]) GROUP BY what HAVING sum(worked) > 0) l) AS "stepS"
     FROM test t WHERE t.id = $1`,
    [test, steps.map((step) => `step:${step}`)],
  );
  if (row === undefined) throw new Error(`there is no test ${test}`);
  return row;
}

/** How often changes of these components did harm so far, by the component's name. */
export async function harmOf(sql: Sql, components: readonly Id[]): Promise<ReadonlyMap<string, PastHarm>> {
  const rows = await sql.rows<PastHarm & { component: string }>(
    `SELECT k.name AS component, (SELECT count(*)::integer FROM change WHERE component_id = k.id) AS changes,
       (SELECT count(DISTINCT a.change_id)::integer FROM accusation a JOIN change c ON c.id = a.change_id
          WHERE c.component_id = k.id AND a.withdrawn_at IS NULL) AS blamed
     FROM component k WHERE k.id = ANY ($1::bigint[])`,
    [components],
  );
  return new Map(rows.map(({ component, ...past }) => [component, past]));
}
