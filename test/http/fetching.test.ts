import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Git } from '../../src/adapters/git.js';
import { fetchTests } from '../../src/http/fetch-tests.js';
import { Heartbeat } from '../../src/stages/heartbeat.js';
import { SETTINGS } from '../../src/stages/settings.js';
import { applyInventory } from '../../src/store/inventory.js';
import { GitServer, type Repository } from '../adapters/git-server.js';
import { aHost } from '../stages/parts.js';
import { startTestApi, type TestApi } from './api.js';

let api: TestApi;
let secret: string;
let server: GitServer;
let repository: Repository;
let first: string;

const script = (text: string) => `#!/bin/sh\n${text}\n`;

beforeAll(async () => {
  api = await startTestApi();
  server = await GitServer.start();
  repository = server.repository('lab');
  first = repository.commit({
    'tests/ping.sh': script('echo first'),
    'tests/deep/flood.sh': script('# testyard: labels: net\ntrue'),
    'tests/wrong/bad.sh': script('# testyard: requires: mars\ntrue'),
    'notes.txt': 'no test',
  });
  secret = (await api.token({ name: 'lea', roles: { default: 'submitter' } })).secret;
  await allow(new URL('/', repository.url).href, 'git://127.0.0.1:1/');
});
afterAll(async () => {
  server.stop();
  await api.close();
});

async function allow(...sources: string[]): Promise<void> {
  await applyInventory(api.store, {
    grid: { name: 'lab', admin: 'ann', default: '', sources },
    ...{
      tags: [],
      aliases: [],
      pools: [{ name: 'default' }],
      resources: [],
      types: [],
      steps: [],
      tests: [],
    },
    hosts: [aHost('one')],
  });
}

interface Place {
  readonly url?: string;
  readonly ref?: string;
  readonly path?: string;
}

/** A submission of these places of the repository, or of another. */
async function submit(places: readonly Place[], more: object = {}, headers: Record<string, string> = {}) {
  const tests = places.map((place) => ({ git: { url: repository.url, ...place } }));
  return await api.ask(secret, 'POST', '/api/v1/submissions', { tests, ...more }, headers);
}

/** What is wrong with it, by field. */
async function wrong(...places: Place[]): Promise<Record<string, string>> {
  const answer = await submit(places);
  expect(answer.status, answer.text).toBe(422);
  return Object.fromEntries(
    answer.json.errors.map(({ where, message }: { where: string; message: string }) => [where, message]),
  );
}

/** The runs of a submission, in detail, once it has unfolded. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
async function runsOf(submission: string): Promise<any[]> {
  const heartbeat = new Heartbeat(api.store, SETTINGS, () => undefined);
  await heartbeat.beat();
  await heartbeat.stop();
  const { json } = await api.ask(secret, 'GET', `/api/v1/runs?submission=${submission}`);
  const all = await Promise.all(
    json.items.map(({ id }: { id: string }) => api.ask(secret, 'GET', `/api/v1/runs/${id}`)),
  );
  return all.map((one) => one.json);
}

/** What the tests of these runs are, by name. */
async function scriptsOf(submission: string): Promise<Record<string, string>> {
  const rows = await api.store.rows<{ name: string; run: string }>(
    `SELECT t.name, t.spec->>'run' AS run FROM submission s JOIN test t ON t.id = ANY (s.tests) WHERE s.id = $1`,
    [submission.slice(1)],
  );
  return Object.fromEntries(rows.map(({ name, run }) => [name, Buffer.from(run, 'base64').toString()]));
}

describe('tests of a repository', () => {
  test('a file and a folder are submitted, and every run says from where', async () => {
    const answer = await submit([{ path: 'tests/ping.sh', ref: 'main' }, { path: 'tests/deep' }]);
    expect(answer.status, answer.text).toBe(201);
    const runs = await runsOf(answer.json.id);
    const sources = runs.map(({ test, source }) => [test, source]).sort();
    expect(sources).toEqual([
      ['flood', { url: repository.url, commit: first, path: 'tests/deep/flood.sh' }],
      ['ping', { url: repository.url, commit: first, path: 'tests/ping.sh' }],
    ]);
  });

  test('a dry run fetches and writes nothing', async () => {
    const count = async () => (await api.store.rows(`SELECT FROM test`)).length;
    const before = await count();
    const answer = await submit([{ path: 'tests/ping.sh' }, { path: 'tests/deep' }], { dryRun: true });
    expect(answer.json).toMatchObject({ runs: 2, tests: [{ test: 'ping' }, { test: 'flood' }] });
    expect(await count()).toBe(before);
  });

  test('what was submitted stays what it was when the branch moves, in a retry too', async () => {
    const moving = server.repository('moving');
    const old = moving.commit({ 'a.sh': script('echo old') });
    const once = { 'idempotency-key': 'moving-1' };
    const before = await submit([{ url: moving.url, ref: 'main' }], {}, once);
    const [run] = await runsOf(before.json.id);
    const now = moving.commit({ 'a.sh': script('echo new') });
    await api.ask(secret, 'POST', `/api/v1/runs/${run.id}/cancel`, { why: 'a test' });
    await runsOf(before.json.id);
    const retried = await api.ask(secret, 'POST', `/api/v1/runs/${run.id}/retry`);
    expect(retried.status, retried.text).toBe(201);
    expect((await runsOf(retried.json.id))[0]).toMatchObject({ source: { commit: old } });
    expect(await scriptsOf(retried.json.id)).toEqual({ a: script('echo old') });
    // The same key is the same submission; without it the branch is looked at again.
    expect((await submit([{ url: moving.url, ref: 'main' }], {}, once)).json.id).toBe(before.json.id);
    const after = await submit([{ url: moving.url, ref: 'main' }]);
    expect((await runsOf(after.json.id))[0]).toMatchObject({ source: { commit: now } });
  });

  test('the same key at the same time makes one submission', async () => {
    const key = { 'idempotency-key': 'at-once' };
    const both = await Promise.all([1, 2].map(() => submit([{ path: 'tests/ping.sh' }], {}, key)));
    expect(new Set(both.map((one) => one.json.id)).size).toBe(1);
  });
});

describe('what is refused, each with its field', () => {
  test('a repository that nobody allowed', async () => {
    const url = 'https://git.example.org/x.git';
    expect(await wrong({ url })).toEqual({
      'tests[0].git.url': `this grid takes no tests from there: an admin allows it in grid.yaml, with 'sources: [${url}]' or what it begins with`,
    });
    const near = repository.url.replace('127.0.0.1', '127.0.0.1.example.org');
    expect(Object.keys(await wrong({ url: near }))).toEqual(['tests[0].git.url']);
  });

  test.each([
    ['ext::sh -c true', /^a repository is named by a URL/],
    ['--upload-pack=true', /^a repository is named by a URL/],
    ['git@example.org:x', /^a repository is named by a URL/],
    ['https://u:secret@example.org/x', /^leave the user and password out/],
    ['https://secret@example.org/x', /^leave the user and password out/],
    ['ssh://-oProxyCommand=true/x', /begins with '-'|no URL/],
    ['file://host/etc', /three slashes/],
    ['https://example.org/a/%2e%2E/b', /'\.\.'/],
    ['https://example.org/a b', /no URL/],
    ['https://example.org/a?b', /'\?'/],
  ])('the address %s', async (url, message) => {
    expect((await wrong({ url }))['tests[0].git.url']).toMatch(message);
  });

  test.each(['-x', 'a..b', 'a b', '../main', 'a~1', 'a:b', '@{1}x@{', 'main.lock'])(
    'the name %s',
    async (ref) => {
      expect((await wrong({ ref }))['tests[0].git.ref']).toMatch(/no branch, tag or commit|has no branch/);
    },
  );

  test.each(['../x', '/etc/passwd', 'a/../../x', './a', 'a//b', 'a\nb'])('the path %j', async (path) => {
    expect((await wrong({ path }))['tests[0].git.path']).toMatch(/root of the repository|is no path/);
  });

  test('a branch, a path and a test that are not there, all at once', async () => {
    const said = await wrong(
      { ref: 'nope' },
      { path: 'nowhere' },
      { path: 'notes.txt' },
      { path: 'tests/wrong' },
    );
    expect(said['tests[0].git.ref']).toBe(`${repository.url} has no branch or tag 'nope'`);
    expect(said['tests[1].git.path']).toMatch(/^there is nothing at nowhere/);
    expect(said['tests[2].git.path']).toMatch(/^notes\.txt is no test: a test begins with #!/);
    expect(said['tests[3].git (tests/wrong/bad.sh)']).toMatch(/mars/);
  });

  test('a commit that is not there', async () => {
    expect(Object.keys(await wrong({ ref: '0123456789'.repeat(4) }))[0]).toMatch(/git\.(ref|url)/);
  });

  test('a server that is not there', async () => {
    expect((await wrong({ url: 'git://127.0.0.1:1/x' }))['tests[0].git.url']).toMatch(/cannot be fetched: /);
  });
});

describe('a server that never answers', () => {
  let mute: ReturnType<typeof createServer>;
  let url: string;
  const come: Socket[] = [];
  beforeAll(async () => {
    mute = createServer((socket) => void come.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    url = `git://127.0.0.1:${(mute.address() as { port: number }).port}/x`;
    await allow(new URL('/', repository.url).href, url);
  });
  afterAll(() => mute.close());

  test('is waited for without a transaction, while others are answered', async () => {
    const waiting = submit([{ url }], {}, { 'idempotency-key': 'mute' });
    await new Promise((resolve) => mute.once('connection', resolve));
    expect((await submit([{ path: 'tests/ping.sh' }])).status).toBe(201);
    const open = await api.store.rows(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
    );
    expect(open).toEqual([]);
    for (const socket of come) socket.destroy();
    expect((await waiting).status).toBe(422);
    // Nothing half made: the key is free for what comes after.
    expect(await api.store.rows(`SELECT FROM idempotency WHERE key = 'mute'`)).toEqual([]);
  });

  test('is given up, and whoever asked may try again', async () => {
    const git = new Git('/nonexistent');
    const given = fetchTests(api.store, git, [{ git: { url, path: '.' } }], 300);
    await expect(given).rejects.toMatchObject({
      status: 504,
      message: `${url} did not answer in time; nothing was submitted: try again`,
    });
  });
});
