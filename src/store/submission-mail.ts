import type { Id } from '../domain/id.js';
import { type Store, wake } from './store.js';

/** Puts letters about submissions that have ended into the outbox, for who asked for one; gives how many. */
export async function mailFinished(store: Store): Promise<number> {
  return await store.transaction(async (tx) => {
    const rows = await tx.rows<{ id: Id }>(
      `WITH over AS (
         SELECT s.id, s.name, s.mail_to FROM submission s
         WHERE s.mail_to IS NOT NULL AND s.mailed_at IS NULL AND s.unfolded_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM run r JOIN queue q ON q.run_id = r.id
             WHERE r.submission_id = s.id AND r.verdict IS NULL AND q.state <> 'held')
         ORDER BY s.id LIMIT 50 FOR UPDATE OF s SKIP LOCKED),
       put AS (
         INSERT INTO message (via, recipient, thread, kind, topic, text)
         SELECT 'mail', mail_to, 's' || id, 'submission', trim('s' || id || ' ' || o.name), ''
         FROM over o CROSS JOIN grid g WHERE g.mail ? 'smtp')
       UPDATE submission s SET mailed_at = grid_now() FROM over WHERE over.id = s.id RETURNING s.id`,
    );
    if (rows.length > 0) await wake(tx, 'testyard_history');
    return rows.length;
  });
}
