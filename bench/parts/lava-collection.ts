import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Plants } from './lava-variants.js';

const FIXTURES = fileURLToPath(new URL('../../test/fixtures/lava/', import.meta.url));

/** A definition of our own, and what can be taken away from it. */
export interface Fixture {
  readonly name: string;
  readonly file: string;
  /** The root of its collection. */
  readonly tree: string;
  readonly plants: Plants;
}

/** All definitions of our own, copied out of this repository, which is not what lies around them in a lab. */
export async function openCollections(): Promise<{
  readonly fixtures: readonly Fixture[];
  readonly close: () => Promise<void>;
}> {
  const copied = await mkdtemp(path.join(tmpdir(), 'testyard-collections-'));
  const folders: Record<string, Record<string, Plants>> = parse(
    await readFile(path.join(FIXTURES, 'plants.yaml'), 'utf8'),
  );
  const roots = new Set(Object.keys(folders).map((folder) => folder.split('/')[0] ?? ''));
  for (const root of roots) await cp(path.join(FIXTURES, root), path.join(copied, root), { recursive: true });
  const fixtures = Object.entries(folders).flatMap(([folder, definitions]) =>
    Object.entries(definitions).map(([name, plants]) => ({
      name,
      // In the large collection each test has a folder of its own.
      file: path.join(copied, folder, folder.includes('/') ? name : '', `${name}.yaml`),
      tree: path.join(copied, folder.split('/')[0] ?? ''),
      plants,
    })),
  );
  return { fixtures, close: () => rm(copied, { recursive: true, force: true }) };
}
