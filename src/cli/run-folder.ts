import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { headKind, testsAmong } from '../adapters/test-file.js';
import { Failure } from './failure.js';

/** What of a folder is run, and what lies in it beside that. */
export interface FoundTests {
  /** Paths, in order. */
  readonly tests: readonly string[];
  /** Files that are no tests. */
  readonly others: readonly string[];
}

/** More files than a folder of tests has. */
const MOST_FILES = 10_000;
const HEAD_BYTES = 4096;

/**
 * The tests of a folder and of all folders in it, in order of their paths: files that begin with `#!`, executable
 * binaries, YAML that begins with `testyard:`, and LAVA definitions, beside which a program counts only where it says
 * itself that it is a test. What is hidden, a back-up or a README is no test, as in an inventory.
 */
export async function testsIn(folder: string): Promise<FoundTests> {
  const files: { readonly file: string; readonly kind: ReturnType<typeof headKind> }[] = [];
  const look = async (under: string): Promise<void> => {
    const entries = await readdir(under, { withFileTypes: true }).catch((error: Error) => {
      throw new Failure(`${under} cannot be read: ${error.message}`);
    });
    const names = entries.filter(({ name }) => !/^\.|~$|^README/i.test(name)).sort(byName);
    for (const entry of names) {
      const file = path.join(under, entry.name);
      // A link to a folder may lead back to where we are.
      if (entry.isDirectory()) await look(file);
      else files.push({ file, kind: await kindOf(file) });
      if (files.length > MOST_FILES)
        throw new Failure(`${folder} has more than ${MOST_FILES} files: name the folder of the tests`);
    }
  };
  await look(folder);
  const isTest = testsAmong(files);
  const named = (wanted: boolean) => files.filter((one) => isTest(one) === wanted).map(({ file }) => file);
  return { tests: named(true), others: named(false) };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

async function kindOf(file: string): Promise<ReturnType<typeof headKind>> {
  const about = await stat(file).catch(() => undefined);
  // Reading a pipe would wait for ever.
  if (!about?.isFile()) return undefined;
  return headKind(await headOf(file), (about.mode & 0o111) !== 0);
}

async function headOf(file: string): Promise<Uint8Array> {
  const handle = await open(file).catch((error: Error) => {
    throw new Failure(`${file} cannot be read: ${error.message}`);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
