import type { Id } from '../domain/id.js';
import type { Experience } from '../domain/provision/learned.js';
import type { Sql } from './store.js';

/** Of all that was tried before each new try leaves so much. */
const KEPT = 0.95;

/** Takes in what the steps and the tests of attempts took; each attempt once. */
export async function learn(
  sql: Sql,
  attempts: readonly { readonly runId: Id; readonly attemptId: Id }[],
): Promise<void> {
  if (attempts.length === 0) return;
  await sql.rows(
    `WITH ran AS (
       SELECT CASE s.kind WHEN 'chain' THEN 'step:' || s.step ELSE 'test:' || r.project_id || ':' || r.test_name END AS what,
         h.host_type, count(*) AS tries, count(*) FILTER (WHERE s.kind = 'test' OR s.result = 'ok') AS good,
         coalesce(sum(s.duration_ms) FILTER (WHERE s.kind = 'test' OR s.result = 'ok'), 0) / 1000 AS took
       FROM jsonb_to_recordset($1::jsonb) AS g("runId" bigint, "attemptId" bigint)
       JOIN step_run s ON s.run_id = g."runId" AND s.attempt_id = g."attemptId"
       JOIN run r ON r.id = g."runId"
       JOIN place p ON p.run_id = g."runId" AND p.attempt_id = g."attemptId" AND p.role = s.role
       JOIN host h ON h.id = p.host_id
       WHERE s.kind IN ('chain', 'test') AND s.result IN ('ok', 'failed') AND s.duration_ms IS NOT NULL
       GROUP BY 1, 2)
     INSERT INTO learned_cost AS l (what, host_type, tried, worked, seconds)
     SELECT what, host_type, tries, good, took FROM ran ORDER BY what, host_type
     ON CONFLICT (what, host_type) DO UPDATE SET
       tried = l.tried * power(${KEPT}, EXCLUDED.tried) + EXCLUDED.tried,
       worked = l.worked * power(${KEPT}, EXCLUDED.tried) + EXCLUDED.worked,
       seconds = l.seconds * power(${KEPT}, EXCLUDED.tried) + EXCLUDED.seconds`,
    [JSON.stringify(attempts.map(({ runId, attemptId }) => ({ runId, attemptId })))],
  );
}

/** What is on record of steps, by host type. */
export function stepExperience(
  sql: Sql,
): Promise<({ readonly step: string; readonly hostType: string } & Experience)[]> {
  return sql.rows(
    `SELECT substr(what, 6) AS step, host_type AS "hostType", tried, worked, seconds FROM learned_cost
     WHERE starts_with(what, 'step:') ORDER BY what, host_type`,
  );
}

/** What a canary took on a host, and what others took before on hosts of its type; undefined: that is not known. */
export async function canaryPace(
  sql: Sql,
  { runId, attemptId }: { readonly runId: Id; readonly attemptId: Id },
): Promise<{ readonly tookS: number; readonly usualS: number } | undefined> {
  const [row] = await sql.rows<{ tookS: number; usualS: number }>(
    `SELECT s.duration_ms::float8 / 1000 AS "tookS",
       ((l.seconds - s.duration_ms::float8 / 1000) / nullif(l.worked - 1, 0))::float8 AS "usualS"
     FROM step_run s JOIN run r ON r.id = s.run_id
     JOIN place p ON p.run_id = s.run_id AND p.attempt_id = s.attempt_id AND p.role = s.role JOIN host h ON h.id = p.host_id
     JOIN learned_cost l ON l.what = 'test:' || r.project_id || ':' || r.test_name AND l.host_type = h.host_type
     WHERE s.run_id = $1 AND s.attempt_id = $2 AND s.kind = 'test' AND l.worked >= 3`,
    [runId, attemptId],
  );
  return row;
}
