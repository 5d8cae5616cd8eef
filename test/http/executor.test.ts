import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HttpsLink } from '../../src/adapters/https-link.js';
import { BlobMissing } from '../../src/ports/blobs.js';
import { LeaseDead, Refused } from '../../src/protocol/terms.js';
import { NotYours } from '../../src/stages/record.js';
import { startTestApi, type TestApi } from './api.js';

let api: TestApi;
let one: { secret: string; id: string };
let two: { secret: string; id: string };
const leases: Record<string, string> = {};
beforeAll(async () => {
  api = await startTestApi();
  one = await api.token({ kind: 'executor', name: 'lab one' });
  two = await api.token({ kind: 'executor', name: 'lab two' });
  for (const [name, token] of [
    ['one', one],
    ['two', two],
    ['built-in', undefined],
  ] as const) {
    const [row] = await api.store.rows<{ id: string }>(
      `WITH x AS (INSERT INTO executor (name, token_id) VALUES ($1, $2) RETURNING id)
       INSERT INTO lease (executor_id, incarnation, version, capacity, expires_at)
       SELECT id, $1, '1.0', 1, grid_now() + interval '1 hour' FROM x RETURNING id`,
      [name, token?.id.slice(1) ?? null],
    );
    leases[name] = row?.id ?? '';
  }
});
beforeEach(() => {
  api.desk.heard.length = 0;
  api.desk.answering = () => undefined;
});
afterAll(() => api?.close());

const say = (secret: string, what: string, body: object) =>
  api.ask(secret, 'POST', `/executor/v1/${what}`, body);
const register = (executor: string) => ({
  executor,
  incarnation: '0123456789abcdef',
  protocol: '1.0',
  capacity: 1,
});
const messages = (lease: string | undefined) => [
  ['claim', { lease, waitMs: 0 }] as const,
  ['renew', { lease, attempts: [], draining: false }] as const,
  ['report', { lease, entries: [], segments: [] }] as const,
  ['release', { lease, reason: 'over' }] as const,
];

test('an executor speaks for its own lease, and the desk hears it', async () => {
  for (const [what, body] of messages(leases['one'])) {
    expect((await say(one.secret, what, body)).status, what).toBe(200);
  }
  expect(api.desk.heard.map((message) => message.what)).toEqual(['claim', 'renew', 'report', 'release']);
});

test("an executor never speaks for another's lease, not even after its owner did", async () => {
  for (const lease of [leases['two'], leases['built-in'], '999999', '9223372036854775807']) {
    for (const [what, body] of messages(lease)) {
      expect((await say(one.secret, what, body)).status, `${what} ${lease}`).toBe(403);
    }
  }
  // Past 64 bits there is no lease at all.
  for (const [what, body] of messages('9999999999999999999'))
    expect([403, 422], what).toContain((await say(one.secret, what, body)).status);
  expect(
    (await say(two.secret, 'renew', { lease: leases['two'], attempts: [], draining: false })).status,
  ).toBe(200);
  expect(
    (await say(one.secret, 'renew', { lease: leases['two'], attempts: [], draining: false })).status,
  ).toBe(403);
});

test('an artefact comes to the executor whose lease it is, and to no other', async () => {
  const fetch = (secret: string, lease: string | undefined) =>
    api.ask(secret, 'GET', `/executor/v1/blobs/${'a'.repeat(64)}?lease=${lease}`);
  expect(await fetch(one.secret, leases['one'])).toMatchObject({ status: 200, text: 'bytes' });
  expect((await fetch(two.secret, leases['one'])).status).toBe(403);
  api.desk.answering = () => {
    throw new Refused('no attempt of this lease has it under test', true);
  };
  expect((await fetch(one.secret, leases['one'])).status).toBe(403);
  api.desk.answering = () => {
    throw new BlobMissing('a'.repeat(64));
  };
  expect((await fetch(one.secret, leases['one'])).status).toBe(404);
  api.desk.answering = () => {
    throw new LeaseDead('over');
  };
  expect((await fetch(one.secret, leases['one'])).status).toBe(409);
});

test('over the wire an artefact is bytes, and its refusals are what they are in process', async () => {
  const link = new HttpsLink({ base: api.url, token: one.secret });
  const lease = leases['one'] ?? '';
  const digest = 'a'.repeat(64);
  expect(await text(await link.blob(lease, digest))).toBe('bytes');
  expect(api.desk.heard).toEqual([{ what: 'blob', with: { lease, digest } }]);
  await expect(link.blob(leases['two'] ?? '', digest)).rejects.toThrow(Refused);
  for (const refusal of [new Refused('not yours', true), new BlobMissing(digest), new LeaseDead('over')]) {
    api.desk.answering = () => {
      throw refusal;
    };
    await expect(link.blob(lease, digest)).rejects.toThrow(refusal.constructor as ErrorConstructor);
  }
  link.close();
});

test('a name belongs to the token that registered it first, and that of a living built-in one to nobody else', async () => {
  expect((await say(one.secret, 'register', register('one'))).status).toBe(200);
  expect((await say(one.secret, 'register', register('a-new-name'))).status).toBe(200);
  expect(api.desk.heard[0]?.with).toMatchObject({ tokenId: one.id.slice(1) });
  expect((await say(one.secret, 'register', register('two'))).status).toBe(403);
  expect((await say(one.secret, 'register', register('built-in'))).status).toBe(403);
  expect(api.desk.heard).toHaveLength(2);
});

test('a dead lease is told in a way that programs understand', async () => {
  api.desk.answering = () => {
    throw new LeaseDead('lease 1 ended: it was not renewed');
  };
  const answer = await say(one.secret, 'renew', { lease: leases['one'], attempts: [], draining: false });
  expect(answer.status).toBe(409);
  expect(answer.json.type).toMatch(/\/lease-dead$/);
});

test('a registration that the desk refuses is refused with its reason', async () => {
  api.desk.answering = () => {
    throw new NotYours('protocol 2.0 is not spoken here');
  };
  const answer = await say(one.secret, 'register', register('one'));
  expect(answer.status).toBe(403);
  expect(answer.json.detail).toBe('protocol 2.0 is not spoken here');
});

test('what is no message of the protocol is refused with the place of the mistake', async () => {
  const answer = await say(one.secret, 'report', {
    lease: leases['one'],
    entries: [{ run: '1', attempt: '1', seq: 0, event: { kind: 'begun' } }],
    segments: [],
  });
  expect(answer.status).toBe(422);
  expect(answer.json.errors[0].where).toBe('entries[0].seq');
  expect(api.desk.heard).toHaveLength(0);
});

test('a claim that waits is given up when the executor hangs up', async () => {
  let claimed: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    claimed = resolve;
  });
  const givenUp = new Promise<void>((resolve) => {
    api.desk.claiming = (gone) => {
      claimed();
      return new Promise((done) => {
        gone?.addEventListener('abort', () => {
          resolve();
          done({ assignments: [], stop: [] });
        });
      });
    };
  });
  const abort = new AbortController();
  const asked = fetch(`${api.url}/executor/v1/claim`, {
    method: 'POST',
    headers: { authorization: `Bearer ${one.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ lease: leases['one'], waitMs: 30_000 }),
    signal: abort.signal,
  });
  await waiting;
  abort.abort();
  await expect(asked).rejects.toThrow();
  await givenUp;
});
