import type { Id } from '../domain/id.js';
import type { StoredBlob } from '../ports/blobs.js';
import { type Visible, visibleIds } from './access.js';
import type { Sql } from './store.js';

/** Takes note of bytes that somebody uploaded; of what is known already nothing changes. */
export async function noteUpload(sql: Sql, { digest, bytes, storedBytes }: StoredBlob): Promise<void> {
  await sql.rows(
    `INSERT INTO blob (digest, bytes, stored_bytes, media_type) VALUES ($1, $2, $3, 'application/octet-stream')
     ON CONFLICT (digest) DO NOTHING`,
    [digest, bytes, storedBytes],
  );
}

/** How long an artefact's blob is, if a submission names it that may be seen. */
export async function findArtefactBlob(
  sql: Sql,
  visible: Visible,
  digest: string,
): Promise<{ readonly bytes: number } | undefined> {
  const [row] = await sql.rows<{ bytes: number }>(
    `SELECT b.bytes::float8 AS bytes FROM blob b WHERE b.digest = $2 AND EXISTS (
       SELECT FROM artefact u JOIN submission s ON s.id = u.submission_id
       WHERE u.blob_digest = $2 AND ($1::bigint[] IS NULL OR s.project_id = ANY ($1)))`,
    [visibleIds(visible), digest],
  );
  return row;
}

/** Whether a blob is under test, lies beside the test, or is a candidate that its chain puts in, in an attempt that this lease holds and that has not ended. */
export async function isUnderTest(sql: Sql, lease: Id, digest: string): Promise<boolean> {
  const rows = await sql.rows(
    `SELECT 1 FROM queue q JOIN run r ON r.id = q.run_id
     WHERE q.lease_id = $1 AND q.ended IS NULL AND (
       EXISTS (SELECT FROM artefact u WHERE u.submission_id = r.submission_id AND u.blob_digest = $2)
       OR EXISTS (SELECT FROM test t WHERE t.id = r.test_id AND t.spec->'tree'->>'blob' = $2)
       OR EXISTS (SELECT FROM attempt a WHERE a.run_id = q.run_id AND a.id = q.attempt_id AND jsonb_path_exists(a.plan,
         '$[*].chain[*].action.install[*].file.blob ? (@ == $blob)', jsonb_build_object('blob', $2::text))))
     LIMIT 1`,
    [lease, digest],
  );
  return rows.length > 0;
}
