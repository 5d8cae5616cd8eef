import type { Sql } from './store.js';
import { submitOwnWork } from './unfolding.js';

/** Of `h`, a host, with its pool `p`: the line of cron that counts there. SQL text, not for parameters. */
const LINE = `coalesce((SELECT t.spec->>'healthCheck' FROM host_type t WHERE t.name = h.host_type), p.health_check,
  nullif((SELECT health_check FROM grid), ''))`;

/** Of `h`: good, here, idle, nobody is about to look at it, and the grid goes on. SQL text, not for parameters. */
const IS_IDLE = `EXISTS (SELECT FROM grid WHERE state = 'online') AND h.removed_at IS NULL AND NOT h.draining AND NOT h.offline AND h.health = 'good'
  AND NOT EXISTS (SELECT FROM host_seat s WHERE s.host_id = h.id)
  AND NOT EXISTS (SELECT FROM reservation v WHERE v.host_id = h.id AND v.ended_at IS NULL)
  AND NOT EXISTS (SELECT FROM queue q WHERE q.purpose IN ('canary', 'recovery') AND q.target->>'host' = h.name)
  AND NOT EXISTS (SELECT FROM submission w CROSS JOIN LATERAL jsonb_array_elements(w.targets) AS t
    WHERE w.unfolded_at IS NULL AND w.purpose IN ('canary', 'recovery') AND t->>'host' = h.name)`;

/** The lines of cron by which hosts are looked at, up to when each was; held, so that two never see the same moment. */
export async function checkLines(sql: Sql) {
  await sql.rows(`SELECT pg_advisory_xact_lock(7470015)`);
  const lines = await sql.rows<{ line: string; lookedAt: Date | null }>(
    `SELECT DISTINCT g.line, c.looked_at AS "lookedAt"
     FROM (SELECT ${LINE} AS line FROM host h JOIN pool p ON p.id = h.pool_id WHERE h.removed_at IS NULL) g
     LEFT JOIN schedule c ON c.name = 'health check ' || g.line WHERE g.line IS NOT NULL ORDER BY g.line`,
  );
  const [row] = await sql.rows<{ now: Date }>(`SELECT grid_now() AS now`);
  return { lines, now: row?.now ?? new Date(0) };
}

/** Notes up to when a line was looked at. */
export async function lookedUntil(sql: Sql, line: string, until: Date): Promise<void> {
  await sql.rows(
    `INSERT INTO schedule (name, looked_at) VALUES ('health check ' || $1::text, $2)
     ON CONFLICT (name) DO UPDATE SET looked_at = EXCLUDED.looked_at`,
    [line, until],
  );
}

/** Gives every idle host for which a line counts a canary; gives how many. */
export async function canariesBySchedule(sql: Sql, line: string): Promise<number> {
  const hosts = await sql.rows<{ name: string }>(
    `SELECT h.name FROM host h JOIN pool p ON p.id = h.pool_id WHERE ${LINE} = $1 AND ${IS_IDLE} ORDER BY h.name`,
    [line],
  );
  return await give(sql, hosts, `by schedule (${line})`);
}

/**
 * Gives a canary to idle hosts on which something failed in a fault that is over, and that no canary has seen since:
 * what broke them all may have left something behind.
 */
export async function canariesAfterFaults(sql: Sql): Promise<number> {
  const hosts = await sql.rows<{ name: string }>(
    `SELECT DISTINCT h.name FROM incident i JOIN evidence e ON e.incident_id = i.id AND NOT e.ok
     JOIN host h ON h.id = e.host_id
     WHERE i.closed_at > grid_now() - interval '1 hour' AND i.scope NOT IN ('host', 'test') AND ${IS_IDLE}
       AND NOT EXISTS (SELECT FROM host_record k WHERE k.host_id = h.id AND k.work = 'canary'
         AND greatest(k.ok_at, k.bad_at) >= i.closed_at)
     ORDER BY h.name`,
  );
  return await give(sql, hosts, 'after a fault');
}

async function give(sql: Sql, hosts: readonly { readonly name: string }[], why: string): Promise<number> {
  for (const { name } of hosts)
    await submitOwnWork(sql, {
      purpose: 'canary',
      target: { host: name },
      why: `health check of ${name} ${why}`,
    });
  return hosts.length;
}
