import { type Id, showId } from '../domain/id.js';
import type { LeftBehind } from '../domain/intake/line.js';
import type { Accusation } from './answering.js';
import { chronicle } from './chronicle.js';
import type { Sql } from './store.js';

/** A change that somebody said it is not, and that was found again since: an admin decides. */
export interface Dispute {
  readonly change: Id;
  readonly componentId: Id;
  readonly position: string;
  /** The search whose accusation was withdrawn. */
  readonly search: Id;
  /** Who withdrew it. */
  readonly by: string;
  /** The last search that found the change again. */
  readonly again: Id;
}

/** What was withdrawn within the last week and found again since, of changes that nobody tries now. */
const DISPUTES = `SELECT a.change_id AS change, c.component_id AS "componentId", c.position, a.search_id AS search,
    a.answered_by AS by, again.id AS again
  FROM accusation a JOIN change c ON c.id = a.change_id AND c.state = 'new' JOIN component k ON k.id = c.component_id
  JOIN search s ON s.id = a.search_id JOIN test t ON t.id = s.test_id
  CROSS JOIN LATERAL (SELECT o.id FROM test u JOIN search o ON o.test_id = u.id
    WHERE u.project_id = s.project_id AND u.name = t.name AND o.id > s.id AND o.closed_at > a.withdrawn_at
      AND o.actor = s.actor AND o.partner_of IS NULL AND o.value #>> '{conclusion,kind}' IN ('culprit', 'several')
      AND EXISTS (SELECT FROM jsonb_array_elements_text(o.value #> '{conclusion,changes}') AS n
        WHERE o.line->(n::integer - 1)->>'id' = a.change_id::text)
    ORDER BY o.id DESC LIMIT 1) again
  WHERE a.withdrawn_at > grid_now() - interval '7 days'`;

/** The disputes about changes of a watch. */
export function disputesIn(sql: Sql, watch: string): Promise<readonly Dispute[]> {
  return sql.rows<Dispute>(`${DISPUTES} AND k.watch = $1 ORDER BY a.id`, [watch]);
}

/** The disputes about these changes. */
export function disputesAbout(sql: Sql, changes: readonly Id[]): Promise<readonly Dispute[]> {
  return sql.rows<Dispute>(`${DISPUTES} AND a.change_id = ANY ($1::bigint[]) ORDER BY a.id`, [changes]);
}

/** An accusation that was withdrawn stands again: an admin decided so. */
export async function uphold(sql: Sql, accusation: Accusation, why: string, by: string): Promise<void> {
  await sql.rows(
    `UPDATE accusation SET withdrawn_at = NULL, answer = NULL, detail = NULL, answered_by = NULL, answered_at = NULL,
       until = NULL, upheld_by = $2 WHERE id = $1`,
    [accusation.id, by],
  );
  await decided(sql, 'accusation.upheld', accusation, why, by);
}

/** An accusation stays withdrawn, and what was found again since counts no more: an admin decided so. */
export async function withdrawAgain(
  sql: Sql,
  accusation: Accusation,
  why: string,
  by: string,
): Promise<void> {
  await sql.rows(`UPDATE accusation SET withdrawn_at = grid_now(), answered_by = $2 WHERE id = $1`, [
    accusation.id,
    by,
  ]);
  await decided(sql, 'accusation.tried_again', accusation, why, by);
}

async function decided(
  sql: Sql,
  kind: string,
  { search, projectId, change, component, version }: Accusation,
  why: string,
  actor: string,
): Promise<void> {
  const data = {
    change: showId('change', change),
    component,
    version,
    ...(why === '' ? {} : { detail: why }),
  };
  await chronicle(sql, [{ kind, subject: showId('search', search), project: projectId, actor, data }]);
}

/** How a change was held back by what a search found; undefined: it was not. */
export async function lastPin(
  sql: Sql,
  search: Id,
  change: Id,
): Promise<{ readonly version: string; readonly behind: readonly LeftBehind[] } | undefined> {
  const [row] = await sql.rows<{ version: string; behind: readonly LeftBehind[] }>(
    `SELECT version, behind FROM pin WHERE search_id = $1 AND change_id = $2 ORDER BY id DESC LIMIT 1`,
    [search, change],
  );
  return row;
}
