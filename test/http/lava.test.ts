import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestSpec } from '../../src/domain/test.js';
import { applyInventory } from '../../src/store/inventory.js';
import { GitServer, type Repository } from '../adapters/git-server.js';
import { aHost } from '../stages/parts.js';
import { startTestApi, type TestApi } from './api.js';

let api: TestApi;
let secret: string;
let server: GitServer;
let repository: Repository;
let other: Repository;

const definition = (name: string, more = '') => `metadata:
  name: ${name}
  format: Lava-Test Test Definition 1.0
  os: [slax]
params:
  SIZE: 1
${more}run:
  steps: [./go.sh]
`;

beforeAll(async () => {
  api = await startTestApi();
  server = await GitServer.start();
  repository = server.repository('suite');
  other = server.repository('tools');
  other.commit({ 'tool.sh': '#!/bin/sh\n' });
  const repos = `install: {git-repos: [{url: '${other.url}', destination: bin}]}\n`;
  repository.commit({
    'net/a.yaml': definition('net-a', repos),
    'net/go.sh': '#!/bin/sh\n',
    'lib.sh': 'x',
  });
  secret = (await api.token({ name: 'lea', roles: { default: 'submitter' } })).secret;
  await applyInventory(api.store, {
    grid: {
      ...{ name: 'lab', admin: 'ann', default: '' },
      sources: [new URL('/', repository.url).href],
      lava: { os: { slax: 'distro = slackware' } },
    },
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
});
afterAll(async () => {
  server.stop();
  await api.close();
});

const submit = (tests: readonly object[], more: object = {}) =>
  api.ask(secret, 'POST', '/api/v1/submissions', { tests, ...more });

/** The newest version of a test as it was accepted. */
async function accepted(name: string): Promise<TestSpec> {
  const [row] = await api.store.rows<{ spec: TestSpec }>(
    `SELECT spec FROM test WHERE name = $1 ORDER BY id DESC LIMIT 1`,
    [name],
  );
  if (row === undefined) throw new Error(`no test ${name}`);
  return row.spec;
}

const file = (text: string, tree?: object) => ({
  file: {
    name: 'b.yaml',
    content: Buffer.from(text).toString('base64'),
    ...(tree === undefined ? {} : { tree }),
  },
});

/** Puts bytes where an upload would. */
async function uploaded(text: string): Promise<string> {
  const digest = createHash('sha256').update(text).digest('hex');
  const stored = await api.blobs.put([Buffer.from(text)]);
  await api.store.rows(
    `INSERT INTO blob (digest, bytes, stored_bytes, media_type) VALUES ($1, $2, $3, 'application/octet-stream')
     ON CONFLICT DO NOTHING`,
    [stored.digest, stored.bytes, stored.storedBytes],
  );
  return digest;
}

const errors = (answer: { json: { errors: { where: string; message: string }[] } }) =>
  answer.json.errors.map(({ where, message }) => `${where}: ${message}`);

describe('a LAVA definition', () => {
  test('of a repository is accepted with all of its commit, and what it asks for fetched into it', async () => {
    const answer = await submit([{ git: { url: repository.url, path: 'net' } }]);
    expect(answer.status, answer.text).toBe(201);
    const { tree, lava, source, requirement } = await accepted('net-a');
    expect(source?.path).toBe('net/a.yaml');
    expect(requirement).toBe('distro = slackware');
    expect(lava).toMatchObject({
      folder: 'net',
      params: { SIZE: '1' },
      repositories: [{ url: other.url, at: 'bin', commit: other.git('rev-parse', 'HEAD') }],
    });
    const archive = await api.blobs.get(tree?.blob ?? '');
    expect(archive.length).toBe(tree?.bytes);
    const { gunzipSync } = await import('node:zlib');
    const text = gunzipSync(archive).toString('latin1');
    for (const name of ['net/a.yaml', 'net/go.sh', 'lib.sh', 'bin/tool.sh']) expect(text).toContain(name);
  });

  test('that was sent lies where it says in the tree that was uploaded', async () => {
    const blob = await uploaded('an archive');
    const answer = await submit([file(definition('net-b'), { blob, path: 'deep/er/b.yaml' })]);
    expect(answer.status, answer.text).toBe(201);
    expect(await accepted('net-b')).toMatchObject({
      tree: { blob, bytes: 10 },
      lava: { name: 'net-b', folder: 'deep/er' },
    });
  });

  test.each([
    [
      'without its tree',
      () => file(definition('c'), { blob: 'a'.repeat(64), path: 'b.yaml' }),
      /upload it first/,
    ],
    [
      'with a place outside of it',
      async () => file(definition('c'), { blob: await uploaded('x'), path: '../b' }),
      /tree\.path: it may not have/,
    ],
    [
      'that is none, with a tree',
      async () => file('testyard: 1\nrun: x\n', { blob: await uploaded('x'), path: 'b' }),
      /only a LAVA definition/,
    ],
    [
      'whose repositories nobody fetched',
      () => file(definition('c', `install: {git-repos: ['${'git://x.example/y'}']}\n`)),
      /names 1 repositories/,
    ],
  ])('%s is refused', async (_, make, message) => {
    const answer = await submit([await make()]);
    expect(answer.status, answer.text).toBe(422);
    expect(errors(answer).join()).toMatch(message);
  });

  test('whose repositories are not allowed is refused', async () => {
    const odd = server.repository('odd');
    odd.commit({ 'a.yaml': definition('odd', `install: {git-repos: ['https://x.example/y']}\n`) });
    const answer = await submit([{ git: { url: odd.url } }]);
    expect(errors(answer).join()).toMatch(/this grid takes nothing from https:\/\/x\.example\/y/);
  });

  test('has values for its parameters in every variant, and none that it does not know', async () => {
    const wrong = await submit([file(definition('net-b'))], { params: { SIZES: '2' } });
    expect(errors(wrong)).toEqual([
      "params.SIZES: the definition has no parameter 'SIZES': did you mean 'SIZE'?",
    ]);
    const answer = await submit([{ name: 'net-b' }], { params: { SIZE: '2' }, variants: [{ A: '1' }, {}] });
    expect(answer.status, answer.text).toBe(201);
    const [row] = await api.store.rows<{ variants: unknown }>(
      `SELECT variants FROM submission ORDER BY id DESC LIMIT 1`,
    );
    expect(row?.variants).toEqual([{ A: '1', SIZE: '2' }, { SIZE: '2' }]);
  });
});
