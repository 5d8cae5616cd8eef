import type { Id } from '../domain/id.js';
import type { DigestLine, NewsKind, ToldIncident } from '../domain/tell/news.js';
import { againInS, GIVE_UP_S, type MailSpec, type WebHookSpec } from '../domain/tell/telling.js';
import { chronicle } from './chronicle.js';
import { findIncident } from './incident.js';
import { type Sql, type Store, wake } from './store.js';

/** A message that is to go out now. */
export interface DueMessage {
  readonly id: Id;
  readonly recipient: string;
  readonly thread: string;
  readonly kind: NewsKind;
  readonly text: string;
  readonly at: Date;
  readonly tries: number;
  /** The first message of its thread that went the same way, and what it was about. */
  readonly first: Id;
  readonly topic: string;
}

/** How people are told, as the inventory says it now. */
export interface Ways {
  readonly grid: string;
  readonly admin: string;
  /** Tells this grid from others, and from itself before a restore. */
  readonly epoch: string;
  readonly people: Readonly<Record<string, string>>;
  readonly mail: MailSpec | undefined;
  readonly webHooks: Readonly<Record<string, WebHookSpec>>;
}

/** See `Ways`. */
export async function readWays(sql: Sql): Promise<Ways> {
  const [row] = await sql.rows<Omit<Ways, 'mail'> & { mail: Partial<MailSpec> }>(
    `SELECT name AS grid, admin, left(history_epoch::text, 8) AS epoch, people, mail, web_hooks AS "webHooks" FROM grid`,
  );
  if (row === undefined) throw new Error('there is one row of grid');
  return { ...row, mail: row.mail.smtp === undefined ? undefined : (row.mail as MailSpec) };
}

/**
 * Messages that are due, oldest first, of each recipient in a thread only the first: nobody else takes them for so
 * long. Whoever takes them and dies has them sent again.
 */
export function takeMessages(
  sql: Sql,
  via: 'mail' | 'web_hook',
  limit: number,
  forS: number,
): Promise<DueMessage[]> {
  return sql.rows<DueMessage>(
    `WITH mine AS (
       UPDATE message SET tries = tries + 1, due_at = grid_now() + $3 * interval '1 s' WHERE id IN (
         SELECT m.id FROM message m
         WHERE m.via = $1 AND m.sent_at IS NULL AND m.given_up_at IS NULL AND m.due_at <= grid_now()
           AND NOT EXISTS (SELECT FROM message e WHERE e.thread = m.thread AND e.via = m.via AND e.id < m.id
             AND e.recipient = m.recipient AND e.sent_at IS NULL AND e.given_up_at IS NULL)
         ORDER BY m.due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING id, recipient, thread, kind, text, at, tries)
     SELECT m.*, f.id AS first, f.topic FROM mine m CROSS JOIN LATERAL (
       SELECT id, topic FROM message WHERE thread = m.thread AND via = $1 ORDER BY id LIMIT 1) f
     ORDER BY m.id`,
    [via, limit, forS],
  );
}

/** A message has arrived. */
export async function wasSent(store: Store, message: DueMessage, to: string): Promise<void> {
  await store.transaction(async (tx) => {
    const sent = await tx.rows(
      `UPDATE message SET sent_at = grid_now(), sent_to = $2, error = NULL WHERE id = $1 AND sent_at IS NULL RETURNING id`,
      [message.id, to],
    );
    if (sent.length === 0) return;
    const { id, kind, thread: subject } = message;
    await chronicle(tx, [{ kind: 'message.sent', subject, data: { message: `m${id}`, kind, to } }]);
    await wake(tx, 'testyard_history');
  });
}

/** A message did not arrive: it is tried again later; where that is for nothing it is given up, and the admin gets it. */
export async function wasNotSent(
  store: Store,
  message: DueMessage,
  why: string,
  isForGood: boolean,
): Promise<void> {
  const { id, tries, kind, thread: subject, recipient } = message;
  await store.transaction(async (tx) => {
    const [row] = await tx.rows<{ over: boolean; via: string }>(
      `UPDATE message SET error = $2, due_at = grid_now() + $3 * interval '1 s',
         given_up_at = CASE WHEN $4 OR at < grid_now() - $5 * interval '1 s' THEN grid_now() END
       WHERE id = $1 AND sent_at IS NULL RETURNING given_up_at IS NOT NULL AS over, via`,
      [id, why.slice(0, 1000), againInS(tries), isForGood, GIVE_UP_S],
    );
    if (row?.over !== true) return;
    const data = { message: `m${id}`, kind, recipient, why: why.slice(0, 1000) };
    await chronicle(tx, [{ kind: 'message.given_up', subject, data }]);
    await tx.rows(
      `INSERT INTO message (via, recipient, thread, kind, topic, text)
       SELECT 'mail', g.admin, m.thread, m.kind, m.topic, m.text FROM message m CROSS JOIN grid g
       WHERE m.id = $1 AND m.via = 'mail' AND m.recipient <> g.admin AND NOT EXISTS (SELECT FROM message o
         WHERE o.thread = m.thread AND o.via = 'mail' AND o.recipient = g.admin AND o.kind = m.kind AND o.text = m.text)`,
      [id],
    );
    await wake(tx, 'testyard_history');
  });
}

/** Makes one letter of each recipient's lines that are due; gives how many. */
export async function gatherDigests(store: Store): Promise<number> {
  return await store.transaction(async (tx) => {
    const rows = await tx.rows(
      `WITH due AS (
         SELECT id, recipient FROM message WHERE via = 'digest' AND sent_at IS NULL AND given_up_at IS NULL
           AND due_at <= grid_now() ORDER BY id LIMIT 5000 FOR UPDATE SKIP LOCKED),
       made AS (
         INSERT INTO message (via, recipient, thread, kind, topic, text)
         SELECT 'mail', recipient, 'digest:' || recipient || ':' || to_char(grid_now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'),
           'digest', 'digest of ' || to_char(grid_now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), ''
         FROM due GROUP BY recipient RETURNING id, recipient)
       UPDATE message SET sent_at = grid_now(), sent_to = 'm' || made.id FROM due JOIN made USING (recipient)
       WHERE message.id = due.id RETURNING message.id`,
    );
    return rows.length;
  });
}

/** What went into a digest. */
export async function digestLines(sql: Sql, letter: Id): Promise<readonly DigestLine[]> {
  const rows = await sql.rows<{ at: Date; subject: string; text: string }>(
    `SELECT at, thread AS subject, text FROM message WHERE via = 'digest' AND sent_to = $1 ORDER BY id`,
    [`m${letter}`],
  );
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

/** So many of the runs that an incident holds are named. */
const HELD_NAMED = 10;

/** An incident as its letters tell of it; undefined: the thread is about something else. */
export async function toldIncident(sql: Sql, thread: string): Promise<ToldIncident | undefined> {
  const id = /^i([0-9]+)$/.exec(thread)?.[1];
  const incident = id === undefined ? undefined : await findIncident(sql, 'all', id);
  if (incident === undefined) return undefined;
  const held = await sql.rows<{ run: string }>(
    `SELECT 'r' || run_id AS run FROM queue WHERE incident_id = $1 AND state = 'held' ORDER BY run_id LIMIT ${HELD_NAMED}`,
    [id],
  );
  const [host] = await sql.rows<{ health: string; why: string }>(
    `SELECT health, health_why AS why FROM host h JOIN incident i ON i.host_id = h.id WHERE i.id = $1`,
    [id],
  );
  return {
    ...incident,
    held: held.map(({ run }) => run),
    ...(host === undefined || host.health === 'good' ? {} : { health: `${host.health}: ${host.why}` }),
  };
}
