import { CHANGED_TESTS } from './releasing.js';
import type { Sql } from './store.js';

/** Whether there is anything for each stage to do: one round trip that saves an idle beat the rest. */
export interface Pulse {
  /** An attempt has ended, or its outcome is told before. */
  readonly ended: boolean;
  readonly pending: boolean;
  readonly waiting: boolean;
  readonly overdue: boolean;
  readonly lapsed: boolean;
  /** A test whose own setup was broken has a new version. */
  readonly changedTests: boolean;
  readonly crashWaits: boolean;
  /** The time of a reservation is over. */
  readonly reservationOver: boolean;
  /** Changes are new, tried, or searched among. */
  readonly seeks: boolean;
  /** The epoch of `holder` while it leads. */
  readonly epoch: string | null;
  /** Seconds since a leader said that it beats. */
  readonly sinceBeatS: number;
}

/** Feels the pulse, for a scheduler that may lead. */
export async function pulse(sql: Sql, holder = ''): Promise<Pulse> {
  const [row] = await sql.rows<Pulse>(
    `SELECT EXISTS (SELECT FROM queue WHERE ended IS NOT NULL) OR EXISTS (SELECT FROM queue WHERE judge_early) AS ended,
       EXISTS (SELECT FROM submission WHERE unfolded_at IS NULL) AS pending,
       EXISTS (SELECT FROM queue WHERE state = 'waiting') AS waiting,
       EXISTS (SELECT FROM queue WHERE state IN ('waiting', 'held') AND cancelled_by IS NOT NULL)
         OR EXISTS (SELECT FROM queue WHERE state IN ('waiting', 'held') AND deadline <= grid_now()) AS overdue,
       EXISTS (SELECT FROM lease WHERE ended_at IS NULL AND expires_at <= grid_now()) AS lapsed,
       EXISTS (${CHANGED_TESTS}) AS "changedTests",
       EXISTS (SELECT FROM queue WHERE state = 'waiting' AND not_before = 'infinity') AS "crashWaits",
       EXISTS (SELECT FROM reservation WHERE ended_at IS NULL AND until <= grid_now()) AS "reservationOver",
       EXISTS (SELECT FROM intake WHERE closed_at IS NULL) OR EXISTS (SELECT FROM search WHERE closed_at IS NULL)
         OR EXISTS (SELECT FROM change WHERE state = 'new') OR EXISTS (SELECT FROM new_red) AS seeks,
       CASE WHEN l.holder = $1 AND l.expires_at > grid_now() THEN l.epoch END AS epoch,
       extract(epoch FROM grid_now() - l.beat_at)::float8 AS "sinceBeatS"
     FROM leadership l`,
    [holder],
  );
  if (row === undefined) throw new Error('there is one row of leadership');
  return row;
}
