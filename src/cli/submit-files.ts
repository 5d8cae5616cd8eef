import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isWebAddress } from '../adapters/download.js';
import type { TestSpec } from '../domain/test.js';
import type { SubmissionRequest } from '../http/contract.js';
import type { Client } from './client.js';
import { Failure } from './failure.js';
import type { PackedTrees } from './run-tree.js';
import type { FileFromUrl } from './run-url.js';
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
  /** Where in archives at addresses of the web the tests are. */
  readonly paths: readonly string[];
}

/** What was named: a file here or from elsewhere, or a test of the inventory. */
interface Named {
  readonly name: string;
  /** The folder that was named, in which it lies. */
  readonly folder?: string;
  readonly isTest?: true;
  /** What was fetched. */
  readonly fetched?: FileFromUrl;
}

/**
 * What is a file here is sent as it is, of a folder all tests in it; anything else is the name of a test in the
 * inventory. What goes along with LAVA definitions is uploaded before, each folder once.
 */
export async function filesToSubmit(what: readonly string[], sending: Sending): Promise<SubmittedFiles> {
  const trees = new UploadedTrees(sending);
  try {
    const named = await namedBy(what, trees);
    const found: { readonly name: string; readonly test: WantedTest }[] = [];
    for (const one of named)
      found.push({ ...one, test: one.isTest ? { name: one.name } : { file: await fileOf(one, trees) } });
    const handlers = new Set(
      found.flatMap(({ name, test }) =>
        Object.keys(('file' in test && test.file.programs) || {}).map((file) =>
          path.join(path.dirname(name), file),
        ),
      ),
    );
    const tests = found.filter(({ name, test }) => !('file' in test && handlers.has(path.normalize(name))));
    return { tests: tests.map(({ test }) => test), names: tests.map(({ name }) => name) };
  } finally {
    await trees.remove();
  }
}

async function namedBy(what: readonly string[], trees: UploadedTrees): Promise<readonly Named[]> {
  const named: Named[] = [];
  for (const one of what) {
    if (isWebAddress(one)) {
      const files = await trees.from(one);
      named.push(...files.map((fetched) => ({ name: fetched.name, fetched })));
      continue;
    }
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
  return named;
}

async function fileOf(named: Named, trees: UploadedTrees) {
  const { name, fetched } = named;
  const bytes = fetched?.bytes ?? (await bytesOf(name));
  const file = { name: path.basename(name), content: Buffer.from(bytes).toString('base64') };
  // Whatever is wrong with it, the API says. Most scripts bring nothing along.
  if (!/\.ya?ml$/i.test(name) && !Buffer.from(bytes).includes('testyard: handlers')) return file;
  const { readTestFile } = await import('../adapters/test-file.js');
  const read = readTestFile({ name, bytes }, undefined);
  if (!read.ok) return file;
  const { programsBeside } = await import('./run-handlers.js');
  const programs = await programsBeside(read.spec, { name, ...fetched });
  const more = { ...file, ...(programs === undefined ? {} : { programs }) };
  const tree = read.spec.lava === undefined ? undefined : await trees.around(named, read.spec);
  return tree === undefined ? more : { ...more, tree };
}

async function bytesOf(name: string): Promise<Uint8Array> {
  return await readFile(name).catch((error: Error) => {
    throw new Failure(`${name} cannot be read: ${error.message}`);
  });
}

/** Archives of what goes along, each uploaded once. */
class UploadedTrees {
  private packing: PackedTrees | undefined;
  private readonly sent = new Set<string>();

  constructor(private readonly sending: Sending) {}

  /** The tests at an address of the web. */
  async from(url: string): Promise<readonly FileFromUrl[]> {
    const { fromUrl } = await import('./run-url.js');
    return (await fromUrl(url, this.sending.paths, await this.trees())).files;
  }

  async around(file: Named, spec: TestSpec): Promise<Tree | undefined> {
    const { client, screen } = this.sending;
    // A plan needs nothing of it.
    if (client === undefined) return undefined;
    const { packed, inside, where } = await this.packed(file, spec);
    const { blob, bytes } = packed.tree;
    if (!this.sent.has(blob)) {
      const told = (count: number) => screen.status(`${where}: ${size(count)} of ${size(bytes)} uploaded`);
      await client.upload(() => createReadStream(packed.file), blob, bytes, told);
      screen.clearStatus();
      for (const note of packed.notes.slice(0, 5)) screen.note(note);
      this.sent.add(blob);
    }
    return { blob, path: inside, commits: packed.repositories.map(({ commit = '' }) => commit) };
  }

  private async packed({ name, folder, fetched }: Named, spec: TestSpec) {
    const wanted = spec.lava?.repositories ?? [];
    if (fetched !== undefined) return { packed: await fetched.tree(wanted), inside: name, where: name };
    const { firstFolder } = await import('./run-tree.js');
    const packing = await this.trees();
    const { root, inside } = await packing.placeOf(name, this.sending.tree, folder, firstFolder(spec));
    return { packed: await packing.at(root, wanted), inside, where: root };
  }

  private async trees(): Promise<PackedTrees> {
    const { PackedTrees } = await import('./run-tree.js');
    this.packing ??= new PackedTrees();
    return this.packing;
  }

  async remove(): Promise<void> {
    await this.packing?.remove();
  }
}
