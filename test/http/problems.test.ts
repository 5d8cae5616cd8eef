import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../../src/http/contract.js';
import { type Answer, startTestApi, type TestApi } from './api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api?.close());

const file = (bytes: string | Buffer, name = 'a.sh') => ({
  file: { name, content: Buffer.from(bytes).toString('base64') },
});
const GOOD = file('#!/bin/sh\ntrue\n');

function expectProblem(answer: Answer, status: number): void {
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(Problem.safeParse(answer.json)).toMatchObject({ success: true });
  expect(answer.json.status).toBe(status);
  expect(answer.status).toBe(status);
  expect(answer.text).not.toMatch(/\.ts:|\.js:|node_modules|at .*\(/);
}

describe('what cannot be answered is said as problem+json', () => {
  const cases: readonly (readonly [string, string, string, unknown, number, string?])[] = [
    ['an unknown path', 'GET', '/nothing/here', undefined, 404],
    ['a path below a known one', 'GET', '/api/v1/runs/r1/nothing', undefined, 404],
    ['a method that a path does not take', 'DELETE', '/api/v1/runs', undefined, 405],
    ['PUT', 'PUT', '/api/v1/grid', '{}', 405],
    ['HEAD of a stream', 'OPTIONS', '/api/v1/events', undefined, 405],
    ['a path that cannot be decoded', 'GET', '/api/v1/runs/%zz', undefined, 400],
    ['a path without end', 'GET', `/api/v1/runs/${'r'.repeat(5000)}`, undefined, 414],
    ['an id of another kind', 'GET', '/api/v1/runs/h1', undefined, 404],
    ['an id past 64 bits', 'GET', '/api/v1/runs/r9999999999999999999', undefined, 404],
    ['an id of zero', 'GET', '/api/v1/submissions/s0', undefined, 404],
    ['NUL in a path', 'GET', '/api/v1/hosts/a%00b', undefined, 404],
    ['a filter that is not known', 'GET', '/api/v1/runs?projct=x', undefined, 400, ''],
    ['a filter twice', 'GET', '/api/v1/runs?test=a&test=b', undefined, 400, 'test'],
    ['a state that is none', 'GET', '/api/v1/runs?state=asleep', undefined, 400, 'state'],
    ['too large a page', 'GET', '/api/v1/runs?limit=501', undefined, 400, 'limit'],
    ['a limit that is no number', 'GET', '/api/v1/runs?limit=ten', undefined, 400, 'limit'],
    ['NUL in a filter', 'GET', '/api/v1/runs?test=%00', undefined, 400, 'test'],
    ['a cursor of nobody', 'GET', '/api/v1/runs?cursor=abc', undefined, 400, 'cursor'],
    ['a cursor of another list', 'GET', '/api/v1/runs?cursor=WyJhIiwiYiJd', undefined, 400, 'cursor'],
    ['an event cursor of nobody', 'GET', '/api/v1/events?after=12', undefined, 400, 'after'],
    ['a project that is not there', 'GET', '/api/v1/runs?project=nowhere', undefined, 404],
    ['malformed JSON', 'POST', '/api/v1/grid/halt', '{"why": ', 400],
    ['a prototype in JSON', 'POST', '/api/v1/grid/halt', '{"why": "x", "__proto__": {"mode": "kill"}}', 400],
    ['a body that is a list', 'POST', '/api/v1/grid/halt', [], 422, ''],
    ['a body that is null', 'POST', '/api/v1/grid/halt', 'null', 422, 'why'],
    ['no reason', 'POST', '/api/v1/grid/halt', { why: '   ' }, 422, 'why'],
    ['NUL in a body', 'POST', '/api/v1/grid/halt', { why: 'a\0b' }, 400, 'why'],
    ['half a surrogate pair', 'POST', '/api/v1/grid/halt', '{"why": "a\\ud800b"}', 400, 'why'],
    [
      'NUL in a name',
      'POST',
      '/api/v1/submissions',
      { tests: [GOOD], variants: [{ 'a\0': 'b' }] },
      400,
      'variants[0]',
    ],
    [
      'nesting without end',
      'POST',
      '/api/v1/submissions',
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      400,
      '[0][0][0]',
    ],
    ['an unknown key', 'POST', '/api/v1/submissions', { tests: [GOOD], test: 1 }, 422, ''],
    ['no tests', 'POST', '/api/v1/submissions', { tests: [] }, 422, 'tests'],
    ['a wrong type', 'POST', '/api/v1/submissions', { tests: [GOOD], priority: '1' }, 422, 'priority'],
    [
      'a number too large',
      'POST',
      '/api/v1/submissions',
      { tests: [GOOD], priority: 1e300 },
      422,
      'priority',
    ],
    [
      'no base64',
      'POST',
      '/api/v1/submissions',
      { tests: [{ file: { name: 'a', content: '?' } }] },
      422,
      'tests[0].file.content',
    ],
    [
      'a test of two kinds',
      'POST',
      '/api/v1/submissions',
      { tests: [{ ...GOOD, name: 'a' }] },
      422,
      'tests[0]',
    ],
    [
      'an unknown test',
      'POST',
      '/api/v1/submissions',
      { tests: [GOOD, { name: 'nobodys' }] },
      422,
      'tests[1].name',
    ],
    ['an empty test file', 'POST', '/api/v1/submissions', { tests: [file('')] }, 422, 'tests[0].file (a.sh)'],
    [
      'an artefact of two places',
      'POST',
      '/api/v1/submissions',
      { tests: [GOOD], artefacts: [{ name: 'a', url: 'http://x/', blob: 'b' }] },
      422,
      'artefacts[0]',
    ],
    [
      'an artefact twice',
      'POST',
      '/api/v1/submissions',
      {
        tests: [GOOD],
        artefacts: [
          { name: 'a', url: 'http://x/' },
          { name: 'a', url: 'http://y/' },
        ],
      },
      422,
      'artefacts[1].name',
    ],
    [
      'a blob that is not there',
      'POST',
      '/api/v1/submissions',
      { tests: [GOOD], artefacts: [{ name: 'a', blob: 'b' }] },
      422,
      'artefacts[0].blob',
    ],
    [
      'more runs than a million',
      'POST',
      '/api/v1/submissions',
      { tests: [GOOD], variants: Array(1000).fill({}), targets: Array(1000).fill({}) },
      422,
      '',
    ],
    [
      'an executor with a role',
      'POST',
      '/api/v1/tokens',
      { name: 'x', kind: 'executor', gridAdmin: true },
      422,
    ],
    [
      'a role in no project',
      'POST',
      '/api/v1/tokens',
      { name: 'x', roles: { nowhere: 'viewer' } },
      422,
      'roles.nowhere',
    ],
    ['a project twice', 'POST', '/api/v1/projects', { name: 'default' }, 409],
    ['the last admin', 'DELETE', '/api/v1/tokens/t1', undefined, 409],
    ['a token of nobody', 'DELETE', '/api/v1/tokens/t99', undefined, 404],
  ];
  test.each(cases.map(([what, ...rest]) => [what, rest] as const))('%s', async (_what, rest) => {
    const [method, path, body, status, where] = rest;
    const answer = await api.ask(api.admin, method, path, body);
    expectProblem(answer, status);
    if (where !== undefined)
      expect(answer.json.errors.map((error: { where: string }) => error.where)).toContain(where);
  });

  test('a method that a path does not take names those it does', async () => {
    const answer = await api.ask(api.admin, 'DELETE', '/api/v1/projects');
    expect(answer.headers.get('allow')).toBe('GET, POST');
  });

  test('a body that is no JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
      expectProblem(
        await api.ask(api.admin, 'POST', '/api/v1/grid/halt', 'a=b', { 'content-type': type }),
        415,
      );
    }
  });

  test('a body that is too large, and one that is too large for its route', async () => {
    const large = JSON.stringify({ why: 'x'.repeat(2 * 1024 * 1024) });
    expectProblem(await api.ask(api.admin, 'POST', '/api/v1/grid/halt', large), 413);
    const larger = JSON.stringify({ name: 'x'.repeat(21 * 1024 * 1024) });
    expectProblem(await api.ask(api.admin, 'POST', '/api/v1/submissions', larger), 413);
  });

  test('something that is no HTTP', async () => {
    const { port } = new URL(api.url);
    const text = await new Promise<string>((resolve, reject) => {
      let heard = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('HELO there\r\n\r\n'));
      socket.on('data', (chunk) => {
        heard += chunk;
      });
      socket.on('end', () => resolve(heard));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1.1 400 .*application\/problem\+json.*"status":400/s);
  });

  test('every header of a stranger that is no token', async () => {
    for (const header of [
      '',
      'Bearer',
      'Bearer x',
      'Basic dTpw',
      `Bearer ty_${'x'.repeat(5000)}`,
      'Bearer ty_short',
    ]) {
      const answer = await api.ask(undefined, 'GET', '/api/v1/grid', undefined, { authorization: header });
      expectProblem(answer, 401);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  test('a stranger is refused before a large body is read', async () => {
    const answer = await api.ask(
      undefined,
      'POST',
      '/api/v1/submissions',
      `{"tests": ${'x'.repeat(5_000_000)}`,
    );
    expectProblem(answer, 401);
  });
});

test('all that is wrong with a submission is said at once, with lines', async () => {
  const answer = await api.ask(api.admin, 'POST', '/api/v1/submissions', {
    tests: [
      { name: 'nobodys' },
      file('#!/bin/sh\n# testyard-requires: nosuchtag\n# requires: nosuchtag\ntrue\n'),
      file('testyard: 1\nrequires: [nosuchtag, alsonot]\nrun: "true"\n', 'b.yaml'),
    ],
  });
  expectProblem(answer, 422);
  const where = answer.json.errors.map((error: { where: string }) => error.where);
  expect(where).toContain('tests[0].name');
  expect(where).toContain('tests[2].file (b.yaml)');
  expect(
    answer.json.errors.find((e: { where: string }) => e.where === 'tests[2].file (b.yaml)').line,
  ).toBeGreaterThan(0);
});

test('a bug of ours is a problem without a word of our code, and is in the log', async () => {
  api.desk.answering = () => {
    throw new Error('secret detail');
  };
  const { secret } = await api.token({ kind: 'executor' });
  const body = { executor: 'x', incarnation: '0123456789abcdef', protocol: '1.0', capacity: 1 };
  const answer = await api.ask(secret, 'POST', '/executor/v1/register', body);
  expectProblem(answer, 500);
  expect(answer.text).not.toContain('secret detail');
  expect(api.logged.join('')).toContain('secret detail');
  expect(api.logged.join('')).not.toContain(secret);
});

test('every answer tells browsers to be careful', async () => {
  for (const path of ['/health/live', '/api/v1/grid', '/nothing']) {
    const { headers } = await api.ask(api.admin, 'GET', path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  }
});
