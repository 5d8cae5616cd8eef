import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInventory } from '../../src/adapters/inventory-files.js';
import { printInventory } from '../../src/adapters/inventory-print.js';
import { printYaml } from '../../src/adapters/yaml-print.js';
import { readYaml } from '../../src/adapters/yaml-source.js';
import { filesOf, inventoryOf, TELLING } from './inventory-lab.js';

const textOf = (files: ReadonlyMap<string, Uint8Array>, file: string) =>
  Buffer.from(files.get(file) ?? '').toString();

describe('an inventory that is printed', () => {
  it('reads back as the same', () => {
    const lab = inventoryOf(filesOf());
    expect(inventoryOf(printInventory(lab))).toEqual(lab);
    const telling = inventoryOf(filesOf(TELLING));
    expect(telling.grid.mail).toBeDefined();
    expect(inventoryOf(printInventory(telling))).toEqual(telling);
  });

  it('says of a host only what its type does not', () => {
    const hosts = textOf(printInventory(inventoryOf(filesOf())), 'hosts.yaml').split('\n');
    expect(hosts.find((line) => line.startsWith('  n1'))).toMatch(
      /^ {2}n1: \{type: r420, ssh: \{address: 10.0.0.1, host_keys: \[.*\]\}\}$/,
    );
    expect(hosts.join('\n')).toContain('not arm64-board');
  });

  it('keeps test files as they are', () => {
    const files = filesOf();
    expect(printInventory(inventoryOf(files)).get('tests/smoke.sh')).toEqual(files.get('tests/smoke.sh'));
  });

  it('keeps tests of odd names, and those whose comments say something else by now', () => {
    const lab = inventoryOf(
      filesOf({
        'tests/x.sh': '#!/bin/sh\n# testyard: name: README.first\n# testyard: owner: a\n',
        'tests/y.bin': 'MZ\0\u0001',
      }),
    );
    const changed = {
      ...lab,
      tests: lab.tests.map((test) => ({ ...test, requirement: 'kvm', timeoutMs: 7000 })),
    };
    expect(inventoryOf(printInventory(lab))).toEqual(lab);
    const scripts = changed.tests.filter(({ name }) => name !== 'y');
    expect(inventoryOf(printInventory({ ...changed, tests: scripts })).tests).toEqual(scripts);
  });

  it('the one that comes with Testyard too', async () => {
    const shipped = await readInventory(new URL('../../inventory', import.meta.url).pathname);
    if (!shipped.ok) throw new Error('it is wrong');
    expect(inventoryOf(printInventory(shipped.inventory))).toEqual(shipped.inventory);
  });
});

it('any text, key and nesting is written so that it reads back', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }).filter((s) => !/[\0\p{Surrogate}]/u.test(s)),
    fc.string({
      unit: fc.constantFrom(' ', '\n', '\t', ':', '#', '-', '"', "'", 'a', '|', '\u2028', '\ufeff', '\r'),
      maxLength: 12,
    }),
    fc.constantFrom(
      '',
      '~',
      'null',
      'true',
      '1e3',
      '0x1',
      '6.10',
      '- a',
      '? a',
      '%x',
      '@a',
      '`a',
      '&a',
      '*a',
      '!a',
      '<<',
      '---',
      'a: b',
      'a #b',
      '=',
      '. . .',
    ),
  );
  const key = text.filter((s) => s !== '');
  const value = fc.letrec<{ any: NonNullable<Parameters<typeof printYaml>[0][string]> }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.array(tie('any'), { maxLength: 4 }),
      fc
        .uniqueArray(fc.tuple(key, tie('any')), { selector: ([k]) => k, maxLength: 4 })
        .map((pairs) => new Map(pairs as [string, string][])),
    ),
  })).any;
  fc.assert(
    fc.property(key, value, (name, written) => {
      const read = readYaml(printYaml({ [name]: written }));
      if (!read.ok) throw new Error(JSON.stringify(read.problems));
      expect(plain(read.root)).toEqual({ kind: 'map', of: [[name, shape(written)]] });
    }),
    { seed: 20261122, numRuns: 600 },
  );
});

type Read = Extract<ReturnType<typeof readYaml>, { ok: true }>['root'];

function plain(source: Read): unknown {
  if (source.kind === 'text') return source.text;
  if (source.kind === 'list') return { kind: 'list', of: source.items.map(plain) };
  return { kind: 'map', of: source.entries.map(({ key, value }) => [key, plain(value)]) };
}

function shape(value: Parameters<typeof printYaml>[0][string]): unknown {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return { kind: 'list', of: value.map(shape) };
  return {
    kind: 'map',
    of: [...(value as ReadonlyMap<string, string>)].map(([key, inner]) => [key, shape(inner)]),
  };
}
