import { readFile } from 'node:fs/promises';
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

/** All definitions of our own. */
export async function fixtures(): Promise<readonly Fixture[]> {
  const folders: Record<string, Record<string, Plants>> = parse(
    await readFile(path.join(FIXTURES, 'plants.yaml'), 'utf8'),
  );
  return Object.entries(folders).flatMap(([folder, definitions]) =>
    Object.entries(definitions).map(([name, plants]) => ({
      name,
      // In the large collection each test has a folder of its own.
      file: path.join(FIXTURES, folder, folder.includes('/') ? name : '', `${name}.yaml`),
      tree: path.join(FIXTURES, folder.split('/')[0] ?? ''),
      plants,
    })),
  );
}
