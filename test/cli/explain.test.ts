import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import { applyInventory } from '../../src/store/inventory.js';
import { startTestApi, type TestApi } from '../http/api.js';
import { BuiltCli } from './built-cli.js';

const FILES: Readonly<Record<string, string>> = {
  'grid.yaml': 'name: lab\nadmin: ann\n',
  'tags.yaml': 'tags:\n  jtag: {meaning: A debugger hangs on it}\n  booted: {meaning: It was booted anew}\n',
  'hosts.yaml':
    'hosts:\n  b1: {local: {}, type: board, tags: [jtag]}\n  b2: {local: {}, type: board}\n  v1: {local: {}, type: vm}\n',
  'steps.yaml':
    'steps:\n  wake: {layer: use, needs: [jtag], gives: [booted], script: "true", no_undo: nothing is left, owner: ann}\n',
  'tests/flash.sh': '#!/bin/sh\n# testyard: requires: jtag\n# testyard: owner: ann\ntrue\n',
};
let cli: BuiltCli;
let folder: string;
let api: TestApi;

beforeAll(async () => {
  cli = new BuiltCli();
  folder = await mkdtemp(path.join(tmpdir(), 'cli-explain-'));
  const files = new Map(Object.entries(FILES).map(([file, text]) => [file, Buffer.from(text)]));
  for (const [file, bytes] of files) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), bytes);
  }
  const read = readInventoryFiles(files);
  if (!read.ok) throw new Error(read.problems.map(({ file, message }) => `${file}: ${message}`).join('\n'));
  api = await startTestApi();
  await applyInventory(api.store, read.inventory);
});
afterAll(async () => {
  cli?.remove();
  await api?.close();
  await rm(folder, { recursive: true, force: true });
});

const nowhere = { TESTYARD_STATE: '/nowhere' };
const offline = (...args: readonly string[]) => cli.run([...args, '--inventory', folder], nowhere);
const online = (...args: readonly string[]) =>
  cli.run(args, { TESTYARD_URL: api.url, TESTYARD_TOKEN: api.admin });

describe('from files alone', () => {
  it('explain names what no host meets, and exits 3; what a host has exits 0', async () => {
    const never = await offline('explain', 'root');
    expect(never).toMatchObject({ code: 3, err: '' });
    expect(never.out).toMatch(
      /^none of 3 hosts can ever serve it\n {2}needs +root\n {2}why +no host meets 'root'\n/,
    );
    const ready = await offline('explain', 'flash');
    expect(ready).toMatchObject({ code: 0, err: '' });
    expect(ready.out).toMatch(/b1 has all of it, and is free/);
    const byStep = await offline('explain', 'booted', '--json');
    expect(JSON.parse(byStep.out).explanation).toMatchObject({
      status: 'ready',
      counts: { ever: 1, asTheyAre: 0 },
    });
  });

  it('tests of a folder are listed with what is asked of tags that every machine has, and with names of some lab', async () => {
    const tests = path.join(folder, 'loose');
    await mkdir(tests);
    await writeFile(
      path.join(tests, 'large.sh'),
      '#!/bin/sh\n# testyard: requires: cpus >= 4, kernel-6.1+\ntrue\n',
    );
    await writeFile(path.join(tests, 'odd.sh'), '#!/bin/sh\n# testyard: requires: some-card\ntrue\n');
    const listed = await cli.run(['tests', tests, '--json'], nowhere);
    expect(listed).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(listed.out)).toMatchObject([
      { name: 'large', requirement: 'cpus >= 4 & kernel >= 6.1.0' },
      { name: 'odd', requirement: 'some-card' },
    ]);
    await writeFile(path.join(tests, 'wrong.sh'), '#!/bin/sh\n# testyard: requires: cpus >= many\ntrue\n');
    expect(await cli.run(['tests', tests], nowhere)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/wrong\.sh:2:31: 'many' is no quantity/),
    });
  });

  it('a name that is nearly right gets a hint, and exits 2', async () => {
    expect(await offline('explain', 'jtak')).toMatchObject({
      code: 2,
      err: expect.stringContaining("did you mean 'jtag'?"),
    });
    expect(await offline('tags', 'boooted')).toMatchObject({
      code: 2,
      err: expect.stringContaining("'booted'"),
    });
    expect(await offline('compatible', 'b9')).toMatchObject({
      code: 2,
      err: expect.stringContaining("'b1'"),
    });
    expect(await offline('explain', 'r1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--inventory'),
    });
    expect(await offline('compatible')).toMatchObject({ code: 2 });
  });
});

it('says the same on a grid as from files, of what is declared', async () => {
  for (const args of [
    ['compatible', 'b2', '--project', 'default'],
    ['compatible', '--test', 'jtag'],
    ['tags', 'jtag'],
  ]) {
    const [grid, files] = [await online(...args), await offline(...args)];
    expect(grid.err).toBe('');
    expect(grid.out).toBe(files.out);
    expect(grid.code).toBe(files.code);
  }
});

it('completes commands, options and names of the grid; where there is none it is quiet', async () => {
  const words = async (...typed: readonly string[]) =>
    (await online('complete', '--', ...typed)).out.split('\n');
  expect(await words('expl')).toContain('explain');
  expect(await words('compatible', '--ty')).toEqual(['--type', '']);
  expect(await words('hosts', 'b')).toEqual(['b1', 'b2', '']);
  expect(await words('submit', '--host', 'v')).toEqual(['v1', '']);
  expect(await words('tags', 'jt')).toEqual(['jtag', '']);
  expect(await cli.run(['complete', '--', 'hosts', 'b'], nowhere)).toEqual({ code: 0, out: '', err: '' });
  for (const shell of ['bash', 'zsh', 'fish'])
    expect(await cli.run(['completion', shell], nowhere)).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('testyard complete'),
    });
  expect(await cli.run(['completion', 'csh'], nowhere)).toMatchObject({ code: 2 });
});
