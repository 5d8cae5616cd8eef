import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SubmissionRequest } from '../http/contract.js';
import type { Client } from './client.js';
import { Failure } from './failure.js';
import { type Screen, size } from './screen.js';

type WantedTest = NonNullable<SubmissionRequest['tests']>[number];
type Tree = NonNullable<Extract<WantedTest, { file: unknown }>['file']['tree']>;

/** What was named, as the API has it; `names` are the files and tests in the same order. */
export interface SubmittedFiles {
  readonly tests: readonly WantedTest[];
  readonly names: readonly string[];
}

/** How files are sent: without a client what goes along with them is not. */
export interface Sending {
  readonly client: Client | undefined;
  readonly screen: Screen;
  /** The folder that goes along with LAVA definitions, where one was named. */
  readonly tree: string | undefined;
}

/**
 * What is a file here is sent as it is, of a folder all tests in it; anything else is the name of a test in the
 * inventory. What goes along with LAVA definitions is uploaded before, each folder once.
 */
export async function filesToSubmit(what: readonly string[], sending: Sending): Promise<SubmittedFiles> {
  const named: { readonly name: string; readonly folder?: string; readonly isTest?: true }[] = [];
  for (const one of what) {
    const about = await stat(one).catch(() => undefined);
    if (about?.isFile()) named.push({ name: one });
    else if (about?.isDirectory()) {
      const { testsIn } = await import('./run-folder.js');
      const { tests } = await testsIn(one);
      if (tests.length === 0) throw new Failure(`there is no test in ${one}`);
      named.push(...tests.map((name) => ({ name, folder: one })));
    } else if (about !== undefined) throw new Failure(`${one} is no file`);
    else if (one.includes('/') || /\.(sh|py|js|pl|rb|lua|ya?ml)$/.test(one))
      throw new Failure(`there is no file ${one}`);
    else named.push({ name: one, isTest: true });
  }
  const trees = new UploadedTrees(sending);
  try {
    const tests: WantedTest[] = [];
    for (const { name, folder, isTest } of named)
      tests.push(isTest ? { name } : { file: await fileOf(name, folder, trees) });
    return { tests, names: named.map(({ name }) => name) };
  } finally {
    await trees.remove();
  }
}

async function fileOf(name: string, folder: string | undefined, trees: UploadedTrees) {
  const bytes = await readFile(name).catch((error: Error) => {
    throw new Failure(`${name} cannot be read: ${error.message}`);
  });
  const file = { name: path.basename(name), content: bytes.toString('base64') };
  // Whatever is wrong with it, the API says.
  if (!/\.ya?ml$/i.test(name)) return file;
  const { readTestFile } = await import('../adapters/test-file.js');
  const read = readTestFile({ name, bytes }, undefined);
  if (!read.ok || read.spec.lava === undefined) return file;
  const tree = await trees.around(name, folder, read.spec);
  return tree === undefined ? file : { ...file, tree };
}

/** Archives of what goes along, each uploaded once. */
class UploadedTrees {
  private packing: import('./run-tree.js').PackedTrees | undefined;
  private readonly sent = new Set<string>();

  constructor(private readonly sending: Sending) {}

  async around(
    name: string,
    folder: string | undefined,
    spec: Parameters<typeof import('./run-tree.js').firstFolder>[0],
  ): Promise<Tree | undefined> {
    const { client, screen, tree } = this.sending;
    // A plan needs nothing of it.
    if (client === undefined) return undefined;
    const { PackedTrees, firstFolder } = await import('./run-tree.js');
    this.packing ??= new PackedTrees();
    const { root, inside } = await this.packing.placeOf(name, tree, folder, firstFolder(spec));
    const packed = await this.packing.at(root, spec.lava?.repositories ?? []);
    const { blob, bytes } = packed.tree;
    if (!this.sent.has(blob)) {
      const told = (count: number) => screen.status(`${root}: ${size(count)} of ${size(bytes)} uploaded`);
      await client.upload(() => createReadStream(packed.file), blob, bytes, told);
      screen.clearStatus();
      for (const note of packed.notes.slice(0, 5)) screen.note(note);
      this.sent.add(blob);
    }
    return { blob, path: inside, commits: packed.repositories.map(({ commit = '' }) => commit) };
  }

  async remove(): Promise<void> {
    await this.packing?.remove();
  }
}
