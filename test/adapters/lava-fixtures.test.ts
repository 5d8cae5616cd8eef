import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readTestFile } from '../../src/adapters/test-file.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/lava/', import.meta.url));
const fromYaml = async (name: string) => parse(await readFile(path.join(FIXTURES, name), 'utf8'));

describe('our own LAVA definitions', () => {
  test('each is read without a note, and each of them can have something taken away', async () => {
    const folders: Record<string, Record<string, object>> = await fromYaml('plants.yaml');
    const planted = Object.entries(folders).flatMap(([folder, names]) =>
      Object.keys(names).map((name) => path.join(folder, folder.includes('/') ? name : '', `${name}.yaml`)),
    );
    const collections = (await readdir(FIXTURES)).filter((name) => /^(harbour|quay)$/.test(name));
    const files = (
      await Promise.all(
        collections.map(async (name) =>
          (
            await readdir(path.join(FIXTURES, name), { recursive: true })
          ).map((file) => path.join(name, file)),
        ),
      )
    )
      .flat()
      .filter((file) => file.endsWith('.yaml'));
    expect(planted.sort()).toEqual(files.sort());
    expect(files.length).toBeGreaterThanOrEqual(40);
    for (const file of files) {
      const read = readTestFile({ name: file, bytes: await readFile(path.join(FIXTURES, file)) }, undefined);
      expect([file, read.ok, read.ok ? (read.notes ?? []) : read.problems]).toEqual([file, true, []]);
      expect(read.ok && read.spec.lava?.name).toBe(path.parse(file).name);
    }
  });

  test('what they install is there to be built, and brings the tools that they call', async () => {
    const packages: Record<string, { tools: string[] }> = await fromYaml('packages/packages.yaml');
    const folders: Record<string, Record<string, { packages: string[]; tools: string[] }>> = await fromYaml(
      'plants.yaml',
    );
    for (const [name, { packages: wanted, tools }] of Object.values(folders).flatMap(Object.entries)) {
      const brought = wanted.flatMap((one: string) => packages[one]?.tools ?? []);
      expect([name, tools.filter((tool: string) => !brought.includes(tool))]).toEqual([name, []]);
    }
    for (const [name, { tools }] of Object.entries(packages)) {
      const files = await readdir(path.join(FIXTURES, 'packages', name), { recursive: true });
      const built = files.map((file) => path.basename(file));
      expect([name, tools.filter((tool) => !built.includes(tool))]).toEqual([name, []]);
    }
  });
});
