import { afterAll, beforeAll, expect, it } from 'vitest';
import { connections, send } from '../fuzz/ask.js';
import { startTestApi, type TestApi } from './api.js';

let api: TestApi;
const agent = connections();
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  agent.destroy();
  await api?.close();
});

const known = { signature: 'oops', link: 'https://example.org/1' };

it('what strangers wrote is quoted without what steers a terminal or is not seen', async () => {
  const { json } = await api.ask(api.admin, 'POST', '/api/v1/known', { ...known, test: 'a\u001b[2J\u202eb' });
  expect(json.errors[0].message).toBe("project default has no test 'a?[2J?b'");
});

it('a field that is wrong is named, where only the grid knows that it is', async () => {
  const { status, json } = await api.ask(api.admin, 'POST', '/api/v1/known', { ...known, test: 'nobodys' });
  expect([status, json.errors[0].where]).toEqual([422, 'test']);
  const executor = { name: 'x', kind: 'executor', roles: { default: 'viewer' } };
  const token = await api.ask(api.admin, 'POST', '/api/v1/tokens', executor);
  expect([token.status, token.json.errors[0].where]).toEqual([422, 'roles']);
});

it('a field that is not there is missing, not undefined', async () => {
  const { json } = await api.ask(api.admin, 'POST', '/api/v1/inventory', {});
  expect(json.errors).toContainEqual({ where: 'files', message: 'is missing: expected array' });
});

it('an Expect header that nobody knows is no reason to say nothing', async () => {
  const heard = await send(
    api.url,
    { method: 'GET', path: '/health/live', headers: { expect: 'a wonder' } },
    agent,
  );
  expect(heard).toMatchObject({ status: 200, text: '{"status":"ok"}' });
});
