import { afterAll, beforeAll, expect, it } from 'vitest';
import { readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import { filesOf, LAB } from '../adapters/inventory-lab.js';
import { startTestApi, type TestApi } from './api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.project('net');
});
afterAll(() => api?.close());

const sent = (changes: Readonly<Record<string, string | undefined>> = {}) =>
  [...filesOf(changes)].map(([path, bytes]) => ({ path, content: Buffer.from(bytes).toString('base64') }));
const post = (at: string, body: unknown) => api.ask(api.admin, 'POST', `/api/v1/inventory${at}`, body);

it('is applied once; the same again says that nothing has changed', async () => {
  const first = await post('', { files: sent() });
  expect(first.status).toBe(200);
  expect(first.json).toMatchObject({ changed: true, draining: [], warnings: [] });
  expect(first.json.changes).toContainEqual({ what: 'host', name: 'n1', change: 'added', fields: [] });
  const again = await post('', { files: sent() });
  expect(again.json).toEqual({ ...first.json, changed: false, changes: [] });
});

it('shows what another one would change, and changes nothing', async () => {
  await post('', { files: sent() });
  const files = sent({ 'hosts/a.yaml': LAB['hosts/a.yaml']?.replace('10.0.0.1', '10.0.0.9') });
  const diff = await post('/diff', { files });
  expect(diff.json.changes).toEqual([
    {
      ...{ what: 'host', name: 'n1', change: 'changed' },
      fields: [{ field: 'transport.address', old: '10.0.0.1', new: '10.0.0.9' }],
    },
  ]);
  expect((await post('/diff', { files: sent() })).json.changes).toEqual([]);
});

it('is given back as files that say the same', async () => {
  const { digest } = (await post('', { files: sent() })).json;
  const view = (await api.ask(api.admin, 'GET', '/api/v1/inventory')).json;
  expect(view.digest).toBe(digest);
  expect((await post('/diff', { files: view.files })).json).toMatchObject({ digest, changes: [] });
});

it('with mistakes is refused with all of them, file by file, and nothing changes', async () => {
  const { digest } = (await post('', { files: sent() })).json;
  const files = sent({
    'hosts/z.yaml': 'hosts:\n  z: {local: {}, type: r421, pool: nord}\n',
    'tests/q.sh': 'x',
  });
  const answer = await post('', { files });
  expect(answer.status).toBe(422);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(answer.json.errors).toEqual([
    { where: 'hosts/z.yaml', line: 2, column: 24, message: "unknown type 'r421': did you mean 'r420'?" },
    { where: 'hosts/z.yaml', line: 2, column: 36, message: "unknown pool 'nord': did you mean 'north'?" },
    { where: 'tests/q.sh', line: 1, column: 1, message: expect.stringContaining('nothing says what runs') },
  ]);
  expect((await api.ask(api.admin, 'GET', '/api/v1/inventory')).json.digest).toBe(digest);
});

it('that takes away what is in use is a conflict, which says who uses it', async () => {
  await post('', { files: sent() });
  await api.store.rows(
    `INSERT INTO host_seat (host_id, seat, run_id, attempt_id, lease_id, role)
     SELECT id, 1, 12, 12, 1, 'main' FROM host WHERE name = 'd1'`,
  );
  const files = sent({ 'hosts/a.yaml': LAB['hosts/a.yaml']?.replace(/ {2}d1.*\n/, '') });
  const answer = await post('', { files });
  expect(answer.status).toBe(409);
  expect(answer.json.errors).toEqual([
    { where: 'host d1', message: "host 'd1' is in use: r12 runs there; wait, or have it drained (--drain)" },
  ]);
  expect((await post('', { files, drain: true })).json).toMatchObject({ changed: true, draining: ['d1'] });
  await api.store.rows(`DELETE FROM host_seat`);
  await post('', { files: sent() });
});

it.each([
  ['a path that leads out', [{ path: '../grid.yaml', content: '' }]],
  ['a path from the root', [{ path: '/etc/passwd', content: '' }]],
  ['a path through its parent', [{ path: 'hosts/../../a', content: '' }]],
  ['a backslash', [{ path: 'hosts\\a.yaml', content: '' }]],
  ['a NUL', [{ path: 'hosts/a\0.yaml', content: '' }]],
  ['an empty name', [{ path: 'hosts//a.yaml', content: '' }]],
  ['what is no base64', [{ path: 'grid.yaml', content: '?' }]],
  ['a file twice', [...sent(), ...sent()]],
  ['something else', [{ path: 'grid.yaml', content: '', mode: 7 }]],
  ['no files', []],
])('is refused with %s', async (_, files) => {
  const answer = await post('', { files });
  expect([400, 422]).toContain(answer.status);
  expect(answer.json.errors.length).toBeGreaterThan(0);
});

it('is read by the grid as it is read by everybody', async () => {
  const files = filesOf({ 'tests/q.sh': '#!/bin/sh\n' });
  const here = readInventoryFiles(files);
  const there = (await post('/diff', { files: sent({ 'tests/q.sh': '#!/bin/sh\n' }) })).json;
  expect(there.warnings).toEqual(here.warnings.map(({ file, ...warning }) => ({ where: file, ...warning })));
});
