import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openApi } from '../../src/http/openapi.js';
import { routes } from '../../src/http/routes.js';
import { breaks } from './breaks.js';

const FILE = 'docs/openapi.json';
const root = path.resolve(import.meta.dirname, '../..');
const text = `${JSON.stringify(openApi(), undefined, 2)}\n`;

test('docs/openapi.json is what the routes and schemas say (UPDATE=1 writes it)', async () => {
  if (process.env['UPDATE']) await writeFile(path.join(root, FILE), text);
  expect(await readFile(path.join(root, FILE), 'utf8')).toBe(text);
});

test('every documented route is in it, and nothing else', () => {
  const { paths } = openApi() as { paths: Record<string, Record<string, { operationId: string }>> };
  const there = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map((one) => one.operationId),
  );
  const wanted = Object.entries(routes)
    .filter(([, route]) => !('documented' in route))
    .map(([name]) => name);
  expect(there.sort()).toEqual(wanted.sort());
});

test('every reference in it leads somewhere', () => {
  const schemas = (openApi() as { components: { schemas: object } }).components.schemas;
  const references = [...text.matchAll(/"\$ref": "#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name]) => name,
  );
  expect(references.length).toBeGreaterThan(30);
  for (const name of references) expect(Object.keys(schemas)).toContain(name);
});

/** The last committed version that differs from this one: what somebody may have been built for. */
function committed(): unknown {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    for (const commit of git('log', '--format=%H', '-20', '--', FILE).split('\n').filter(Boolean)) {
      const version = git('show', `${commit}:${FILE}`);
      if (version !== text) return JSON.parse(version);
    }
  } catch {
    // No repository here, or not all of it.
  }
  return undefined;
}

test('nothing in it breaks a client of the version before', () => {
  const before = committed();
  expect(before === undefined ? [] : breaks(before, openApi())).toEqual([]);
});

test('the check finds what would break a client', () => {
  const before = openApi();
  const changed = (change: (api: Api) => unknown) => {
    const api = structuredClone(before) as unknown as Api;
    change(api);
    return breaks(before, api);
  };
  expect(changed(() => undefined)).toEqual([]);
  expect(changed((api) => delete api.paths['/api/v1/grid'])).toEqual(['/api/v1/grid is gone']);
  expect(changed((api) => delete api.paths['/api/v1/projects']?.['post'])).toEqual([
    'POST /api/v1/projects is gone',
  ]);
  const run = (api: Api) => api.components.schemas['RunView'] as Schema;
  const submission = (api: Api) => api.components.schemas['SubmissionRequest'] as Schema;
  expect(changed((api) => delete run(api).properties['reason'])).toContain('RunView.reason is gone');
  expect(changed((api) => void run(api).required.splice(run(api).required.indexOf('reason'), 1))).toContain(
    'RunView.reason need not be there any more',
  );
  expect(changed((api) => Object.assign(run(api).properties, { reason: { type: 'number' } }))).toContain(
    'RunView.reason has another type',
  );
  expect(changed((api) => Object.assign(submission(api), { required: ['priority'] }))).toContain(
    'SubmissionRequest.priority is required now',
  );
  expect(changed((api) => delete submission(api).properties['priority'])).toContain(
    'SubmissionRequest.priority is gone',
  );
  const query = (api: Api) => api.paths['/api/v1/runs']?.['get']?.parameters ?? [];
  expect(changed((api) => void query(api).pop())).toHaveLength(1);
  expect(changed((api) => void query(api).push({ name: 'x', in: 'query', required: true }))).toEqual([
    'GET /api/v1/runs: x is required now',
  ]);
  expect(changed((api) => void query(api).push({ name: 'x', in: 'query', required: false }))).toEqual([]);
});

interface Schema {
  readonly properties: Record<string, object>;
  readonly required: string[];
}
interface Api {
  readonly paths: Record<string, Record<string, { parameters: object[] }>>;
  readonly components: { readonly schemas: Record<string, object> };
}
