import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SubmissionPlan, SubmissionView } from '../../src/http/contract.js';
import { Heartbeat } from '../../src/stages/heartbeat.js';
import { SETTINGS } from '../../src/stages/settings.js';
import { applyInventory } from '../../src/store/inventory.js';
import { aHost, aTest, aWord, declared } from '../stages/parts.js';
import { startTestApi, type TestApi } from './api.js';

let api: TestApi;
let secret: string;
let scheduler: Heartbeat;

beforeAll(async () => {
  api = await startTestApi();
  secret = (await api.token({ name: 'lea', roles: { default: 'submitter' } })).secret;
  await applyInventory(api.store, {
    grid: { name: 'lab', admin: 'ann', default: '' },
    tags: [aWord('gpu'), aWord('mars')],
    aliases: [],
    pools: [{ name: 'default' }],
    resources: [],
    types: [],
    hosts: [aHost('one', { tags: declared('gpu'), type: 'pc' }), aHost('two', { type: 'pi' })],
    steps: [],
    tests: [
      aTest('ping', { labels: ['net'] }),
      aTest('wipe', { labels: ['net', 'destructive'] }),
      aTest('disk', { labels: ['slow'], requirement: 'gpu' }),
      aTest('fs', { matrix: { axes: { FS: ['ext4', 'xfs'], PAGE: ['4k', '64k'] } } }),
      aTest('rover', { requirement: 'mars' }),
    ],
  });
  scheduler = new Heartbeat(api.store, SETTINGS, () => {});
});
afterAll(() => api?.close());
beforeEach(async () => {
  await api.store.rows(`UPDATE submission SET unfolded_at = grid_now() WHERE unfolded_at IS NULL`);
});

const submit = (body: object) => api.ask(secret, 'POST', '/api/v1/submissions', body);
const mistakes = async (body: object) => {
  const { status, json } = await submit(body);
  expect(status).toBe(422);
  return json.errors.map((e: { where: string; message: string }) => `${e.where}: ${e.message}`);
};
const kept = async (id: string) => {
  const [row] = await api.store.rows<{
    tests: string[];
    variants: unknown;
    targets: unknown;
    week: boolean | null;
  }>(
    `SELECT variants, targets, queue_timeout = interval '7 days' AS week, wait,
       (SELECT array_agg(t.name ORDER BY n) FROM unnest(tests) WITH ORDINALITY u (id, n) JOIN test t USING (id)) AS tests
     FROM submission WHERE id = $1`,
    [id.slice(1)],
  );
  return row;
};
const counts = async () =>
  (
    await api.store.rows<{ n: string }>(
      `SELECT (SELECT count(*) FROM submission) || ' ' || (SELECT count(*) FROM run) || ' ' ||
         (SELECT count(*) FROM test) || ' ' || (SELECT count(*) FROM history) || ' ' ||
         (SELECT count(*) FROM idempotency) AS n`,
    )
  )[0]?.n;

describe('tests selected by their labels', () => {
  const selected = async (select: object, more: object = {}) => {
    const { status, json } = await submit({ select, ...more });
    expect(status).toBe(201);
    return (await kept(json.id))?.tests;
  };

  test('have all of with and none of without', async () => {
    expect(await selected({ with: ['net'] })).toEqual(['ping', 'wipe']);
    expect(await selected({ with: ['net'], without: ['destructive'] })).toEqual(['ping']);
    expect(await selected({ with: ['net', 'destructive'] })).toEqual(['wipe']);
    expect(await selected({ without: ['net', 'slow'] })).toEqual(['fs', 'rover']);
  });

  test('come after those that are named, and none of them twice', async () => {
    expect(await selected({ with: ['net'] }, { tests: [{ name: 'wipe' }, { name: 'fs' }] })).toEqual([
      'wipe',
      'fs',
      'ping',
    ]);
  });

  test('are those of the inventory: one that was only ever sent is not selected', async () => {
    await submit({
      tests: [
        {
          file: {
            name: 'sent.sh',
            content: Buffer.from('#!/bin/sh\n# testyard: labels: net\ntrue\n').toString('base64'),
          },
        },
      ],
    });
    expect(await selected({ with: ['net'] })).toEqual(['ping', 'wipe']);
  });

  test('that are none are an error that names the labels there are', async () => {
    expect(await mistakes({ select: { with: ['net', 'slow'] } })).toEqual([
      'select: no test of the inventory has net and slow: its labels are destructive, net, slow',
    ]);
  });

  test('by a label that no test has are refused, in without as well: what was meant would run', async () => {
    expect(await mistakes({ select: { with: ['nett'], without: ['destrutive'] } })).toEqual([
      "select.with[0]: no test of the inventory has the label 'nett': did you mean 'net'? its labels are destructive, net, slow",
      "select.without[0]: no test of the inventory has the label 'destrutive': did you mean 'destructive'? its labels are destructive, net, slow",
    ]);
  });

  test('need a label to be selected by, and a submission needs a test', async () => {
    expect(await mistakes({ select: {} })).toEqual(['select: say at least one label']);
    expect(await mistakes({ tests: [] })).toEqual([
      'tests: name at least one test, or select some by their labels',
    ]);
  });
});

describe('a matrix of the submission', () => {
  const one = { tests: [{ name: 'ping' }] };

  test('is its variants, and each of these in each variant that is said beside it', async () => {
    const matrix = { axes: { FS: ['ext4', 'xfs'] }, exclude: [{ FS: 'xfs' }], include: [{ FS: '6.10' }] };
    const { json } = await submit({ ...one, matrix, variants: [{ B: '1' }, { B: '2' }] });
    expect((await kept(json.id))?.variants).toEqual([
      { FS: 'ext4', B: '1' },
      { FS: '6.10', B: '1' },
      { FS: 'ext4', B: '2' },
      { FS: '6.10', B: '2' },
    ]);
  });

  test.each([
    [
      { axes: { FS: ['ext4'] }, exclude: [{ FS: 'ext4' }, {}, { XS: '1' }] },
      'matrix.exclude[1]',
      'matrix.exclude[2].XS',
    ],
    [{ axes: { FS: ['1', 2] } }, 'matrix.axes.FS[1]'],
    [{ axes: { TESTYARD_X: ['1'] } }, 'matrix.axes.TESTYARD_X'],
    [{ axes: { N: Array.from({ length: 101 }, (_, n) => `${n}`) } }, 'matrix'],
    [{ axis: {} }, 'matrix'],
  ])('that is wrong is refused with the place: %j', async (matrix, ...where) => {
    const { status, json } = await submit({ ...one, matrix });
    expect(status).toBe(422);
    expect(json.errors.map((e: { where: string }) => e.where)).toEqual(where);
  });

  test('cannot name what is the grid’s own, nor can a variant', async () => {
    expect(await mistakes({ ...one, variants: [{ TESTYARD_ARTEFACT_K: 'x' }] })).toHaveLength(1);
  });

  test('that makes too many runs with the matrix of a test is refused before it is unfolded', async () => {
    const axes = { N: Array.from({ length: 10_000 }, (_, n) => `${n}`) };
    const [mistake] = await mistakes({
      tests: Array.from({ length: 10_000 }, () => ({ name: 'fs' })),
      matrix: { axes, most: 10_000 },
      targets: [{}, {}],
    });
    expect(mistake).toMatch(/runs or more; 100000 are the most: divide it$/);
  });
});

describe('a dry run', () => {
  const plan = async (body: object) => {
    const before = await counts();
    const { status, json } = await api.ask(
      secret,
      'POST',
      '/api/v1/submissions',
      { ...body, dryRun: true },
      { 'idempotency-key': 'dry' },
    );
    expect(status).toBe(200);
    expect(await counts()).toBe(before);
    return SubmissionPlan.parse(json);
  };

  test('says what it would come to, test by test, and writes nothing', async () => {
    const file = { name: 'new.sh', content: Buffer.from('#!/bin/sh\ntrue\n').toString('base64') };
    expect(
      await plan({
        tests: [{ name: 'fs' }, { name: 'rover' }, { file }],
        variants: [{ A: '1' }, { A: '2' }],
      }),
    ).toEqual({
      runs: 12,
      tests: [
        { test: 'fs', variants: 8, runs: 8, notCompatible: [] },
        {
          test: 'rover',
          variants: 2,
          runs: 2,
          notCompatible: [
            {
              runs: 2,
              reason: 'no host of this grid can serve it: mars is not there and no step gives it',
              waits: false,
            },
          ],
        },
        { test: 'new', variants: 2, runs: 2, notCompatible: [] },
      ],
      leftOut: [],
    });
  });

  test('says what would wait instead of ending, and what each would leave out', async () => {
    const { tests } = await plan({ tests: [{ name: 'rover' }], wait: true });
    expect(tests[0]?.notCompatible).toMatchObject([{ waits: true }]);
    expect(
      await plan({ tests: [{ name: 'disk' }, { name: 'ping' }], targets: [{ each: 'host' }] }),
    ).toMatchObject({
      runs: 3,
      tests: [{ runs: 1 }, { runs: 2 }],
      leftOut: [{ each: 'host', names: ['two'], tests: ['disk'] }],
    });
  });

  test('comes to what the submission then comes to', async () => {
    const body = {
      select: { without: ['net'] },
      targets: [{ each: 'host' }, { hostType: 'pi' }],
      variants: [{ A: '1' }, {}],
    };
    const planned = await plan(body);
    const { json } = await submit(body);
    while (await scheduler.beat());
    const answer = SubmissionView.parse(
      (await api.ask(secret, 'GET', `/api/v1/submissions/${json.id}`)).json,
    );
    expect(answer.runCount).toBe(planned.runs);
    expect(answer.leftOut).toEqual(planned.leftOut);
    const ended = planned.tests.flatMap((one) => one.notCompatible).reduce((sum, { runs }) => sum + runs, 0);
    expect(answer.counts.none).toBe(ended);
    expect(ended).toBeGreaterThan(0);
  });

  test('is refused for the same reasons', async () => {
    expect(await mistakes({ tests: [{ name: 'pong' }], dryRun: true })).toEqual([
      "tests[0].name: project default has no test 'pong': did you mean 'ping'?",
    ]);
  });
});

describe('what a run is aimed at', () => {
  test.each([
    [{ each: 'host', host: 'one' }, 'targets[0]: say either host or each'],
    [
      { each: 'host_type', hostType: 'pc' },
      "targets[0]: hostType names one host type: with it each can only be 'host'",
    ],
  ])('makes sense: %j does not', async (target, mistake) => {
    expect(await mistakes({ tests: [{ name: 'ping' }], targets: [target] })).toEqual([mistake]);
  });

  test('is shown with the run', async () => {
    const { json } = await submit({ tests: [{ name: 'ping' }], targets: [{ each: 'host_type' }] });
    while (await scheduler.beat());
    const { items } = (await api.ask(secret, 'GET', `/api/v1/runs?submission=${json.id}`)).json;
    expect(items.map((run: { target: object }) => run.target)).toEqual([
      { hostType: 'pi' },
      { hostType: 'pc' },
    ]);
  });
});

test('a submission that waits, and says nothing else, does so for 7 days', async () => {
  const { json } = await submit({ tests: [{ name: 'rover' }], wait: true });
  expect(await kept(json.id)).toMatchObject({ wait: true, week: true });
  const other = await submit({ tests: [{ name: 'rover' }], wait: true, queueTimeoutS: 60 });
  expect((await kept(other.json.id))?.week).toBe(false);
  expect((await kept((await submit({ tests: [{ name: 'rover' }] })).json.id))?.week).toBe(null);
});

describe('what is under test', () => {
  const tests = [{ name: 'ping' }];

  test('is shown with the run, by name', async () => {
    const artefacts = [
      { name: 'kernel', url: 'https://example.org/k', digest: 'sha256:1', buildId: 'b7' },
      { name: 'initrd', url: 'https://example.org/i' },
    ];
    const { json } = await submit({ tests, artefacts });
    while (await scheduler.beat());
    const [run] = (await api.ask(secret, 'GET', `/api/v1/runs?submission=${json.id}`)).json.items;
    const detail = (await api.ask(secret, 'GET', `/api/v1/runs/${run.id}`)).json;
    expect(detail.artefacts).toEqual([artefacts[1], artefacts[0]]);
  });

  test('has names that tests can tell apart', async () => {
    const url = 'https://example.org/x';
    expect(
      await mistakes({
        tests,
        artefacts: [
          { name: 'a.b', url },
          { name: 'A-B', url },
          { name: 'a.b', url },
        ],
      }),
    ).toEqual([
      "artefacts[1].name: tests would find 'A-B' and 'a.b' both in TESTYARD_ARTEFACT_A_B: rename one",
      "artefacts[2].name: 'a.b' is there twice",
    ]);
    expect(
      await mistakes({
        tests,
        artefacts: [
          { name: 'k', url, digest: 'd' },
          { name: 'k-digest', url },
        ],
      }),
    ).toEqual([
      "artefacts[1].name: tests would find 'k-digest' and 'k' both in TESTYARD_ARTEFACT_K_DIGEST: rename one",
    ]);
  });
});
