import type { Store } from '../../src/store/store.js';

/** How many runs there are, in the order they were made. */
const RUNS = 1_000_000;

/** The id of the n-th run: a quarter below the first border of partitions, half below the second, a quarter above. */
export function runId(n: number): string {
  if (n < 250_000) return String(750_000 + n);
  if (n < 750_000) return String(1_000_000 + 2 * (n - 250_000));
  return String(2_000_000 + n - 750_000);
}

/** The id of the one attempt of a run. */
export const attemptId = (n: number): string => String(10_000_000 + Number(runId(n)));

/** What is where; ids as SQL gives them. */
export const WORLD = {
  /** A project that nobody has used since long ago: 30,000 runs, the oldest. */
  old: '3',
  /** A project with a fifth of all runs. */
  web: '4',
  /** A waiting run, the newest. */
  waiting: RUNS - 1,
  /** The first of 2,500 waiting runs, of 200 running ones before them, and of 30 ended ones among those. */
  firstWaiting: RUNS - 2_500,
  firstRunning: RUNS - 2_700,
  /** Every so many runs one is held, so that held ones lie in all partitions. */
  heldEvery: 3_400,
  held: 7,
  /** A judged run with 60 cases, and a judged run whose output is no blob yet. */
  manyCases: 500_000,
  withSegments: 900_000,
} as const;

const SEEDS = `CREATE VIEW seed AS
  SELECT n, CASE WHEN n < 250000 THEN 750000 + n WHEN n < 750000 THEN 1000000 + 2 * (n - 250000)
      ELSE 2000000 + n - 750000 END::bigint AS id,
    CASE WHEN n < 30000 THEN 3 WHEN n % 2000 = 3 THEN 2 WHEN n % 5 = 0 THEN 4 ELSE 1 END AS project,
    CASE WHEN n < 30000 THEN 'gone ' || n % 20 WHEN n % 2000 = 3 THEN 'canary' ELSE 'test ' || n % 500 END AS test,
    1 + n / 500 AS submission, 1 + n % 300 AS host,
    CASE WHEN n >= ${WORLD.firstWaiting} THEN 'waiting' WHEN n >= ${WORLD.firstRunning} THEN 'running'
      WHEN n % ${WORLD.heldEvery} = ${WORLD.held} THEN 'held' ELSE 'done' END AS state,
    now() - (${RUNS} - n) * interval '5 s' AS at
  FROM generate_series(0, ${RUNS - 1}) AS n`;

/** What must be there before the rest, in order. */
const GROUND = [
  `SELECT setval('run_id_seq', 1000000)`,
  'SELECT grid_ensure_partitions()',
  `SELECT setval('run_id_seq', ${runId(RUNS - 1)}), setval('attempt_id_seq', ${attemptId(RUNS - 1)})`,
  'SELECT grid_ensure_partitions()',
  `UPDATE grid_clock SET set_to = now() - interval '70 days'`,
  'SELECT grid_ensure_partitions()',
  'UPDATE grid_clock SET set_to = NULL',
  'ALTER TABLE run DISABLE TRIGGER USER',
  SEEDS,
  `INSERT INTO project (name) VALUES ('old'), ('web')`,
  // Forty packages with five hundred changes each.
  `INSERT INTO watch (name, spec) VALUES ('debs', '{"project": "default", "place": {"kind": "image"}}')`,
  `INSERT INTO component (project_id, watch, name, kind, baseline, baseline_since)
     SELECT 1, 'debs', 'debs/package ' || n, 'image', '1', now() FROM generate_series(1, 40) n`,
  `INSERT INTO change (component_id, version, title, source, position, state, why)
     SELECT 1 + n % 40, n::text, 't', 'seen', n, CASE WHEN n > 19900 THEN 'new' ELSE 'superseded' END, 'w'
     FROM generate_series(100, 20000) n`,
  `INSERT INTO baseline_entry (component_id, version, why) SELECT id, '1', 'w' FROM component`,
  `INSERT INTO token (name, digest, kind, grid_admin, created_by)
     SELECT 'token ' || n, sha256(n::text::bytea), 'person', n = 1, 'me' FROM generate_series(1, 500) n`,
  `INSERT INTO token_role (token_id, project_id, role)
     SELECT t.id, p.id, 'viewer' FROM token t, project p WHERE NOT t.grid_admin`,
  `INSERT INTO tag (name, spec) SELECT 'tag-' || n, jsonb_build_object('name', 'tag-' || n, 'kind', 'flag', 'meaning', 'x', 'source',
     jsonb_build_object('by', 'probe', 'script', 'x'))
     FROM generate_series(1, 40) n`,
  `INSERT INTO host (name, pool_id, transport, stack_attempt, seats)
     SELECT 'host ' || n, 1, '{"kind": "ssh"}', CASE WHEN n % 2 = 0 THEN ${attemptId(RUNS - 5_000)} ELSE 0 END, 8
     FROM generate_series(1, 300) n`,
  `INSERT INTO host_tag (host_id, name, source) SELECT h.id, t.name, 'probed' FROM host h, tag t ORDER BY 1, 2`,
  `INSERT INTO host_probe (host_id, probe, worked) SELECT h.id, t.name, true FROM host h, tag t ORDER BY 1, 2`,
  `INSERT INTO host_stack (host_id, position, layer, step, key, attempt_id)
     SELECT id, n, 'packages', 'step ' || n, 'k', 1 FROM host, generate_series(1, 3) n`,
  `INSERT INTO host_record (host_id, work, ok_attempt) SELECT id, w, 5 FROM host,
     unnest(ARRAY['test', 'canary'] || ARRAY(SELECT 'step:' || n FROM generate_series(1, 20) n)) w`,
  `INSERT INTO executor (name) SELECT 'executor ' || n FROM generate_series(1, 20) n`,
  `INSERT INTO lease (executor_id, incarnation, version, capacity, expires_at, ended_at, end_reason)
     SELECT 1 + n % 20, 'old ' || n, '1.0', 20, now(), now(), 'over' FROM generate_series(1, 3000) n`,
  `INSERT INTO lease (executor_id, incarnation, version, capacity, expires_at)
     SELECT id, 'live ' || id, '1.0', 20, now() + interval '1 day' FROM executor`,
  `INSERT INTO executor (name) VALUES ('executor without a lease')`,
  `INSERT INTO test (project_id, name, digest, spec, requirement, requirement_key)
     SELECT p.id, names.name, 'digest ' || version, jsonb_build_object('name', names.name, 'run', repeat('x', 500)), '', 'k'
     FROM generate_series(1, 10) version, project p, LATERAL (
       SELECT 'canary' AS name WHERE p.id = 2 UNION ALL SELECT 'gone ' || n FROM generate_series(0, 19) n WHERE p.id = 3
       UNION ALL SELECT 'test ' || n FROM generate_series(0, 499) n WHERE p.id IN (1, 4)) names`,
  `INSERT INTO test_last (project_id, test_name, variant_key, verdict, run_id, had_cases)
     SELECT DISTINCT project_id, name, '', 'passed', 1, true FROM test`,
  `INSERT INTO submission (project_id, source, actor, tests, unfolded_at, run_count)
     SELECT min(project), 'user', 'me', '{1}', now(), 500 FROM seed GROUP BY submission ORDER BY submission`,
  `INSERT INTO search (project_id, test_id, predicate, signature, line, beside, value, share, actor, closed_at, why)
     SELECT t.project_id, t.id, 'fails', '', '[]', '{}', jsonb_build_object('conclusion', jsonb_build_object('kind',
       CASE WHEN n % 3 = 0 THEN 'flaky' ELSE 'culprit' END), 'tallies', repeat('x', 2000)), 0.25, 'testyard', now(), 'over'
     FROM generate_series(1, 2000) n JOIN test t ON t.project_id IN (1, 4) AND t.name = 'test ' || n % 4 AND t.digest = 'digest ' || 1 + n % 10`,
  `INSERT INTO trial (search_id, id, submission_id, asked, outcome, told_at)
     SELECT s.id, n, 100000 + s.id * 30 + n, '{"host": "host 1", "state": 3}', CASE WHEN n % 3 = 0 THEN 'bad' ELSE 'good' END, now()
     FROM search s, generate_series(1, 30) n WHERE s.id > 1`,
  `INSERT INTO submission (project_id, source, actor, tests) VALUES (1, 'user', 'me', '{1,2,3}')`,
  `INSERT INTO artefact (submission_id, name, url) SELECT id, 'kernel', 'https://example.org' FROM submission`,
  `INSERT INTO artefact (submission_id, name, blob_digest) SELECT id, 'image', 'blob ' || 1 + id % 2000 FROM submission`,
  `INSERT INTO demand (key, spec) SELECT 'demand ' || n, '{"requirement": ""}' FROM generate_series(0, 2000) n`,
  `INSERT INTO incident (scope, host_id, signature, title, owner, next_check_at, closed_at, close_reason)
     SELECT 'host', 1 + n % 300, 's', 't', 'admin', now(), CASE WHEN n < 2000 THEN now() END, CASE WHEN n < 2000 THEN 'ok' END
     FROM generate_series(1, 2019) n`,
  `INSERT INTO evidence (incident_id, host_id, work, ok, run_id, attempt_id)
     SELECT 1 + n % 2019, 1 + n % 300, 'step:' || n % 50, n % 3 = 0, 750000 + n, 1 FROM generate_series(1, 20000) n`,
  `INSERT INTO blob (digest, bytes, stored_bytes, media_type) SELECT 'blob ' || n, 1, 1, 'text/plain' FROM generate_series(1, 5000) n`,
  `INSERT INTO idempotency (token_id, key, request_digest, status, response, at)
     SELECT 1, 'key ' || n, 'x', 201, 'null', now() - n * interval '1 minute' FROM generate_series(1, 9000) n`,
];

/** The large tables, each by itself. */
const MASSES = [
  [
    `INSERT INTO run (id, project_id, submission_id, purpose, test_id, test_name, requirement_key, created_at, attempts,
       verdict, no_verdict, reason, verdict_attempt, judged_at)
     SELECT id, project, submission, CASE project WHEN 2 THEN 'canary' ELSE 'test' END, 1 + n % 500, test, 'k', at, 1,
       v, CASE v WHEN 'none' THEN 'expired' END, CASE WHEN state = 'done' THEN 'because' END,
       CASE WHEN v <> 'none' THEN 10000000 + id END, CASE WHEN state = 'done' THEN at END
     FROM seed, LATERAL (SELECT CASE WHEN state <> 'done' THEN NULL WHEN n % 50 = 1 THEN 'none'
       WHEN n % 10 = 2 THEN 'failed' WHEN n % 100 = 3 THEN 'skipped' ELSE 'passed' END AS v) verdict`,
  ],
  [
    `INSERT INTO attempt (run_id, id, number, lease_id, plan, created_at, begun_at, ended_at, outcome)
     SELECT id, 10000000 + id, 1, 3001 + n % 20, '[]', at, at, e, CASE WHEN e IS NOT NULL THEN 'ended' END
     FROM seed, LATERAL (SELECT CASE WHEN state <> 'running' OR n % 7 = 0 THEN at END AS e) ended WHERE state <> 'waiting'`,
    `INSERT INTO step_run (run_id, attempt_id, role, seq, kind, step, result)
     SELECT id, 10000000 + id, 'main', seq, 'chain', 'step ' || seq, 'ok' FROM seed, generate_series(1, 2) seq
     WHERE n % 5 = 0 OR state = 'running'`,
    `INSERT INTO output_segment (run_id, attempt_id, role, seq, at_byte, data)
     SELECT id, 10000000 + id, 'main', seq, seq * 500, convert_to(repeat('x', 500), 'UTF8')
     FROM seed, generate_series(1, 20) seq WHERE state = 'running' OR n % 10000 = 0`,
  ],
  [
    `INSERT INTO place (run_id, attempt_id, role, host_id, seat)
     SELECT id, 10000000 + id, 'main', host, 1 FROM seed WHERE state <> 'waiting'`,
    `INSERT INTO case_result (run_id, attempt_id, seq, role, name, result)
     SELECT id, 10000000 + id, seq, 'main', 'case ' || seq, 'pass'
     FROM seed, generate_series(1, CASE WHEN n = ${WORLD.manyCases} THEN 60 ELSE 1 END) seq
     WHERE n % 4 = 0 OR state = 'running'`,
    `INSERT INTO measurement (run_id, attempt_id, seq, case_seq, raw, value)
     SELECT id, 10000000 + id, 1, 1, '5', 5 FROM seed WHERE n % 8 = 0 OR state = 'running'`,
  ],
  [
    `INSERT INTO history (txid, at, project_id, run_id, kind, subject, actor)
     SELECT (n / 10000)::text::xid8, at, CASE WHEN n % 100 = 50 THEN NULL ELSE project END, id, 'run.done', 'r' || id, 'testyard'
     FROM seed WHERE n % 2 = 0 OR n < 30000`,
    `INSERT INTO queue (run_id, project_id, purpose, test_id, demand, state, priority, turn_at, deadline, incident_id, attempt_id,
       lease_id, ended, cancelled_by, not_before, memory)
     SELECT id, project, CASE project WHEN 2 THEN 'canary' ELSE 'test' END, 1 + n % 500, 'demand ' || n % 10, state, n % 3, at - n % 3 * interval '1 hour',
       CASE WHEN state = 'held' THEN now() + interval '1 day' END, CASE WHEN state = 'held' THEN 2000 + n % 20 END,
       CASE WHEN state = 'running' THEN 10000000 + id END, CASE WHEN state = 'running' THEN 3001 + n % 20 END,
       CASE WHEN state = 'running' AND n % 7 = 0 THEN '{"outcome": {"kind": "ended"}}'::jsonb END,
       CASE WHEN n % 300 = 0 THEN 'me' END, CASE WHEN n % 200 = 1 AND state = 'waiting' THEN 'infinity'::timestamptz END, '{}'
     FROM seed WHERE state <> 'done'`,
    `INSERT INTO host_seat (host_id, seat, run_id, attempt_id, lease_id, role)
     SELECT host, 1, id, 10000000 + id, 3001 + n % 20, 'main' FROM seed WHERE state = 'running'`,
  ],
];

/** The indices of the large tables that are not keys: made again afterwards they cost a third. */
async function dropIndices(store: Store): Promise<readonly string[]> {
  const indices = await store.rows<{ name: string; definition: string }>(
    `SELECT c.relname AS name, replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ') AS definition
     FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
     WHERE c.relkind = 'I' AND NOT c.relispartition AND NOT i.indisprimary`,
  );
  for (const { name } of indices) await store.rows(`DROP INDEX ${name}`);
  return indices.map((index) => index.definition);
}

/** Fills a fresh database with a million runs and what belongs to them, and lets the planner look at them. */
export async function fillWithAMillion(store: Store): Promise<void> {
  for (const sql of GROUND) await store.rows(sql);
  const indices = await dropIndices(store);
  await inTurns(MASSES.flat(), store);
  await inTurns(indices, store);
  await store.rows('ALTER TABLE run ENABLE TRIGGER USER');
  await store.rows('ANALYZE');
}

/** Two at a time: as many as there are processors. */
async function inTurns(statements: readonly string[], store: Store): Promise<void> {
  const left = [...statements];
  const work = async () => {
    for (let sql = left.shift(); sql !== undefined; sql = left.shift()) await store.rows(sql);
  };
  await Promise.all([work(), work()]);
}
