import type { Conclusion } from '../domain/culprit/question.js';
import type { NewsKind } from '../domain/tell/news.js';
import type { Sql } from './store.js';

/** What history says of something that happened. */
interface Said {
  readonly kind: string;
  readonly subject: string;
  readonly actor?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Something to be told within a thread; how it goes out the inventory says. */
interface Telling {
  /** `i7`; one thread for each cause. */
  readonly thread: string;
  readonly kind: NewsKind;
  /** Owners and admins, as the inventory names them; web hooks are told the same. */
  readonly recipients: readonly string[];
  /** What it is about, as a first message would say it. */
  readonly topic: string;
  readonly text: string;
  /** Not urgent: it goes into the next digest, or the first of next week. */
  readonly gathered?: boolean | 'weekly';
}

/**
 * Puts what people are to be told of these entries into the outbox, in their transaction: what history says was told
 * is sent in the end, and nothing is sent that did not happen. Gives what is to be said of it in history.
 */
export async function tellOf(sql: Sql, entries: readonly Said[]): Promise<readonly Said[]> {
  const more: Said[] = [];
  for (const entry of entries) {
    const way = WAYS[entry.kind];
    if (way !== undefined) more.push(...(await way(sql, entry)));
  }
  return more;
}

const NOTHING: readonly Said[] = [];

/** By kind of entry: whom it is told. */
const WAYS: Readonly<Record<string, (sql: Sql, entry: Said) => Promise<readonly Said[]>>> = {
  'owner.told': async (sql, { subject, data }) => {
    const text = String(data?.['title'] ?? '');
    const recipients = [String(data?.['owner'] ?? '')];
    const isIncident = subject.startsWith('i');
    await put(sql, {
      ...{ thread: subject, kind: 'told', recipients, text },
      topic: isIncident ? `${subject}: ${text}` : text,
      // A drift stops nobody: it can wait for the digest.
      gathered: !isIncident,
    });
    return NOTHING;
  },
  'incident.moved': async (sql, { subject, data }) => {
    const text = String(data?.['title'] ?? '');
    const others = namesOf((await listeners(sql, subject)).people).filter((one) => one !== data?.['owner']);
    await put(sql, { thread: subject, kind: 'moved', recipients: others, topic: subject, text });
    return NOTHING;
  },
  'incident.closed': async (sql, { subject, data }) => {
    const text = String(data?.['reason'] ?? '');
    const { people, wasTold } = await listeners(sql, subject);
    if (!wasTold) return await notTold(sql, subject, text);
    await put(sql, { thread: subject, kind: 'closed', recipients: namesOf(people), topic: subject, text });
    return NOTHING;
  },
  'host.quarantined': async (sql, { subject, data }) => {
    const text = String(data?.['why'] ?? '');
    const rows = await sql.rows<{ id: string }>(
      `SELECT 'i' || id AS id FROM incident WHERE closed_at IS NULL AND scope = 'host' AND host_id = $1`,
      [subject.slice(1)],
    );
    for (const { id } of rows) {
      const { people } = await listeners(sql, id);
      // A letter that has not left yet says it by itself.
      const recipients = people.filter((one) => !one.isWaiting).map(({ recipient }) => recipient);
      await put(sql, { thread: id, kind: 'quarantined', recipients, topic: id, text });
    }
    return NOTHING;
  },
  'culprit.told': async (sql, { subject, data }) => {
    const title = String(data?.['title'] ?? '');
    const evidence = (data?.['evidence'] ?? []) as readonly string[];
    await put(sql, {
      ...{ thread: subject, kind: 'told', recipients: [String(data?.['owner'] ?? '')] },
      topic: `${subject}: ${title}`,
      text: [title, ...evidence].join('\n'),
    });
    return NOTHING;
  },
  'search.done': async (sql, { subject, data }) => {
    const { conclusion } = data as { conclusion?: Conclusion };
    if (conclusion?.kind === 'flaky') await putFlaky(sql, subject, conclusion.rate);
    return NOTHING;
  },
  'accusation.withdrawn': async (sql, { subject, actor, data }) => {
    const { people } = await listeners(sql, subject);
    const { component, version, detail } = data as Record<string, string>;
    const text = `that ${component} ${version} did it; ${actor} says that it did not${detail ? ` (${detail})` : ''}`;
    await put(sql, { thread: subject, kind: 'withdrawn', recipients: namesOf(people), topic: subject, text });
    return NOTHING;
  },
  'accusation.upheld': async (sql, { subject, actor, data }) => {
    const { people } = await listeners(sql, subject);
    const { component, version, detail } = data as Record<string, string>;
    const text = `${component} ${version} did it after all, decided ${actor}${detail ? ` (${detail})` : ''}: it is held back again`;
    await put(sql, { thread: subject, kind: 'told', recipients: namesOf(people), topic: subject, text });
    return NOTHING;
  },
  'pin.lifted': async (sql, { subject, data }) => {
    const thread = String(data?.['search'] ?? '');
    // The letter that takes the accusation back says so too.
    const [withdrawn] = await sql.rows(
      `SELECT 1 FROM accusation WHERE search_id = $1 AND change_id = $2 AND withdrawn_at IS NOT NULL`,
      [thread.slice(1), String(data?.['change'] ?? '').slice(1)],
    );
    if (withdrawn !== undefined) return NOTHING;
    const { people, wasTold } = await listeners(sql, thread);
    if (!wasTold) return NOTHING;
    const text = `${subject.replace('component:', '')} is held back no more: ${String(data?.['why'] ?? '')}`;
    await put(sql, { thread, kind: 'closed', recipients: namesOf(people), topic: thread, text });
    return NOTHING;
  },
  'pool.halted': halted,
  'grid.halted': halted,
  'pool.online': resumed,
  'grid.resumed': resumed,
  'test.teardown_failed': async (sql, { subject, data }) => {
    await put(sql, {
      ...{ thread: subject, kind: 'told', recipients: [String(data?.['owner'] ?? '')], gathered: true },
      topic: subject,
      text: `the teardown of test ${String(data?.['test'])} failed in ${subject}; its verdict stands`,
    });
    return NOTHING;
  },
};

/** A person who halts it knows; what halts by itself is for the admins. */
async function halted(sql: Sql, { subject, actor = 'testyard', data }: Said): Promise<readonly Said[]> {
  if (actor !== 'testyard') return NOTHING;
  const why = String(data?.['why'] ?? '');
  // What an incident halted is news of that incident.
  const incident = /\bbecause of (i[0-9]+):/.exec(why)?.[1];
  const topic = `${subject} is halted: ${why}`;
  const [row] = await sql.rows<{ admin: string; moment: string }>(
    `SELECT admin, extract(epoch FROM grid_now())::bigint::text AS moment FROM grid`,
  );
  const { admin = '', moment = '' } = row ?? {};
  const thread = incident ?? `${subject}@${moment}`;
  await put(sql, { thread, kind: 'halted', recipients: [admin], topic, text: `${subject}: ${why}` });
  return NOTHING;
}

async function resumed(sql: Sql, { subject, data }: Said): Promise<readonly Said[]> {
  const text = `${subject}: ${String(data?.['why'] ?? '')}`;
  const [last] = await sql.rows<{ thread: string; kind: NewsKind; recipients: readonly string[] }>(
    `SELECT thread, kind, array_agg(recipient) FILTER (WHERE via = 'mail') AS recipients FROM message
     WHERE kind IN ('halted', 'resumed') AND text LIKE $1 || ': %' GROUP BY thread, kind ORDER BY max(id) DESC LIMIT 1`,
    [subject],
  );
  if (last?.kind === 'halted') {
    const { thread, recipients } = last;
    await put(sql, { thread, kind: 'resumed', recipients: recipients ?? [], topic: thread, text });
  }
  return NOTHING;
}

/** Over before anybody was told: a line in the owner's digest, and the decision in history. */
async function notTold(sql: Sql, subject: string, reason: string): Promise<readonly Said[]> {
  const [incident] = await sql.rows<{ owner: string; title: string }>(
    `SELECT owner, title FROM incident WHERE id = $1`,
    [subject.slice(1)],
  );
  if (incident === undefined) return NOTHING;
  const { owner, title } = incident;
  const text = `${title}: over by itself (${reason})`;
  await put(sql, {
    thread: subject,
    kind: 'told',
    recipients: [owner],
    topic: subject,
    text,
    gathered: true,
  });
  const why = 'it was over before it was known whose it is: a line in the digest';
  return [{ kind: 'owner.not_told', subject, data: { owner, why } }];
}

/** A test that fails now and then in any state: a line a week for its owner, however often it is found so. */
async function putFlaky(sql: Sql, search: string, rate: number): Promise<void> {
  const [test] = await sql.rows<{ name: string; owner: string; isKnown: boolean }>(
    `SELECT t.name, coalesce(t.owner, g.admin) AS owner, EXISTS (SELECT FROM message m WHERE m.via = 'digest'
         AND m.sent_at IS NULL AND m.recipient = coalesce(t.owner, g.admin) AND m.topic = 'flaky: ' || t.name) AS "isKnown"
     FROM search s JOIN test t ON t.id = s.test_id CROSS JOIN grid g WHERE s.id = $1`,
    [search.slice(1)],
  );
  if (test === undefined || test.isKnown) return;
  const { name, owner } = test;
  await put(sql, {
    ...{ thread: search, kind: 'told', recipients: [owner], gathered: 'weekly' },
    topic: `flaky: ${name}`,
    text: `test ${name} fails now and then in any state, about ${(rate * 100).toFixed(0)} % of the time: it runs on, and decides nothing about changes`,
  });
}

/** Who was told in a thread, and was not told since that it is not his; and whether anybody or anything was. */
async function listeners(sql: Sql, thread: string) {
  const rows = await sql.rows<Listener & { via: 'mail' | 'web_hook'; kind: NewsKind }>(
    `SELECT DISTINCT ON (via, recipient) via, recipient, kind, tries = 0 AS "isWaiting" FROM message
     WHERE thread = $1 AND via <> 'digest' AND kind <> ALL ($2::text[]) ORDER BY via, recipient, id DESC`,
    // Who was told of a halt alone is told of its end alone.
    [thread, ['halted', 'resumed']],
  );
  const people = rows.filter(({ via, kind }) => via === 'mail' && kind !== 'moved');
  return { people, wasTold: rows.length > 0 };
}

/** Somebody who was told in a thread; the last letter to him may still be waiting. */
interface Listener {
  readonly recipient: string;
  readonly isWaiting: boolean;
}

function namesOf(people: readonly Listener[]): readonly string[] {
  return people.map(({ recipient }) => recipient);
}

/** A row for each mail, and one for each web hook, as far as the inventory has them. */
async function put(sql: Sql, { gathered = false, ...telling }: Telling): Promise<void> {
  const { recipients, thread, kind, topic, text } = telling;
  const isWeekly = gathered === 'weekly';
  await sql.rows(
    `INSERT INTO message (via, recipient, thread, kind, topic, text, due_at)
     SELECT CASE WHEN $6 THEN 'digest' ELSE 'mail' END, owner, $2, $3, $4, $5,
       CASE WHEN $7 THEN date_trunc('week', grid_now() - interval '7 hours', 'UTC') + interval '7 days 7 hours'
         WHEN $6 THEN next_digest(mail->>'digest') ELSE greatest(grid_now(), (SELECT max(until) FROM accusation a
         WHERE 'q' || a.search_id = $2 AND a.owner = recipients.owner)) END
     FROM grid CROSS JOIN unnest($1::text[]) AS recipients (owner) WHERE mail ? 'smtp'
     UNION ALL
     SELECT 'web_hook', hook, $2, $3, $4, $5, grid_now()
     FROM grid CROSS JOIN LATERAL jsonb_object_keys(web_hooks) AS hook WHERE NOT $6`,
    [
      [...new Set(recipients)],
      thread,
      kind,
      topic.slice(0, 2000),
      text.slice(0, 4000),
      gathered !== false,
      isWeekly,
    ],
  );
}
