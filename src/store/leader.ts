import type { Sql, Store, Transaction } from './store.js';

/** Somebody else leads now: what was decided is not written. */
export class NotLeader extends Error {
  override readonly name = 'NotLeader';
}

/** What a leader learns at each beat. */
export interface Beat {
  readonly epoch: string;
  /** Seconds since the last beat of any leader: a long pause means that nobody could renew a lease. */
  readonly pauseS: number;
}

/** Takes or keeps the leadership for `ttlMs`; undefined while another holder's has not run out. */
export async function lead(sql: Sql, holder: string, ttlMs: number): Promise<Beat | undefined> {
  const [row] = await sql.rows<{ epoch: string; pause: number }>(
    `UPDATE leadership l SET
       epoch = CASE WHEN l.holder = $1 THEN l.epoch ELSE l.epoch + 1 END,
       holder = $1, beat_at = grid_now(), expires_at = grid_now() + $2 * interval '1 ms'
     FROM (SELECT beat_at FROM leadership FOR UPDATE) AS before
     WHERE l.holder = $1 OR l.expires_at <= grid_now()
     RETURNING l.epoch, extract(epoch FROM grid_now() - before.beat_at)::float8 AS pause`,
    [holder, ttlMs],
  );
  return row === undefined ? undefined : { epoch: row.epoch, pauseS: row.pause };
}

/** Gives the leadership back, so that a standby need not wait. */
export async function stepDown(sql: Sql, holder: string): Promise<void> {
  await sql.rows(`UPDATE leadership SET holder = NULL, expires_at = grid_now() WHERE holder = $1`, [holder]);
}

/** A deciding transaction: it proves the epoch and keeps it until it has committed. Throws NotLeader. */
export function decide<Result>(
  store: Store,
  epoch: string,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  return store.transaction(work, {
    sql: `SELECT 1 FROM leadership WHERE epoch = ${BigInt(epoch)} FOR SHARE`,
    otherwise: () => new NotLeader('another scheduler leads now'),
  });
}
