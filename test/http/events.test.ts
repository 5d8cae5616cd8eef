import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EventView } from '../../src/http/contract.js';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';
import { OpenStream } from './streams.js';

let api: TestApi;
let rows: Rows;
let mine: string;
let theirs: string;
let viewer: string;
const open: OpenStream[] = [];
beforeAll(async () => {
  api = await startTestApi();
  rows = new Rows(api.store);
  mine = await api.project('mine');
  theirs = await api.project('theirs');
  viewer = (await api.token({ roles: { mine: 'viewer' } })).secret;
});
afterEach(() => {
  for (const stream of open.splice(0)) stream.cut();
});
afterAll(() => api?.close());

async function events(token: string, query = '', headers: Record<string, string> = {}): Promise<OpenStream> {
  const stream = await OpenStream.open(api, token, `/api/v1/events${query}`, headers);
  open.push(stream);
  // The first thing said is where the stream begins.
  await stream.until((text) => text.includes('\n\n'));
  return stream;
}
const kinds = (stream: OpenStream) => stream.events().map((event) => event.kind);

describe('the stream of events', () => {
  test('tells what happens from now on, as the contract says', async () => {
    await rows.history(mine, 'early');
    const stream = await events(viewer);
    expect(stream.response.headers.get('content-type')).toContain('text/event-stream');
    await rows.history(mine, 'late');
    await stream.until((text) => text.includes('late'));
    expect(kinds(stream)).toEqual(['late']);
    const [event] = stream.events();
    expect(EventView.safeParse(event)).toMatchObject({ success: true });
    expect(event).toMatchObject({ project: 'mine', cursor: stream.lastId() });
  });

  test('begins now, though an older transaction is open', async () => {
    const older = new pg.Client({ connectionString: api.databaseUrl });
    await older.connect();
    await older.query('BEGIN; SELECT pg_current_xact_id()');
    await rows.history(mine, 'before');
    const stream = await events(viewer);
    await rows.history(mine, 'after');
    await older.query('COMMIT');
    await older.end();
    await stream.until((text) => text.includes('after'));
    expect(kinds(stream)).toEqual(['after']);
  });

  test('tells everything from the start where that is wanted', async () => {
    const stream = await events(api.admin, '?after=start');
    await stream.until((text) => text.includes('late'));
    expect(kinds(stream)).toEqual(expect.arrayContaining(['token.created', 'early', 'late']));
  });

  test('shows nobody what they may not see, and tokens to admins only', async () => {
    const stream = await events(viewer);
    const all = await events(api.admin);
    await rows.history(theirs, 'their.secret');
    await rows.history(null, 'token.created');
    await rows.history(null, 'grid.halted');
    await rows.history(mine, 'the.end');
    await stream.until((text) => text.includes('the.end'));
    await all.until((text) => text.includes('the.end'));
    expect(kinds(stream)).toEqual(['grid.halted', 'the.end']);
    expect(kinds(all)).toEqual(['their.secret', 'token.created', 'grid.halted', 'the.end']);
  });

  test('can be of one project or of one run', async () => {
    const testId = await rows.test(mine, 'evented');
    const run = await rows.run(mine, testId, await rows.submission(mine, testId));
    const byProject = await events(viewer, '?project=mine');
    const byRun = await events(viewer, `?run=r${run}`);
    await rows.history(null, 'grid.halted');
    await rows.history(mine, 'other.run');
    await rows.history(mine, 'this.run', run);
    await byProject.until((text) => text.includes('this.run'));
    await byRun.until((text) => text.includes('this.run'));
    expect(kinds(byProject)).toEqual(['other.run', 'this.run']);
    expect(kinds(byRun)).toEqual(['this.run']);
    expect(byRun.events()[0]?.run).toBe(`r${run}`);
    const other = (await api.token({ roles: { theirs: 'viewer' } })).secret;
    for (const query of ['?project=mine', `?run=r${run}`, '?run=r999', '?project=nowhere']) {
      expect((await api.ask(other, 'GET', `/api/v1/events${query}`)).status, query).toBe(404);
    }
  });

  test('begins with where it is, so that a break before the first event loses nothing', async () => {
    const stream = await events(viewer);
    const begin = stream.lastId();
    stream.cut();
    await rows.history(mine, 'meanwhile');
    const again = await events(viewer, '', { 'last-event-id': begin });
    await again.until((text) => text.includes('meanwhile'));
    expect(kinds(again).at(-1)).toBe('meanwhile');
  });

  test('waits for a transaction that is still open, and does not skip it', async () => {
    const stream = await events(viewer);
    const slow = new pg.Client({ connectionString: api.databaseUrl });
    await slow.connect();
    const insert = (kind: string) =>
      `INSERT INTO history (project_id, kind, subject, actor) VALUES (${mine}, '${kind}', 'x', 'test')`;
    await slow.query('BEGIN');
    await slow.query(insert('begun.first'));
    // Begun later and committed first.
    await rows.history(mine, 'begun.second');
    await slow.query('COMMIT');
    await slow.end();
    await stream.until((text) => text.includes('begun.second'));
    expect(kinds(stream)).toEqual(['begun.first', 'begun.second']);
  });

  test('misses nothing and repeats nothing over breaks, while 8 writers commit in any order', async () => {
    const perWriter = 40;
    const first = await events(viewer, '?project=mine');
    const seen: string[] = [];
    let cursor = first.lastId();
    first.cut();
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      const client = new pg.Client({ connectionString: api.databaseUrl });
      await client.connect();
      for (let n = 0; n < perWriter; n++) {
        await client.query('BEGIN');
        await client.query(
          `INSERT INTO history (project_id, kind, subject, actor) VALUES ($1, $2, 'x', 'test')`,
          [mine, `w${writer}.${n}`],
        );
        // Of different lengths, so that later ones overtake.
        await client.query('SELECT pg_sleep($1)', [((writer * 7 + n * 3) % 11) / 500]);
        await client.query(`SELECT pg_notify('testyard_history', '')`);
        await client.query(n % 10 === 9 ? 'ROLLBACK' : 'COMMIT');
      }
      await client.end();
    });
    const expected = 8 * perWriter * 0.9;
    let breaks = 0;
    while (seen.length < expected) {
      const stream = await events(viewer, '?project=mine', { 'last-event-id': cursor });
      // Cut in the middle of things, again and again.
      const written = () => kinds(stream).filter((kind) => kind.startsWith('w')).length;
      await stream.until(() => written() >= Math.min(25, expected - seen.length));
      // However much has come by then: whoever is cut off has read no more than this.
      const all = stream.events();
      const ends = all.flatMap((event, n) => (event.kind.startsWith('w') ? [n + 1] : []));
      const got = all.slice(0, ends[24] ?? ends.at(-1));
      seen.push(...got.map((event) => event.kind).filter((kind) => kind.startsWith('w')));
      cursor = got.at(-1)?.cursor ?? cursor;
      stream.cut();
      breaks++;
    }
    await Promise.all(writers);
    const last = await events(viewer, '?project=mine', { 'last-event-id': cursor });
    await rows.history(mine, 'the.very.end');
    await last.until((text) => text.includes('the.very.end'));
    expect(kinds(last)).toEqual(['the.very.end']);
    expect(breaks).toBeGreaterThan(5);
    expect(new Set(seen).size).toBe(seen.length);
    const wanted = Array.from({ length: 8 }, (_, w) =>
      Array.from({ length: perWriter }, (_, n) => `w${w}.${n}`).filter((_, n) => n % 10 !== 9),
    ).flat();
    expect([...seen].sort()).toEqual(wanted.sort());
  });

  test('refuses a cursor of before a restore: 410', async () => {
    const stream = await events(viewer);
    const cursor = stream.lastId();
    const epoch = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
    await api.store.rows(`UPDATE grid SET history_epoch = $1`, [epoch]);
    const answer = await api.ask(viewer, 'GET', '/api/v1/events', undefined, { 'last-event-id': cursor });
    expect(answer.status).toBe(410);
    expect(answer.json.type).toBe('/problems/other-epoch');
    // And who listens is sent away to find out.
    await stream.rest();
  });

  test('ends when the token is revoked', async () => {
    const { secret, id } = await api.token({ roles: { mine: 'viewer' } });
    const stream = await events(secret);
    await api.ask(api.admin, 'DELETE', `/api/v1/tokens/${id}`);
    await rows.history(mine, 'after.revocation');
    await api.store.rows(`SELECT pg_notify('testyard_history', '')`);
    expect(await stream.rest()).not.toContain('after.revocation');
  });

  test('does not read ahead of a client that does not listen', async () => {
    const reads: number[] = [];
    const original = api.store.rows.bind(api.store);
    await api.store.rows(
      `INSERT INTO history (project_id, kind, subject, actor, data)
       SELECT $1, 'bulk', 'x', 'test', jsonb_build_object('text', repeat('x', 10000)) FROM generate_series(1, 3000)`,
      [mine],
    );
    const { epoch } = (
      await api.store.rows<{ epoch: string }>(`SELECT history_epoch::text AS epoch FROM grid`)
    )[0] ?? {
      epoch: '',
    };
    api.store.rows = async (sql, parameters) => {
      const result = await original<never>(sql, parameters);
      if (sql.includes('pg_snapshot_xmin(s.now)')) reads.push(result.length);
      return result;
    };
    try {
      const stream = await OpenStream.open(api, viewer, `/api/v1/events?after=${epoch}.0.0`);
      open.push(stream);
      // Time for many reads, if they were not held back: other requests go through meanwhile.
      for (let n = 0; n < 50; n++) await api.ask(viewer, 'GET', '/api/v1/grid');
      const taken = reads.reduce((sum, n) => sum + n, 0);
      expect(taken).toBeLessThan(1500);
      await rows.history(mine, 'after.bulk');
      await stream.until((text) => text.slice(-1000).includes('after.bulk'));
      expect(kinds(stream).filter((kind) => kind === 'bulk').length).toBe(3000);
    } finally {
      api.store.rows = original;
    }
  });
});
