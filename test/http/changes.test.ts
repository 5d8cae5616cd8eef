import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AptRepository } from '../../lab/apt-repository.js';
import { GitServer } from '../../lab/git-server.js';
import { recordArrivals } from '../../src/store/changing.js';
import { startTestApi, type TestApi } from './api.js';

const folder = mkdtempSync(path.join(tmpdir(), 'testyard-push-'));
const key = (name: string) => path.join(folder, name);
const SECRET = 'a secret of the hook';

let api: TestApi;
let debs: AptRepository;
let commits: GitServer;
const secrets: Record<string, string> = {};

function sshKey(name: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key(name)]);
  return readFileSync(key(`${name}.pub`), 'utf8').trim();
}

function sign(name: string, file: string): string {
  rmSync(`${file}.sig`, { force: true });
  const args = ['-q', '-Y', 'sign', '-n', 'testyard', '-f', key(name), file];
  execFileSync('ssh-keygen', args, { stdio: 'ignore' });
  return readFileSync(`${file}.sig`, 'utf8');
}

beforeAll(async () => {
  process.env['CHANGES_TEST_HOOK'] = SECRET;
  [debs, commits] = [await AptRepository.start(), await GitServer.start()];
  api = await startTestApi();
  const [dan, eve] = [sshKey('dan'), sshKey('eve')];
  const watches = `watches:
  debs:
    apt: {url: "${debs.url}", suite: stable, unsigned: yes}
    owners: {"app": ann@example.org}
    signers:
      dan: {ssh: "${dan}", for: [app]}
      eve: {ssh: "${eve}", for: [other]}
  open: {apt: {url: "${debs.url}", suite: stable, unsigned: yes}}
  source: {git: {url: "${commits.url('a')}", branch: main}, hook: {env: CHANGES_TEST_HOOK}}
  signed: {git: {url: "${commits.url('a')}", branch: main}, signers: {dan: {ssh: "${dan}"}}}
`;
  const files = { 'grid.yaml': 'name: lab\nadmin: ann\n', 'watches.yaml': watches };
  const sent = Object.entries(files).map(([name, text]) => ({
    ...{ path: name, content: Buffer.from(text).toString('base64') },
  }));
  const applied = await api.ask(api.admin, 'POST', '/api/v1/inventory', { files: sent });
  expect(applied.status, applied.text).toBe(200);
  for (const role of ['viewer', 'submitter', 'developer'] as const)
    secrets[role] = (await api.token({ name: role, roles: { default: role } })).secret;
  const first = (component: string) => ({ component, version: '0', title: 'first', facts: {} });
  for (const [name, kind, ...components] of [
    ['debs', 'apt', 'debs/app', 'debs/other'],
    ['open', 'apt', 'open/app'],
    ['source', 'git', 'source'],
    ['signed', 'git', 'signed'],
  ] as const) {
    const watch = { name, project: 'default', place: { kind } as never };
    await api.store.transaction((tx) =>
      recordArrivals(tx, watch, { arrivals: components.map(first), isAll: true }),
    );
  }
  await debs.publish('stable', [
    ...['1', '2', '3', '4'].map((version) => ({ name: 'app', version, depends: 'libc6' })),
    { name: 'other', version: '1' },
  ]);
}, 120_000);
afterAll(async () => {
  await api?.close();
  await debs?.stop();
  await commits?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const deb = (version: string, name = 'app') => debs.fileOf({ name, version });
const upload = async (file: string): Promise<string> => {
  const response = await fetch(`${api.url}/api/v1/blobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secrets['developer']}`, 'content-type': 'application/octet-stream' },
    body: readFileSync(file),
  });
  return ((await response.json()) as { digest: string }).digest;
};
const push = async (body: object, who = 'developer') =>
  await api.ask(secrets[who], 'POST', '/api/v1/changes', { project: 'default', ...body });

describe('a candidate that is pushed', () => {
  it('is a change, with what the package says of itself and whose signature it bears', async () => {
    const file = deb('1');
    const blob = await upload(file);
    const answer = await push({ component: 'debs/app', blob, signature: sign('dan', file) });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.json).toMatchObject({
      ...{
        component: 'debs/app',
        version: '1',
        previous: '0',
        source: 'pushed',
        pushedBy: 'developer',
        blob,
      },
      ...{ author: 'Lab <lab@testyard.invalid>', owner: 'developer', state: 'new' },
      why: 'pushed by developer, signed by dan',
      facts: { depends: [{ package: 'libc6' }] },
    });
    const again = await push({ component: 'debs/app', blob, signature: sign('dan', file) });
    expect(again).toMatchObject({ status: 409, json: { detail: 'debs/app 1 is known already' } });
  });

  it.each(['viewer', 'submitter'])('takes the role for it: a %s has none', async (who) => {
    const answer = await push({ component: 'open/app', blob: await upload(deb('2')) }, who);
    expect(answer).toMatchObject({
      status: 403,
      json: { detail: expect.stringContaining('role developer') },
    });
  });

  it('needs no signature where the watch asks for none', async () => {
    const answer = await push({ component: 'open/app', blob: await upload(deb('2')) });
    expect(answer).toMatchObject({ status: 201, json: { why: 'pushed by developer' } });
  });

  it.each([
    ['it is not signed', 'debs/app', () => undefined, /it is not signed; it takes a signature of dan/],
    ['nobody knows the key', 'debs/app', () => sign('eve', deb('3')), /nobody here knows the key/],
    [
      'it was signed and then changed',
      'debs/app',
      () => sign('dan', deb('4')),
      /changed since it was signed/,
    ],
    ['it is another package', 'debs/other', () => sign('eve', deb('3')), /it is package 'app', not 'other'/],
  ])('is refused where %s, and that is in history', async (_, component, signature, why) => {
    const signed = signature();
    const blob = await upload(deb('3'));
    const answer = await push({ component, blob, ...(signed === undefined ? {} : { signature: signed }) });
    expect(answer.status).toBe(422);
    expect(answer.json.detail).toMatch(why);
    const [last] = await api.store.rows<{ actor: string; data: { why: string; component: string } }>(
      `SELECT actor, data FROM history WHERE kind = 'push.refused' ORDER BY id DESC LIMIT 1`,
    );
    expect(last).toMatchObject({ actor: 'developer', data: { component, why: expect.stringMatching(why) } });
  });

  it.each([
    [{ component: 'debs/app', blob: '0'.repeat(64) }, 422, /not there/],
    [{ component: 'open/app', commit: '0'.repeat(40) }, 422, /'open' takes packages: push a file/],
    [{ component: 'nothing/app', commit: '0'.repeat(40) }, 404, /watch 'nothing' in project 'default'/],
    [{ component: 'source', commit: '0'.repeat(40) }, 422, /does not give the commit/],
    [{ component: 'debs/app' }, 422, /not as it should be/],
  ])('%j gets %i', async (body, status, detail) => {
    const answer = await push(body);
    expect(answer).toMatchObject({ status, json: { detail: expect.stringMatching(detail) } });
  });

  it('no package at all is refused', async () => {
    const file = key('dan.pub');
    const answer = await push({ component: 'open/app', blob: await upload(file) });
    expect(answer).toMatchObject({
      status: 422,
      json: { detail: expect.stringMatching(/no package for apt/) },
    });
  });

  it('may be a commit of the repository that is watched', async () => {
    await commits.commit('a', { first: '1' });
    const commit = await commits.commit('a', { second: '2' }, 'mine');
    const answer = await push({ component: 'source', commit });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.json).toMatchObject({
      ...{ version: commit, title: 'a commit of the lab', owner: 'developer' },
      facts: { files: ['second'] },
    });
    const unsigned = await push({ component: 'signed', commit });
    expect(unsigned).toMatchObject({
      status: 422,
      json: { detail: expect.stringMatching(/it is not signed/) },
    });
  });

  it('a commit is judged by the signature that it carries', async () => {
    await commits.commit('a', { third: '3' }, 'signed');
    const at = path.join(folder, 'clone');
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', at, ...args], { stdio: 'pipe' })
        .toString()
        .trim();
    execFileSync('git', ['clone', '-q', '-b', 'signed', commits.url('a'), at]);
    const signing = (name: string) => ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${key(name)}`];
    const who = ['-c', 'user.name=Dan', '-c', 'user.email=dan@example.org'];
    const commitBy = async (name: string) => {
      git(...who, ...signing(name), 'commit', '-q', '-S', '--allow-empty', '-m', `by ${name}`);
      const commit = git('rev-parse', 'HEAD');
      execFileSync('git', [
        '-C',
        path.join(commits.folder, 'a'),
        'fetch',
        '-q',
        at,
        `${commit}:refs/heads/${name}`,
      ]);
      return commit;
    };
    const good = await push({ component: 'signed', commit: await commitBy('dan') });
    expect(good.status, good.text).toBe(201);
    expect(good.json).toMatchObject({
      why: 'pushed by developer, signed by dan',
      author: 'Dan <dan@example.org>',
    });
    const bad = await push({ component: 'signed', commit: await commitBy('eve') });
    expect(bad).toMatchObject({
      status: 422,
      json: { detail: expect.stringMatching(/nobody here knows the key/) },
    });
  });
});

describe('the web hook of a watch', () => {
  const body = JSON.stringify({ ref: 'refs/heads/main', text: 'ä' });
  const mac = (text: string, secret = SECRET) => createHmac('sha256', secret).update(text).digest('hex');
  const call = async (headers: Record<string, string>, watch = 'source') =>
    await api.ask(undefined, 'POST', `/api/v1/hooks/watch/${watch}`, body, headers);
  const ours = (moment: number, secret = SECRET) => ({
    'testyard-signature': `t=${moment},v1=${mac(`${moment}.${body}`, secret)}`,
  });
  const now = () => Math.floor(Date.now() / 1000);
  const asked = async () => {
    const [row] = await api.store.rows<{ asked: boolean }>(
      `WITH o AS (SELECT name, asked_at FROM watch WHERE name = 'source')
       UPDATE watch w SET asked_at = NULL FROM o WHERE w.name = o.name RETURNING o.asked_at IS NOT NULL AS asked`,
    );
    return row?.asked;
  };

  it.each([
    ['as we sign ours', () => ours(now())],
    ['as forges sign', () => ({ 'x-hub-signature-256': `sha256=${mac(body)}` })],
    ['with the secret itself', () => ({ 'x-gitlab-token': SECRET })],
  ])('asks for a look where it is signed %s', async (_, headers) => {
    expect(await call(headers())).toMatchObject({ status: 200, json: { watch: 'source' } });
    expect(await asked()).toBe(true);
  });

  it.each([
    ['not signed', () => ({})],
    ['signed with another secret', () => ours(now(), 'other')],
    ['signed too long ago', () => ours(now() - 3600)],
    ['signed over something else', () => ({ 'x-hub-signature-256': `sha256=${mac(`${body} `)}` })],
    ['said with another secret', () => ({ 'x-gitlab-token': 'other' })],
    ['of a watch without a hook', () => ({ 'x-gitlab-token': SECRET }), 'debs'],
    ['of no watch at all', () => ({ 'x-gitlab-token': SECRET }), 'nothing'],
  ])('is refused where it is %s', async (_, headers, watch = 'source') => {
    expect((await call(headers(), watch)).status).toBe(401);
    expect(await asked()).toBe(false);
  });
});

describe('what is there to be seen', () => {
  const get = async (at: string) => await api.ask(secrets['viewer'], 'GET', `/api/v1${at}`);

  it('components, changes and the baseline, now and before', async () => {
    expect((await get('/components?watch=debs')).json.items).toMatchObject([
      { name: 'debs/app', kind: 'apt', baseline: '0', open: 1, newest: '1' },
      { name: 'debs/other', open: 0 },
    ]);
    expect((await get('/changes?watch=debs&state=new')).json.items).toMatchObject([
      { component: 'debs/app', version: '1' },
    ]);
    expect((await get('/changes?state=blamed')).json.items).toEqual([]);
    const { json } = await get('/changes?limit=1');
    expect((await get(`/changes?limit=1&cursor=${json.next}`)).json.items[0].id).not.toBe(json.items[0].id);
    expect((await get('/baseline')).json.items).toMatchObject([
      { component: 'debs/app', version: '0', why: 'taken as it was found' },
      ...[
        { component: 'debs/other' },
        { component: 'open/app' },
        { component: 'signed' },
        { component: 'source' },
      ],
    ]);
    expect((await get('/baseline?at=2020-01-01T00:00:00Z')).json.items).toEqual([]);
    expect((await get('/watches')).json.items.map((one: { name: string }) => one.name)).toEqual([
      ...['debs', 'open', 'signed', 'source'],
    ]);
  });
});
