import type { Store } from '../../src/store/store.js';

/** Puts rows where the scheduler and executors would have put them, and gives their ids. */
export class Rows {
  constructor(private readonly store: Store) {}

  async one(sql: string, parameters: readonly unknown[] = []): Promise<string> {
    const [row] = await this.store.rows<{ id: string }>(sql, parameters);
    if (row === undefined) throw new Error(`No row came of ${sql}`);
    return row.id;
  }

  test(project: string, name: string): Promise<string> {
    const spec = { name, requirement: '', labels: ['net'], timeoutMs: 5000, run: '' };
    return this.one(
      `INSERT INTO test (project_id, name, digest, spec, requirement, requirement_key)
       VALUES ($1, $2, $3, $4, '', '') RETURNING id`,
      [project, name, `digest of ${name}`, JSON.stringify(spec)],
    );
  }

  host(name: string): Promise<string> {
    return this.one(
      `INSERT INTO host (name, pool_id, transport) SELECT $1, id, '{"kind":"local","network":false}' FROM pool
       WHERE name = 'default' RETURNING id`,
      [name],
    );
  }

  submission(project: string, test: string): Promise<string> {
    return this.one(
      `INSERT INTO submission (project_id, source, actor, tests, unfolded_at, run_count)
       VALUES ($1, 'user', 'somebody', ARRAY[$2::bigint], grid_now(), 1) RETURNING id`,
      [project, test],
    );
  }

  /** A run that waits. */
  async run(project: string, test: string, submission: string): Promise<string> {
    return await this.one(
      `WITH made AS (
         INSERT INTO run (project_id, submission_id, test_id, test_name, requirement_key)
         SELECT $1, $3, id, name, '' FROM test WHERE id = $2 RETURNING *)
       INSERT INTO queue (run_id, project_id, purpose, test_id, demand)
       SELECT id, project_id, purpose, test_id, 'some demand' FROM made RETURNING run_id AS id`,
      [project, test, submission],
    );
  }

  /** An attempt that has begun on a host, with a place. */
  async attempt(run: string, host: string, role = 'main'): Promise<string> {
    const attempt = await this.one(
      `INSERT INTO attempt (run_id, number, lease_id, plan, begun_at) VALUES ($1, 1, 1, '[]', grid_now()) RETURNING id`,
      [run],
    );
    await this.store.rows(
      `INSERT INTO place (run_id, attempt_id, role, host_id, seat) VALUES ($1, $2, $3, $4, 1)`,
      [run, attempt, role, host],
    );
    await this.store.rows(
      `UPDATE queue SET state = 'running', attempt_id = $2, lease_id = 1 WHERE run_id = $1`,
      [run, attempt],
    );
    return attempt;
  }

  /** The attempt ends and its run has passed. */
  async pass(run: string, attempt: string): Promise<void> {
    await this.store.transaction(async (tx) => {
      await tx.rows(
        `UPDATE attempt SET chain_done_at = grid_now(), tags_verified_at = grid_now(), test_started_at = grid_now(),
           ended_at = grid_now(), outcome = 'ended', detail = '{"exit":0}' WHERE run_id = $1 AND id = $2`,
        [run, attempt],
      );
      await tx.rows(
        `UPDATE run SET verdict = 'passed', reason = 'exit 0', verdict_attempt = $2, judged_at = grid_now(), attempts = 1
         WHERE id = $1`,
        [run, attempt],
      );
      await tx.rows(`DELETE FROM queue WHERE run_id = $1`, [run]);
    });
  }

  async segment(run: string, attempt: string, seq: number, atByte: number, data: string): Promise<void> {
    await this.store.rows(
      `INSERT INTO output_segment (run_id, attempt_id, role, seq, at_byte, data) VALUES ($1, $2, 'main', $3, $4, $5)`,
      [run, attempt, seq, atByte, Buffer.from(data)],
    );
  }

  incident(project: string | null, title: string): Promise<string> {
    return this.one(
      `INSERT INTO incident (scope, project_id, signature, title, owner) VALUES ('test', $1, 'sig', $2, 'admin') RETURNING id`,
      [project, title],
    );
  }

  async history(project: string | null, kind: string, run: string | null = null): Promise<void> {
    await this.store.rows(
      `INSERT INTO history (project_id, run_id, kind, subject, actor) VALUES ($1, $2, $3, 'x', 'test')`,
      [project, run, kind],
    );
  }
}
