/**
 * What submissions can say: who waits for the inventory to change, what `each` left out, which projects a pool is
 * for; and the order of the queue, in which age counts as well as priority.
 */
const statements = [
  `ALTER TABLE pool ADD COLUMN IF NOT EXISTS projects text[]`,
  `ALTER TABLE submission ADD COLUMN wait boolean NOT NULL DEFAULT false, ADD COLUMN left_out jsonb`,

  // A run's effective priority is priority + age / ageing time. Of two runs the order does not depend on the hour:
  //   p1 + (now - e1) / T > p2 + (now - e2) / T   where and only where   e1 - p1 * T < e2 - p2 * T
  // so that the right side is kept as a moment, `turn_at`, and an index walks in it. T is the grid's ageing_s.
  `ALTER TABLE grid ADD COLUMN ageing_s integer NOT NULL DEFAULT 3600`,
  `ALTER TABLE queue ADD COLUMN turn_at timestamptz NOT NULL DEFAULT grid_now()`,
  `UPDATE queue SET turn_at = enqueued_at - priority * interval '3600 s'`,
  `DROP INDEX queue_wait_ix`,
  `CREATE INDEX queue_wait_ix ON queue (demand, turn_at, run_id) WHERE state = 'waiting'`,
];

export class Submissions1700000000003 {
  name = 'Submissions1700000000003';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
