import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type DownloadLimits, download, NotDownloaded } from '../adapters/download.js';
import { headKind, MAX_TEST_FILE_BYTES, testsAmong } from '../adapters/test-file.js';
import { MOST_TREE_BYTES, TreeTooLarge } from '../adapters/tree-archive.js';
import {
  archiveKind,
  BadArchive,
  type UnpackedTree,
  unpackedTree,
  unzipped,
} from '../adapters/tree-unpack.js';
import type { LavaRepository } from '../domain/lava/definition.js';
import { nearest } from '../domain/requirement.js';
import { wrongPath } from '../domain/submit/source.js';
import type { TreeEntry } from '../ports/source.js';
import { Failure } from './failure.js';
import { PATIENCE_MS } from './run-fetch.js';
import type { PackedTree, PackedTrees } from './run-tree.js';

/** A test from an address of the web. */
export interface FileFromUrl {
  /** Of one in an archive its path there, else the last part of the address. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Packs what is around it, with repositories in it, for a test that wants it beside itself. */
  readonly tree: (repositories: readonly LavaRepository[]) => Promise<PackedTree>;
  /** A file in its folder. */
  readonly beside: (file: string) => Promise<Uint8Array | undefined>;
}

/** Tests from an address of the web. */
interface FromUrl {
  readonly files: readonly FileFromUrl[];
  /** Files that are no tests. */
  readonly others: readonly string[];
}

const LIMITS: DownloadLimits = { mostBytes: MOST_TREE_BYTES, patienceMs: PATIENCE_MS };
const HEAD_BYTES = 4096;
const MOST_TESTS = 1000;

type FileEntry = TreeEntry & { readonly kind: 'file' };

/** The test at an address; or, where an archive is there, those at paths in it, of a folder all; none named is all. */
export async function fromUrl(
  url: string,
  paths: readonly string[],
  trees: PackedTrees,
  limits = LIMITS,
): Promise<FromUrl> {
  const bad = wrongAddress(url) ?? paths.map((one) => wrongIn(one)).find((flaw) => flaw !== undefined);
  if (bad !== undefined) throw new Failure(`${withoutUser(url)}: ${bad}`);
  try {
    return await fetched(url, paths, trees, limits);
  } catch (error) {
    const isTheirs = [NotDownloaded, BadArchive, TreeTooLarge].some((kind) => error instanceof kind);
    throw isTheirs ? new Failure(`${url}: ${(error as Error).message}`) : error;
  }
}

function wrongAddress(url: string): string | undefined {
  if (!URL.canParse(url)) return 'it is no URL';
  const { username, password } = new URL(url);
  return username + password === '' ? undefined : 'leave the user and password out: they would be shown';
}

function withoutUser(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//');
}

function wrongIn(path: string): string | undefined {
  const wrong = wrongPath(path.replace(/\/+$/, ''));
  return wrong === undefined ? undefined : `--path ${path}: ${wrong}`;
}

async function fetched(
  url: string,
  paths: readonly string[],
  trees: PackedTrees,
  limits: DownloadLimits,
): Promise<FromUrl> {
  const file = await trees.newFile();
  await download(url, file, limits);
  const found = await archiveIn(file, trees);
  if (found !== undefined) return await inArchive(url, found, paths, trees);
  if (paths.length > 0 || /\.(?:tar|tgz|tar\.[a-z0-9]+)$/i.test(new URL(url).pathname))
    throw new BadArchive('what is there is no tar archive, in which --path could be');
  return { files: [await alone(url, file, trees)], others: [] };
}

/** What is in a file that is an archive; undefined: it is none. */
async function archiveIn(file: string, trees: PackedTrees): Promise<UnpackedTree | undefined> {
  const kind = archiveKind(await headOf(file));
  if (kind === 'other') throw new BadArchive('it is packed in another way than tar, or tar and gzip');
  if (kind === 'tar') return await unpackedTree(file);
  if (kind === undefined) return undefined;
  const plain = await trees.newFile();
  await unzipped(file, plain);
  return await unpackedTree(plain);
}

async function headOf(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** A test that is not in an archive: nothing but itself lies around it. */
async function alone(url: string, file: string, trees: PackedTrees): Promise<FileFromUrl> {
  const bytes = await readFile(file);
  const said = decoded(path.posix.basename(new URL(url).pathname));
  // What is read as YAML is told by its ending, which an address need not have.
  const isNamed = /\.ya?ml$/i.test(said) || headKind(bytes.subarray(0, HEAD_BYTES), false) !== 'lava';
  const name = isNamed ? said : `${said}.yaml`;
  const entry: TreeEntry = { kind: 'file', path: name, isExecutable: false, content: async () => bytes };
  const tree = (wanted: readonly LavaRepository[]) =>
    trees.packedOnce(url, async () => ({ entries: [entry], notes: [] }), wanted);
  return { name, bytes, tree, beside: async () => undefined };
}

/** The last part of an address as a name for a file. */
function decoded(part: string): string {
  let text = part;
  try {
    text = decodeURIComponent(part);
  } catch {
    // A '%' of its own.
  }
  return text === '' || /[/\p{C}\ufffd]/u.test(text) ? 'test' : text;
}

async function inArchive(
  url: string,
  found: UnpackedTree,
  paths: readonly string[],
  trees: PackedTrees,
): Promise<FromUrl> {
  const tests = new Map<string, FileEntry>();
  const others: string[] = [];
  for (const one of paths.length === 0 ? ['.'] : paths) {
    const here = await testsAt(one.replace(/\/+$/, ''), found.entries);
    for (const entry of here.tests) tests.set(entry.path, entry);
    others.push(...here.others);
  }
  if (tests.size > MOST_TESTS) throw new BadArchive(`it has ${tests.size} tests; name some with --path`);
  const tree = (wanted: readonly LavaRepository[]) => trees.packedOnce(url, async () => found, wanted);
  const files: FileFromUrl[] = [];
  const all = found.entries;
  for (const entry of tests.values()) {
    const folder = entry.path.slice(0, entry.path.lastIndexOf('/') + 1);
    const beside = async (file: string) => {
      const found = all.find(({ kind, path }) => kind === 'file' && path === `${folder}${file}`);
      return found?.kind === 'file' ? await found.content() : undefined;
    };
    files.push({ name: entry.path, bytes: await entry.content(), tree, beside });
  }
  return { files, others };
}

async function testsAt(at: string, entries: readonly TreeEntry[]) {
  const one = entries.find(({ path }) => path === at);
  if (one?.kind === 'link') throw new BadArchive(`${at} in it is a symbolic link: name the file itself`);
  if (one?.kind === 'file') {
    if ((await one.content()).length > MAX_TEST_FILE_BYTES)
      throw new BadArchive(`${at} in it is larger than a test file may be (${MAX_TEST_FILE_BYTES} bytes)`);
    return { tests: [one], others: [] };
  }
  const inside = entries.filter(({ path }) => at === '.' || path.startsWith(`${at}/`));
  if (inside.length === 0) throw new BadArchive(nothingAt(at, entries));
  const depth = at === '.' ? 0 : at.split('/').length;
  const files = await Promise.all(
    inside
      .filter((entry): entry is FileEntry => entry.kind === 'file' && !isPassedOver(entry.path, depth))
      .map(async (entry) => ({ entry, kind: await kindOf(entry) })),
  );
  const isTest = testsAmong(files);
  const tests = files.filter(isTest).map(({ entry }) => entry);
  if (tests.length === 0)
    throw new BadArchive(`there is no test in ${at === '.' ? 'it' : at}: name one with --path`);
  return { tests, others: files.filter((one) => !isTest(one)).map(({ entry }) => entry.path) };
}

/** As in a folder: what is hidden, a back-up or a README is no test. */
function isPassedOver(path: string, depth: number): boolean {
  return path
    .split('/')
    .slice(depth)
    .some((name) => /^\.|~$|^README/i.test(name));
}

async function kindOf({ content, isExecutable }: FileEntry): Promise<ReturnType<typeof headKind>> {
  const bytes = await content();
  return bytes.length > MAX_TEST_FILE_BYTES
    ? undefined
    : headKind(bytes.subarray(0, HEAD_BYTES), isExecutable);
}

/** Most archives have one folder around all that is in them, which is easily forgotten. */
function nothingAt(at: string, entries: readonly TreeEntry[]): string {
  const folders = new Set<string>();
  for (const { path } of entries)
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1))
      folders.add(path.slice(0, end));
  const near = [...folders].find((path) => path.endsWith(`/${at}`)) ?? nearest(at, folders);
  return `there is nothing at ${at} in it${near === undefined ? '' : `: did you mean '${near}'?`}`;
}
