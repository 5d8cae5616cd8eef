import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';

let api: TestApi;
let rows: Rows;
let mine: string;
let theirs: string;
let viewer: string;
let stranger: string;
beforeAll(async () => {
  api = await startTestApi();
  rows = new Rows(api.store);
  mine = await api.project('mine');
  theirs = await api.project('theirs');
  viewer = (await api.token({ roles: { mine: 'viewer' } })).secret;
  stranger = (await api.token({ roles: { theirs: 'submitter' } })).secret;
});
afterAll(() => api?.close());

const get = (token: string, path: string) => api.ask(token, 'GET', `/api/v1${path}`);

/** Every item of a list, page by page; `between` is called after each page. */
async function all(token: string, path: string, between: () => Promise<unknown> = async () => undefined) {
  const items: { id: string; name: string }[] = [];
  let cursor = '';
  do {
    const answer = await get(
      token,
      `${path}${path.includes('?') ? '&' : '?'}${cursor && `cursor=${cursor}`}`,
    );
    expect(answer.status, answer.text).toBe(200);
    items.push(...answer.json.items);
    cursor = answer.json.next ?? '';
    await between();
  } while (cursor !== '');
  return items;
}

describe('pages', () => {
  test('of runs miss nothing and repeat nothing while new ones come', async () => {
    const testId = await rows.test(mine, 'paged');
    const submission = await rows.submission(mine, testId);
    const before: string[] = [];
    for (let n = 0; n < 23; n++) before.push(`r${await rows.run(mine, testId, submission)}`);
    const newcomer = () => rows.run(mine, testId, submission);
    for (const filter of [
      '',
      '&state=waiting',
      `&submission=s${submission}`,
      '&test=paged',
      '&project=mine',
    ]) {
      const seen = (await all(viewer, `/runs?limit=5${filter}`, newcomer)).map((run) => run.id);
      expect(new Set(seen).size, filter).toBe(seen.length);
      expect(seen, filter).toEqual(expect.arrayContaining(before));
      const numbers = seen.map((id) => Number(id.slice(1)));
      expect(numbers, filter).toEqual([...numbers].sort((a, b) => b - a));
    }
  });

  test('end where the list does, also when it fits exactly', async () => {
    const testId = await rows.test(mine, 'exact');
    const submission = await rows.submission(mine, testId);
    for (let n = 0; n < 4; n++) await rows.run(mine, testId, submission);
    const answer = await get(viewer, '/runs?test=exact&limit=4');
    expect(answer.json.items).toHaveLength(4);
    expect(answer.json.next).toBeUndefined();
    expect((await get(viewer, '/runs?test=nothing')).json).toEqual({ items: [] });
  });

  test('of submissions, tests, hosts and incidents go through everything once', async () => {
    for (let n = 0; n < 7; n++) {
      const testId = await rows.test(mine, `test-${n}`);
      await rows.test(theirs, `test-${n}`);
      await rows.submission(mine, testId);
      await rows.host(`host-${n}`);
      await rows.incident(n % 2 === 0 ? mine : null, `trouble ${n}`);
    }
    for (const [path, least] of [
      ['/submissions?limit=2', 9],
      ['/tests?limit=2', 16],
      ['/hosts?limit=2', 7],
      ['/incidents?limit=2', 7],
    ] as const) {
      const items = await all(api.admin, path);
      const keys = items.map((item) => JSON.stringify(item.id ?? item));
      expect(new Set(keys).size, path).toBe(keys.length);
      expect(items.length, path).toBeGreaterThanOrEqual(least);
    }
  });
});

describe('the filters of runs', () => {
  test('take those of a state, a verdict and a purpose', async () => {
    const testId = await rows.test(mine, 'filtered');
    const submission = await rows.submission(mine, testId);
    const [waiting, held, running, passed, canary] = [
      await rows.run(mine, testId, submission),
      await rows.run(mine, testId, submission),
      await rows.run(mine, testId, submission),
      await rows.run(mine, testId, submission),
      await rows.run(mine, testId, submission),
    ];
    const incident = await rows.incident(mine, 'holds it');
    await api.store.rows(
      `UPDATE queue SET state = 'held', incident_id = $2, deadline = grid_now() + interval '1 day', reason = 'held by it'
       WHERE run_id = $1`,
      [held, incident],
    );
    await rows.attempt(running, await rows.host('filter-1'));
    await rows.pass(passed, await rows.attempt(passed, await rows.host('filter-2')));
    await api.store.rows(`UPDATE run SET purpose = 'canary' WHERE id = $1`, [canary]);
    await api.store.rows(`UPDATE queue SET purpose = 'canary' WHERE run_id = $1`, [canary]);
    const ids = async (query: string) =>
      (await all(viewer, `/runs?test=filtered&${query}`)).map((run) => run.id).sort();
    expect(await ids('state=waiting')).toEqual([`r${waiting}`]);
    expect(await ids('state=held')).toEqual([`r${held}`]);
    expect(await ids('state=running')).toEqual([`r${running}`]);
    expect(await ids('state=done')).toEqual([`r${passed}`]);
    expect(await ids('verdict=passed')).toEqual([`r${passed}`]);
    expect(await ids('verdict=failed')).toEqual([]);
    expect(await ids('purpose=canary')).toEqual([`r${canary}`]);
    expect(await ids('')).toEqual([waiting, held, running, passed].map((id) => `r${id}`).sort());
    const one = await get(viewer, `/runs/r${held}`);
    expect(one.json).toMatchObject({ state: 'held', incident: `i${incident}`, reason: 'held by it' });
    expect((await get(viewer, `/incidents/i${incident}`)).json.holds).toBe(1);
    const counts = (await get(viewer, `/submissions/s${submission}`)).json.counts;
    expect(counts).toEqual({ waiting: 2, held: 1, running: 1, passed: 1, failed: 0, skipped: 0, none: 0 });
  });

  test('a run that waits says what all of its kind wait for, and of its own that it was tried before', async () => {
    const testId = await rows.test(mine, 'waits');
    const run = await rows.run(mine, testId, await rows.submission(mine, testId));
    const reason = async () => {
      const { json } = await get(viewer, `/runs/r${run}`);
      return [json.reasonCode, json.reason];
    };
    expect(await reason()).toEqual(['new', 'just accepted']);
    await api.store.rows(
      `INSERT INTO demand (key, spec, reason_code, reason) VALUES ('some demand', '{}', 'busy', '3 hosts are busy')`,
    );
    expect(await reason()).toEqual(['busy', '3 hosts are busy']);
    await api.store.rows(
      `UPDATE queue SET reason_code = 'again', reason = 'its host was lost' WHERE run_id = $1`,
      [run],
    );
    expect(await reason()).toEqual(['busy', 'its host was lost; 3 hosts are busy']);
  });
});

describe('what is of another project', () => {
  test('is in no list, and cannot be asked for or changed', async () => {
    const testId = await rows.test(mine, 'private');
    const submission = await rows.submission(mine, testId);
    const run = await rows.run(mine, testId, submission);
    const attempt = await rows.attempt(run, await rows.host('shared-box'));
    await api.store.rows(
      `INSERT INTO host_seat (host_id, seat, run_id, attempt_id, lease_id, role)
       SELECT id, 1, $1, $2, 1, 'main' FROM host WHERE name = 'shared-box'`,
      [run, attempt],
    );
    const incident = await rows.incident(mine, 'private trouble');
    const shared = await rows.incident(null, 'shared trouble');
    await api.store.rows(
      `INSERT INTO evidence (incident_id, work, ok, run_id, detail) VALUES ($1, 'private', false, $2, 'private words')`,
      [shared, run],
    );
    for (const path of ['/runs', '/submissions', '/tests', '/incidents', '/projects', '/hosts', '/grid']) {
      const text = (await get(stranger, `${path}${path === '/runs' ? '?state=running' : ''}`)).text;
      expect(text, path).not.toMatch(/private|"mine"/);
      expect(text, path).not.toContain(`"r${run}"`);
    }
    for (const path of [
      `/runs/r${run}`,
      `/runs/r${run}/log`,
      `/runs?project=mine`,
      `/submissions/s${submission}`,
      `/submissions?project=mine`,
      `/tests?project=mine`,
      `/incidents/i${incident}`,
      `/events?project=mine`,
      `/events?run=r${run}`,
    ]) {
      const refused = await get(stranger, path);
      expect(refused.status, path).toBe(404);
      // Not to be told from what is not there.
      const nothing = await get(
        stranger,
        path.replace(/([rsi])[0-9]+/, '$1987654').replace('=mine', '=nowhere'),
      );
      const blank = (text: string) => text.replace(/[rsi][0-9]+|mine|nowhere/g, '');
      expect(blank(refused.text), path).toBe(blank(nothing.text));
    }
    for (const path of [
      `/runs/r${run}/cancel`,
      `/runs/r${run}/retry`,
      `/submissions/s${submission}/cancel`,
    ]) {
      expect((await api.ask(stranger, 'POST', `/api/v1${path}`, {})).status, path).toBe(404);
    }
    expect((await get(stranger, `/runs?submission=s${submission}`)).json.items).toEqual([]);
    const box = await get(stranger, '/hosts/shared-box');
    expect(box.json).toMatchObject({ state: 'leased', seatsTaken: 1, runs: [] });
    expect((await get(viewer, '/hosts/shared-box')).json.runs).toEqual([`r${run}`]);
    const seen = await get(stranger, `/incidents/i${shared}`);
    expect(seen.json.evidence).toMatchObject([{ work: 'work of another project', ok: false, detail: '' }]);
    expect((await get(viewer, `/incidents/i${shared}`)).json.evidence[0]).toMatchObject({ run: `r${run}` });
    expect((await get(viewer, '/grid')).json.runs.running).toBeGreaterThan(0);
    expect((await get(stranger, '/grid')).json.runs).toEqual({ waiting: 0, held: 0, running: 0 });
  });
});

describe('a host', () => {
  test('shows what is known of each tag, and can be asked for by id or name', async () => {
    const id = await rows.host('known');
    const [seen, word] = [{ by: 'probe', script: 'true' }, { by: 'word' }];
    const own = { tray: seen, lamp: seen, desk: word, fan: seen };
    for (const [name, source] of Object.entries(own))
      await api.store.rows(`INSERT INTO tag (name, spec) VALUES ($1, $2)`, [
        name,
        JSON.stringify({ name, meaning: `a ${name}`, kind: 'flag', source }),
      ]);
    await api.store.rows(
      `INSERT INTO host_tag (host_id, name, source) VALUES ($1, 'tray', 'probed'), ($1, 'desk', 'declared'), ($1, 'lamp', 'declared')`,
      [id],
    );
    await api.store.rows(
      `INSERT INTO host_probe (host_id, probe, worked) VALUES ($1, 'tray', true), ($1, 'lamp', true), ($1, 'fan', false)`,
      [id],
    );
    const host = await get(viewer, '/hosts/known');
    const shown: { readonly name: string }[] = host.json.tags;
    expect(shown.filter(({ name }) => name in own)).toEqual([
      { name: 'desk', presence: 'present', source: 'declared', values: [] },
      { name: 'fan', presence: 'unknown', source: 'probed', values: [] },
      {
        name: 'lamp',
        presence: 'absent',
        source: 'probed',
        values: [],
        drift: 'declared (lamp), and not there',
      },
      { name: 'tray', presence: 'present', source: 'probed', values: [] },
    ]);
    expect((await get(viewer, `/hosts/h${id}`)).json).toEqual(host.json);
    await api.store.rows(`UPDATE host SET removed_at = grid_now() WHERE id = $1`, [id]);
    expect((await get(viewer, '/hosts/known')).status).toBe(404);
  });
});

describe('a run in detail', () => {
  test('has its attempts with places, steps and cases', async () => {
    const testId = await rows.test(mine, 'detailed');
    const run = await rows.run(mine, testId, await rows.submission(mine, testId));
    const attempt = await rows.attempt(run, await rows.host('detail-box'));
    await api.store.rows(
      `INSERT INTO step_run (run_id, attempt_id, role, seq, kind, step, layer, result, exit_code, duration_ms, message)
       VALUES ($1, $2, 'main', 1, 'chain', 'install', 'packages', 'ok', 0, 1500, '')`,
      [run, attempt],
    );
    await api.store.rows(
      `INSERT INTO case_result (run_id, attempt_id, seq, role, name, result) VALUES ($1, $2, 1, 'main', 'ping', 'pass'), ($1, $2, 2, 'main', 'pong', 'fail')`,
      [run, attempt],
    );
    await api.store.rows(
      `INSERT INTO measurement (run_id, attempt_id, seq, case_seq, raw, value, unit) VALUES ($1, $2, 1, 1, '3.50', 3.5, 'ms')`,
      [run, attempt],
    );
    await rows.pass(run, attempt);
    const { json } = await get(viewer, `/runs/r${run}`);
    expect(json).toMatchObject({
      state: 'done',
      verdict: 'passed',
      reason: 'exit 0',
      host: 'detail-box',
      attempts: 1,
    });
    expect(json.reasonCode).toBeUndefined();
    expect(json.attemptList).toHaveLength(1);
    expect(json.attemptList[0]).toMatchObject({
      id: `a${attempt}`,
      outcome: 'ended',
      places: [{ role: 'main', host: 'detail-box', seat: 1, outputBytes: 0 }],
      steps: [{ seq: 1, kind: 'chain', step: 'install', layer: 'packages', durationS: 1.5, exitCode: 0 }],
      cases: [
        { seq: 1, name: 'ping', result: 'pass', measurement: { raw: '3.50', value: 3.5, unit: 'ms' } },
        { seq: 2, name: 'pong', result: 'fail' },
      ],
    });
  });
});

describe('a host of a pool that is for some projects', () => {
  test('is nobody else to reserve', async () => {
    await rows.host('kept');
    await api.store.rows(`INSERT INTO pool (name, projects) VALUES ('theirs only', '{theirs}')`);
    await api.store.rows(
      `UPDATE host SET pool_id = (SELECT id FROM pool WHERE name = 'theirs only') WHERE name = 'kept'`,
    );
    const { secret } = await api.token({ roles: { mine: 'submitter' } });
    const ask = (token: string) =>
      api.ask(token, 'POST', '/api/v1/hosts/kept/reservation', { why: 'a look', forS: 60 });
    const refused = await ask(secret);
    expect(refused.status).toBe(403);
    expect(refused.json.detail).toBe('kept is in pool theirs only, which is for projects theirs only');
    expect((await ask(stranger)).status).toBe(201);
  });
});

test('the grid names hosts that are not as declared', async () => {
  await rows.host('drifted');
  expect((await get(viewer, '/grid')).json.drifting).toEqual([]);
  await api.store.rows(
    `INSERT INTO host_drift (host_id, name, instance, detail) SELECT id, 'card', '', 'declared, and not there' FROM host
     WHERE name = 'drifted'`,
  );
  expect((await get(viewer, '/grid')).json.drifting).toEqual(['drifted']);
});
