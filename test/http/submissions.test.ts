import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestSpec } from '../../src/domain/test.js';
import { putTests } from '../../src/store/test.js';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';

let api: TestApi;
let rows: Rows;
let mine: string;
let secret: string;
beforeAll(async () => {
  api = await startTestApi();
  rows = new Rows(api.store);
  mine = await api.project('mine');
  secret = (await api.token({ name: 'lea', roles: { mine: 'submitter' } })).secret;
});
afterAll(() => api?.close());

const SPEC: TestSpec = {
  name: '',
  requirement: '',
  labels: [],
  run: '',
  environment: {},
  timeoutMs: 1000,
  setupTimeoutMs: 1000,
  teardownTimeoutMs: 1000,
  cases: [],
  commands: [],
  underTest: [],
  network: false,
};
const script = (text: string, name = 'a.sh') => ({
  file: { name, content: Buffer.from(`#!/bin/sh\n${text}\n`).toString('base64') },
});
const submit = (body: object, headers?: Record<string, string>, by = secret) =>
  api.ask(by, 'POST', '/api/v1/submissions', { project: 'mine', ...body }, headers);
const count = async (table: string) =>
  Number((await api.store.rows<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]?.n);

describe('a submission', () => {
  test('is kept with all that was said, and wakes the scheduler', async () => {
    let woken = 0;
    const woke = new Promise<void>((resolve) => {
      const stop = api.wakeup.on('testyard_scheduler', () => {
        woken++;
        stop();
        resolve();
      });
    });
    const answer = await submit({
      name: 'nightly',
      tests: [script('true', 'first.sh'), script('false', 'second.sh')],
      variants: [{ A: '1' }, { A: '2' }],
      targets: [{ host: 'box' }],
      priority: 5,
      queueTimeoutS: 3600,
      artefacts: [{ name: 'kernel', url: 'https://example.org/k', digest: 'sha256:x', buildId: 'b7' }],
    });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({
      project: 'mine',
      name: 'nightly',
      actor: 'lea',
      counts: { waiting: 0 },
    });
    await woke;
    expect(woken).toBe(1);
    const [kept] = await api.store.rows(
      `SELECT name, source, actor, variants, targets, priority, queue_timeout = interval '1 hour' AS hour, unfolded_at,
         (SELECT array_agg(t.name ORDER BY n) FROM unnest(tests) WITH ORDINALITY u (id, n) JOIN test t USING (id)) AS tests
       FROM submission WHERE id = $1`,
      [answer.json.id.slice(1)],
    );
    expect(kept).toEqual({
      name: 'nightly',
      source: 'user',
      actor: 'lea',
      variants: [{ A: '1' }, { A: '2' }],
      targets: [{ host: 'box' }],
      priority: 5,
      hour: true,
      unfolded_at: null,
      tests: ['first', 'second'],
    });
    const artefacts = await api.store.rows(`SELECT name, url, digest, build_id FROM artefact`);
    expect(artefacts).toEqual([
      { name: 'kernel', url: 'https://example.org/k', digest: 'sha256:x', build_id: 'b7' },
    ]);
    const [told] = await api.store.rows(`SELECT kind, subject, actor FROM history ORDER BY id DESC LIMIT 1`);
    expect(told).toEqual({ kind: 'submission.accepted', subject: answer.json.id, actor: 'lea' });
  });

  test('makes a new version of a test only where the test is new', async () => {
    const before = await count('test');
    const [a, b, c] = [script('echo 1', 'v.sh'), script('echo 2', 'v.sh'), script('echo 1', 'v.sh')];
    const first = await submit({ tests: [a, b, c] });
    expect(await count('test')).toBe(before + 2);
    await submit({ tests: [c] });
    expect(await count('test')).toBe(before + 2);
    const [kept] = await api.store.rows<{ tests: string[] }>(`SELECT tests FROM submission WHERE id = $1`, [
      first.json.id.slice(1),
    ]);
    expect(kept?.tests[0]).toBe(kept?.tests[2]);
    expect(kept?.tests[0]).not.toBe(kept?.tests[1]);
  });

  test('takes tests by name in their latest version, of its own project only', async () => {
    const first = await submit({ tests: [script('echo old', 'named.sh')] });
    const second = await submit({ tests: [script('echo new', 'named.sh')] });
    const named = await submit({ tests: [{ name: 'named' }] });
    const testsOf = async (id: string) =>
      (
        await api.store.rows<{ tests: string[] }>(`SELECT tests FROM submission WHERE id = $1`, [id.slice(1)])
      )[0]?.tests;
    expect(await testsOf(named.json.id)).toEqual(await testsOf(second.json.id));
    expect(await testsOf(named.json.id)).not.toEqual(await testsOf(first.json.id));
    const theirs = await api.project('theirs');
    await rows.test(theirs, 'secret-test');
    const refused = await submit({ tests: [{ name: 'secret-test' }, { name: 'naemd' }] });
    expect(refused.status).toBe(422);
    expect(refused.json.errors.map((e: { message: string }) => e.message)).toEqual([
      "project mine has no test 'secret-test'",
      "project mine has no test 'naemd': did you mean 'named'?",
    ]);
  });

  test('of 10,000 tests is a handful of statements', async () => {
    const tests = Array.from({ length: 10_000 }, (_, n) => script(`echo ${n}`, `many-${n}.sh`));
    const asked: string[] = [];
    const original = api.store.rows.bind(api.store);
    const transaction = api.store.transaction.bind(api.store);
    api.store.rows = (sql, parameters) => {
      asked.push(sql);
      return original(sql, parameters);
    };
    api.store.transaction = (work) =>
      transaction((tx) =>
        work({
          ...tx,
          rows: (sql, parameters) => {
            asked.push(sql);
            return tx.rows(sql, parameters);
          },
        }),
      );
    try {
      const answer = await submit({ tests });
      expect(answer.status).toBe(201);
      const [kept] = await original<{ n: number }>(
        `SELECT cardinality(tests) AS n FROM submission WHERE id = $1`,
        [answer.json.id.slice(1)],
      );
      expect(kept?.n).toBe(10_000);
      expect(asked.length).toBeLessThan(15);
    } finally {
      api.store.rows = original;
      api.store.transaction = transaction;
    }
  });

  test('with a file of many megabytes is refused for that, not for the way it was checked', async () => {
    const answer = await submit({ tests: [script('#'.repeat(13_000_000))] });
    expect(answer.status).toBe(422);
    expect(answer.json.errors[0].message).toMatch(/at most 2097152/);
  });

  test('that cannot be accepted leaves nothing behind', async () => {
    const before = [await count('test'), await count('submission'), await count('history')];
    const answer = await submit({ tests: [script('echo never', 'never.sh'), { name: 'no-such' }] });
    expect(answer.status).toBe(422);
    expect([await count('test'), await count('submission'), await count('history')]).toEqual(before);
  });
});

describe('an idempotency key', () => {
  const key = { 'idempotency-key': 'k1' };

  test('gives the same answer to the same request, without doing anything', async () => {
    const first = await submit({ tests: [script('true')] }, key);
    const before = await count('submission');
    const again = await submit({ tests: [script('true')] }, key);
    expect(again.status).toBe(201);
    expect(again.json).toEqual(first.json);
    expect(await count('submission')).toBe(before);
  });

  test('is refused for another request', async () => {
    const answer = await submit({ tests: [script('false')] }, key);
    expect(answer.status).toBe(422);
    expect(answer.json.type).toBe('/problems/idempotency-key-reused');
  });

  test('is of one token: another one may use the same', async () => {
    const other = (await api.token({ roles: { mine: 'submitter' } })).secret;
    const answer = await submit({ tests: [script('false')] }, key, other);
    expect(answer.status).toBe(201);
  });

  test('gives the same answer also when the request would be refused by now', async () => {
    const wanted = { tests: [{ name: 'soon-gone' }] };
    const made = await rows.test(mine, 'soon-gone');
    const first = await submit(wanted, { 'idempotency-key': 'gone' });
    expect(first.status).toBe(201);
    await api.store.rows(`UPDATE test SET name = 'gone' WHERE id = $1`, [made]);
    expect((await submit(wanted)).status).toBe(422);
    expect((await submit(wanted, { 'idempotency-key': 'gone' })).json).toEqual(first.json);
    expect((await submit({ tests: [script('true')] }, { 'idempotency-key': 'gone' })).status).toBe(422);
  });

  test('may be used again after a refusal', async () => {
    const fresh = { 'idempotency-key': 'k2' };
    expect((await submit({ tests: [{ name: 'not-yet' }] }, fresh)).status).toBe(422);
    await rows.test(mine, 'not-yet');
    expect((await submit({ tests: [{ name: 'not-yet' }] }, fresh)).status).toBe(201);
  });

  test('of 20 requests at once makes one submission', async () => {
    const before = await count('submission');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        submit({ tests: [script('echo race')] }, { 'idempotency-key': 'race' }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
    expect(new Set(answers.map((answer) => answer.json.id)).size).toBe(1);
    expect(await count('submission')).toBe(before + 1);
  });

  test('that is none is refused', async () => {
    expect((await submit({ tests: [script('true')] }, { 'idempotency-key': 'a b' })).status).toBe(400);
  });
});

test("the same new tests from many at once do not get in each other's way", async () => {
  const specs = Array.from({ length: 3000 }, (_, n) => ({ ...SPEC, name: `both-${n}` }));
  const orders = Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? specs : [...specs].reverse()));
  const ids = await Promise.all(
    orders.map((order) => api.store.transaction((tx) => putTests(tx, mine, order))),
  );
  expect(ids[1]).toEqual([...(ids[0] ?? [])].reverse());
  expect(new Set(ids.flat()).size).toBe(3000);
});

describe('a cancellation', () => {
  let submission: string;
  let run: string;
  let testId: string;
  let n = 0;
  beforeEach(async () => {
    testId = await rows.test(mine, `cancel-me-${n++}`);
    submission = await rows.submission(mine, testId);
    run = await rows.run(mine, testId, submission);
  });
  const asked = async (id: string) =>
    (
      await api.store.rows<{ by: string | null }>(`SELECT cancelled_by AS by FROM queue WHERE run_id = $1`, [
        id,
      ])
    )[0]?.by;

  test('of a run is recorded once, with who and why', async () => {
    const answer = await api.ask(secret, 'POST', `/api/v1/runs/r${run}/cancel`, { why: 'wrong build' });
    expect(answer.json).toMatchObject({ id: `r${run}`, state: 'waiting' });
    await api.ask(api.admin, 'POST', `/api/v1/runs/r${run}/cancel`, {});
    expect(await asked(run)).toBe('lea');
    const told = await api.store.rows(`SELECT actor, data FROM history WHERE run_id = $1`, [run]);
    expect(told).toEqual([{ actor: 'lea', data: { why: 'wrong build' } }]);
  });

  test('of a run that is done is refused: its verdict stands', async () => {
    const attempt = await rows.attempt(run, await rows.host(`box-${run}`));
    await rows.pass(run, attempt);
    const answer = await api.ask(secret, 'POST', `/api/v1/runs/r${run}/cancel`);
    expect(answer.status).toBe(409);
  });

  test('of a submission asks all its runs that are not done', async () => {
    const second = await rows.run(mine, testId, submission);
    const done = await rows.run(mine, testId, submission);
    await rows.pass(done, await rows.attempt(done, await rows.host(`box-${done}`)));
    const answer = await api.ask(secret, 'POST', `/api/v1/submissions/s${submission}/cancel`, { why: 'x' });
    expect(answer.json.counts).toMatchObject({ waiting: 2, passed: 1 });
    expect([await asked(run), await asked(second)]).toEqual(['lea', 'lea']);
  });

  test('of a submission that was not unfolded yet leaves nothing to unfold', async () => {
    const made = await submit({ tests: [script('true')] });
    const answer = await api.ask(secret, 'POST', `/api/v1/submissions/${made.json.id}/cancel`);
    expect(answer.json.runCount).toBe(0);
    const left = await api.store.rows(`SELECT FROM submission WHERE id = $1 AND unfolded_at IS NULL`, [
      made.json.id.slice(1),
    ]);
    expect(left).toEqual([]);
  });
});

describe('a retry', () => {
  test('is a new submission of the same test, variant, target and artefacts, that points at the old run', async () => {
    const testId = await rows.test(mine, 'retry-me');
    const submission = await rows.submission(mine, testId);
    await api.store.rows(`INSERT INTO artefact (submission_id, name, url) VALUES ($1, 'k', 'http://x/')`, [
      submission,
    ]);
    const run = await rows.run(mine, testId, submission);
    await api.store.rows(`UPDATE run SET variant = '{"A":"2"}', target = '{"host":"box"}' WHERE id = $1`, [
      run,
    ]);
    const early = await api.ask(secret, 'POST', `/api/v1/runs/r${run}/retry`);
    expect(early.status).toBe(409);
    await rows.pass(run, await rows.attempt(run, await rows.host('retry-box')));
    const key = { 'idempotency-key': 'retry-1' };
    const answer = await api.ask(secret, 'POST', `/api/v1/runs/r${run}/retry`, undefined, key);
    expect(answer.status).toBe(201);
    const again = await api.ask(secret, 'POST', `/api/v1/runs/r${run}/retry`, undefined, key);
    expect(again.json.id).toBe(answer.json.id);
    const [kept] = await api.store.rows(
      `SELECT tests, variants, targets, retry_of, actor,
         (SELECT count(*)::int FROM artefact a WHERE a.submission_id = s.id) AS artefacts
       FROM submission s WHERE id = $1`,
      [answer.json.id.slice(1)],
    );
    expect(kept).toEqual({
      tests: [testId],
      variants: [{ A: '2' }],
      targets: [{ host: 'box' }],
      retry_of: run,
      actor: 'lea',
      artefacts: 1,
    });
  });

  test('of a check that the grid made for itself is refused', async () => {
    const testId = await rows.test(mine, 'canary');
    const run = await rows.run(mine, testId, await rows.submission(mine, testId));
    await api.store.rows(`UPDATE run SET purpose = 'canary' WHERE id = $1`, [run]);
    await rows.pass(run, await rows.attempt(run, await rows.host('canary-box')));
    expect((await api.ask(secret, 'POST', `/api/v1/runs/r${run}/retry`)).status).toBe(409);
  });
});

describe('a halt', () => {
  test('says who and why, and with kill stops what runs', async () => {
    const testId = await rows.test(mine, 'halted');
    const run = await rows.run(mine, testId, await rows.submission(mine, testId));
    await rows.attempt(run, await rows.host('halt-box'));
    const stopped = async () =>
      (await api.store.rows<{ why: string }>(`SELECT stop_why AS why FROM queue WHERE run_id = $1`, [run]))[0]
        ?.why;
    const drained = await api.ask(api.admin, 'POST', '/api/v1/grid/halt', { why: 'new switch' });
    expect(drained.json).toMatchObject({ state: 'halted', who: 'admin', why: 'new switch' });
    expect(await stopped()).toBe(null);
    await api.ask(api.admin, 'POST', '/api/v1/grid/halt', { why: 'fire', mode: 'kill' });
    expect(await stopped()).toBe('the grid was halted by admin: fire');
    const resumed = await api.ask(api.admin, 'POST', '/api/v1/grid/resume', {});
    expect(resumed.json).toMatchObject({ state: 'online', why: 'resumed' });
    const told = await api.store.rows<{ kind: string }>(
      `SELECT kind, actor, data FROM history WHERE subject = 'grid' ORDER BY id`,
    );
    expect(told).toEqual([
      { kind: 'grid.halted', actor: 'admin', data: { why: 'new switch', mode: 'drain' } },
      { kind: 'grid.halted', actor: 'admin', data: { why: 'fire', mode: 'kill' } },
      { kind: 'grid.resumed', actor: 'admin', data: { why: 'resumed' } },
    ]);
  });
});
