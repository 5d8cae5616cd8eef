import type { Id } from '../domain/id.js';
import type { Sql } from './store.js';

/** What was said last in a chain that broke off with what a search looks for. */
export async function lastWordsOf(sql: Sql, search: Id): Promise<string | undefined> {
  const [row] = await sql.rows<{ message: string | null }>(
    `SELECT a.detail->'outcome'->>'message' AS message FROM trial t
     JOIN run r ON r.submission_id = t.submission_id JOIN attempt a ON a.run_id = r.id
     WHERE t.search_id = $1 AND t.outcome = 'bad' AND a.outcome = 'chain_failed' ORDER BY t.id DESC, a.id DESC LIMIT 1`,
    [search],
  );
  return row?.message ?? undefined;
}

/** The steps that bring the commits of a branch to hosts now: where to, and by which recipe those that build it. */
export function placesOfBranch(
  sql: Sql,
  component: string,
): Promise<readonly { readonly step: string; readonly into: string; readonly recipe: string | null }[]> {
  return sql.rows(
    `SELECT name AS step, spec->'action'->>'into' AS into, spec->'action'->>'recipe' AS recipe FROM step
     WHERE removed_at IS NULL AND spec->'action'->>'kind' IN ('build', 'fetch')
       AND spec->'action'->'git'->>'component' = $1 ORDER BY name`,
    [component],
  );
}
