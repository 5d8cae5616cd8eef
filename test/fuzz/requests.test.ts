import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Problem } from '../../src/http/contract.js';
import type { Route } from '../../src/http/routes/route.js';
import { type RouteName, routes } from '../../src/http/routes.js';
import { Repository } from '../adapters/git-server.js';
import { startTestApi, type TestApi } from '../http/api.js';
import { Rows } from '../http/rows.js';
import { connections, type Heard, type Sent, send } from './ask.js';
import { digestWith } from './digest.js';
import { CANARY, HOSTILE_TEXTS, HOSTILE_VALUES } from './hostile.js';
import { placesOf, type Way, withValue } from './places.js';
import { count, Dice, SEED } from './seed.js';

/** A request that is right, before it is damaged. */
interface Example {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Sent['headers'];
}

type PersonsRoute = Exclude<RouteName, `executor${string}`>;

const base64 = (text: string) => Buffer.from(text).toString('base64');
const labFolder = mkdtempSync(path.join(tmpdir(), 'testyard-fuzz-git-'));
const LAB = new Repository(labFolder, pathToFileURL(labFolder).href);
const FILES = [
  { path: 'grid.yaml', content: base64(`name: lab\nadmin: ann\nsources: ['${LAB.url}']\n`) },
  { path: 'hosts.yaml', content: base64('hosts:\n  box: {local: {}}\n  other: {local: {}, owner: Bea}\n') },
  {
    path: 'watches.yaml',
    content: base64(
      `watches:\n  source: {git: {url: "https://git.example.org/a", branch: main}, hook: {env: FUZZ_TEST_HOOK}}\n`,
    ),
  },
  { path: 'tests/nightly.sh', content: base64('#!/bin/sh\n# testyard: labels: net\ntrue\n') },
  { path: 'tests/slow.sh', content: base64('#!/bin/sh\n# testyard: labels: slow\ntrue\n') },
];
const TEST = { file: { name: 'a.sh', content: base64('#!/bin/sh\n# testyard: requires: linux\ntrue\n') } };
const LAVA = {
  file: {
    name: 'net/b.yaml',
    content: base64(
      'metadata: {format: Lava-Test Test Definition 1.0, name: b}\nparams: {SIZE: 1}\nrun: {steps: [./go.sh]}\n',
    ),
    tree: { blob: createHash('sha256').digest('hex'), path: 'net/b.yaml', commits: [] },
  },
};
const GIT = { git: { url: LAB.url, ref: 'main', path: 'tests' } };
const host = { params: { host: 'box' } };
const why = { why: 'a test' };
const LINK = { answer: 'not_mine', expires: '1', seal: '0'.repeat(64) };
const page = { cursor: Buffer.from('"9"').toString('base64url'), limit: '3' };

/** One for each route: the compiler asks whoever adds a route for another. */
const EXAMPLES: Record<PersonsRoute, Example> = {
  readGrid: {},
  haltGrid: { body: { ...why, mode: 'drain' } },
  resumeGrid: { body: why },
  readInventory: {},
  diffInventory: { body: { files: FILES } },
  applyInventory: { body: { files: FILES, drain: false } },
  listHosts: { query: { ...page, cursor: Buffer.from('"a"').toString('base64url'), pool: 'default' } },
  readHost: host,
  takeHostOut: { ...host, body: { ...why, mode: 'kill' } },
  endMaintenance: { ...host, body: why },
  quarantineHost: { ...host, body: { ...why, mode: 'drain' } },
  endQuarantine: { ...host, body: why },
  reserveHost: { ...host, body: { ...why, forS: 60 } },
  endReservation: host,
  listReservations: {},
  submit: {
    body: {
      ...{
        project: 'default',
        name: 'nightly',
        tests: [TEST, LAVA, GIT, { name: 'nightly' }],
        priority: 1,
        wait: true,
      },
      select: { with: ['net'], without: ['slow'] },
      artefacts: [{ name: 'kernel', url: 'https://example.org/k', digest: 'd', buildId: '1' }],
      params: { SIZE: '2' },
      variants: [{ A: '1' }, { A: '2' }],
      matrix: {
        axes: { FS: ['ext4', 'xfs'] },
        include: [{ FS: 'btrfs' }],
        exclude: [{ FS: 'xfs' }],
        most: 9,
      },
      ...{
        targets: [{}, { host: 'box' }, { each: 'host' }],
        queueTimeoutS: 60,
        dryRun: false,
        holdOnFailureS: 60,
      },
    },
  },
  listSubmissions: { query: { ...page, project: 'default', name: 'nightly', finished: 'true' } },
  readSubmission: { params: { submission: 's1' } },
  cancelSubmission: { params: { submission: 's1' }, body: why },
  retrySubmission: { params: { submission: 's1' }, body: { verdict: 'none' } },
  readMorning: { params: { submission: 's1' } },
  upload: { query: { digest: createHash('sha256').digest('hex') } },
  download: { params: { digest: '0'.repeat(64) } },
  listWatches: {},
  callWatch: { params: { watch: 'source' }, headers: { 'x-gitlab-token': 'fuzz' } },
  listComponents: { query: { ...page, cursor: Buffer.from('"a"').toString('base64url'), watch: 'debs' } },
  listChanges: {
    query: { ...page, id: 'c1', project: 'default', component: 'debs/a', watch: 'debs', state: 'new' },
  },
  pushChange: { body: { project: 'default', component: 'debs/a', blob: '0'.repeat(64), signature: 's' } },
  readBaseline: {
    query: {
      ...{ ...page, cursor: Buffer.from('"a"').toString('base64url') },
      ...{ watch: 'debs', at: '2026-01-01T00:00:00Z' },
    },
  },
  listRuns: {
    query: {
      ...page,
      project: 'default',
      submission: 's1',
      test: 'boot',
      state: 'done',
      verdict: 'passed',
      purpose: 'test',
    },
  },
  readRun: { params: { run: 'r1' } },
  cancelRun: { params: { run: 'r2' }, body: why },
  retryRun: { params: { run: 'r1' } },
  readLog: { params: { run: 'r1' }, query: { attempt: 'a1', role: 'main', from: '3', follow: 'false' } },
  readEnvironment: { params: { run: 'r1' } },
  diffRuns: { params: { run: 'r1' }, query: { with: 'r2' } },
  changedSincePass: { params: { test: 'boot' }, query: { project: 'default' } },
  readAttachment: { params: { run: 'r1', digest: '0'.repeat(64) } },
  listSearches: { query: { ...page, project: 'default', open: 'true' } },
  readSearch: { params: { search: 'q1' } },
  startSearch: {
    body: {
      ...{ project: 'default', test: 'boot', good: 'r999998', bad: 'r999999' },
      ...{ predicate: 'fails', consequences: false, why: 'why' },
    },
  },
  guideSearch: { params: { search: 'q1' }, body: { exclude: ['c1'], weigh: { c2: 3 } } },
  stopSearch: { params: { search: 'q1' } },
  answerSearch: {
    params: { search: 'q1' },
    body: { answer: 'fixed_in', change: 'c1', version: '3', why: 'why' },
  },
  showAnswerLink: { params: { accusation: 'u1' }, query: LINK },
  useAnswerLink: { params: { accusation: 'u1' }, query: LINK },
  listPins: { query: { ...page, project: 'default', open: 'true' } },
  listIntakes: { query: { ...page, project: 'default', open: 'true' } },
  listKnown: { query: { project: 'default', test: 'boot' } },
  makeKnown: {
    body: { project: 'default', test: 'boot', signature: 'oops', link: 'https://example.org/1', why: 'seen' },
  },
  forgetKnown: { params: { known: 'k1' } },
  listIncidents: { query: { ...page, open: 'true' } },
  readIncident: { params: { incident: 'i1' } },
  listTests: {
    query: { ...page, cursor: Buffer.from('["a","b"]').toString('base64url'), project: 'default' },
  },
  listProjects: {},
  createProject: { body: { name: 'fresh' } },
  listTokens: {},
  createToken: {
    body: { name: 'x', kind: 'person', gridAdmin: false, roles: { default: 'viewer' }, expiresInS: 60 },
  },
  revokeToken: { params: { token: 't9' } },
  explainRun: { params: { run: 'r1' } },
  explain: { body: { project: 'default', requirement: 'linux' } },
  testsFor: { query: { host: 'box' } },
  hostsFor: { body: { project: 'default', file: TEST.file } },
  listTags: {},
  readTag: { params: { tag: 'kernel' } },
  readEvents: { query: { after: 'start', project: 'default', run: 'r1' } },
  readOpenApi: {},
  live: {},
  ready: {},
};
const NAMES = Object.keys(EXAMPLES) as PersonsRoute[];

/** Each byte as %XX: what cannot be written otherwise can be sent so. */
const escaped = (text: string) =>
  [...Buffer.from(text.slice(0, 5000))].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
/** What node lets a client write into a header. */
const headerText = (text: string) => text.slice(0, 20_000).replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');

function sentBy(name: PersonsRoute, example: Example, headers: Sent['headers'] = {}): Sent {
  const route: Route = routes[name];
  const path = route.path.replace(/:([a-z]+)/g, (_, key: string) => example.params?.[key] ?? key);
  const query = Object.entries(example.query ?? {}).map(([key, value]) => `${escaped(key)}=${value}`);
  const json = { 'content-type': 'application/json' };
  return {
    method: route.method,
    path: query.length === 0 ? path : `${path}?${query.join('&')}`,
    headers: { ...(example.body === undefined ? {} : json), ...example.headers, ...headers },
    body: example.body === undefined ? undefined : JSON.stringify(example.body),
  };
}

/** Bodies that are no JSON, or another than they say. */
const RAW: readonly ((text: string, dice: Dice) => Partial<Sent>)[] = [
  (text, dice) => ({ body: text.slice(0, dice.below(text.length)) }),
  (text, dice) => {
    const at = dice.below(text.length);
    return {
      body:
        text.slice(0, at) +
        dice.pick(['"', '{', '}', '[', ',', ':', '\\', '\0', '\u2028', '1e9', '//']) +
        text.slice(at),
    };
  },
  (text, dice) => {
    const bytes = Buffer.from(text);
    bytes[dice.below(bytes.length)] = dice.below(256);
    return { body: bytes };
  },
  (text) => ({ body: text.replace('{', '{"__proto__": {"polluted": true}, ') }),
  (text) => ({ body: text.replace('{', '{"constructor": {"prototype": {"polluted": true}}, ') }),
  (text) => ({ body: text.replace(/"([a-z]+)":/i, '"$1": 1, "$1":') }),
  (text) => ({ body: `\ufeff${text}` }),
  (text) => ({ body: `${text}${text}` }),
  (text) => ({ body: Buffer.from(text, 'utf16le') }),
  () => ({ body: '' }),
  () => ({ body: ' '.repeat(1000) }),
  () => ({ body: '['.repeat(200_000) }),
  () => ({ body: `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}` }),
  () => ({ body: '1'.repeat(100_000) }),
  () => ({ body: '-' }),
  () => ({ body: '"\\ud83d"' }),
  () => ({ body: `{${Array.from({ length: 20_000 }, (_, i) => `"k${i}":${i}`).join(',')}}` }),
  (text) => ({ body: text, chunked: true }),
  (text) => ({ headers: { 'content-type': 'text/plain' }, body: text }),
  (text) => ({ headers: { 'content-type': 'application/json; charset=utf-7' }, body: text }),
  (text) => ({ headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: text }),
  (text) => ({ headers: { 'content-type': ';;;' }, body: text }),
  (text) => ({ headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: text }),
];

const HEADERS = [
  'idempotency-key',
  'last-event-id',
  'authorization',
  'accept',
  'content-type',
  'expect',
  'range',
];

type Mutant = { readonly sent: Sent; readonly at?: Way };

/** What can be damaged of a request of this route. */
function mutantsOf(name: PersonsRoute): readonly ((dice: Dice) => Mutant)[] {
  const example = EXAMPLES[name];
  const route: Route = routes[name];
  const kinds: ((dice: Dice) => Mutant)[] = [];
  if (route.body !== undefined) {
    const ways = placesOf(route.body);
    const inBody = (dice: Dice): Mutant => {
      const at = dice.pick(ways);
      return {
        at,
        sent: sentBy(name, { ...example, body: withValue(example.body, at, dice.pick(HOSTILE_VALUES)) }),
      };
    };
    const unknownKey = (dice: Dice): Mutant => {
      const at = [...dice.pick(ways), dice.pick(['nosuchkey', '__proto__x', '', 'toString'])];
      return {
        at,
        sent: sentBy(name, { ...example, body: withValue(example.body, at, dice.pick(HOSTILE_VALUES)) }),
      };
    };
    const raw = (dice: Dice): Mutant => {
      const right = sentBy(name, example);
      return { sent: { ...right, ...dice.pick(RAW)(String(right.body), dice) } };
    };
    // Bodies hold the most that can be wrong.
    kinds.push(inBody, inBody, inBody, inBody, unknownKey, raw);
  }
  if (route.query !== undefined) {
    const keys = [...Object.keys(route.query.shape), 'nosuchfilter', 'limit[]', '__proto__'];
    kinds.push(
      (dice) => ({
        sent: sentBy(name, {
          ...example,
          query: { ...example.query, [dice.pick(keys)]: escaped(dice.pick(HOSTILE_TEXTS)) },
        }),
      }),
      (dice) => {
        const right = sentBy(name, example);
        const more = dice.pick([
          `&${dice.pick(keys)}=1`.repeat(2),
          '&a=b'.repeat(2000),
          '&&&',
          '&=',
          '&%',
          '?',
          '#x',
          '&limit=1&limit=2',
        ]);
        return { sent: { ...right, path: right.path + more } };
      },
    );
  }
  if (example.params !== undefined) {
    const [key = ''] = Object.keys(example.params);
    kinds.push((dice) => ({
      sent: sentBy(name, { ...example, params: { [key]: escaped(dice.pick(HOSTILE_TEXTS)) || '%' } }),
    }));
  }
  kinds.push((dice) => ({
    sent: sentBy(name, example, { [dice.pick(HEADERS)]: headerText(dice.pick(HOSTILE_TEXTS)) }),
  }));
  return kinds;
}

let api: TestApi;
let digest: () => Promise<string>;
const agent = connections();

beforeAll(async () => {
  process.env['FUZZ_TEST_HOOK'] = 'fuzz';
  rmSync(CANARY, { force: true });
  LAB.begin();
  LAB.commit({ 'tests/fetched.sh': '#!/bin/sh\n# testyard: labels: net\ntrue\n' });
  api = await startTestApi();
  digest = await digestWith(api.store);
  const rows = new Rows(api.store);
  await api.ask(api.admin, 'POST', '/api/v1/inventory', { files: FILES });
  const box = await rows.one(`SELECT id FROM host WHERE name = 'box'`);
  const project = await rows.one(`SELECT id FROM project WHERE name = 'default'`);
  const test = await rows.test(project, 'boot');
  const submission = await rows.submission(project, test);
  const done = await rows.run(project, test, submission);
  const attempt = await rows.attempt(done, box);
  await rows.segment(done, attempt, 1, 0, 'output\n');
  await rows.pass(done, attempt);
  await rows.run(project, test, submission);
  await rows.incident(project, 'setup of boot fails');
  await api.ask(api.admin, 'POST', `/api/v1/blobs?digest=${LAVA.file.tree.blob}`);
  for (let i = 0; i < 9; i++) await api.token({ name: `spare ${i}` });
});
afterAll(async () => {
  agent.destroy();
  rmSync(labFolder, { recursive: true, force: true });
  await api?.close();
});

const ask = (sent: Sent) =>
  send(api.url, { ...sent, headers: { authorization: `Bearer ${api.admin}`, ...sent.headers } }, agent);

/** A refusal says what is wrong and where, in words that can be printed, and nothing of our code. */
function checkRefusal(heard: Heard, { at, sent }: Mutant): void {
  expect(heard.status).toBeGreaterThanOrEqual(400);
  expect(heard.status, heard.text).toBeLessThan(500);
  expect(heard.headers['content-type']).toContain('application/problem+json');
  const problem = Problem.strict().parse(JSON.parse(heard.text));
  expect(problem.status).toBe(heard.status);
  expect(problem.detail).toMatch(/\S/);
  expect(heard.text.length).toBeLessThan(60_000);
  const said = [problem.detail, ...(problem.errors ?? []).flatMap(({ where, message }) => [where, message])];
  for (const text of said) expect(text).not.toMatch(/[\p{C}]|\.[jt]s:\d|node_modules|\[object|undefined/u);
  if (heard.status !== 422 || at === undefined || sent.body === undefined) return;
  // Where a field is wrong it is named.
  expect(problem.errors?.length ?? 0, heard.text).toBeGreaterThan(0);
  const top = String(at[0] ?? '');
  const named = (problem.errors ?? []).some(
    ({ where, message }) =>
      where === '' || where.startsWith(top) || message.includes(top) || /\.(yaml|sh)\b/.test(where),
  );
  expect(named, `${top}: ${heard.text}`).toBe(true);
}

/** A success is what the contract says; an inventory that was taken is given back as it was. */
async function checkSuccess(name: PersonsRoute, heard: Heard): Promise<void> {
  const route: Route = routes[name];
  const forms = [route.answer, route.also?.answer].filter((form) => form instanceof z.ZodType);
  if (forms.length > 0) {
    const json: unknown = JSON.parse(heard.text);
    const errors = forms.map((form) => form.safeParse(json).error);
    expect(errors.includes(undefined), JSON.stringify(errors[0])).toBe(true);
  }
  if (name !== 'applyInventory') return;
  const view = (await api.ask(api.admin, 'GET', '/api/v1/inventory')).json;
  const again = await api.ask(api.admin, 'POST', '/api/v1/inventory', { files: view.files });
  expect(again.json).toMatchObject({ changed: false, digest: view.digest });
  await api.ask(api.admin, 'POST', '/api/v1/inventory', { files: FILES, drain: true });
}

describe('a damaged request is refused with what is wrong and changes nothing, or is carried out', () => {
  it.each(NAMES)('%s, undamaged', async (name) => {
    const { status, text } = await ask(sentBy(name, EXAMPLES[name]));
    // What it asks for may just not be so; but it is understood.
    expect([200, 201, 404, 409], text).toContain(status);
  });

  it('on every route', { timeout: 300_000 }, async () => {
    const dice = new Dice(SEED);
    const kinds = new Map(NAMES.map((name) => [name, mutantsOf(name)]));
    const heavy = NAMES.filter((name) => 'body' in EXAMPLES[name] || 'query' in EXAMPLES[name]);
    const counts = { refused: 0, accepted: 0 };
    let before = await digest();
    const faults: string[] = [];
    for (let i = 0; i < count(2400); i++) {
      const name = dice.below(5) === 0 ? dice.pick(NAMES) : dice.pick(heavy);
      const mutant = dice.pick(kinds.get(name) ?? [])(dice);
      const { sent } = mutant;
      try {
        const heard = await ask(sent);
        if (heard.status < 300) {
          await checkSuccess(name, heard);
          before = await digest();
          counts.accepted++;
          continue;
        }
        checkRefusal(heard, mutant);
        counts.refused++;
        const now = await digest();
        const changed = now !== before;
        before = now;
        expect(changed, 'a refused request changed the database').toBe(false);
      } catch (error) {
        faults.push(
          `${i} ${name}: ${sent.method} ${sent.path.slice(0, 300)} ${JSON.stringify(sent.headers).slice(0, 200)} ${String(sent.body).slice(0, 700)}\n  ${(error as Error).message.slice(0, 700)}`,
        );
      }
    }
    expect(faults.slice(0, 40).join('\n'), `${faults.length} faults`).toBe('');
    expect(api.logged).toEqual([]);
    expect(Object.prototype).not.toHaveProperty('polluted');
    expect(counts.accepted).toBeGreaterThan(count(2400) / 20);
    expect(counts.refused).toBeGreaterThan(count(2400) / 3);
    expect(existsSync(CANARY)).toBe(false);
    expect((await ask(sentBy('ready', {}))).status).toBe(200);
  });

  it.each([
    ['10 MB in chunks where 1 MB is taken', '/api/v1/grid/halt', { why: 'x'.repeat(10 << 20) }, 413],
    ['10 MB in chunks where they are taken', '/api/v1/submissions', { name: 'x'.repeat(10 << 20) }, 422],
    [
      '10 MB of inventory',
      '/api/v1/inventory/diff',
      { files: [{ path: 'grid.yaml', content: 'QUJD'.repeat(2 << 20) }] },
      422,
    ],
    ['21 MB', '/api/v1/inventory', { files: 'x'.repeat(21 << 20) }, 413],
  ])('%s', async (_, path, body, status) => {
    const before = await digest();
    const headers = { 'content-type': 'application/json' };
    const heard = await ask({ method: 'POST', path, headers, body: JSON.stringify(body), chunked: true });
    expect(heard.status).toBe(status);
    expect(heard.text.length).toBeLessThan(5000);
    expect(await digest()).toBe(before);
  });

  it('a client that hangs up in the middle of a body leaves nothing behind', async () => {
    const before = await digest();
    const body = JSON.stringify(EXAMPLES.submit.body);
    const { port } = new URL(api.url);
    for (const part of [0, 1, body.length - 1]) {
      await new Promise<void>((resolve, reject) => {
        const socket = connect(Number(port), '127.0.0.1', () => {
          socket.write(
            `POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.admin}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, part)}`,
            () => socket.end(),
          );
        });
        socket.resume();
        socket.once('close', () => resolve());
        socket.once('error', reject);
      });
    }
    expect((await ask(sentBy('live', {}))).status).toBe(200);
    expect(await digest()).toBe(before);
  });
});
