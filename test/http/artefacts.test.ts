import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../../src/cli/client.js';
import { LeaseDead, Refused } from '../../src/protocol/terms.js';
import { RecordDesk } from '../../src/stages/record.js';
import { SETTINGS } from '../../src/stages/settings.js';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';

const LIMIT_BYTES = 1024 * 1024;
const FILE = { file: { name: 'a.sh', content: Buffer.from('#!/bin/sh\ntrue\n').toString('base64') } };
const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

let api: TestApi;
let submitter: string;
let stranger: string;
beforeAll(async () => {
  api = await startTestApi({ artefactLimitBytes: LIMIT_BYTES });
  await api.project('mine');
  await api.project('theirs');
  submitter = (await api.token({ roles: { mine: 'submitter' } })).secret;
  stranger = (await api.token({ roles: { theirs: 'submitter' } })).secret;
});
afterAll(() => api?.close());

/** Sends bytes as they are, `announced` or in pieces without a length. */
async function upload(bytes: Buffer, query = '', announced = true, type = 'application/octet-stream') {
  const response = await fetch(`${api.url}/api/v1/blobs${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${submitter}`, 'content-type': type },
    ...(announced
      ? { body: new Uint8Array(bytes) }
      : { body: Readable.toWeb(Readable.from([bytes])) as ReadableStream, duplex: 'half' }),
  });
  return { status: response.status, json: (await response.json()) as { readonly digest: string } };
}

describe('an upload', () => {
  test('is known by the digest of its bytes, and is one however often it is sent', async () => {
    const bytes = randomBytes(300_000);
    const digest = digestOf(bytes);
    for (const query of ['', `?digest=${digest}`])
      expect(await upload(bytes, query)).toEqual({ status: 201, json: { digest, bytes: 300_000 } });
    expect(await upload(bytes, '', false)).toMatchObject({ status: 201 });
    expect(
      await api.store.rows('SELECT bytes::int AS bytes, media_type FROM blob WHERE digest = $1', [digest]),
    ).toEqual([{ bytes: 300_000, media_type: 'application/octet-stream' }]);
    expect((await api.blobs.get(digest)).equals(bytes)).toBe(true);
  });

  test('of nothing is one too', async () => {
    const digest = digestOf(Buffer.alloc(0));
    expect(await upload(Buffer.alloc(0))).toEqual({ status: 201, json: { digest, bytes: 0 } });
  });

  test('of other bytes than announced is refused, and not kept', async () => {
    const bytes = randomBytes(1000);
    const answer = await upload(bytes, `?digest=${'0'.repeat(64)}`);
    expect(answer).toMatchObject({ status: 422, json: { detail: expect.stringContaining(digestOf(bytes)) } });
    expect(await api.blobs.has(digestOf(bytes))).toBe(false);
    expect(await upload(bytes, '?digest=SHA')).toMatchObject({ status: 400 });
  });

  test.each([true, false])(
    'that is too long is refused and not kept, with its length announced: %s',
    async (announced) => {
      const bytes = randomBytes(LIMIT_BYTES + 1);
      expect(await upload(bytes, '', announced)).toMatchObject({
        status: 413,
        json: { detail: expect.stringContaining(`at most ${LIMIT_BYTES} bytes`) },
      });
      expect(await api.blobs.has(digestOf(bytes))).toBe(false);
      expect(await upload(bytes.subarray(1), '', announced)).toMatchObject({ status: 201 });
    },
  );

  test('that is no bytes is refused, and bytes are no body of anything else', async () => {
    expect(await upload(Buffer.from('{}'), '', true, 'application/json')).toMatchObject({ status: 415 });
    const other = await api.ask(submitter, 'POST', '/api/v1/submissions', '{}', {
      'content-type': 'application/octet-stream',
    });
    expect(other.status).toBe(415);
  });

  test('that breaks off leaves nothing, and is nobody’s mistake here', async () => {
    const bytes = randomBytes(1000);
    const before = api.logged.length;
    await new Promise<void>((resolve) => {
      const sending = request(`${api.url}/api/v1/blobs`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${submitter}`,
          'content-type': 'application/octet-stream',
          'content-length': 2000,
        },
      });
      sending.once('error', () => resolve());
      sending.write(bytes, () => sending.destroy(new Error('gone')));
    });
    // Whoever comes next is served, after what was begun has come to its end.
    expect(await upload(bytes)).toMatchObject({ status: 201 });
    expect(api.logged.slice(before)).toEqual([]);
  });

  test('goes out in pieces from the command line’s client, which says how far it is', async () => {
    const bytes = randomBytes(900_000);
    const client = new Client({ url: api.url, token: submitter });
    const sent: number[] = [];
    const open = () => Readable.from([bytes.subarray(0, 500_000), bytes.subarray(500_000)]);
    const made = await client.upload(open, digestOf(bytes), bytes.length, (count) => sent.push(count));
    expect(made).toEqual({ digest: digestOf(bytes), bytes: 900_000 });
    expect(sent).toEqual([500_000, 900_000]);
  });
});

describe('an artefact', () => {
  let digest: string;
  const bytes = randomBytes(1000);
  beforeAll(async () => {
    digest = (await upload(bytes)).json.digest;
  });
  const read = (token: string, which = digest) => api.ask(token, 'GET', `/api/v1/blobs/${which}`);

  test('is for those who may see a submission that names it', async () => {
    expect((await read(api.admin)).status).toBe(404);
    const artefacts = [{ name: 'kernel', blob: digest }];
    const made = await api.ask(submitter, 'POST', '/api/v1/submissions', {
      project: 'mine',
      tests: [FILE],
      artefacts,
    });
    expect(made.status).toBe(201);
    const answer = await fetch(`${api.url}/api/v1/blobs/${digest}`, {
      headers: { authorization: `Bearer ${submitter}` },
    });
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    expect(answer.headers.get('content-length')).toBe('1000');
    expect((await read(api.admin)).status).toBe(200);
    expect((await read(stranger)).status).toBe(404);
    for (const none of ['0'.repeat(64), 'x', digest.toUpperCase()])
      expect((await read(submitter, none)).status).toBe(404);
  });

  test('that was not uploaded is refused by name', async () => {
    const artefacts = [{ name: 'kernel', blob: '1'.repeat(64) }];
    const made = await api.ask(submitter, 'POST', '/api/v1/submissions', {
      project: 'mine',
      tests: [FILE],
      artefacts,
    });
    expect(made.json.errors).toEqual([
      { where: 'artefacts[0].blob', message: 'there is no such blob: upload it first' },
    ]);
  });

  test('is for the executor that has an attempt of it, and for no other', async () => {
    const rows = new Rows(api.store);
    const [mine] = await api.store.rows<{ id: string }>(`SELECT id FROM project WHERE name = 'mine'`);
    const project = mine?.id ?? '';
    const testId = await rows.test(project, 'boot');
    const submission = await rows.submission(project, testId);
    await api.store.rows(
      `INSERT INTO artefact (submission_id, name, blob_digest) VALUES ($1, 'kernel', $2)`,
      [submission, digest],
    );
    const run = await rows.run(project, testId, submission);
    await rows.attempt(run, await rows.host('box'));
    const lease = (name: string) =>
      rows.one(
        `WITH x AS (INSERT INTO executor (name) VALUES ($1) RETURNING id)
         INSERT INTO lease (executor_id, incarnation, version, capacity, expires_at)
         SELECT id, $1, '1.3', 1, grid_now() + interval '1 hour' FROM x RETURNING id`,
        [name],
      );
    const [held, other] = [await lease('one'), await lease('other')];
    await api.store.rows('UPDATE queue SET lease_id = $2 WHERE run_id = $1', [run, held]);
    const desk = new RecordDesk(api.store, api.wakeup, SETTINGS, undefined, api.blobs);
    const chunks: Buffer[] = [];
    for await (const chunk of await desk.blob(held, digest)) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    await expect(desk.blob(other, digest)).rejects.toThrow(Refused);
    await expect(desk.blob(held, '0'.repeat(64))).rejects.toThrow(Refused);
    await api.store.rows(`UPDATE lease SET ended_at = grid_now(), end_reason = 'over' WHERE id = $1`, [
      other,
    ]);
    await expect(desk.blob(other, digest)).rejects.toThrow(LeaseDead);
    await api.store.rows(`UPDATE queue SET ended = '{}' WHERE run_id = $1`, [run]);
    await expect(desk.blob(held, digest)).rejects.toThrow(Refused);
  });
});
