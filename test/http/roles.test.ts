import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { sealOf } from '../../src/domain/answer/link.js';
import { openSearch } from '../../src/domain/culprit/search.js';
import type { Route } from '../../src/http/routes/route.js';
import { type RouteName, routes } from '../../src/http/routes.js';
import { Candidates, type Inspected, type PushedCandidate } from '../../src/ports/candidates.js';
import { newSecret } from '../../src/store/access.js';
import { noteUpload } from '../../src/store/blob.js';
import { recordArrivals } from '../../src/store/changing.js';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';
import { OpenStream } from './streams.js';

/** Who asks; `other` is a submitter of a project that has nothing to do with what is asked for. */
const WHO = ['nobody', 'viewer', 'submitter', 'admin', 'executor', 'other'] as const;
type Who = (typeof WHO)[number];

/** A request that succeeds for whoever may make it, and what each of WHO gets. */
interface Expectation {
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly gets: readonly [
    nobody: number,
    viewer: number,
    submitter: number,
    admin: number,
    executor: number,
    other: number,
  ];
}

const FILE = { file: { name: 'a.sh', content: Buffer.from('#!/bin/sh\ntrue\n').toString('base64') } };
const HOSTS = ['box', 'box2', 'box3', 'out', 'bad', 'mine'];
const INVENTORY = [
  { path: 'grid.yaml', content: Buffer.from('name: lab\nadmin: ann\n').toString('base64') },
  {
    path: 'hosts.yaml',
    content: Buffer.from(`hosts:\n${HOSTS.map((name) => `  ${name}: {local: {}}\n`).join('')}`).toString(
      'base64',
    ),
  },
];
const EVERYBODY = [200, 200, 200, 200, 200, 200] as const;
const PERSONS = [401, 200, 200, 200, 403, 200] as const;
const SEES_IT = [401, 200, 200, 200, 403, 404] as const;
const ADMIN = [401, 403, 403, 200, 403, 403] as const;
const EXECUTOR = [401, 403, 403, 403, 200, 403] as const;

/** Whoever adds a route says here who may call it: the compiler asks for it. */
const expected: Record<RouteName, Expectation> = {
  readGrid: { gets: PERSONS },
  haltGrid: { body: { why: 'a test' }, gets: ADMIN },
  resumeGrid: { body: {}, gets: ADMIN },
  readInventory: { gets: ADMIN },
  diffInventory: { body: { files: INVENTORY }, gets: ADMIN },
  applyInventory: { body: { files: INVENTORY }, gets: ADMIN },
  listHosts: { gets: PERSONS },
  readHost: { path: '/api/v1/hosts/box', gets: PERSONS },
  takeHostOut: { path: '/api/v1/hosts/box2/maintenance', body: { why: 'a test' }, gets: ADMIN },
  endMaintenance: { path: '/api/v1/hosts/out/maintenance/end', body: {}, gets: ADMIN },
  quarantineHost: { path: '/api/v1/hosts/box3/quarantine', body: { why: 'a test' }, gets: ADMIN },
  endQuarantine: { path: '/api/v1/hosts/bad/quarantine/end', body: {}, gets: ADMIN },
  reserveHost: {
    path: '/api/v1/hosts/box/reservation',
    body: { why: 'a test', forS: 60 },
    gets: [401, 403, 201, 201, 403, 201],
  },
  endReservation: { path: '/api/v1/hosts/mine/reservation/end', gets: [401, 403, 200, 200, 403, 200] },
  listReservations: { gets: PERSONS },
  submit: { body: { project: 'mine', tests: [FILE] }, gets: [401, 403, 201, 201, 403, 404] },
  listSubmissions: { path: '/api/v1/submissions?project=mine', gets: SEES_IT },
  readSubmission: { path: '/api/v1/submissions/{submission}', gets: SEES_IT },
  cancelSubmission: {
    path: '/api/v1/submissions/{submission}/cancel',
    body: {},
    gets: [401, 403, 200, 200, 403, 404],
  },
  retrySubmission: {
    path: '/api/v1/submissions/{submission}/retry',
    body: { verdict: 'none' },
    gets: [401, 403, 201, 201, 403, 404],
  },
  readMorning: { path: '/api/v1/submissions/{submission}/morning', gets: SEES_IT },
  upload: { body: 'bytes', gets: [401, 403, 201, 201, 403, 201] },
  download: { path: '/api/v1/blobs/{blob}', gets: SEES_IT },
  listWatches: { gets: PERSONS },
  callWatch: {
    path: '/api/v1/hooks/watch/w',
    body: { ref: 'main' },
    headers: { 'x-gitlab-token': 'hook secret' },
    gets: EVERYBODY,
  },
  listComponents: { path: '/api/v1/components?project=mine', gets: SEES_IT },
  listChanges: { path: '/api/v1/changes?project=mine', gets: SEES_IT },
  pushChange: {
    body: { project: 'mine', component: 'w', commit: '0123456789012345678901234567890123456789' },
    gets: [401, 403, 403, 201, 403, 404],
  },
  readBaseline: { path: '/api/v1/baseline?project=mine', gets: SEES_IT },
  listRuns: { path: '/api/v1/runs?project=mine', gets: SEES_IT },
  readRun: { path: '/api/v1/runs/{run}', gets: SEES_IT },
  cancelRun: { path: '/api/v1/runs/{run}/cancel', body: {}, gets: [401, 403, 200, 200, 403, 404] },
  retryRun: { path: '/api/v1/runs/{done}/retry', gets: [401, 403, 201, 201, 403, 404] },
  readLog: { path: '/api/v1/runs/{done}/log', gets: SEES_IT },
  // Nothing was recorded of that run: whoever may see it is told so.
  readEnvironment: { path: '/api/v1/runs/{done}/environment', gets: [401, 409, 409, 409, 403, 404] },
  diffRuns: { path: '/api/v1/runs/{done}/diff?with={done}', gets: [401, 409, 409, 409, 403, 404] },
  changedSincePass: { path: '/api/v1/tests/boot/changed?project=mine', gets: [401, 409, 409, 409, 403, 404] },
  readAttachment: { path: '/api/v1/runs/{done}/attachments/{blob}', gets: SEES_IT },
  listSearches: { path: '/api/v1/searches?project=mine', gets: SEES_IT },
  readSearch: { path: '/api/v1/searches/{search}', gets: SEES_IT },
  startSearch: {
    body: { project: 'mine', test: 'boot', from: { lab: '1' }, to: { lab: '2' } },
    gets: [401, 403, 201, 201, 403, 404],
  },
  guideSearch: {
    path: '/api/v1/searches/{search}/guide',
    body: { weigh: { '{change}': 2 } },
    gets: [401, 403, 200, 200, 403, 404],
  },
  stopSearch: { path: '/api/v1/searches/{search}/stop', gets: [401, 403, 200, 200, 403, 404] },
  answerSearch: {
    path: '/api/v1/searches/{search}/answer',
    body: { answer: 'fixed_in', version: '0123456' },
    // Whose change it is may answer too.
    gets: [401, 403, 403, 200, 403, 404],
  },
  showAnswerLink: {
    path: '/answers/{accusation}?answer=not_mine&expires=99999999999&seal={seal}',
    gets: EVERYBODY,
  },
  useAnswerLink: {
    path: '/answers/{accusation}?answer=not_mine&expires=99999999999&seal={seal}',
    gets: EVERYBODY,
  },
  listPins: { path: '/api/v1/pins?project=mine', gets: SEES_IT },
  listIntakes: { path: '/api/v1/intakes?project=mine', gets: SEES_IT },
  listKnown: { path: '/api/v1/known?project=mine', gets: SEES_IT },
  makeKnown: {
    body: { project: 'mine', test: 'boot', signature: 'oops', link: 'https://example.org/1' },
    gets: [401, 403, 201, 201, 403, 404],
  },
  forgetKnown: { path: '/api/v1/known/{known}', gets: [401, 403, 200, 200, 403, 404] },
  listIncidents: { gets: PERSONS },
  readIncident: { path: '/api/v1/incidents/{incident}', gets: SEES_IT },
  explainRun: { path: '/api/v1/runs/{run}/explain', gets: SEES_IT },
  explain: { body: { project: 'mine', requirement: 'root' }, gets: SEES_IT },
  testsFor: { path: '/api/v1/compatible?project=mine', gets: SEES_IT },
  hostsFor: { body: { project: 'mine', test: 'boot' }, gets: SEES_IT },
  listTags: { gets: PERSONS },
  readTag: { path: '/api/v1/tags/root', gets: PERSONS },
  listTests: { path: '/api/v1/tests?project=mine', gets: SEES_IT },
  listProjects: { gets: PERSONS },
  createProject: { body: { name: '{new}' }, gets: [401, 403, 403, 201, 403, 403] },
  listTokens: { gets: ADMIN },
  createToken: { body: { name: 'x' }, gets: [401, 403, 403, 201, 403, 403] },
  revokeToken: { path: '/api/v1/tokens/{token}', gets: ADMIN },
  readEvents: { path: '/api/v1/events?project=mine', gets: SEES_IT },
  readOpenApi: { gets: EVERYBODY },
  live: { gets: EVERYBODY },
  ready: { gets: EVERYBODY },
  executorRegister: {
    body: { executor: 'lab', incarnation: '0123456789abcdef', protocol: '1.0', capacity: 1 },
    gets: EXECUTOR,
  },
  executorClaim: { body: { lease: '{lease}', waitMs: 0 }, gets: EXECUTOR },
  executorRenew: { body: { lease: '{lease}', attempts: [], draining: false }, gets: EXECUTOR },
  executorReport: { body: { lease: '{lease}', entries: [], segments: [] }, gets: EXECUTOR },
  executorKeep: { body: { lease: '{lease}', data: 'Ynl0ZXM=' }, gets: EXECUTOR },
  executorBlob: { path: '/executor/v1/blobs/{blob}?lease={lease}', gets: EXECUTOR },
  executorRelease: { body: { lease: '{lease}', reason: 'done' }, gets: EXECUTOR },
};

/** What is wrong with a token that is no good any more; each role has one of each kind. */
const SPOILT = ['revoked', 'expired', 'garbage'] as const;

let api: TestApi;
const secrets = new Map<string, string>();
const ids: Record<string, string> = {};
let mineId = '';

/** What links are sealed with. */
const KEY = 'k'.repeat(40);
const ON_A_SEARCH = new Set<RouteName>([
  ...(['readSearch', 'guideSearch', 'stopSearch', 'answerSearch'] as const),
  ...(['showAnswerLink', 'useAnswerLink'] as const),
]);

/** What a route ends is there whenever it is asked for. */
async function renew(name: RouteName): Promise<void> {
  const { store } = api;
  const rows = new Rows(store);
  if (ON_A_SEARCH.has(name)) {
    const line = [
      { id: ids['change']?.slice(1), componentId: '1', component: 'lab', kind: 'apt', to: '2', facts: {} },
    ];
    const value = openSearch({ kind: 'line', changes: 1 });
    const [search] = await store.rows<{ id: string }>(
      `INSERT INTO search (project_id, test_id, predicate, signature, line, beside, value, share, actor, why)
       SELECT $1, id, 'fails', '', $2, '{}', $3, 1, 'me', 'why' FROM test WHERE project_id = $1 LIMIT 1 RETURNING id`,
      [mineId, JSON.stringify(line), JSON.stringify(value)],
    );
    ids['search'] = `q${search?.id}`;
    const accusation = await rows.one(
      `INSERT INTO accusation (search_id, change_id, owner) VALUES ($1, $2, 'me') RETURNING id`,
      [search?.id, ids['change']?.slice(1)],
    );
    ids['accusation'] = `u${accusation}`;
    ids['seal'] = sealOf({ accusation, answer: 'not_mine', expires: 99_999_999_999 }, KEY);
  }
  if (name === 'revokeToken') ids['token'] = (await api.token({})).id;
  if (name === 'callWatch' || name === 'pushChange')
    await store.rows(`UPDATE watch SET removed_at = NULL WHERE name = 'w'`);
  if (name === 'endMaintenance')
    await store.rows(`UPDATE host SET health = 'maintenance', out_by = 'me' WHERE name = 'out'`);
  if (name === 'endQuarantine') await store.rows(`UPDATE host SET health = 'quarantined' WHERE name = 'bad'`);
  if (name === 'endReservation')
    await store.rows(
      `INSERT INTO reservation (host_id, person, why, until)
       SELECT id, 'somebody', 'why', grid_now() + interval '1 hour' FROM host WHERE name = 'mine'
       ON CONFLICT (host_id) WHERE ended_at IS NULL DO NOTHING`,
    );
  if (name === 'forgetKnown') {
    const [known] = await store.rows<{ id: string }>(
      `INSERT INTO known_failure (project_id, test_name, signature, link, who) VALUES ($1, 'boot', $2, 'x', 'me') RETURNING id`,
      [mineId, crypto.randomUUID()],
    );
    ids['known'] = `k${known?.id}`;
  }
}

beforeAll(async () => {
  process.env['ROLES_TEST_HOOK'] = 'hook secret';
  let pushes = 0;
  const candidates = new (class extends Candidates {
    override async inspect({ component }: PushedCandidate): Promise<Inspected> {
      return { ok: true, arrival: { component, version: `${++pushes}`, title: 't', facts: {} } };
    }
  })();
  api = await startTestApi({ answerKey: KEY, candidates });
  const rows = new Rows(api.store);
  const mine = await api.project('mine');
  await api.project('theirs');
  const place = { kind: 'git', url: 'https://git.example.org/a', branch: 'main' };
  await api.store.rows(`INSERT INTO watch (name, spec) VALUES ('w', $1)`, [
    JSON.stringify({ name: 'w', place, project: 'mine', hook: { env: 'ROLES_TEST_HOOK' } }),
  ]);
  await api.store.rows(
    `INSERT INTO component (project_id, watch, name, kind, baseline, baseline_since) VALUES ($1, 'w', 'w', 'git', '0', now())`,
    [mine],
  );
  const grants = {
    viewer: { roles: { mine: 'viewer' } },
    submitter: { roles: { mine: 'submitter' } },
    admin: { gridAdmin: true },
    executor: { kind: 'executor' },
    other: { roles: { theirs: 'submitter' } },
  } as const;
  for (const [who, grant] of Object.entries(grants)) {
    secrets.set(who, (await api.token(grant)).secret);
    for (const spoilt of SPOILT) {
      const { secret, id } = await api.token(grant);
      secrets.set(`${who} ${spoilt}`, spoilt === 'garbage' ? newSecret() : secret);
      const column = spoilt === 'revoked' ? 'revoked_at' : 'expires_at';
      if (spoilt !== 'garbage') {
        await api.store.rows(`UPDATE token SET ${column} = grid_now() WHERE id = $1`, [id.slice(1)]);
      }
    }
  }
  const hosts: string[] = [];
  for (const name of HOSTS) hosts.push(await rows.host(name));
  const host = hosts[1] ?? '';
  const made = await rows.test(mine, 'boot');
  ids['submission'] = `s${await rows.submission(mine, made)}`;
  ids['run'] = `r${await rows.run(mine, made, ids['submission'].slice(1))}`;
  const blob = await api.blobs.put([Buffer.from('kernel')]);
  await noteUpload(api.store, blob);
  await api.store.rows(`INSERT INTO artefact (submission_id, name, blob_digest) VALUES ($1, 'kernel', $2)`, [
    ids['submission'].slice(1),
    blob.digest,
  ]);
  ids['blob'] = blob.digest;
  const done = await rows.run(mine, made, ids['submission'].slice(1));
  const attempt = await rows.attempt(done, host);
  await rows.pass(done, attempt);
  ids['done'] = `r${done}`;
  await api.store.rows(
    `INSERT INTO attachment (run_id, attempt_id, seq, role, name, media_type, blob_digest, bytes)
     VALUES ($1, $2, 1, 'main', 'a.txt', 'text/plain', $3, 6)`,
    [done, attempt, blob.digest],
  );
  const lost = await rows.run(mine, made, ids['submission'].slice(1));
  await api.store.rows(`DELETE FROM queue WHERE run_id = $1`, [lost]);
  await api.store.rows(
    `UPDATE run SET verdict = 'none', no_verdict = 'host_lost', reason = 'lost', judged_at = grid_now() WHERE id = $1`,
    [lost],
  );
  mineId = mine;
  await api.store.transaction(async (tx) => {
    const watch = { name: 'lab', project: 'mine', place: { kind: 'git', url: 'x', branch: 'main' } } as const;
    const arrivals = ['1', '2'].map((version) => ({ component: 'lab', version, title: version, facts: {} }));
    await recordArrivals(tx, watch, { arrivals: arrivals.slice(0, 1), isAll: false });
    const { changes } = await recordArrivals(tx, watch, { arrivals: arrivals.slice(1), isAll: false });
    ids['change'] = `c${changes[0]}`;
  });
  ids['incident'] = `i${await rows.incident(mine, 'setup of boot fails')}`;
  const [executor] = await api.store.rows<{ id: string }>(
    `INSERT INTO executor (name, token_id) SELECT 'lab', id FROM token WHERE kind = 'executor' ORDER BY id LIMIT 1 RETURNING id`,
  );
  ids['lease'] = await rows.one(
    `INSERT INTO lease (executor_id, incarnation, version, capacity, expires_at)
     VALUES ($1, 'one', '1.0', 1, grid_now() + interval '1 hour') RETURNING id`,
    [executor?.id],
  );
});
afterAll(() => api?.close());

/** Asks as the table says; a stream is only begun. */
async function statusOf(name: RouteName, secret: string | undefined): Promise<number> {
  const route: Route = routes[name];
  const { path = route.path, body, headers = {} } = expected[name];
  ids['new'] = `p${crypto.randomUUID()}`;
  await renew(name);
  const filled = (text: string) => text.replace(/\{([a-z]+)\}/g, (_, key: string) => ids[key] ?? '');
  if (route.answer === 'events' && secret !== undefined) {
    const stream = await OpenStream.open(api, secret, filled(path));
    stream.cut();
    return stream.response.status;
  }
  const sent = body === undefined ? undefined : filled(JSON.stringify(body));
  const bytes: Record<string, string> =
    route.takes === 'bytes' ? { 'content-type': 'application/octet-stream' } : {};
  const answer = await api.ask(secret, route.method, filled(path), sent, { ...bytes, ...headers });
  if (answer.status >= 400) {
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.json.status).toBe(answer.status);
  } else if (route.answer instanceof z.ZodType) {
    // What is answered is what the contract says.
    expect(route.answer.safeParse(answer.json)).toMatchObject({ success: true });
  }
  return answer.status;
}

describe.each(Object.keys(routes) as RouteName[])('%s', (name) => {
  test.each(WHO.map((who, index) => [who, expected[name].gets[index]] as const))(
    'asked by %s gives %i',
    async (who: Who, status) => {
      expect(await statusOf(name, secrets.get(who))).toBe(status);
    },
  );

  test.each(SPOILT)('takes no token that is %s', async (spoilt) => {
    const roles = WHO.filter((who) => who !== 'nobody');
    const free = routes[name].who === 'anyone';
    for (const who of roles) {
      expect(await statusOf(name, secrets.get(`${who} ${spoilt}`))).toBe(free ? 200 : 401);
    }
  });
});

test('the table says the same as the routes do', () => {
  for (const [name, { gets }] of Object.entries(expected)) {
    const { who } = routes[name as RouteName];
    // Told of a conflict, one was let in.
    const ok = WHO.filter((_, index) => (gets[index] ?? 500) < 300 || gets[index] === 409);
    const may = {
      anyone: [...WHO],
      person: ['viewer', 'submitter', 'admin'],
      submitter: ['submitter', 'admin'],
      developer: ['admin'],
      admin: ['admin'],
      executor: ['executor'],
    }[who];
    expect(
      ok.filter((one) => one !== 'other' || who === 'anyone'),
      name,
    ).toEqual(may);
  }
});

test('a token with a role in no project sees that there is nothing', async () => {
  const { secret } = await api.token({});
  // What is wrong with a host is everybody's business.
  await api.store.rows(`UPDATE incident SET project_id = $1 WHERE project_id IS NULL`, [mineId]);
  for (const path of ['/runs', '/submissions', '/tests', '/incidents', '/projects']) {
    const answer = await api.ask(secret, 'GET', `/api/v1${path}`);
    expect(answer.json.items, path).toEqual([]);
  }
});
