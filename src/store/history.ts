import type { Id } from '../domain/id.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';
import { shown } from './view.js';

/** A place in history: everything up to it has been seen. */
export interface HistoryPlace {
  readonly txid: string;
  readonly id: string;
}

/** Before everything. */
export const HISTORY_START: HistoryPlace = { txid: '0', id: '0' };

/** Now: where history can be trusted up to, what of the rest is there already, and the epoch of its places. */
export interface HistoryEnd {
  readonly epoch: string;
  readonly place: HistoryPlace;
  readonly snapshot: string;
}

/** See `HistoryEnd`. */
export async function historyEnd(sql: Sql): Promise<HistoryEnd> {
  const [row] = await sql.rows<{ epoch: string; xmin: string; snapshot: string }>(
    `SELECT history_epoch::text AS epoch, pg_snapshot_xmin(s.now)::text AS xmin, s.now::text AS snapshot
     FROM grid CROSS JOIN (SELECT pg_current_snapshot() AS now) s`,
  );
  return {
    epoch: row?.epoch ?? '',
    place: { txid: row?.xmin ?? '0', id: '0' },
    snapshot: row?.snapshot ?? '1:1:',
  };
}

/** What of history is wanted. */
export interface HistoryQuestion {
  readonly after: HistoryPlace;
  readonly visible: Visible;
  /** Whether entries about tokens may be seen. */
  readonly tokens: boolean;
  /** Only of this project; unset: all that may be seen, and what concerns the grid. */
  readonly project?: Id | undefined;
  readonly run?: Id | undefined;
  /** What was there in this snapshot is passed over, though an older transaction was open then. */
  readonly since?: string | undefined;
  readonly limit: number;
}

/**
 * What follows a place, in the order in which it can never be missed: by transaction, and only below the
 * oldest that still runs, since sequence numbers and transactions commit in any order.
 */
export async function readHistory(sql: Sql, question: HistoryQuestion) {
  const rows = await sql.rows<{
    epoch: string;
    xmin: string;
    txid: string | null;
    id: string;
    at: Date;
    project: string | null;
    run: string | null;
    kind: string;
    subject: string;
    actor: string;
    data: Record<string, unknown>;
  }>(
    `SELECT g.history_epoch::text AS epoch, pg_snapshot_xmin(s.now)::text AS xmin, h.txid::text AS txid, h.id, h.at,
            p.name AS project, 'r' || h.run_id AS run, h.kind, h.subject, h.actor, h.data
     FROM grid g CROSS JOIN (SELECT pg_current_snapshot() AS now) s
     LEFT JOIN LATERAL (
       SELECT * FROM history h
       WHERE (h.txid, h.id) > ($1::xid8, $2::bigint) AND h.txid < pg_snapshot_xmin(s.now)
         AND (h.project_id IS NULL OR $3::bigint[] IS NULL OR h.project_id = ANY ($3))
         AND (h.project_id IS NOT NULL OR $4 OR h.kind NOT LIKE 'token.%')
         AND ($5::bigint IS NULL OR h.project_id = $5) AND ($6::bigint IS NULL OR h.run_id = $6)
         AND ($8::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(h.txid, $8))
       ORDER BY h.txid, h.id LIMIT $7) h ON true
     LEFT JOIN project p ON p.id = h.project_id
     ORDER BY h.txid, h.id`,
    [
      question.after.txid,
      question.after.id,
      visibleIds(question.visible),
      question.tokens,
      question.project ?? null,
      question.run ?? null,
      question.limit,
      question.since ?? null,
    ],
  );
  const epoch = rows[0]?.epoch ?? '';
  const found = rows.filter((row) => row.txid !== null);
  const entries = found.map(({ epoch: _, xmin: __, txid, id, ...entry }) => ({
    place: { txid: txid ?? '0', id },
    entry: shown(entry),
  }));
  const last = entries.at(-1);
  // A page that is not full ends where history can be trusted, however little of it was for this reader.
  const full = found.length >= question.limit;
  const horizon: HistoryPlace = { txid: rows[0]?.xmin ?? question.after.txid, id: '0' };
  return { epoch, entries, seen: full && last !== undefined ? last.place : later(horizon, question.after) };
}

/** A horizon never falls behind what was seen (another server may have asked for the first page). */
function later(a: HistoryPlace, b: HistoryPlace): HistoryPlace {
  return BigInt(a.txid) >= BigInt(b.txid) ? a : b;
}
