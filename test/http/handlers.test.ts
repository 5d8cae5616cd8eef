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

const SCRIPT = '#!/bin/sh\n# testyard: handlers: power, ./meter.py\ntrue\n';
const METER = '#!/usr/bin/env python3\n';
const base64 = (text: string) => Buffer.from(text).toString('base64');

beforeAll(async () => {
  api = await startTestApi();
  server = await GitServer.start();
  repository = server.repository('suite');
  repository.commit({ 'net/a.sh': SCRIPT, 'net/meter.py': METER, 'bare/b.sh': SCRIPT });
  await api.project('other');
  secret = (await api.token({ name: 'lea', roles: { default: 'submitter', other: 'submitter' } })).secret;
  await applyInventory(api.store, {
    grid: {
      ...{ name: 'lab', admin: 'ann', default: '', trustedProjects: ['other'] },
      sources: [new URL('/', repository.url).href],
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

const submit = (project: string, tests: readonly object[]) =>
  api.ask(secret, 'POST', '/api/v1/submissions', { project, tests });
const file = (programs?: object, content = SCRIPT) => ({
  file: { name: 'a.sh', content: base64(content), ...(programs && { programs }) },
});
const specs = async () =>
  (await api.store.rows<{ spec: TestSpec }>(`SELECT spec FROM test WHERE name <> 'canary' ORDER BY id`)).map(
    ({ spec }) => spec,
  );

describe('a handler that comes with a test', () => {
  test('is refused where the project is not trusted, with what an admin would say to allow it', async () => {
    for (const one of [
      file({ 'meter.py': base64(METER) }),
      { git: { url: repository.url, path: 'net/a.sh' } },
    ]) {
      const answer = await submit('default', [one]);
      expect(answer.status).toBe(422);
      expect(answer.json.errors).toEqual([
        expect.objectContaining({
          message: expect.stringMatching(
            /^'\.\/meter\.py' in 'handlers' comes with the test, and project 'default' is not trusted .*'trusted_projects: \[default\]'$/,
          ),
        }),
      ]);
    }
    expect(await specs()).toEqual([]);
  });

  test.each([
    ['was not sent', file(), /'\.\/meter\.py' in 'handlers': it is not there: send it along/],
    ['is no program', file({ 'meter.py': base64('print') }), /nothing says what runs it: begin it with/],
    ['nobody named', file({ 'meter.py': base64(METER), 'x.py': '' }), /names no handler '\.\/x\.py'/],
    ['is not beside the test', { git: { path: 'bare/b.sh' } }, /there is no file bare\/meter\.py/],
  ])('that %s is refused', async (_, one, message) => {
    const wanted = 'git' in one ? { git: { url: repository.url, ...one.git } } : one;
    const answer = await submit('other', [wanted]);
    expect(answer.status).toBe(422);
    expect(answer.json.errors[0].message).toMatch(message);
  });

  test('goes along where it is trusted, from a file or a folder of a repository, and is no test itself', async () => {
    const sent = await submit('other', [file({ 'meter.py': base64(METER) })]);
    expect(sent.status, sent.text).toBe(201);
    const fetched = await submit('other', [{ git: { url: repository.url, path: 'net' } }]);
    expect(fetched.status, fetched.text).toBe(201);
    const all = await specs();
    expect(all.map(({ name }) => name)).toEqual(['a', 'a']);
    for (const spec of all) {
      expect(spec.programs).toEqual({ 'meter.py': base64(METER) });
      expect(spec.handlers).toEqual(['power', './meter.py']);
    }
  });

  test('is for a LAVA definition too, below its key testyard', async () => {
    const content =
      'metadata: {format: Lava-Test Test Definition 1.0, name: l}\nrun: {steps: [true]}\ntestyard: {handlers: [./meter.py]}\n';
    const sent = { ...file({ 'meter.py': base64(METER) }, content).file, name: 'l.yaml' };
    const answer = await submit('other', [{ file: sent }]);
    expect(answer.status, answer.text).toBe(201);
    expect((await specs()).at(-1)).toMatchObject({ name: 'l', handlers: ['./meter.py'] });
  });
});

describe('one letter for a submission', () => {
  const one = { file: { name: 'x.sh', content: base64('#!/bin/sh\ntrue\n') } };
  const ask = (mailTo: string) =>
    api.ask(secret, 'POST', '/api/v1/submissions', { project: 'other', tests: [one], mailTo });

  test.each([
    ['ann@example.org', 'mailTo', /this grid sends no mail: an admin says how/],
    ['ann@example.org\r\nBcc: x@y.z', 'mailTo', /an address of mail: ann@example\.org/],
  ])('to %j is refused', async (to, where, message) => {
    const answer = await ask(to);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const [first] = answer.json.errors;
    expect(first.where).toContain(where);
    expect(first.message).toMatch(message);
  });

  test('is noted where mail goes out', async () => {
    await api.store.rows(`UPDATE grid SET mail = '{"smtp": "smtp://127.0.0.1", "from": "a@b.c"}'`);
    const answer = await ask('ann@example.org');
    expect(answer.status, answer.text).toBe(201);
    const [row] = await api.store.rows(`SELECT mail_to FROM submission ORDER BY id DESC LIMIT 1`);
    expect(row).toEqual({ mail_to: 'ann@example.org' });
  });
});
