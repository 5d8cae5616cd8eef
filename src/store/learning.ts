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
