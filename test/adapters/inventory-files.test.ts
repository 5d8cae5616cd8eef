import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInventory } from '../../src/adapters/inventory-files.js';
import { printInventory } from '../../src/adapters/inventory-print.js';
import { readInventoryFiles } from '../../src/adapters/inventory-reading.js';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOlocBmFVG3LYkN1D5zFZbxJ6oF0Vdd0n1xQ8oY5vCXz';
const GOOD: Readonly<Record<string, string>> = {
  'grid.yaml': 'name: lab\nadmin: Ann <ann@example.org>\ndefault: [linux]\n',
  'tags.yaml':
    'tags:\n  lab-net:\n    meaning: a network\n    owner: Tom\n    probe: test -e /proc\n  deb12: {meaning: an image}\n',
  'hosts/b.yaml': `hosts:
  board-1:
    type: rpi4
    pool: lab1
    owner: Ann
    seats: 2
    expendable: [use, image]
    tags: [root]
    executor: lab1
    ssh: {address: 10.0.0.7, port: 2222, user: root, key_file: ../id, host_keys: ["${KEY}"]}
    restore: {command: [./restore, --fast]}
  here: {owner: Ann, local: {network: true}}
`,
  'steps/s.yaml':
    'steps:\n  image:\n    layer: image\n    owner: Sue\n    gives: [deb12]\n    restore: debian-12\n    no_undo: the next image takes its place\n    timeout: 20m\n    cost: 3m\n',
  'tests/a.sh': '#!/bin/sh\n# testyard: owner: Bob\n# testyard: requires: root\n',
};

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'inventory-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes the good inventory with some files changed (undefined: left out), and reads it. */
async function read(changes: Readonly<Record<string, string | undefined>> = {}) {
  const root = path.join(folder, String(count++));
  await mkdir(root);
  for (const [name, text] of Object.entries({ ...GOOD, ...changes })) {
    if (text === undefined) continue;
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), text);
  }
  return { root, result: await readInventory(root) };
}

/** Every problem as `file:line:column message`. */
async function complaints(changes: Readonly<Record<string, string | undefined>>) {
  const { result } = await read(changes);
  return result.ok
    ? []
    : result.problems.map((p) => `${p.file}:${p.line ?? ''}:${p.column ?? ''} ${p.message}`);
}

const host = (text: string) => ({ 'hosts/b.yaml': `hosts:\n  b:\n    owner: Ann\n${text}` });
const ssh = `ssh: {address: a, user: u, key_file: k, host_keys: ["${KEY}"]}`;
const step = (text: string) => ({ 'steps/s.yaml': `steps:\n  s:\n    owner: Ann\n${text}` });

describe('lava.yaml', () => {
  it('says what words of LAVA metadata ask of a host, and reads back as it is printed', async () => {
    const text = 'os:\n  Poky: distro = debian\n  linux: nothing\ndevices:\n  panda: [root, linux]\n';
    const { result } = await read({ 'lava.yaml': text });
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const lava = { os: { poky: 'distro = debian', linux: '' }, devices: { panda: 'linux & root' } };
    expect(result.inventory.grid.lava).toEqual(lava);
    const again = readInventoryFiles(printInventory(result.inventory));
    expect(again.ok && again.inventory.grid.lava).toEqual(lava);
  });

  it.each([
    [
      'os: [debian]\n',
      "lava.yaml:1:5 below 'os' stands each word with what it asks of a host: WORD: TAG, or nothing",
    ],
    ['os: {poky: moon}\n', /^lava\.yaml:1:12 /],
    ['system: {}\n', /^lava\.yaml:1:1 unknown key 'system'/],
  ])('says what is wrong with it: %j', async (text, message) => {
    const [first] = await complaints({ 'lava.yaml': text });
    if (typeof message === 'string') expect(first).toBe(message);
    else expect(first).toMatch(message);
  });

  it('has no part in a LAVA definition among the tests of an inventory, which is refused', async () => {
    const text = 'metadata: {name: a, format: Lava-Test Test Definition 1.0}\nrun: {steps: [ls]}\n';
    const [first] = await complaints({ 'tests/a.yaml': text });
    expect(first).toMatch(/^tests\/a\.yaml:1:1 a LAVA definition is submitted with what lies around it/);
  });
});

describe('an inventory', () => {
  it('is read into plain values', async () => {
    const { root, result } = await read();
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.warnings).toEqual([]);
    expect(result.inventory).toEqual({
      grid: { name: 'lab', admin: 'Ann <ann@example.org>', default: 'linux' },
      tags: [
        { name: 'deb12', meaning: 'an image', kind: 'flag', source: { by: 'word' } },
        {
          name: 'lab-net',
          meaning: 'a network',
          owner: 'Tom',
          kind: 'flag',
          source: { by: 'probe', script: 'test -e /proc' },
        },
      ],
      aliases: [],
      pools: [{ name: 'default' }, { name: 'lab1' }],
      resources: [],
      types: [],
      hosts: [
        {
          name: 'board-1',
          type: 'rpi4',
          pool: 'lab1',
          owner: 'Ann',
          seats: 2,
          expendable: ['image', 'use'],
          tags: [{ tag: 'root', place: '', raw: '' }],
          resources: [],
          executor: 'lab1',
          transport: {
            kind: 'ssh',
            address: '10.0.0.7',
            port: 2222,
            user: 'root',
            keyFile: path.join(root, 'id'),
            hostKeys: [KEY],
          },
          restore: { kind: 'command', command: ['./restore', '--fast'] },
        },
        {
          name: 'here',
          type: 'generic',
          pool: 'default',
          owner: 'Ann',
          seats: 1,
          expendable: [],
          tags: [],
          resources: [],
          transport: { kind: 'local', network: true },
        },
      ],
      steps: [
        {
          name: 'image',
          owner: 'Sue',
          layer: 'image',
          needs: '',
          gives: ['deb12'],
          action: { kind: 'restore', image: 'debian-12' },
          undo: { none: 'the next image takes its place' },
          timeoutMs: 1_200_000,
          costS: 180,
        },
      ],
      tests: [expect.objectContaining({ name: 'a', requirement: 'root', owner: 'Bob' })],
    });
  });

  it('leaves a key file in the home folder to the machine of the executor', async () => {
    const { result } = await read(host(`    ${ssh.replace('key_file: k', 'key_file: ~/.ssh/k')}\n`));
    expect(result.ok && result.inventory.hosts[0]?.transport).toMatchObject({
      keyFile: '~/.ssh/k',
    });
  });

  it('warns of what has no owner, and names who is told instead', async () => {
    const { result } = await read({
      'hosts/b.yaml': 'hosts:\n  b:\n    local: {}\n',
      'tests/a.sh': '#!/bin/sh\n',
    });
    expect(result.ok && result.warnings).toEqual([
      {
        file: 'hosts/b.yaml',
        line: 2,
        column: 3,
        message: "host 'b' has no owner: what concerns it goes to Ann <ann@example.org>",
      },
      {
        file: 'tests/a.sh',
        line: 1,
        column: 1,
        message: "test 'a' has no owner: what concerns it goes to Ann <ann@example.org>",
      },
    ]);
  });

  it('warns of files that nobody reads, and is silent about a README', async () => {
    const { result } = await read({
      'host/a.yaml': 'x',
      'hosts/old.txt': 'x',
      'README.md': 'x',
      'hosts/README': 'x',
    });
    expect(result.ok && result.warnings).toEqual([
      { file: 'host', message: "this is not read: did you mean 'hosts'?" },
      { file: 'hosts/old.txt', message: 'this is not read: it is no .yaml file' },
    ]);
  });

  it('may lack tags, hosts, steps and tests', async () => {
    const { result } = await read({
      ...{ 'grid.yaml': 'name: lab\nadmin: a\n', 'tags.yaml': undefined, 'hosts/b.yaml': undefined },
      ...{ 'steps/s.yaml': undefined, 'tests/a.sh': undefined },
    });
    expect(result).toMatchObject({ ok: true, inventory: { hosts: [], tags: [] } });
  });

  it.each<[string, Record<string, string | undefined>, string]>([
    [
      'no grid.yaml',
      { 'grid.yaml': undefined },
      "grid.yaml:1:1 the file is missing: it says 'name:' and 'admin:'",
    ],
    [
      'no admin',
      { 'grid.yaml': 'name: a\n' },
      "grid.yaml:1:1 'admin' is missing: who is told wherever no owner is declared",
    ],
    [
      'a default that nobody knows',
      { 'grid.yaml': 'name: a\nadmin: b\ndefault: linus\n' },
      "grid.yaml:3:10 unknown tag 'linus': did you mean 'linux'?",
    ],
    [
      'an unknown tag of a host',
      host(`    ${ssh}\n    tags: [linux, rooot]\n`),
      "hosts/b.yaml:5:19 unknown tag 'rooot': did you mean 'root'?",
    ],
    [
      'an unknown tag of a test',
      { 'tests/a.sh': '#!/bin/sh\n# testyard: requires: roott\n' },
      "tests/a.sh:2:23 unknown tag 'roott': did you mean 'root'?",
    ],
    [
      'an unknown tag of a step',
      step('    layer: use\n    script: x\n    undo: y\n    gives: [root]\n    needs: [lnux]\n'),
      "steps/s.yaml:8:13 unknown tag 'lnux': did you mean 'linux'?",
    ],
    [
      'two ways in',
      host(`    ${ssh}\n    local: {}\n`),
      "hosts/b.yaml:3:5 say how the host is reached: either 'ssh: {address: ...}' or 'local: {}'",
    ],
    [
      'no way in',
      host('    seats: 1\n'),
      "hosts/b.yaml:3:5 say how the host is reached: either 'ssh: {address: ...}' or 'local: {}'",
    ],
    [
      'no host key',
      host('    ssh: {address: a, user: u, key_file: k}\n'),
      "hosts/b.yaml:4:10 'host_keys' is missing: `ssh-keyscan ADDRESS` shows them, to be compared",
    ],
    [
      'a bad host key',
      host('    ssh: {address: a, user: u, key_file: k, host_keys: [abc]}\n'),
      "hosts/b.yaml:4:57 'abc' is not a public host key such as 'ssh-ed25519 AAAA...'",
    ],
    [
      'an option as address',
      host(`    ${ssh.replace('address: a', 'address: -oX')}\n`),
      "hosts/b.yaml:4:20 '-oX' is not a host name or address",
    ],
    [
      'a local host that could be rebuilt',
      host('    local: {}\n    expendable: [use, boot]\n'),
      "hosts/b.yaml:5:17 'b' is a local host: of its layers only 'use' can be expendable, not boot",
    ],
    [
      'root on a local host',
      host('    local: {}\n    tags: [root]\n'),
      "hosts/b.yaml:5:11 'b' is a local host: tests there never run as root",
    ],
    [
      'an expendable image that nothing puts back',
      host(`    ${ssh}\n    expendable: [image]\n`),
      "hosts/b.yaml:5:17 'image' is expendable, so say how it is put back: restore: {command: [...]}",
    ],
    [
      'no seat',
      host(`    ${ssh}\n    seats: 0\n`),
      "hosts/b.yaml:5:12 '0' is not a whole number from 1 to 1000 (seats)",
    ],
    [
      'an unknown layer',
      host(`    ${ssh}\n    expendable: [disk]\n`),
      "hosts/b.yaml:5:18 'disk' is not one of firmware, image, packages, build, boot, use",
    ],
    [
      'the same host twice',
      { 'hosts/c.yaml': 'hosts:\n  here: {owner: Ann, local: {}}\n' },
      "hosts/c.yaml:2:3 there is a host 'here' already, in hosts/b.yaml:12",
    ],
    [
      'the same test twice',
      { 'tests/b.sh': '#!/bin/sh\n# testyard: name: a\n' },
      "tests/b.sh:1:1 there is a test 'a' already, in tests/a.sh:1",
    ],
    [
      'a step without undo',
      step('    layer: use\n    gives: [root]\n    script: x\n'),
      "steps/s.yaml:3:5 say either 'undo: |' or in 'no_undo: ...' why there is none",
    ],
    [
      'a step that does nothing',
      step('    layer: use\n    gives: [root]\n    undo: x\n'),
      'steps/s.yaml:3:5 say what the step does by one of script, restore, packages, fetch, build, module, reboot, copy',
    ],
    [
      'a step that gives nothing',
      step('    layer: use\n    script: x\n    undo: x\n'),
      "steps/s.yaml:3:5 's' gives no tag, so that no chain would ever use it",
    ],
    [
      'an image restored at a wrong layer',
      step('    layer: use\n    gives: [root]\n    restore: x\n    undo: x\n'),
      "steps/s.yaml:4:12 a step that restores an image is of layer 'image', not 'use'",
    ],
    [
      'an unknown key',
      { 'steps/s.yaml': 'step:\n  a: {}\n' },
      "steps/s.yaml:1:1 unknown key 'step': did you mean 'steps'?",
    ],
    [
      'a tag without meaning',
      { 'tags.yaml': 'tags:\n  deb12: {probe: x}\n' },
      "tags.yaml:2:10 'meaning' is missing: what it says of a host",
    ],
    [
      'a list for a map',
      { 'hosts/b.yaml': 'hosts:\n  - name: a\n' },
      "hosts/b.yaml:2:3 below 'hosts:' stands each by its name: NAME: {...}",
    ],
    [
      'a name with a slash',
      host(`    ${ssh}\n  a/b: {owner: Ann, local: {}}\n`),
      "hosts/b.yaml:5:3 'a/b' cannot be the name of a host",
    ],
  ])('says where a mistake is and what would be right: %s', async (_, changes, complaint) => {
    expect((await complaints(changes))[0]).toBe(complaint);
  });

  it('tells the mistakes of all files at once', async () => {
    const found = await complaints({
      ...host(`    ${ssh}\n    tags: [rooot]\n`),
      'steps/s.yaml': 'steps: 5\n',
      'tests/a.sh': 'x',
    });
    expect(found.map((line) => line.split(':')[0])).toEqual(['hosts/b.yaml', 'steps/s.yaml', 'tests/a.sh']);
  });

  it('does not wait for a pipe', async () => {
    const { root } = await read();
    execFileSync('mkfifo', [path.join(root, 'tests/pipe')]);
    expect(await readInventory(root)).toMatchObject({
      ok: false,
      problems: [{ file: 'tests/pipe', message: 'cannot be read: it is no file', line: 1, column: 1 }],
    });
  });

  it('that is not there is said to be so', async () => {
    expect(await readInventory(path.join(folder, 'nowhere'))).toMatchObject({
      ok: false,
      problems: [{ message: 'there is no such folder' }],
    });
  });

  it('with random damage is read or refused with a place, and read the same again', async () => {
    const names = Object.keys(GOOD);
    const edit = fc.record({
      file: fc.constantFrom(...names),
      at: fc.nat(400),
      remove: fc.nat(5),
      insert: fc.constantFrom(
        '',
        ' ',
        ':',
        '- ',
        '\n',
        'x',
        '&a ',
        '*a',
        '!x',
        '"',
        '[',
        '}',
        '\0',
        'é',
        '0',
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const changes: Record<string, string> = {};
        for (const e of edits) {
          const text = changes[e.file] ?? GOOD[e.file] ?? '';
          const at = e.at % (text.length + 1);
          changes[e.file] = text.slice(0, at) + e.insert + text.slice(at + e.remove);
        }
        const { root, result } = await read(changes);
        expect(await readInventory(root)).toEqual(result);
        if (!result.ok) {
          expect(result.problems.length).toBeGreaterThan(0);
          for (const problem of result.problems) expect(problem.line).toBeGreaterThan(0);
        }
        await rm(root, { recursive: true });
      }),
      { numRuns: 200 },
    );
  });
});

describe('the inventory that comes with Testyard', () => {
  const shipped = path.join(import.meta.dirname, '../../inventory');

  it('has nothing wrong with it, and an owner for everything', async () => {
    const result = await readInventory(shipped);
    expect(result).toMatchObject({ ok: true, warnings: [] });
  });

  it('offers this machine for nothing but tests', async () => {
    const result = await readInventory(shipped);
    expect(result.ok && result.inventory.hosts).toMatchObject([
      { expendable: [], transport: { kind: 'local', network: false } },
    ]);
  });

  it('has probes that answer yes or no here', async () => {
    const result = await readInventory(shipped);
    if (!result.ok) throw new Error('see above');
    for (const { name, source } of result.inventory.tags) {
      if (source.by !== 'probe') continue;
      let code = 0;
      try {
        execFileSync('/bin/sh', ['-c', source.script], { stdio: 'ignore', timeout: 20_000 });
      } catch (error) {
        code = (error as { status: number }).status;
      }
      expect(code, `the probe of ${name}`).toBeLessThanOrEqual(1);
      if (name === 'arm64-board' && process.arch !== 'arm64') expect(code).toBe(1);
    }
  });
});
