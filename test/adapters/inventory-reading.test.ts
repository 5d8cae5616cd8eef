import { describe, expect, it } from 'vitest';
import { readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import { complaintsOf, filesOf, inventoryOf, KEY, LAB } from './inventory-lab.js';

const read = (changes: Readonly<Record<string, string | undefined>> = {}) =>
  readInventoryFiles(filesOf(changes));
const complaints = (changes: Readonly<Record<string, string | undefined>>) => complaintsOf(read(changes));
const lab = () => inventoryOf(filesOf());
const byName = <Of extends { readonly name: string }>(things: readonly Of[], name: string) =>
  things.find((thing) => thing.name === name);

describe('an inventory in which everything is said', () => {
  it('is read without a complaint', () => {
    const result = read();
    expect(complaintsOf(result)).toEqual([]);
    expect(result.warnings).toEqual([]);
  });

  it('has tags of five kinds, families, derived tags and what makes them go', () => {
    const { tags } = lab();
    expect(byName(tags, 'arm64-board')).toEqual({
      ...{ name: 'arm64-board', meaning: 'a board', owner: 'Bea', kind: 'flag', decays: 'firmware' },
      source: { by: 'word' },
    });
    expect(byName(tags, 'windows')).toMatchObject({ kind: 'version', scheme: 'natural' });
    expect(byName(tags, 'disk-space')).toMatchObject({
      ...{ kind: 'quantity', unit: 'B', source: { by: 'probe', script: 'df -Pk / | tail -1' } },
    });
    expect(byName(tags, 'site')).toMatchObject({ kind: 'text' });
    expect(byName(tags, 'fpga')).toMatchObject({
      kind: 'device',
      attributes: {
        id: { kind: 'text' },
        image: { kind: 'text' },
        firmware: { kind: 'version', scheme: 'natural' },
        clock: { kind: 'quantity', unit: 'Hz' },
        lanes: { kind: 'quantity', unit: '' },
      },
    });
    expect(byName(tags, 'fast')).toMatchObject({
      source: { by: 'formula', is: '(arm64-board | cpus >= 8) & memory >= 16GiB' },
    });
    expect(byName(tags, 'vendor:*')).toMatchObject({ kind: 'flag' });
  });

  it('has aliases, which are written out, whatever their order', () => {
    expect(lab().aliases).toEqual([
      { name: 'best', meaning: '', is: 'disk-space >= 1TB & fast' },
      { name: 'big', meaning: 'a lot of room', is: 'disk-space >= 1TB' },
    ]);
    expect(byName(lab().tests, 'smoke')).toMatchObject({
      requirement: 'disk-space >= 1TB & fast & not virtual',
      prefer: ['cpus >= 64'],
    });
  });

  it('has for each instrument a tag, on the hosts that it is attached to', () => {
    const { tags, hosts } = lab();
    expect(byName(tags, 'meter')).toEqual({
      ...{ name: 'meter', meaning: 'measures power', owner: 'Mia', kind: 'flag', source: { by: 'word' } },
    });
    const having = hosts.filter((host) => host.tags.some(({ tag }) => tag === 'meter'));
    expect(having.map(({ name }) => name)).toEqual(['n1']);
  });

  it('has pools, resources, instruments, steps and a policy of halts', () => {
    const { grid, pools, resources, steps } = lab();
    expect(grid.halt).toEqual({ step: 'pool', image: 'grid' });
    expect(pools).toEqual([
      { name: 'default' },
      { name: 'east' },
      {
        ...{ name: 'north', meaning: 'the hall in the north', owner: 'Ned', cap: { percent: 10 } },
        projects: ['default', 'net'],
      },
      { name: 'south', cap: { hosts: 3 } },
    ]);
    expect(resources).toEqual([
      { name: 'meter', meaning: 'measures power', owner: 'Mia', instrument: { with: ['n1'], units: 2 } },
      { name: 'mirror', meaning: 'packages come from here', owner: 'Mia' },
    ]);
    expect(byName(steps, 'debian-12')).toMatchObject({
      gives: ['kernel', 'vendor:image', 'windows = 10'],
      destroys: ['packages', 'boot'],
      uses: ['mirror'],
    });
    expect(byName(steps, 'clean')).toMatchObject({ needs: 'not virtual & root' });
  });

  it('is the same however it is divided into files', () => {
    const { 'hosts/a.yaml': hosts = '', 'tags.yaml': tags = '', ...others } = LAB;
    const divided = filesOf(
      {
        'hosts/z.yaml': hosts.replace(/ {2}n2:[\s\S]*(?= {2}d1)/, ''),
        'hosts/b.yaml': `hosts:\n${/ {2}n2:[\s\S]*(?= {2}d1)/.exec(hosts)?.[0]}`,
        'tags/tags.yaml': tags.slice(0, tags.indexOf('aliases:')),
        'tags/aliases.yaml': tags.slice(tags.indexOf('aliases:')),
      },
      others,
    );
    expect(inventoryOf(divided)).toEqual(lab());
  });
});

describe('a host takes what its type says', () => {
  it('all of it, from one line', () => {
    expect(byName(lab().hosts, 'n1')).toEqual({
      name: 'n1',
      type: 'r420',
      pool: 'north',
      owner: 'Rob',
      seats: 2,
      expendable: ['image', 'packages', 'boot', 'use'],
      tags: [
        { tag: 'arm64-board', place: '', raw: '' },
        { tag: 'meter', place: '', raw: '' },
        { tag: 'site', place: '', raw: 'hall-1' },
        { tag: 'vendor:dell', place: '', raw: '' },
      ],
      executor: 'lab1',
      transport: {
        ...{ kind: 'ssh', address: '10.0.0.1', port: 2222, user: 'root', keyFile: '~/.ssh/lab' },
        hostKeys: [KEY],
      },
      restore: { kind: 'command', command: ['./restore', '--fast'] },
      resources: ['mirror'],
    });
  });

  it('and the jump host over which the hosts of a type are reached', () => {
    const jump = `jump: {address: gate, user: hop, key_file: ~/.ssh/hop, host_keys: ["${KEY}"]}`;
    const changes = {
      'types/racks.yaml': (LAB['types/racks.yaml'] ?? '').replace('port: 2222,', `port: 2222, ${jump},`),
    };
    const result = read(changes);
    const hosts = result.ok ? result.inventory.hosts : [];
    expect(byName(hosts, 'n1')?.transport).toMatchObject({
      address: '10.0.0.1',
      jump: { address: 'gate', port: 22, user: 'hop', keyFile: '~/.ssh/hop', hostKeys: [KEY] },
    });
  });

  it('and may say otherwise, tag by tag', () => {
    expect(byName(lab().hosts, 'n2')).toEqual({
      name: 'n2',
      type: 'r420',
      pool: 'south',
      owner: 'Sue',
      seats: 1,
      expendable: ['use'],
      tags: [
        {
          ...{ tag: 'fpga', place: '01:00.0', raw: '10ee:7024' },
          attributes: { id: '10ee:7024', firmware: '1.2', image: 'a b' },
        },
        { tag: 'site', place: '', raw: 'hall-2' },
        { tag: 'vendor:dell', place: '', raw: '' },
        { tag: 'windows', place: '', raw: '7sp1' },
      ],
      executor: 'lab1',
      transport: {
        ...{ kind: 'ssh', address: 'fe80::1', port: 22, user: 'tester', keyFile: '/keys/n2' },
        hostKeys: [KEY],
        jump: { address: 'gate', port: 2022, user: 'hop', keyFile: '~/.ssh/hop', hostKeys: [KEY] },
      },
      restore: { kind: 'command', command: ['./other'] },
      resources: [],
    });
    expect(byName(lab().hosts, 'd1')?.transport).toEqual({ kind: 'local', network: true });
  });

  it('so that 300 hosts take a dozen lines for each type and one line for each host', () => {
    const types = ['r420', 'r620', 'board'].map((name) =>
      (LAB['types/racks.yaml'] ?? '').split('\n').slice(1, 12).join('\n').replace('r420', name),
    );
    const hosts = Array.from(
      { length: 300 },
      (_, i) =>
        `  n${i}: {type: ${['r420', 'r620', 'board'][i % 3]}, ssh: {address: 10.0.${i % 7}.${i}, host_keys: ["${KEY}"]}}`,
    );
    const changes = {
      'types/racks.yaml': `types:\n${types.join('\n')}\n`,
      'hosts/a.yaml': `hosts:\n${hosts.join('\n')}\n`,
    };
    const lines = Object.values(changes).join('').trimEnd().split('\n').length;
    expect(lines).toBeLessThanOrEqual(300 + 3 * 12 + 2);
    const inventory = inventoryOf(filesOf(changes));
    expect(inventory.hosts).toHaveLength(300);
    expect(
      inventory.hosts.every(
        ({ owner, seats, resources }) => owner === 'Rob' && seats === 2 && resources[0] === 'mirror',
      ),
    ).toBe(true);
  });
});

const tag = (text: string) => ({
  'tags.yaml': `${LAB['tags.yaml']?.replace('aliases:', `${text}\naliases:`)}`,
});
const alias = (text: string) => ({ 'tags.yaml': `${LAB['tags.yaml']}${text}\n` });
const host = (text: string) => ({ 'hosts/b.yaml': `hosts:\n  b: {owner: Ann, local: {}, ${text}}\n` });
const device = (text: string) => host(`tags: [${text}]`);
const step = (text: string) => ({
  'steps/z.yaml': `steps:\n  z: {owner: Ann, layer: boot, script: x, undo: y, ${text}}\n`,
});
const resource = (text: string) => ({
  'resources.yaml': `${LAB['resources.yaml']}  x: {owner: A, ${text}}\n`,
});

describe('a mistake is told with its place and what would be right', () => {
  it.each<[string, Record<string, string | undefined>, string | RegExp]>([
    [
      'a name that begins with a digit',
      tag('  7zip: {meaning: x}'),
      "tags.yaml:13:3 '7zip' cannot be the name of a tag: it begins with a letter, then letters, digits, . _ : + -",
    ],
    ['an odd name', tag('  a$b: {meaning: x}'), /^tags.yaml:13:3 'a\$b' cannot be the name of a tag/],
    [
      'a word of the language',
      tag('  not: {meaning: x}'),
      "tags.yaml:13:3 'not' is a word of the requirement language",
    ],
    [
      'a standard tag',
      tag('  kernel: {meaning: x}'),
      /^tags.yaml:13:3 'kernel' is a standard tag \(Release of the running kernel.*: leave it out/,
    ],
    ['a tag twice', tag('  site: {meaning: x}'), /'site' stands twice: first in line 6$/],
    [
      'a tag twice in two files',
      { 'tags/b.yaml': 'tags:\n  site: {meaning: x}\n' },
      "tags/b.yaml:2:3 there is a tag 'site' already, in tags.yaml:6",
    ],
    [
      'an unknown kind',
      tag('  a: {meaning: x, kind: number}'),
      "tags.yaml:13:25 'number' is none of flag, version, quantity, text, device (kind)",
    ],
    [
      'a version without scheme',
      tag('  a: {meaning: x, kind: version}'),
      "tags.yaml:13:6 'scheme' is missing: one of deb, rpm, semver, kernel, date, natural",
    ],
    [
      'an unknown scheme',
      tag('  a: {meaning: x, kind: version, scheme: debian}'),
      "tags.yaml:13:42 'debian' is none of deb, rpm, semver, kernel, date, natural (scheme)",
    ],
    [
      'an unknown unit',
      tag('  a: {meaning: x, kind: quantity, unit: GiB}'),
      "tags.yaml:13:41 'GiB' is none of B, bit/s, Hz, W, s (unit)",
    ],
    [
      'a unit of a flag',
      tag('  a: {meaning: x, unit: B}'),
      "tags.yaml:13:25 'unit' is for tags of kind quantity, and this is a flag",
    ],
    [
      'an attribute that is nothing',
      tag('  a: {meaning: x, kind: device, attributes: {b: number}}'),
      /^tags.yaml:13:49 an attribute is 'text', 'version SCHEME' or 'quantity UNIT' .*, not 'number'$/,
    ],
    [
      'an attribute that every device has',
      tag('  a: {meaning: x, kind: device, attributes: {id: text}}'),
      "tags.yaml:13:46 every device has 'id': leave it out",
    ],
    [
      'a probe and a formula',
      tag('  a: {meaning: x, probe: x, is: linux}'),
      "tags.yaml:13:33 a tag is seen by a 'probe' or follows from others by 'is', not both",
    ],
    [
      'a family with a probe',
      tag('  a:*: {meaning: x, probe: x}'),
      /^tags.yaml:13:3 'a:\*' stands for many tags/,
    ],
    [
      'a formula of another kind',
      tag('  a: {meaning: x, kind: text, is: linux}'),
      'tags.yaml:13:25 what follows from other tags is a flag, not a text',
    ],
    ['a formula over nothing', tag('  a: {meaning: x, is: []}'), "tags.yaml:13:23 'a' would always be there"],
    [
      'tags that follow from each other',
      tag('  a: {meaning: x, is: b}\n  b: {meaning: x, is: a}'),
      "tags.yaml:13:3 'a' follows from itself: a -> b -> a",
    ],
    [
      'an unknown tag in a formula',
      tag('  a: {meaning: x, is: linus}'),
      "tags.yaml:13:23 unknown tag 'linus': did you mean 'linux'?",
    ],
    [
      'an unknown layer',
      tag('  a: {meaning: x, decays: reboot}'),
      "tags.yaml:13:27 'reboot' is none of test, firmware, image, packages, build, boot, use (decays)",
    ],
    ['an alias in a circle', alias('  a: b\n  b: a'), "tags.yaml:16:3 'a' stands for itself: a -> b -> a"],
    [
      'an alias of an alias that grows',
      alias(
        Array.from(
          { length: 20 },
          (_, i) =>
            `  g${i}: {is: {any: [${i === 0 ? 'site = a, site = b' : `{all: [g${i - 1}, site = c${i}]}, {all: [g${i - 1}, site = d${i}]}`}]}}`,
        ).join('\n'),
      ),
      /has more than [0-9]+ parts/,
    ],
    ['an alias with the name of a tag', alias('  site: linux'), /^tags.yaml:16:3 'site' has two meanings/],
    ['a preference in an alias', alias('  a: [{prefer: [linux]}]'), /'prefer'/],

    ['an unknown type', host('type: r421'), "hosts/b.yaml:2:36 unknown type 'r421': did you mean 'r420'?"],
    ['an unknown pool', host('pool: nord'), "hosts/b.yaml:2:36 unknown pool 'nord': did you mean 'north'?"],
    [
      'an unknown resource',
      host('resources: [mirrow]'),
      "hosts/b.yaml:2:42 unknown resource 'mirrow': did you mean 'mirror'?",
    ],
    [
      'an instrument claimed by a host',
      host('tags: [meter]'),
      "hosts/b.yaml:2:36 'meter' is an instrument: name 'b' in its 'with' instead",
    ],
    [
      'an instrument as a resource',
      host('resources: [meter]'),
      "hosts/b.yaml:2:42 'meter' is an instrument: name this host in its 'with' instead",
    ],
    ['a value that cannot be read', device('memory = much'), /^hosts\/b.yaml:2:37 'much'/],
    [
      'a value of a flag',
      device('arm64-board = 1'),
      "hosts/b.yaml:2:37 'arm64-board' is a flag: it is there or not, and has no value",
    ],
    ['no value', device('windows'), "hosts/b.yaml:2:37 'windows' has one value: write 'windows = VALUE'"],
    [
      'a range',
      device('memory >= 16GiB'),
      "hosts/b.yaml:2:37 a declared value is exact: write 'memory = VALUE'",
    ],
    [
      'a formula',
      device('"kvm & virtual"'),
      "hosts/b.yaml:2:37 'kvm & virtual' is a formula: what is declared is one tag, such as 'memory = 16GiB'",
    ],
    [
      'an alias',
      device('big'),
      "hosts/b.yaml:2:37 'big' is an alias: declare what it stands for, disk-space >= 1TB",
    ],
    [
      'a derived tag',
      device('fast'),
      /^hosts\/b.yaml:2:37 'fast' follows from other tags \(.*\): declare those$/,
    ],
    ['a family', device('"vendor:*"'), /^hosts\/b.yaml:2:37 'vendor:\*' stands for many tags/],
    ['a tag twice', device('site = a, site = b'), "hosts/b.yaml:2:47 'site' stands twice"],
    [
      'two devices without a place',
      device('fpga 1:1, fpga 1:1'),
      "hosts/b.yaml:2:47 'fpga' stands twice: say where each is, @ PLACE",
    ],
    [
      'an unknown attribute',
      device('fpga 1:1 @ a speed=3'),
      "hosts/b.yaml:2:37 'fpga' has no attribute 'speed': it has clock, firmware, id, image, lanes",
    ],
    ['a value of an attribute', device('fpga 1:1 @ a clock=fast'), /^hosts\/b.yaml:2:37 'fast'/],
    [
      'how many devices',
      device('fpga x 2'),
      "hosts/b.yaml:2:37 declare each 'fpga' by itself, with its place",
    ],
    [
      'a tag left out that nobody has',
      device('not kvm'),
      /^hosts\/b.yaml:2:37 'not kvm' leaves out a tag of the host's type, which does not have it/,
    ],
    [
      'a relative key file in what is sent',
      {
        'hosts/b.yaml': `hosts:\n  b: {owner: A, ssh: {address: a, user: u, key_file: keys/b, host_keys: ["${KEY}"]}}\n`,
      },
      /^hosts\/b.yaml:2:54 'key_file' is on the executor's machine: write the path from the root/,
    ],
    [
      'a type reached in two ways',
      { 'types/z.yaml': 'types:\n  z: {ssh: {user: a}, local: {}}\n' },
      "types/z.yaml:2:6 its hosts are reached one way: either 'ssh' or 'local'",
    ],
    [
      'a host that has no address',
      { 'hosts/b.yaml': 'hosts:\n  b: {owner: A, type: r420}\n' },
      "hosts/b.yaml:2:6 'ssh' is missing: its address and host keys are its own",
    ],
    ['what only a person does', host('maintenance: true'), /^hosts\/b.yaml:2:30 unknown key 'maintenance'/],

    [
      'a cap that is none',
      { 'pools.yaml': 'pools:\n  north:\n  south: {cap: many}\n' },
      "pools.yaml:3:16 'many' is no cap: write a number of hosts, or a share such as 10%",
    ],
    [
      'a pool for nobody',
      { 'pools.yaml': 'pools:\n  north: {projects: []}\n  south:\n' },
      'pools.yaml:2:21 nobody could use this pool: name its projects, or leave this out for all',
    ],
    [
      'a resource with hosts',
      resource('meaning: m, with: [n1]'),
      "resources.yaml:4:35 'with' is said of instruments: write instrument: true, or leave it out",
    ],
    [
      'an instrument of nothing',
      resource('meaning: m, instrument: true'),
      "resources.yaml:4:6 'x' is an instrument: say which hosts it is attached to, with: [HOST]",
    ],
    [
      'an instrument of an unknown host',
      resource('meaning: m, instrument: true, with: [n11]'),
      "resources.yaml:4:54 unknown host 'n11': did you mean 'n1'?",
    ],

    ['a step that gives a device', step('gives: [fpga]'), /^steps\/z.yaml:2:60 'fpga' is a device/],
    [
      'a step that gives no value',
      step('gives: [windows]'),
      "steps/z.yaml:2:60 'windows' has one value: write 'windows = VALUE'",
    ],
    [
      'a step that gives a tag twice',
      step('gives: [windows = 7, windows = 8]'),
      "steps/z.yaml:2:73 'windows' stands twice in 'gives'",
    ],
    [
      'a step that destroys what is below',
      step('gives: [arm64-board], destroys: [image]'),
      /^steps\/z.yaml:2:84 a step of layer 'boot' can destroy what is above it \(use\), not image$/,
    ],
    [
      'a step that uses nothing known',
      step('gives: [arm64-board], uses: [mirrors]'),
      "steps/z.yaml:2:81 unknown resource 'mirrors': did you mean 'mirror'?",
    ],
    [
      'a step that prefers',
      step('gives: [arm64-board], needs: [{prefer: [linux]}]'),
      "steps/z.yaml:2:81 'prefer' has no place in 'needs'",
    ],
    [
      'a halt of an unknown cause',
      { 'grid.yaml': 'name: a\nadmin: b\nhalt: {hosts: grid}\n' },
      "grid.yaml:3:8 unknown key 'hosts': did you mean 'host'?",
    ],
    [
      'a halt that reaches nowhere',
      { 'grid.yaml': 'name: a\nadmin: b\nhalt: {host: all}\n' },
      "grid.yaml:3:14 'all' is none of scope, pool, grid (host)",
    ],
  ])('%s', (_, changes, complaint) => {
    const [first] = complaints(changes);
    if (typeof complaint === 'string') expect(first).toBe(complaint);
    else expect(first).toMatch(complaint);
  });

  it('a mistake in the catalogue is told once, not again by all who name the tag', () => {
    expect(complaints(alias('  a: b\n  b: a')).length).toBeLessThanOrEqual(2);
    expect(complaints(tag('  a: {meaning: x, is: b}\n  b: {meaning: x, is: a}'))).toHaveLength(1);
  });
});

describe('secrets are never written into an inventory', () => {
  const PEM = '-----BEGIN OPENSSH PRIVATE KEY-----';
  it.each([
    [
      'a private key',
      {
        'steps/z.yaml': `steps:\n  z: {layer: use, gives: [site = a], undo: x, script: "cat <<E\\n${PEM}\\nabc\\nE"}\n`,
      },
      /^steps\/z.yaml:2:\d+ this is a private key: .* 'key_file' is the path of one/,
    ],
    [
      'a private key for a path',
      {
        'hosts/b.yaml': `hosts:\n  b: {ssh: {address: a, user: u, host_keys: ["${KEY}"], key_file: "${PEM}"}}\n`,
      },
      /this is a private key/,
    ],
    [
      'a password',
      { 'hosts/b.yaml': 'hosts:\n  b: {local: {}, bmc: {password: hunter2}}\n' },
      /^hosts\/b.yaml:2:\d+ 'password' holds a secret: .*\{env: NAME\} or \{file: PATH\}$/,
    ],
    [
      'a password in an address',
      { 'grid.yaml': 'name: a\nadmin: https://ann:hunter2@example.org\n' },
      /^grid.yaml:2:8 this looks like a password or token/,
    ],
    [
      'a token',
      { 'tags.yaml': 'tags:\n  a: {meaning: ghp_0123456789012345678901234567890123456789}\n' },
      /this looks like a password or token/,
    ],
  ])('%s is refused, and not shown', (_, changes, complaint) => {
    const found = complaints(changes);
    expect(found.filter((line) => complaint.test(line))).not.toEqual([]);
    expect(found.join('\n')).not.toMatch(/hunter2|BEGIN|ghp_/);
  });
});

describe('warnings', () => {
  const warnings = (changes: Readonly<Record<string, string | undefined>>) =>
    read(changes).warnings.map((w) => `${w.file}:${w.line}:${w.column} ${w.message}`);

  it('tell what has no owner, unless its type has one', () => {
    expect(warnings({ 'resources.yaml': LAB['resources.yaml']?.replace(', owner: Mia', '') })).toEqual([
      "resources.yaml:2:3 resource 'mirror' has no owner: what concerns it goes to Ann <ann@example.org>",
    ]);
    expect(
      warnings({ 'types/racks.yaml': LAB['types/racks.yaml']?.replace('    owner: Rob\n', '') }),
    ).toEqual(["hosts/a.yaml:2:3 host 'n1' has no owner: what concerns it goes to Ann <ann@example.org>"]);
  });

  it('tell a tag that something asks for and nothing provides', () => {
    expect(
      warnings({
        ...tag('  mars: {meaning: far away}'),
        'tests/z.sh': '#!/bin/sh\n# testyard: owner: a\n# testyard: requires: mars, {any: [mars, kvm]}\n',
      }),
    ).toEqual([
      "tests/z.sh:1:1 test 'z' needs 'mars', which no host declares, no step gives and no probe sees",
    ]);
    expect(warnings(tag('  mars: {meaning: far away}'))).toEqual([]);
  });

  it('tell of a step at versions what no probe looks at, and a watch that nobody declared', () => {
    const step = (gives: string, watch: string) => ({
      'watches.yaml':
        'watches:\n  debs: {apt: {url: "https://d.example.org/", suite: s, component: main, unsigned: yes}}\n',
      'steps/z.yaml': `steps:\n  z:\n    {owner: Z, layer: packages, gives: ${gives}, packages: {install: [a], watch: ${watch}}}\n`,
    });
    expect(warnings(step('[disk-space]', 'debs'))).toEqual([]);
    expect(warnings(step('[disk-space, win_fresh_install]', 'debs'))).toEqual([
      "steps/z.yaml:2:3 step 'z' takes its versions from watch 'debs' and gives 'win_fresh_install', which no probe looks at: give the tag a 'probe:', so that a version with which it is not there is seen",
    ]);
    expect(warnings(step('[disk-space]', 'dabs'))).toEqual([
      "steps/z.yaml:2:3 step 'z' takes its versions from watch 'dabs', which is declared nowhere: did you mean 'debs'?",
    ]);
  });
});
