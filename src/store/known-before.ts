import type { BrokenRule } from '../domain/culprit/broken-rule.js';
import type { FailureRecord } from '../domain/culprit/rates.js';
import type { Id } from '../domain/id.js';
import type { PastHarm } from '../domain/intake/scores.js';
import type { Sql } from './store.js';

/** Runs that count of a test's record. */
const OF_LATE = 200;

/** Searches whose trials count, at most: a few give as many trials as count. */
const SEARCHES = 40;

/**
 * How often a test failed and passed of late, in ordinary runs; where there are few, in trials too of states that turned out
 * to be good: all of a search that found nothing but that it flakes, and those before the change that another one named. Of a
 * test that hardly anybody runs nothing else is known; the newest count, so that it is not taken to flake for ever.
 */
export async function failureRecord(sql: Sql, project: Id, test: string): Promise<FailureRecord | undefined> {
  const [row] = await sql.rows<FailureRecord>(
    `WITH ordinary AS (SELECT verdict FROM run
       WHERE project_id = $1 AND test_name = $2 AND purpose = 'test' AND verdict IS NOT NULL ORDER BY id DESC LIMIT ${OF_LATE}),
     over AS (SELECT f.* FROM test t CROSS JOIN LATERAL (SELECT id, (value #>> '{conclusion,changes,0}')::integer AS found FROM search
         WHERE test_id = t.id AND predicate = 'fails' AND (value #>> '{conclusion,kind}' = 'flaky'
           OR value #>> '{conclusion,kind}' = 'culprit' AND value #>> '{question,mends}' IS DISTINCT FROM 'true')
         ORDER BY id DESC LIMIT ${SEARCHES}) f
       WHERE t.project_id = $1 AND t.name = $2 ORDER BY f.id DESC LIMIT ${SEARCHES}),
     known AS (SELECT verdict = 'failed' AS failed FROM ordinary WHERE verdict IN ('passed', 'failed')
       UNION ALL (SELECT t.outcome <> 'good' FROM over f JOIN trial t ON t.search_id = f.id
         WHERE t.outcome IN ('good', 'bad', 'other') AND (f.found IS NULL OR (t.asked->>'state')::integer < f.found) ORDER BY t.search_id DESC, t.id DESC
         LIMIT greatest(0, ${OF_LATE} - (SELECT count(*) FROM ordinary))))
     SELECT count(*) FILTER (WHERE failed)::integer AS failures, count(*)::integer AS runs FROM known`,
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
