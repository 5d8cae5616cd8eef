import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { filesOf, KEY, LAB } from '../adapters/inventory-lab.js';
import { startTestApi, type TestApi } from '../http/api.js';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let api: TestApi;
let folder: string;
let count = 0;

beforeAll(async () => {
  cli = new BuiltCli();
  folder = await mkdtemp(path.join(tmpdir(), 'cli-inventory-'));
  api = await startTestApi();
  await api.project('net');
});
afterAll(async () => {
  cli?.remove();
  await api?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A folder with the lab, with some files changed. */
async function lab(changes: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
  const root = path.join(folder, String(count++));
  for (const [file, bytes] of filesOf(changes)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), bytes);
  }
  return root;
}
const ask = (...args: readonly string[]) =>
  cli.run(['inventory', ...args], { TESTYARD_URL: api.url, TESTYARD_TOKEN: api.admin });

it('check needs no grid: it sums up what is there, and exits 0', async () => {
  expect(await cli.run(['inventory', 'check', await lab()])).toEqual({
    code: 0,
    out: '3 hosts of 2 types, 4 pools, 9 tags, 2 aliases, 2 resources, 2 steps, 2 tests; nothing is wrong\n',
    err: '',
  });
});

it('check tells every mistake with its place, warnings apart, and exits 2', async () => {
  const root = await lab({
    'hosts/z.yaml': 'hosts:\n  z: {local: {}, type: r421}\n',
    'steps/z.yaml': 'steps:\n  z: {}\n',
    'notes.txt': 'x',
  });
  const { code, out } = await cli.run(['inventory', 'check', root]);
  expect(code).toBe(2);
  const lines = out.trimEnd().split('\n');
  expect(lines[0]).toBe("hosts/z.yaml:2:24: unknown type 'r421': did you mean 'r420'?");
  expect(lines).toContain(
    "steps/z.yaml:2:6: 'layer' is missing: one of firmware, image, packages, build, boot, use",
  );
  expect(lines.at(-2)).toMatch(/^warning: notes.txt: this is not read/);
  expect(lines.at(-1)).toMatch(/^[0-9]+ mistakes, 1 warning$/);
  const json = await cli.run(['inventory', 'check', root, '--json']);
  expect(json.code).toBe(2);
  expect(JSON.parse(json.out)).toMatchObject({
    ok: false,
    problems: [{ file: 'hosts/z.yaml', line: 2, column: 24 }, {}, {}, {}, {}],
  });
});

it('check foretells what only the grid on this machine would take', async () => {
  const root = await lab({
    'hosts/z.yaml': `hosts:\n  z: {owner: a, ssh: {address: a, user: u, key_file: id, host_keys: ["${KEY}"]}}\n`,
  });
  const { code, out } = await cli.run(['inventory', 'check', root]);
  expect(code).toBe(0);
  expect(out).toContain("warning: hosts/z.yaml:2:54: only 'up --inventory' takes this: 'key_file' is on");
});

it('check of no folder says so', async () => {
  expect(await cli.run(['inventory', 'check', path.join(folder, 'nowhere')])).toMatchObject({ code: 2 });
});

it('diff shows, apply applies, and the same again changes nothing', async () => {
  const root = await lab();
  expect((await ask('diff', root)).out).toContain('+ host n1\n');
  const applied = await ask('apply', root);
  expect(applied).toMatchObject({ code: 0, err: '' });
  expect(applied.out).toMatch(/\napplied: [0-9]+ added, 1 changed\n$/);
  expect((await ask('diff', root)).out).toBe('nothing would change\n');
  expect((await ask('apply', root)).out).toBe('nothing has changed\n');

  const other = await lab({
    'hosts/a.yaml': LAB['hosts/a.yaml']?.replace('10.0.0.1', '10.0.0.9').replace(/ {2}d1.*\n/, ''),
  });
  expect((await ask('diff', other)).out).toBe(
    '- host d1\n~ host n1\n    transport.address: 10.0.0.1 -> 10.0.0.9\n',
  );
  expect(JSON.parse((await ask('apply', other, '--json')).out)).toMatchObject({
    changed: true,
    draining: [],
  });
});

it('apply of what is wrong tells it as check does, and exits 2', async () => {
  const root = await lab({ 'hosts/z.yaml': 'hosts:\n  z: {local: {}, type: r421}\n' });
  const { code, err } = await ask('apply', root);
  expect(code).toBe(2);
  expect(err).toContain("  hosts/z.yaml:2:24: unknown type 'r421': did you mean 'r420'?");
});
