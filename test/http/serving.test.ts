import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Server } from 'node:http';
import { get } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { TOKEN_TRUST_MS, TokensSeen } from '../../src/http/tokens-seen.js';
import { ensureAdminToken, newSecret } from '../../src/store/access.js';
import { databaseUrl, withClient } from '../database.js';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';
import { OpenStream } from './streams.js';

const running: TestApi[] = [];
afterEach(async () => {
  for (const api of running.splice(0)) await api.close();
});
async function start(more: Parameters<typeof startTestApi>[0] = {}): Promise<TestApi> {
  const api = await startTestApi(more);
  running.push(api);
  return api;
}

/** Lets nobody connect to the API's database, or everybody again. */
async function databaseIs(api: TestApi, open: boolean): Promise<void> {
  const name = new URL(
    api.databaseUrl.replace(/^postgres(ql)?:/, 'http:').replace('@/', '@x/'),
  ).pathname.slice(1);
  await withClient(databaseUrl(api.databaseUrl, 'postgres'), async (client) => {
    await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${open}`);
    if (!open)
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, [name]);
  });
}

test('without its database it says so: 503 and when to come again; and goes on when it is back', async () => {
  const api = await start();
  expect((await api.ask(api.admin, 'GET', '/api/v1/grid')).status).toBe(200);
  await databaseIs(api, false);
  for (const path of ['/api/v1/grid', '/api/v1/runs', '/health/ready']) {
    const answer = await api.ask(api.admin, 'GET', path);
    expect(answer.status, path).toBe(503);
    expect(answer.headers.get('retry-after'), path).toBe('2');
    expect(answer.headers.get('content-type'), path).toContain('application/problem+json');
  }
  expect((await api.ask(undefined, 'GET', '/health/live')).status).toBe(200);
  await databaseIs(api, true);
  expect((await api.ask(api.admin, 'GET', '/api/v1/grid')).status).toBe(200);
});

test('a stream of events survives an outage of the database, and misses nothing of after it', async () => {
  const api = await start();
  const stream = await OpenStream.open(api, api.admin, '/api/v1/events');
  await stream.until((text) => text.includes('\n\n'));
  await databaseIs(api, false);
  expect((await api.ask(api.admin, 'GET', '/health/ready')).status).toBe(503);
  await databaseIs(api, true);
  await new Rows(api.store).history(null, 'after.outage');
  expect(await stream.until((text) => text.includes('after.outage'))).toBe(true);
  stream.cut();
});

test('closing ends streams and claims that wait, and what was begun is finished', async () => {
  const api = await start();
  const rows = new Rows(api.store);
  const [project] = await api.store.rows<{ id: string }>(`SELECT id FROM project WHERE name = 'default'`);
  const testId = await rows.test(project?.id ?? '', 'x');
  const run = await rows.run(project?.id ?? '', testId, await rows.submission(project?.id ?? '', testId));
  await rows.attempt(run, await rows.host('box'));
  const events = await OpenStream.open(api, api.admin, '/api/v1/events');
  await events.until((text) => text.includes('\n\n'));
  const log = await OpenStream.open(api, api.admin, `/api/v1/runs/r${run}/log?follow=true`);
  running.splice(0);
  const began = performance.now();
  await Promise.all([events.rest(), log.rest(), api.close()]);
  expect(performance.now() - began).toBeLessThan(4000);
});

test('closing does not wait for who is connected and says nothing', async () => {
  const api = await start();
  const silent = connect(Number(new URL(api.url).port), '127.0.0.1');
  onTestFinished(() => void silent.destroy());
  await once(silent, 'connect');
  // The connection is there for the server too once it answers one that came later.
  expect((await api.ask(undefined, 'GET', '/health/live')).status).toBe(200);
  const late = vi.spyOn(Server.prototype, 'closeAllConnections');
  onTestFinished(() => late.mockRestore());
  running.splice(0);
  await api.close();
  expect(late).not.toHaveBeenCalled();
});

test('plain HTTP is for loopback addresses only', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '127.0.0.1.example.org']) {
    await expect(start({ listen: { host, port: 0 } }), host).rejects.toThrow(/loopback/);
  }
});

test('with a certificate it speaks HTTPS, on any address', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-tls-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [certFile, keyFile] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=localhost', '-keyout', keyFile, '-out', certFile],
    ],
    { stdio: 'ignore' },
  );
  const api = await start({ listen: { host: '0.0.0.0', port: 0, tls: { certFile, keyFile } } });
  expect(api.url).toMatch(/^https:/);
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    get(
      `${api.url.replace('0.0.0.0', '127.0.0.1')}/health/live`,
      { rejectUnauthorized: false },
      (response) => {
        response.resume();
        resolve(response.headers);
      },
    ).on('error', reject);
  });
  expect(headers['strict-transport-security']).toBeTruthy();
});

test('output becomes blobs by itself', async () => {
  const api = await start({ upkeepEveryMs: 20 });
  const rows = new Rows(api.store);
  const [project] = await api.store.rows<{ id: string }>(`SELECT id FROM project WHERE name = 'default'`);
  const testId = await rows.test(project?.id ?? '', 'x');
  const run = await rows.run(project?.id ?? '', testId, await rows.submission(project?.id ?? '', testId));
  const attempt = await rows.attempt(run, await rows.host('box'));
  await rows.segment(run, attempt, 1, 0, 'by itself');
  await rows.pass(run, attempt);
  let left = 1;
  for (const deadline = performance.now() + 20_000; left > 0 && performance.now() < deadline; ) {
    left = (await api.store.rows(`SELECT FROM output_segment`)).length;
  }
  expect(left).toBe(0);
  expect((await api.ask(api.admin, 'GET', `/api/v1/runs/r${run}/log`)).text).toBe('by itself');
});

test('a token that was revoked elsewhere is taken for 5 seconds at most, and one that expires as well', async () => {
  const api = await start();
  let nowMs = 0;
  const tokens = new TokensSeen(api.store, () => nowMs);
  const { secret, id } = await api.token({ name: 'lea' });
  const header = `Bearer ${secret}`;
  expect((await tokens.identify(header)).name).toBe('lea');
  await api.store.rows(`UPDATE token SET revoked_at = grid_now() WHERE id = $1`, [id.slice(1)]);
  nowMs = TOKEN_TRUST_MS - 1;
  expect((await tokens.identify(header)).name).toBe('lea');
  nowMs = TOKEN_TRUST_MS;
  await expect(tokens.identify(header)).rejects.toThrow('revoked');
  expect(TOKEN_TRUST_MS).toBeLessThanOrEqual(5000);
});

test('a token revoked here is refused at once', async () => {
  const api = await start();
  const { secret, id } = await api.token({});
  expect((await api.ask(secret, 'GET', '/api/v1/grid')).status).toBe(200);
  await api.ask(api.admin, 'DELETE', `/api/v1/tokens/${id}`);
  expect((await api.ask(secret, 'GET', '/api/v1/grid')).status).toBe(401);
});

test("the first admin's token is made once, from the secret that is kept elsewhere", async () => {
  const api = await start();
  const secret = newSecret();
  expect(await ensureAdminToken(api.store, secret)).toBe('created');
  expect(await ensureAdminToken(api.store, secret)).toBe('there');
  expect((await api.ask(secret, 'GET', '/api/v1/tokens')).status).toBe(200);
  const { items } = (await api.ask(secret, 'GET', '/api/v1/tokens')).json;
  await api.ask(api.admin, 'DELETE', `/api/v1/tokens/${items[0].id}`);
  expect(await ensureAdminToken(api.store, secret)).toBe('revoked');
  await expect(ensureAdminToken(api.store, 'ty_short')).rejects.toThrow();
});

test('secrets are nowhere in the database', async () => {
  const api = await start();
  const made = await api.ask(api.admin, 'POST', '/api/v1/tokens', { name: 'x', expiresInS: 60 });
  expect(made.json.secret).toMatch(/^ty_/);
  const client = new pg.Client({ connectionString: api.databaseUrl });
  await client.connect();
  const { rows } = await client.query(
    `SELECT (SELECT json_agg(t)::text FROM token t) || (SELECT json_agg(h)::text FROM history h) AS all`,
  );
  await client.end();
  expect(rows[0].all).not.toContain(made.json.secret.slice(3));
  expect((await api.ask(api.admin, 'GET', '/api/v1/tokens')).text).not.toContain('secret');
});
