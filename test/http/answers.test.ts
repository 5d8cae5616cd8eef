import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AnswerLink, linkAt } from '../../src/domain/answer/link.js';
import { openSearch } from '../../src/domain/culprit/search.js';
import type { Role } from '../../src/store/access.js';
import { recordArrivals } from '../../src/store/changing.js';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';

const PLACE = { kind: 'apt', url: 'x', suite: 'stable', component: 'main' } as const;
const KEY = 'a key that nobody can guess, really';
let api: TestApi;
let project: string;
let search: string;
let accusation: string;

beforeAll(async () => {
  api = await startTestApi({ answerKey: KEY });
  project = await api.project('mine');
  await new Rows(api.store).test(project, 'boot');
});
afterAll(() => api?.close());

/** Somebody's change was found to break a test; its name is markup. */
beforeEach(async () => {
  const rows = new Rows(api.store);
  const name = `lab/<b>${crypto.randomUUID()}`;
  const watch = { name: 'lab', project: 'mine', place: PLACE } as const;
  const arrival = { component: name, title: 't', owner: 'ann', facts: {} };
  const change = await api.store.transaction(async (tx) => {
    await recordArrivals(tx, watch, { arrivals: [{ ...arrival, version: '1' }], isAll: false });
    const { changes } = await recordArrivals(tx, watch, {
      arrivals: [{ ...arrival, version: '2' }],
      isAll: false,
    });
    return changes[0];
  });
  search = await rows.one(
    `INSERT INTO search (project_id, test_id, predicate, signature, line, beside, value, share, actor, why)
     SELECT $1, max(id), 'fails', '', '[]', '{}', $2, 1, 'testyard', 'why' FROM test WHERE project_id = $1 RETURNING id`,
    [project, JSON.stringify(openSearch({ kind: 'line', changes: 1 }))],
  );
  accusation = await rows.one(
    `INSERT INTO accusation (search_id, change_id, owner) VALUES ($1, $2, 'ann') RETURNING id`,
    [search, change],
  );
});

const inADay = () => Math.floor(Date.now() / 1000) + 86_400;
const link = (answer: AnswerLink['answer'], expires = inADay(), key = KEY) =>
  linkAt(api.url, { accusation, answer, expires }, key).slice(api.url.length);
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const read = async () => {
  const [row] = await api.store.rows<{ answer: string | null; by: string; detail: string; days: number }>(
    `SELECT answer, answered_by AS by, detail, round(extract(epoch FROM until - grid_now()) / 86400)::integer AS days
     FROM accusation WHERE id = $1`,
    [accusation],
  );
  return row;
};

describe('a link in a letter', () => {
  it('asks first and changes nothing, whoever looks at it', async () => {
    const page = await api.ask(undefined, 'GET', link('not_mine'));
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.text).toContain('<form method="post">');
    const style = /<style>(.*)<\/style>/.exec(page.text)?.[1] ?? '';
    const digest = createHash('sha256').update(style).digest('base64');
    expect(page.headers.get('content-security-policy')).toContain(`style-src 'sha256-${digest}'`);
    expect(page.text).toContain('lab/&lt;b&gt;');
    expect((await read())?.answer).toBeNull();
  });

  it.each([
    ['fails', 'breaks the test <b>boot</b>'],
    ['refused', 'cannot be installed.'],
    ['lost', 'takes its host down.'],
  ])('says what was found: %s', async (predicate, harm) => {
    await api.store.rows(`UPDATE search SET predicate = $2 WHERE id = $1`, [search, predicate]);
    for (const expires of [inADay(), Math.floor(Date.now() / 1000) - 1]) {
      const accept = { accept: 'text/html' };
      const page = await api.ask(undefined, 'GET', link('not_mine', expires), undefined, accept);
      expect(page.text).toMatch(/lab\/&lt;b&gt;[-0-9a-f]+ 2<\/b> /);
      expect(page.text).toContain(harm);
    }
  });

  it('is the answer once it is confirmed, without a token', async () => {
    const done = await api.ask(undefined, 'POST', link('not_mine'), '', form);
    expect([done.status, done.text.includes('Your answer was taken')]).toEqual([200, true]);
    expect(await read()).toMatchObject({ answer: 'not_mine', by: 'ann (by a link)' });
    const again = await api.ask(undefined, 'POST', link('fixed_in'), 'version=3', form);
    expect(again.text).toContain('withdrawn before');
  });

  it('takes the version that mends it, or the days', async () => {
    expect((await api.ask(undefined, 'POST', link('fixed_in'), 'version=3.1%7Erc1', form)).status).toBe(200);
    expect(await read()).toMatchObject({ answer: 'fixed_in', detail: '3.1~rc1' });
    expect((await api.ask(undefined, 'POST', link('snoozed'), 'days=5', form)).status).toBe(200);
    const both = { answer: 'fixed_in', detail: '3.1~rc1', days: 5 };
    expect(await read()).toMatchObject(both);
    for (const [answer, body] of [
      ['fixed_in', ''],
      ['fixed_in', 'version='],
      ['snoozed', 'days=400'],
      ['snoozed', ''],
      ['not_mine', 'version=3&other=1'],
    ] as const)
      expect((await api.ask(undefined, 'POST', link(answer), body, form)).status, `${answer} ${body}`).toBe(
        422,
      );
    expect(await read()).toMatchObject(both);
  });

  it('is good for one answer to one accusation, for a while, with the key of this grid', async () => {
    const [other] = await api.store.rows<{ id: string }>(
      `SELECT id FROM accusation WHERE id <> $1 ORDER BY id LIMIT 1`,
      [accusation],
    );
    const right = link('snoozed');
    for (const bad of [
      right.replace('answer=snoozed', 'answer=not_mine'),
      right.replace(`/u${accusation}?`, `/u${other?.id}?`),
      right.replace(/expires=(\d)/, 'expires=9$1').slice(0, -1),
      right.replace(/expires=\d+/, `expires=${inADay() + 9_999}`),
      right.replace(/seal=\w+/, `seal=${'0'.repeat(64)}`),
      link('snoozed', inADay(), 'another key'),
    ])
      expect([400, 404], bad).toContain((await api.ask(undefined, 'POST', bad, 'days=1', form)).status);
    expect((await read())?.answer).toBeNull();
    const page = await api.ask(undefined, 'POST', link('fixed_in'), 'version=v3', form);
    expect(page.text).toContain('&#39;v3&#39; is no Debian version');
    expect((await read())?.answer).toBeNull();
  });

  it.each(['GET', 'POST'] as const)('that came too late says what to do instead: %s', async (method) => {
    const late = link('fixed_in', Math.floor(Date.now() / 1000) - 1);
    const [body, sent] = method === 'POST' ? ['version=3', form] : [undefined, {}];
    const program = await api.ask(undefined, method, late, body, sent);
    expect([program.status, program.headers.get('content-type')]).toEqual([
      410,
      'application/problem+json; charset=utf-8',
    ]);
    expect(program.json.detail).toContain(`testyard answer q${search} fixed-in VERSION --change c`);
    const accept = 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8';
    const browser = await api.ask(undefined, method, late, body, { ...sent, accept });
    expect([browser.status, browser.headers.get('content-type')]).toEqual([410, 'text/html; charset=utf-8']);
    expect(browser.text).toContain('Nothing was changed.');
    expect(browser.text).toContain(`testyard answer q${search} fixed-in VERSION --change c`);
    expect(browser.text).toContain('lab/&lt;b&gt;');
    expect((await read())?.answer).toBeNull();
  });

  it('opens no other route to forms', async () => {
    const answer = await api.ask(api.admin, 'POST', '/api/v1/projects', 'name=x', form);
    expect(answer.status).toBe(415);
  });
});

describe('an answer with a token', () => {
  it('is said of the one change, and each mistake has its place', async () => {
    const at = `/api/v1/searches/q${search}/answer`;
    const ask = (body: unknown) => api.ask(api.admin, 'POST', at, body);
    expect((await ask({ answer: 'fixed_in' })).json.errors[0].message).toBe('fixed_in goes with version');
    expect((await ask({ answer: 'fixed_in', version: '2' })).json.detail).toContain('the very version');
    expect((await ask({ answer: 'fixed_in', version: 'v3' })).json.detail).toContain('no Debian version');
    expect((await ask({ answer: 'snoozed', until: '2020-01-01T00:00:00Z' })).json.detail).toContain(
      'is over',
    );
    expect((await ask({ answer: 'not_mine', change: 'c999999' })).json.errors[0].where).toBe('change');
    const done = await ask({ answer: 'fixed_in', version: '3' });
    expect(done.json.accusations).toMatchObject([
      { owner: 'ann', answer: 'fixed_in', detail: '3', answeredBy: 'admin' },
    ]);
  });

  it('is taken from whose change it is, from developers and admins, and from nobody else', async () => {
    const at = `/api/v1/searches/q${search}/answer`;
    const until = new Date(Date.now() + 86_400_000).toISOString();
    const people = { sue: 'sue@example.org', ann: 'ann@example.org', 'Ann B': 'ann@example.org' };
    await api.store.rows(`UPDATE grid SET people = $1`, [JSON.stringify(people)]);
    const ask = async (name: string, role: Role, body: unknown = { answer: 'snoozed', until }) => {
      const { secret } = await api.token({ name, roles: { mine: role } });
      return await api.ask(secret, 'POST', at, body);
    };
    const refused = await ask('sue', 'submitter');
    expect([refused.status, refused.json.detail]).toEqual([
      403,
      `This takes the owner of what search q${search} found, the role developer of mine, or a grid admin`,
    ]);
    for (const [name, role] of [
      ['ann', 'viewer'],
      ['Ann B', 'submitter'],
      ['dan', 'developer'],
    ] as const)
      expect((await ask(name, role)).status, name).toBe(200);
    expect((await ask('dan', 'developer', { answer: 'theirs' })).json.detail).toContain('takes a grid admin');
    const theirs = await api.ask(api.admin, 'POST', at, { answer: 'theirs' });
    expect([theirs.status, theirs.json.detail]).toEqual([
      409,
      expect.stringContaining('nobody has said that it is not'),
    ]);
  });
});
