import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printInventory } from '../../src/adapters/inventory-print.js';
import { type InventoryResult, readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import type { InventoryFiles } from '../../src/adapters/inventory-thing.js';
import { count, SEED } from '../fuzz/seed.js';
import { filesOf, KEY, LAB } from './inventory-lab.js';

/** Small, since every mutant is read, and printed and read again where it is accepted. */
const BASES: readonly Readonly<Record<string, string>>[] = [
  LAB,
  {
    'grid.yaml': 'name: lab\nadmin: Ann\ndefault: [linux]\n',
    'tags.yaml':
      'tags:\n  up: {meaning: m, kind: version, scheme: deb}\n  card: {meaning: m, kind: device, attributes: {speed: quantity bit/s}}\naliases:\n  al: up >= 1.2\n',
    'hosts.yaml': `hosts:\n  a: {owner: o, tags: [up = 1.3, card 1:2 @ x speed=10Gbit], ssh: {address: a, user: u, key_file: /k, host_keys: ["${KEY}"]}}\n`,
    'tests/t.sh':
      '#!/bin/sh\n# testyard: requires: al, card x 2, {any: [up = 1, not linux]}\n# testyard: timeout: 90s\nexit 0\n',
  },
];

const HOSTILE = [
  ...[
    '',
    ' ',
    ':',
    '- ',
    '\n',
    '\n  ',
    'x',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    ',',
    '#',
    '|',
    '>',
    '&a ',
    '*a',
    '!x ',
    '!!int 1',
    '%',
    '\t',
  ],
  ...[
    '\0',
    '\r',
    '\u0007',
    '\u2028',
    '\ufeff',
    '\ud800',
    'é',
    '💥',
    '\u202e',
    '<<: *a',
    '? ',
    '---\n',
    '...\n',
    '~',
    'null',
    'true',
    '1e999',
    '0x7f',
    '-1',
    '6.10',
  ],
  ...[
    '$(reboot)',
    '`reboot`',
    '; reboot',
    '&& reboot',
    '| sh',
    '\\',
    '-oProxyCommand=sh',
    '../../etc/passwd',
    '/dev/zero',
    '~root/x',
    '%s',
    '*',
    '$HOME',
    '../',
    'a/b',
    '__proto__',
    'constructor',
  ],
  ...[
    '{any: []}',
    '[[]]',
    '{not: {}}',
    'not not x',
    '>= 5',
    'memory >= 99999999999999999999EiB',
    'x 0',
    '@ @',
    'a=b=c',
    '(((((',
    '{prefer: [linux]}',
    'password: hunter2',
  ],
  'a: &b [*b]',
  '9'.repeat(400),
  '['.repeat(200),
  'a & '.repeat(700),
  '-----BEGIN RSA PRIVATE KEY-----',
];

const edit = fc.record({
  file: fc.nat(99),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(3), fc.nat(40)),
  insert: fc.constantFrom(...HOSTILE),
  /** Where a value begins, so that whole values are damaged too. */
  whole: fc.boolean(),
});
type Edit = typeof edit extends fc.Arbitrary<infer Of> ? Of : never;

function mutant(base: Readonly<Record<string, string>>, edits: readonly Edit[]): InventoryFiles {
  const texts: Record<string, string> = { ...base };
  const names = Object.keys(texts);
  for (const { file, at, remove, insert, whole } of edits) {
    const name = names[file % names.length] ?? '';
    const text = texts[name] ?? '';
    const where = Math.floor(at * text.length);
    const value = /[:[,] ?[^\s[\]{},:][^[\]{},:\n]*/g;
    value.lastIndex = where;
    const found = whole ? value.exec(text) : null;
    texts[name] =
      found === null
        ? text.slice(0, where) + insert + text.slice(where + remove)
        : `${text.slice(0, found.index + 1)} ${insert}${text.slice(found.index + found[0].length)}`;
  }
  return filesOf({}, texts);
}

/** Either refused with a place and a reason for each mistake, or accepted and the same after print and reload. */
function holds(files: InventoryFiles): 'accepted' | 'refused' {
  const result = readInventoryFiles(files);
  for (const { file, line, column, message } of result.ok ? result.warnings : result.problems) {
    expect(message).toMatch(/\S/);
    expect(message.length).toBeLessThan(1500);
    expect(message).not.toMatch(/\p{C}|undefined|\[object/u);
    if (result.ok) continue;
    expect([file, line, column]).toEqual([expect.any(String), expect.any(Number), expect.any(Number)]);
    expect(line).toBeGreaterThan(0);
  }
  if (!result.ok) {
    expect(result.problems.length).toBeGreaterThan(0);
    return 'refused';
  }
  checkReach(result);
  const again = readInventoryFiles(printInventory(result.inventory));
  if (!again.ok) throw new Error(`what is printed is refused: ${JSON.stringify(again.problems)}`);
  expect(again.inventory).toEqual(result.inventory);
  return 'accepted';
}

/** What reaches ssh, a shell as an argument, or a path is never something that they would take for something else. */
function checkReach(result: Extract<InventoryResult, { ok: true }>): void {
  const { hosts, steps, tests } = result.inventory;
  for (const { name, transport, executor = 'x', pool, type } of hosts) {
    for (const word of [name, executor, pool, type]) expect(word).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
    if (transport.kind === 'local') continue;
    expect(transport.address).toMatch(/^[A-Za-z0-9[:][A-Za-z0-9.:%_[\]-]*$/);
    expect(transport.user).toMatch(/^[A-Za-z_][A-Za-z0-9_.-]*$/);
    expect(transport.keyFile).toMatch(/^(?:\/|~\/)[^\0\r\n]*$/);
    expect(transport.hostKeys.length).toBeGreaterThan(0);
  }
  for (const { name, action } of steps) {
    expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
    if (action.kind === 'restore') expect(action.image).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
  }
  for (const { name, environment } of tests) {
    expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
    for (const variable of Object.keys(environment)) expect(variable).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
  }
}

describe('a damaged inventory is refused with a place and a reason, or means what it says', () => {
  it.each([
    ['a lab in which everything is said', BASES[0] ?? {}, 250],
    ['a small one', BASES[1] ?? {}, 1900],
  ])('%s', { timeout: 240_000 }, (_, base, usual) => {
    const numRuns = count(usual);
    const counts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 2 }), (edits) => {
        counts[holds(mutant(base, edits))] += 1;
      }),
      { seed: SEED, numRuns, endOnFailure: true },
    );
    // One that refuses or accepts everything would prove nothing.
    expect(counts.accepted).toBeGreaterThan(numRuns / 20);
    expect(counts.refused).toBeGreaterThan(numRuns / 4);
  });

  const bomb = Array.from(
    { length: 12 },
    (_, i) =>
      `  l${i}: &l${i} {meaning: m, is: [${
        i === 0
          ? 'linux'
          : Array(10)
              .fill(`*l${i - 1}`)
              .join(', ')
      }]}`,
  ).join('\n');
  const circle = (n: number) => Array.from({ length: n }, (_, i) => `  c${i}: c${(i + 1) % n}`).join('\n');
  const tower = Array.from(
    { length: 60 },
    (_, i) =>
      `  t${i}: {any: [${i === 0 ? 'linux, kvm' : `{all: [t${i - 1}, cpus > ${i}]}, {all: [t${i - 1}, not cpus > ${i}]}`}]}`,
  ).join('\n');
  const big = 'y'.repeat(10 * 1024 * 1024);
  it.each<[string, Record<string, string>]>([
    ['a bomb of YAML aliases', { 'tags.yaml': `aliases:\n${bomb}\n` }],
    ['a circle of two aliases', { 'tags.yaml': `aliases:\n${circle(2)}\n` }],
    ['a circle of a thousand aliases', { 'tags.yaml': `aliases:\n${circle(1000)}\n` }],
    ['a tower of aliases', { 'tags.yaml': `aliases:\n${tower}\n` }],
    [
      'tags that follow from each other',
      { 'tags.yaml': `tags:\n${circle(50).replace(/: (c\d+)/g, ': {meaning: m, is: $1}')}\n` },
    ],
    ['a value of 10 MB', { 'grid.yaml': `name: lab\nadmin: ${big}\n` }],
    ['a test of 10 MB', { 'tests/big.sh': `#!/bin/sh\n# ${big}\n` }],
    ['a name of 1 MB', { 'hosts.yaml': `hosts:\n  ${big.slice(0, 1 << 20)}: {local: {}}\n` }],
    ['a million items', { 'hosts.yaml': `hosts:\n  a: {local: {}, tags: [${'x,'.repeat(1_000_000)}]}\n` }],
    [
      'a hundred thousand keys',
      { 'pools.yaml': `pools:\n${Array.from({ length: 100_000 }, (_, i) => `  p${i}:`).join('\n')}\n` },
    ],
    ['nesting', { 'steps.yaml': `steps: ${'{a: '.repeat(100_000)}` }],
    [
      'a requirement without end',
      { 'tests/r.sh': `#!/bin/sh\n# testyard: requires: ${'('.repeat(500_000)}\n` },
    ],
    [
      'a list of requirements without end',
      { 'tests/r.sh': `#!/bin/sh\n# testyard: requires: ${'{any: [kvm]}, '.repeat(50_000)}\n` },
    ],
    ['bytes that are no text', { 'hosts.yaml': 'hosts:\n  \udcff: x\n' }],
    ['a NUL', { 'hosts.yaml': 'hosts:\n  a: {local: {}, owner: "a\0b"}\n' }],
    ['an escaped NUL', { 'hosts.yaml': 'hosts:\n  a: {local: {}, owner: "a\\0b"}\n' }],
    ['a duplicate key', { 'grid.yaml': 'name: a\nname: b\nadmin: c\n' }],
    ['a document after the first', { 'grid.yaml': 'name: a\nadmin: c\n---\nname: b\n' }],
    ['a YAML tag', { 'grid.yaml': 'name: !!python/object/apply:os.system [id]\nadmin: c\n' }],
    ['a name that JavaScript knows', { 'hosts.yaml': 'hosts:\n  __proto__: {local: {}}\n' }],
  ])('%s is refused, soon', (_, changes) => {
    const begun = performance.now();
    const result = readInventoryFiles(filesOf(changes, BASES[1]));
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.problems.length).toBeLessThanOrEqual(501);
    expect(performance.now() - begun).toBeLessThan(8000);
  });

  it.each(['constructor', 'toString', 'hasOwnProperty'])('%s is a name as any other', (name) => {
    const result = readInventoryFiles(
      filesOf({ 'hosts.yaml': `hosts:\n  ${name}: {local: {}, type: ${name}, pool: ${name}}\n` }, BASES[1]),
    );
    expect(result.ok && holds(filesOf({ 'hosts.yaml': `hosts:\n  ${name}: {local: {}}\n` }, BASES[1]))).toBe(
      'accepted',
    );
  });
});
