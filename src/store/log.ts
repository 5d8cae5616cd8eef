import type { Id } from '../domain/id.js';
import type { Blobs } from '../ports/blobs.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql, Store } from './store.js';

/** Whose output: one place of one attempt. */
export interface PlaceKey {
  readonly run: Id;
  readonly attempt: Id;
  readonly role: string;
}

/** Every how many lines the index of a log has an entry. */
const LINES_PER_ENTRY = 1000;

/** How much is read from the database at a time: 16 segments of at most 256 KiB. */
const SEGMENTS_AT_ONCE = 16;

/** The place whose output is asked for, if it may be seen; without an attempt the last one. */
export async function findPlace(
  sql: Sql,
  visible: Visible,
  wanted: { readonly run: Id; readonly attempt?: Id | undefined; readonly role: string },
): Promise<PlaceKey | 'no_run' | 'no_place'> {
  const [run] = await sql.rows<{ attempt: Id | null }>(
    `SELECT (SELECT p.attempt_id FROM place p WHERE p.run_id = r.id AND p.role = $4
       AND ($3::bigint IS NULL OR p.attempt_id = $3) ORDER BY p.attempt_id DESC LIMIT 1) AS attempt
     FROM run r WHERE r.id = $2 AND ($1::bigint[] IS NULL OR r.project_id = ANY ($1))`,
    [visibleIds(visible), wanted.run, wanted.attempt ?? null, wanted.role],
  );
  if (run === undefined) return 'no_run';
  if (run.attempt === null) return 'no_place';
  return { run: wanted.run, attempt: run.attempt, role: wanted.role };
}

/** Where a place's output is now. Bytes are counted as they are kept, without gaps. */
export interface OutputState {
  readonly blob?: string;
  /** True when no more will come. */
  readonly ended: boolean;
  /** How many bytes there are. */
  readonly bytes: number;
}

/** See `OutputState`. */
export async function readOutputState(sql: Sql, place: PlaceKey): Promise<OutputState> {
  const [row] = await sql.rows<{ blob: string | null; ended: boolean; bytes: number }>(
    `SELECT p.output_blob AS blob, a.ended_at IS NOT NULL AS ended, coalesce(b.bytes,
       (SELECT sum(octet_length(s.data)) FROM output_segment s
        WHERE s.run_id = p.run_id AND s.attempt_id = p.attempt_id AND s.role = p.role), 0)::double precision AS bytes
     FROM place p JOIN attempt a ON a.run_id = p.run_id AND a.id = p.attempt_id
     LEFT JOIN blob b ON b.digest = p.output_blob
     WHERE p.run_id = $1 AND p.attempt_id = $2 AND p.role = $3`,
    [place.run, place.attempt, place.role],
  );
  if (row === undefined) return { ended: true, bytes: 0 };
  return { ended: row.ended, bytes: row.bytes, ...(row.blob === null ? {} : { blob: row.blob }) };
}

/** What of a place's output has not become a blob: each segment's number and size, in order. */
export function listSegments(sql: Sql, place: PlaceKey, afterSeq: number) {
  return sql.rows<{ seq: number; bytes: number }>(
    `SELECT seq, octet_length(data) AS bytes FROM output_segment
     WHERE run_id = $1 AND attempt_id = $2 AND role = $3 AND seq > $4 ORDER BY seq`,
    [place.run, place.attempt, place.role, afterSeq],
  );
}

/** The next few segments after one, with their bytes. */
export function readSegments(sql: Sql, place: PlaceKey, afterSeq: number) {
  return sql.rows<{ seq: number; data: Buffer }>(
    `SELECT seq, data FROM output_segment
     WHERE run_id = $1 AND attempt_id = $2 AND role = $3 AND seq > $4 ORDER BY seq LIMIT ${SEGMENTS_AT_ONCE}`,
    [place.run, place.attempt, place.role, afterSeq],
  );
}

/**
 * Turns the output of up to `limit` places of judged runs into one blob each, and gives how many it did. A
 * blob is there before anything points at it, and segments go in the transaction that points at the blob: a
 * crash leaves at worst a blob that nobody needs, and the next call does the work again.
 */
export async function compactOutput(store: Store, blobs: Blobs, limit: number): Promise<number> {
  let done = 0;
  for (const place of await findFinishedOutput(store, limit)) {
    const lines = new LineIndex();
    let upTo = 0;
    const stored = await blobs.put(
      (async function* () {
        for (;;) {
          const segments = await readSegments(store, place, upTo);
          if (segments.length === 0) return;
          for (const { seq, data } of segments) {
            lines.add(data);
            upTo = seq;
            yield data;
          }
        }
      })(),
    );
    if (await pointAtBlob(store, place, upTo, { ...stored, lineIndex: lines.entries })) done++;
  }
  return done;
}

async function pointAtBlob(
  store: Store,
  place: PlaceKey,
  upTo: number,
  blob: { digest: string; bytes: number; storedBytes: number; lineIndex: readonly number[] },
): Promise<boolean> {
  return await store.transaction(async (tx) => {
    await tx.rows(
      `INSERT INTO blob (digest, bytes, stored_bytes, media_type, line_index) VALUES ($1, $2, $3, 'text/plain', $4)
       ON CONFLICT (digest) DO UPDATE SET line_index = coalesce(blob.line_index, excluded.line_index)`,
      [
        blob.digest,
        blob.bytes,
        blob.storedBytes,
        JSON.stringify({ every: LINES_PER_ENTRY, atByte: blob.lineIndex }),
      ],
    );
    // Two servers may do the same place at once: one of them points, and only what it has read is deleted.
    const pointed = await tx.rows(
      `UPDATE place SET output_blob = $4 WHERE run_id = $1 AND attempt_id = $2 AND role = $3
         AND output_blob IS NULL RETURNING run_id`,
      [place.run, place.attempt, place.role, blob.digest],
    );
    if (pointed.length === 0) return false;
    await tx.rows(
      `DELETE FROM output_segment WHERE run_id = $1 AND attempt_id = $2 AND role = $3 AND seq <= $4`,
      [place.run, place.attempt, place.role, upTo],
    );
    return true;
  });
}

/** Hops from place to place in the key's order, since there are many segments and few places. */
function findFinishedOutput(sql: Sql, limit: number): Promise<PlaceKey[]> {
  return sql.rows<PlaceKey>(
    `WITH RECURSIVE having_output AS (
       (SELECT run_id, attempt_id, role FROM output_segment ORDER BY run_id, attempt_id, role LIMIT 1)
       UNION ALL
       SELECT next.* FROM having_output at CROSS JOIN LATERAL (
         SELECT run_id, attempt_id, role FROM output_segment s
         WHERE (s.run_id, s.attempt_id, s.role) > (at.run_id, at.attempt_id, at.role)
         ORDER BY run_id, attempt_id, role LIMIT 1) next)
     SELECT o.run_id AS run, o.attempt_id AS attempt, o.role
     FROM having_output o
     JOIN run r ON r.id = o.run_id AND r.judged_at IS NOT NULL
     JOIN attempt a ON a.run_id = o.run_id AND a.id = o.attempt_id AND a.ended_at IS NOT NULL
     JOIN place p ON p.run_id = o.run_id AND p.attempt_id = o.attempt_id AND p.role = o.role
       AND p.output_blob IS NULL
     LIMIT $1`,
    [limit],
  );
}

/** Where every 1000th line begins, so that a reader can jump. */
class LineIndex {
  readonly entries: number[] = [0];
  private bytes = 0;
  private lines = 0;

  add(data: Buffer): void {
    for (let at = data.indexOf(10); at !== -1; at = data.indexOf(10, at + 1)) {
      this.lines++;
      if (this.lines % LINES_PER_ENTRY === 0) this.entries.push(this.bytes + at + 1);
    }
    this.bytes += data.length;
  }
}
