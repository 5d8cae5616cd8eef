import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compactOutput } from '../../src/store/log.js';
import { startTestApi, type TestApi } from './api.js';
import { Rows } from './rows.js';
import { OpenStream } from './streams.js';

let api: TestApi;
let rows: Rows;
let mine: string;
let viewer: string;
let run: string;
let attempt: string;
let n = 0;
beforeAll(async () => {
  api = await startTestApi();
  rows = new Rows(api.store);
  mine = await api.project('mine');
  await api.project('theirs');
  viewer = (await api.token({ roles: { mine: 'viewer' } })).secret;
});
beforeEach(async () => {
  const testId = await rows.test(mine, `logged-${++n}`);
  run = await rows.run(mine, testId, await rows.submission(mine, testId));
  attempt = await rows.attempt(run, await rows.host(`box-${n}`));
});
afterAll(() => api?.close());

const log = (query = '', by = viewer) => api.ask(by, 'GET', `/api/v1/runs/r${run}/log${query}`);
const woken = () => api.store.rows(`SELECT pg_notify('testyard_history', '')`);

describe('the log of an attempt', () => {
  test('is what was said until now, and tells where to go on', async () => {
    expect((await log()).text).toBe('');
    await rows.segment(run, attempt, 1, 0, 'one\n');
    await rows.segment(run, attempt, 2, 4, 'two\n');
    const answer = await log();
    expect(answer.text).toBe('one\ntwo\n');
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('x-testyard-next-byte')).toBe('8');
    expect(answer.headers.get('content-length')).toBe('8');
  });

  test('can be read from any byte on, before and after it has become a blob', async () => {
    const segments = ['first\n', 'second, longer\n', 'third'];
    const whole = segments.join('');
    let at = 0;
    for (const [index, segment] of segments.entries()) {
      await rows.segment(run, attempt, index + 1, at, segment);
      at += segment.length;
    }
    const everyTail = async () => {
      for (let from = 0; from <= whole.length + 2; from++) {
        const answer = await log(`?from=${from}`);
        expect(answer.text, `from ${from}`).toBe(whole.slice(from));
        expect(answer.headers.get('x-testyard-next-byte')).toBe(String(Math.max(from, whole.length)));
      }
    };
    await everyTail();
    await rows.pass(run, attempt);
    expect(await compactOutput(api.store, api.blobs, 10)).toBe(1);
    await everyTail();
  });

  test('is followed live until the attempt has ended, and no byte is said twice', async () => {
    await rows.segment(run, attempt, 1, 0, 'a');
    const stream = await OpenStream.open(api, viewer, `/api/v1/runs/r${run}/log?follow=true`);
    await stream.until((text) => text === 'a');
    await rows.segment(run, attempt, 2, 1, 'b');
    await woken();
    await stream.until((text) => text === 'ab');
    // Without being woken as well, a second later.
    await rows.segment(run, attempt, 3, 2, 'c');
    await stream.until((text) => text === 'abc');
    await rows.segment(run, attempt, 4, 3, 'd');
    await rows.pass(run, attempt);
    await woken();
    expect(await stream.rest()).toBe('abcd');
  });

  test('is followed, and no blob yet, while an attempt whose run has its verdict is tidied up', async () => {
    await rows.segment(run, attempt, 1, 0, 'test ');
    await api.store.rows(
      `UPDATE attempt SET chain_done_at = grid_now(), tags_verified_at = grid_now(), test_started_at = grid_now(),
         decided_at = grid_now() WHERE run_id = $1 AND id = $2`,
      [run, attempt],
    );
    await api.store.rows(`UPDATE queue SET state = 'ending' WHERE run_id = $1`, [run]);
    await api.store.rows(
      `UPDATE run SET verdict = 'passed', reason = 'exit 0', verdict_attempt = $2, judged_at = grid_now() WHERE id = $1`,
      [run, attempt],
    );
    await compactOutput(api.store, api.blobs, 10);
    const isBlob = () =>
      api.store.rows(`SELECT 1 FROM place WHERE run_id = $1 AND output_blob IS NOT NULL`, [run]);
    expect(await isBlob()).toEqual([]);
    expect((await api.ask(viewer, 'GET', `/api/v1/runs/r${run}`)).json).toMatchObject({ state: 'done' });
    const stream = await OpenStream.open(api, viewer, `/api/v1/runs/r${run}/log?follow=true`);
    await stream.until((text) => text === 'test ');
    await rows.segment(run, attempt, 2, 5, 'teardown');
    await api.store.rows(`UPDATE attempt SET ended_at = grid_now(), outcome = 'ended' WHERE run_id = $1`, [
      run,
    ]);
    await api.store.rows(`DELETE FROM queue WHERE run_id = $1`, [run]);
    expect(await stream.rest()).toBe('test teardown');
    await compactOutput(api.store, api.blobs, 10);
    expect(await isBlob()).toHaveLength(1);
    expect((await log()).text).toBe('test teardown');
  });

  test('is followed over its becoming a blob', async () => {
    await rows.segment(run, attempt, 1, 0, 'before ');
    const stream = await OpenStream.open(api, viewer, `/api/v1/runs/r${run}/log?follow=true`);
    await stream.until((text) => text === 'before ');
    await rows.segment(run, attempt, 2, 7, 'after');
    await rows.pass(run, attempt);
    await compactOutput(api.store, api.blobs, 10);
    expect(await stream.rest()).toBe('before after');
  });

  test('answers who follows at once, though nothing was said yet', async () => {
    const stream = await OpenStream.open(api, viewer, `/api/v1/runs/r${run}/log?follow=true`);
    expect(stream.response.status).toBe(200);
    await rows.pass(run, attempt);
    await woken();
    expect(await stream.rest()).toBe('');
  });

  test('stops being told when the token is revoked', async () => {
    const { secret, id } = await api.token({ roles: { mine: 'viewer' } });
    await rows.segment(run, attempt, 1, 0, 'a');
    const stream = await OpenStream.open(api, secret, `/api/v1/runs/r${run}/log?follow=true`);
    await stream.until((text) => text === 'a');
    await api.ask(api.admin, 'DELETE', `/api/v1/tokens/${id}`);
    await rows.segment(run, attempt, 2, 1, 'secret');
    await woken();
    expect(await stream.rest()).toBe('a');
  });

  test('is that of the last attempt unless said', async () => {
    await rows.segment(run, attempt, 1, 0, 'first try');
    const second = await rows.attempt(run, await rows.host(`again-${n}`));
    await rows.segment(run, second, 1, 0, 'second try');
    expect((await log()).text).toBe('second try');
    expect((await log(`?attempt=a${attempt}`)).text).toBe('first try');
  });

  test('is not there for an attempt or a role that is none, nor for who may not see the run', async () => {
    expect((await log('?attempt=a999')).status).toBe(404);
    expect((await log('?role=client')).status).toBe(404);
    const other = (await api.token({ roles: { theirs: 'submitter' } })).secret;
    expect((await log('', other)).status).toBe(404);
    expect((await log('?follow=true', other)).status).toBe(404);
  });

  test('whose blob was lost is said to be lost', async () => {
    await rows.segment(run, attempt, 1, 0, `only here ${n}`);
    await rows.pass(run, attempt);
    await compactOutput(api.store, api.blobs, 10);
    const [place] = await api.store.rows<{ blob: string }>(
      `SELECT output_blob AS blob FROM place WHERE run_id = $1`,
      [run],
    );
    const folder = (api.blobs as unknown as { folder: string }).folder;
    await rm(path.join(folder, place?.blob.slice(0, 2) ?? '', `${place?.blob}.gz`));
    expect((await log()).status).toBe(404);
  });
});

describe('compaction', () => {
  const segmentsLeft = async () =>
    Number(
      (
        await api.store.rows<{ n: string }>(`SELECT count(*) AS n FROM output_segment WHERE run_id = $1`, [
          run,
        ])
      )[0]?.n,
    );

  test('leaves alone what is not judged', async () => {
    await rows.segment(run, attempt, 1, 0, 'still running');
    await compactOutput(api.store, api.blobs, 1000);
    expect(await segmentsLeft()).toBe(1);
  });

  test('does many places in one round, and none twice', async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index++) {
      await rows.segment(run, attempt, 1, 0, `of ${run}`);
      await rows.pass(run, attempt);
      made.push(run);
      const testId = await rows.test(mine, `many-${run}`);
      run = await rows.run(mine, testId, await rows.submission(mine, testId));
      attempt = await rows.attempt(run, await rows.host(`many-${run}`));
    }
    expect(await compactOutput(api.store, api.blobs, 3)).toBe(3);
    expect(await compactOutput(api.store, api.blobs, 3)).toBe(2);
    expect(await compactOutput(api.store, api.blobs, 3)).toBe(0);
    for (const one of made) {
      expect((await api.ask(viewer, 'GET', `/api/v1/runs/r${one}/log`)).text).toBe(`of ${one}`);
    }
  });

  test('by two at once loses nothing', async () => {
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index} of ${run}\n`);
    let at = 0;
    for (const [index, line] of lines.entries()) {
      await rows.segment(run, attempt, index + 1, at, line);
      at += line.length;
    }
    await rows.pass(run, attempt);
    const done = await Promise.all([1, 2, 3].map(() => compactOutput(api.store, api.blobs, 10)));
    expect(done.reduce((a, b) => a + b, 0)).toBe(1);
    expect(await segmentsLeft()).toBe(0);
    expect((await log()).text).toBe(lines.join(''));
  });

  test('that broke off after the blob was written is done again', async () => {
    await rows.segment(run, attempt, 1, 0, 'kept');
    await rows.pass(run, attempt);
    const transaction = api.store.transaction.bind(api.store);
    api.store.transaction = () => Promise.reject(new Error('the power went out'));
    await expect(compactOutput(api.store, api.blobs, 10)).rejects.toThrow('power');
    api.store.transaction = transaction;
    expect(await segmentsLeft()).toBe(1);
    expect((await log()).text).toBe('kept');
    expect(await compactOutput(api.store, api.blobs, 10)).toBe(1);
    expect((await log()).text).toBe('kept');
  });

  test('writes down where every 1000th line begins', async () => {
    const lines = Array.from({ length: 2500 }, (_, index) => `${index}\n`);
    const whole = lines.join('');
    const middle = 3333;
    await rows.segment(run, attempt, 1, 0, whole.slice(0, middle));
    await rows.segment(run, attempt, 2, middle, whole.slice(middle));
    await rows.pass(run, attempt);
    await compactOutput(api.store, api.blobs, 10);
    const [row] = await api.store.rows<{ index: { every: number; atByte: number[] } }>(
      `SELECT b.line_index AS index FROM blob b JOIN place p ON p.output_blob = b.digest WHERE p.run_id = $1`,
      [run],
    );
    expect(row?.index.every).toBe(1000);
    expect(row?.index.atByte.map((at) => whole.slice(at, at + 5).split('\n')[0])).toEqual([
      '0',
      '1000',
      '2000',
    ]);
  });
});
