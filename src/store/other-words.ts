import type { Id } from '../domain/id.js';
import type { Sql } from './store.js';

/**
 * What fails in the reach of an incident that has been told, in words that nobody had heard of it when it was told: of each step
 * the host where it failed last, of all else each host. A host that was booted is none: what takes hosts away boots them.
 */
export function failingOtherwise(
  sql: Sql,
  incident: Id,
): Promise<{ readonly host: Id; readonly work: string }[]> {
  return sql.rows(
    `SELECT DISTINCT ON (last.work, CASE WHEN last.work NOT LIKE 'step:%' THEN last.host_id END) last.host_id AS host, last.work
     FROM (SELECT DISTINCT ON (host_id, work) id, host_id, work, signature, attempt_id FROM evidence
       WHERE incident_id = $1 AND NOT ok AND work <> 'boot' ORDER BY host_id, work, id DESC) last
     JOIN host_record r ON r.host_id = last.host_id AND r.work = last.work AND r.bad_attempt = last.attempt_id
       AND (r.ok_at IS NULL OR r.ok_at < r.bad_at)
     WHERE last.signature <> ALL (SELECT e.signature FROM evidence e JOIN incident i ON i.id = e.incident_id
       WHERE e.incident_id = $1 AND NOT e.ok AND e.at <= coalesce(i.settled_at, e.at))
     ORDER BY last.work, CASE WHEN last.work NOT LIKE 'step:%' THEN last.host_id END, last.id DESC`,
    [incident],
  );
}

/** So many checks of an incident in a row that fail in other words than it was told in are news no more. */
const IN_A_ROW = 3;

/** Whether a check of an incident has failed in words that nobody had heard of it when it was told, and not the last ones all. */
export async function hasFailedOtherwise(sql: Sql, incident: Id, attempt: Id): Promise<boolean> {
  const checks = await sql.rows<{ attempt: Id; otherwise: boolean }>(
    `SELECT e.attempt_id AS attempt, e.signature <> ALL (SELECT w.signature FROM evidence w
       WHERE w.incident_id = i.id AND NOT w.ok AND w.at <= coalesce(i.settled_at, w.at)) AS otherwise
     FROM evidence e JOIN incident i ON i.id = e.incident_id
     WHERE e.incident_id = $1 AND NOT e.ok AND EXISTS (SELECT FROM run r WHERE r.id = e.run_id AND r.purpose = 'recovery')
     ORDER BY e.id DESC LIMIT $2`,
    [incident, IN_A_ROW],
  );
  const [last] = checks;
  if (last?.attempt !== attempt || !last.otherwise) return false;
  return checks.length < IN_A_ROW || checks.some(({ otherwise }) => !otherwise);
}
