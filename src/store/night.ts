import type { Id } from '../domain/id.js';
import type { NightRun, RedSince } from '../domain/judge/morning.js';
import type { Sql } from './store.js';

/** Of `s`: it has runs, each is done or held, and it repeats no others. SQL text, not for parameters. */
export const IS_FINISHED = `s.purpose = 'test' AND s.run_count > 0 AND s.retry_of IS NULL AND s.repeats IS NULL
  AND NOT EXISTS (SELECT FROM run r JOIN queue q ON q.run_id = r.id
    WHERE r.submission_id = s.id AND r.verdict IS NULL AND q.state <> 'held')`;

/** The finished submission of the same name and project before one, of which anything is known. */
export async function nightBefore(sql: Sql, submission: Id): Promise<Id | undefined> {
  const [row] = await sql.rows<{ id: Id }>(
    `SELECT s.id FROM submission me JOIN submission s ON s.project_id = me.project_id AND s.name = me.name
       AND s.id < me.id
     WHERE me.id = $1 AND ${IS_FINISHED}
       AND EXISTS (SELECT FROM run r WHERE r.submission_id = s.id AND r.verdict <> 'none')
     ORDER BY s.id DESC LIMIT 1`,
    [submission],
  );
  return row?.id;
}

/** The runs of a submission that are done or held, oldest first. */
export async function nightRuns(sql: Sql, submission: Id): Promise<readonly NightRun[]> {
  return await sql
    .rows<NightRun>(
      `SELECT jsonb_strip_nulls(jsonb_build_object('run', 'r' || r.id, 'test', r.test_name, 'variant', r.variant,
         'target', r.target, 'verdict', coalesce(r.verdict, 'held'), 'noVerdict', r.no_verdict,
         'reason', coalesce(r.reason, q.reason, ''), 'known', k.known)) AS night
     FROM run r
     LEFT JOIN LATERAL (SELECT state, reason FROM queue WHERE queue.run_id = r.id AND r.verdict IS NULL OFFSET 0) q ON true
     LEFT JOIN LATERAL (
       SELECT jsonb_build_object('id', 'k' || f.id, 'link', f.link, 'why', f.why) AS known FROM known_failure f
       WHERE f.project_id = r.project_id AND f.test_name = r.test_name AND f.signature = r.failure_signature
         AND f.removed_at IS NULL) k ON true
     WHERE r.submission_id = $1 AND (r.verdict IS NOT NULL OR q.state = 'held') ORDER BY r.id`,
      [submission],
    )
    .then((rows) => (rows as unknown as { night: NightRun }[]).map((row) => row.night));
}

/** So many runs of a test are looked back through for a green. */
const LOOKED_BACK = 1000;

/**
 * Since when each of these red runs is red without a green of the same test, variant and target in between, as far
 * back as the test's last 1000 runs tell.
 */
export async function redSince(sql: Sql, runs: readonly Id[]): Promise<ReadonlyMap<string, RedSince>> {
  if (runs.length === 0) return new Map();
  const rows = await sql.rows<{ run: string; first: string; at: Date }>(
    `SELECT 'r' || r.id AS run, 'r' || f.id AS first, f.judged_at AS at
     FROM unnest($1::bigint[]) AS g(id)
     CROSS JOIN LATERAL (SELECT * FROM run WHERE run.id = g.id OFFSET 0) r
     CROSS JOIN LATERAL (
       SELECT coalesce(
         (SELECT p.id FROM (
            SELECT * FROM run WHERE run.project_id = r.project_id AND run.test_name = r.test_name AND run.id < r.id
            ORDER BY run.id DESC LIMIT ${LOOKED_BACK}) p
          WHERE p.variant_key = r.variant_key AND p.target = r.target AND p.purpose = 'test'
            AND p.verdict IN ('passed', 'skipped')
          ORDER BY p.id DESC LIMIT 1),
         (SELECT run.id FROM run WHERE run.project_id = r.project_id AND run.test_name = r.test_name AND run.id < r.id
          ORDER BY run.id DESC OFFSET ${LOOKED_BACK} LIMIT 1),
         0) AS id) green
     CROSS JOIN LATERAL (
       SELECT run.id, run.judged_at FROM run WHERE run.project_id = r.project_id AND run.test_name = r.test_name
         AND run.id > green.id AND run.id <= r.id AND run.variant_key = r.variant_key AND run.target = r.target
         AND run.purpose = 'test' AND run.verdict = 'failed'
       ORDER BY run.id LIMIT 1) f`,
    [runs],
  );
  return new Map(rows.map(({ run, first, at }) => [run, { run: first, at: at.toISOString() }]));
}
