import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { TagSpec } from '../domain/tag.js';
import { type InventoryResult, readInventoryFiles } from './inventory-reading.js';
import type { InventoryFiles, InventoryProblem } from './inventory-thing.js';
import { MAX_TEST_FILE_BYTES } from './test-file.js';

/** Reads the folder that describes a lab, and tells all that is wrong with it at once. */
export async function readInventory(folder: string): Promise<InventoryResult> {
  const { files, problems } = await inventoryFolder(folder);
  if (files === undefined) return { ok: false, problems, warnings: [] };
  const result = readInventoryFiles(files, { base: folder });
  if (problems.length === 0) return result;
  return {
    ok: false,
    problems: [...problems, ...(result.ok ? [] : result.problems)],
    warnings: result.warnings,
  };
}

/** The lab's own tags in a folder, where nothing is wrong with it. */
export async function readTags(folder: string): Promise<readonly TagSpec[]> {
  const result = await readInventory(folder);
  return result.ok ? result.inventory.tags : [];
}

/** The files of a folder and of the folders in it, and what of it cannot be read; no files where there is no folder. */
export async function inventoryFolder(
  folder: string,
): Promise<{ readonly files?: InventoryFiles; readonly problems: readonly InventoryProblem[] }> {
  const files = new Map<string, Uint8Array>();
  const problems: InventoryProblem[] = [];
  const wrong = (file: string, message: string) =>
    problems.push({ file, message: `cannot be read: ${message}`, line: 1, column: 1 });
  const names = async (under: string) => {
    const all = await readdir(path.join(folder, under));
    return all.filter((name) => !/^\.|~$|^README/i.test(name)).sort();
  };
  const take = async (file: string, depth: number): Promise<void> => {
    try {
      const about = await stat(path.join(folder, file));
      if (about.isDirectory() && depth < 2)
        for (const name of await names(file)) await take(`${file}/${name}`, depth + 1);
      // Reading a pipe would wait for ever.
      else if (!about.isFile()) wrong(file, 'it is no file');
      else if (about.size > MAX_TEST_FILE_BYTES) wrong(file, `it has more than ${MAX_TEST_FILE_BYTES} bytes`);
      else files.set(file, await readFile(path.join(folder, file)));
    } catch (error) {
      wrong(file, (error as Error).message);
    }
  };
  try {
    for (const name of await names('.')) await take(name, 0);
  } catch {
    return { problems: [{ file: folder, message: 'there is no such folder', line: 1, column: 1 }] };
  }
  return { files, problems };
}
