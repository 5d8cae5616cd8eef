import type { SourceFile, SourceTests, SourceTrouble, TreeEntry } from '../ports/source.js';
import { type GitEnd, git } from './git-command.js';
import { headKind, MAX_TEST_FILE_BYTES, testsAmong } from './test-file.js';
import { MOST_TREE_BYTES, MOST_TREE_FILES, TreeTooLarge, tooLarge as tree } from './tree-archive.js';
import { leadsOut, outside } from './tree-files.js';

/** An entry of a tree, as `git ls-tree -l` tells it. */
interface Entry {
  readonly mode: string;
  readonly oid: string;
  /** Of a file, in bytes. */
  readonly size: number;
  readonly path: string;
}

const SYMLINK = '120000';
const FOLDER = '040000';
const SUBMODULE = '160000';
const EXECUTABLE = '100755';

/** More than these are no folder of tests. */
const MOST_FILES = 10_000;
const MOST_TESTS = 1000;
const MOST_BYTES = 64 * 1024 * 1024;
const HEAD_BYTES = 4096;

/** Reads the tests at a path of a commit that is there. Nothing is checked out, so no name in it leads anywhere. */
export async function readTree(
  folder: string,
  commit: string,
  path: string,
  signal: AbortSignal,
): Promise<SourceTests | SourceTrouble> {
  const at = (path: string) => `${path} (at ${commit.slice(0, 12)})`;
  if (path !== '.') {
    const [named] = await list(folder, [commit, '--', path.replace(/\/+$/, '')], signal);
    if (named === undefined) return wrong(`there is nothing at ${at(path)}`);
    if (named.mode !== FOLDER) return await oneFile(folder, named, signal);
  }
  const inside = path === '.' ? [commit] : [commit, '--', `${path.replace(/\/+$/, '')}/`];
  const all = await list(folder, ['-r', ...inside], signal);
  if (all.length > MOST_FILES)
    return wrong(`${at(path)} has more than ${MOST_FILES} files: name the folder of the tests`);
  const depth = path === '.' ? 0 : path.replace(/\/+$/, '').split('/').length;
  const named = all.filter((entry) => !isPassedOver(entry.path, depth));
  const [seen, leading] = [named.filter(isFile), named.filter((entry) => !isFile(entry))];
  const bad = seen.map(refusal).find((message) => message !== undefined);
  if (bad !== undefined) return wrong(bad);
  const [small, large] = [seen.filter(isSmall), seen.filter((entry) => !isSmall(entry))];
  if (small.reduce((sum, { size }) => sum + size, 0) > MOST_BYTES)
    return wrong(`${at(path)} has files of more than ${MOST_BYTES} bytes: name the folder of the tests`);
  const program = large.find(({ mode }) => mode === EXECUTABLE);
  if (program !== undefined) return wrong(tooLarge(program));
  const files = (await contents(folder, small, signal)).map((file) => ({ ...file, kind: kindOf(file) }));
  // Beside LAVA definitions links are parts of what goes along; else somebody may have meant them as tests.
  const [link] = files.some(({ kind }) => kind === 'lava') ? [] : leading;
  if (link !== undefined) return wrong(refusal(link) ?? '');
  const isTest = testsAmong(files);
  const tests = files.filter(isTest).map(({ path, bytes }) => ({ path, bytes }));
  if (tests.length === 0)
    return wrong(`there is no test in ${at(path)}: a test begins with #!, or in YAML with 'testyard: 1'`);
  if (tests.length > MOST_TESTS)
    return wrong(`${at(path)} has ${tests.length} tests; at most ${MOST_TESTS} are taken`);
  const others = files.filter((file) => !isTest(file)).map((file) => file.path);
  return { tests, others: [...others, ...large.map((file) => file.path)].sort() };
}

async function oneFile(
  folder: string,
  entry: Entry,
  signal: AbortSignal,
): Promise<SourceTests | SourceTrouble> {
  const bad = refusal(entry) ?? (isSmall(entry) ? undefined : tooLarge(entry));
  if (bad !== undefined) return wrong(bad);
  const files = await contents(folder, [entry], signal);
  // What is wrong with YAML its reader says better.
  const isOne = files.every((file) => kindOf(file) !== undefined || /\.ya?ml$/i.test(file.path));
  if (!isOne)
    return wrong(`${shown(entry.path)} is no test: a test begins with #!, or in YAML with 'testyard: 1'`);
  return { tests: files, others: [] };
}

/** Where other repositories belong into a commit, and at which commits of theirs. */
export async function linksOf(
  folder: string,
  commit: string,
  signal: AbortSignal,
): Promise<readonly { readonly path: string; readonly oid: string }[]> {
  const all = await list(folder, ['-r', commit], signal);
  return all.filter((entry) => entry.mode === SUBMODULE && isNamed(entry));
}

/** Reads one file of a commit that is there. */
export async function readFileAt(
  folder: string,
  commit: string,
  path: string,
  mostBytes: number,
  signal: AbortSignal,
): Promise<SourceFile | SourceTrouble> {
  const [entry] = await list(folder, [commit, '--', path], signal);
  if (entry === undefined || entry.mode === FOLDER)
    return wrong(`there is no file ${path} (at ${commit.slice(0, 12)})`);
  const flaw = refusal(entry);
  if (flaw !== undefined) return wrong(flaw);
  if (entry.size > mostBytes)
    return wrong(`${shown(path)} has ${entry.size} bytes; at most ${mostBytes} are taken`);
  const [file] = await contents(folder, [entry], signal);
  return { path, bytes: file?.bytes ?? new Uint8Array() };
}

/** So much of a repository is read at a time. */
const PORTION_BYTES = 16 * 1024 * 1024;
/** A single file may be as large as git may say at once. */
const LARGEST_BYTES = 64 * 1024 * 1024;

/** All files of a commit, whose contents are read in portions, in the order of their paths; and what is left out. */
export async function filesOf(
  folder: string,
  commit: string,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly TreeEntry[]; readonly notes: readonly string[] }> {
  const all = await list(folder, ['-r', commit], signal);
  const notes = all.flatMap((entry) => {
    if (entry.mode === SUBMODULE) return [`${shown(entry.path)} does not go along: it is another repository`];
    return isNamed(entry) ? [] : [`${shown(entry.path)} does not go along: it is no name for a file`];
  });
  const taken = all.filter((entry) => entry.mode !== SUBMODULE && isNamed(entry));
  const large = taken.find(({ size }) => size > LARGEST_BYTES);
  const bytes = taken.reduce((sum, { size }) => sum + size, 0);
  if (taken.length > MOST_TREE_FILES)
    throw new TreeTooLarge(`it has more than ${MOST_TREE_FILES} files, the most that go along with a test`);
  if (bytes > MOST_TREE_BYTES) throw new TreeTooLarge(tree());
  if (large !== undefined)
    throw new TreeTooLarge(
      `${shown(large.path)} has more than ${LARGEST_BYTES} bytes, the most that one file may`,
    );
  const links = taken.filter(({ mode }) => mode === SYMLINK);
  const targets = await contents(folder, links, signal);
  const entries: TreeEntry[] = [];
  for (const { path, bytes } of targets) {
    const to = Buffer.from(bytes).toString('utf8');
    if (leadsOut(path, to)) notes.push(outside(path, to));
    else entries.push({ kind: 'link', path, to });
  }
  const files = taken.filter(({ mode }) => mode !== SYMLINK).sort((a, b) => byBytes(a.path, b.path));
  for (const portion of portionsOf(files)) {
    let read: Promise<readonly Content[]> | undefined;
    for (const [index, { path, mode }] of portion.entries()) {
      const content = async () => {
        read ??= contents(folder, portion, signal);
        const bytes = (await read)[index]?.bytes ?? new Uint8Array();
        // The last one of a portion lets it go.
        if (index === portion.length - 1) read = undefined;
        return bytes;
      };
      entries.push({ kind: 'file', path, isExecutable: mode === EXECUTABLE, content });
    }
  }
  return { entries, notes };
}

function portionsOf(files: readonly Entry[]): readonly (readonly Entry[])[] {
  const portions: Entry[][] = [];
  let room = 0;
  for (const file of files) {
    if (room < file.size || portions.length === 0) {
      portions.push([]);
      room = Math.max(PORTION_BYTES, file.size);
    }
    portions.at(-1)?.push(file);
    room -= file.size;
  }
  return portions;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isNamed({ path }: Entry): boolean {
  return !/[\p{C}\ufffd]/u.test(path);
}

/** As in a folder: what is hidden, a back-up or a README is no test. */
function isPassedOver(path: string, depth: number): boolean {
  return path
    .split('/')
    .slice(depth)
    .some((name) => /^\.|~$|^README/i.test(name));
}

function refusal({ mode, path }: Entry): string | undefined {
  const name = shown(path);
  if (mode === SYMLINK)
    return `${name} is a symbolic link; links are not followed: name the files themselves`;
  if (mode === SUBMODULE) return `${name} is another repository (a submodule): name that one`;
  return /[\p{C}\ufffd]/u.test(path) ? `${name} is no name for a file of tests` : undefined;
}

function isFile({ mode }: Entry): boolean {
  return mode !== SYMLINK && mode !== SUBMODULE;
}

function tooLarge({ path, size }: Entry): string {
  return `${shown(path)} has ${size} bytes; a test file has at most ${MAX_TEST_FILE_BYTES}`;
}

function isSmall({ size }: Entry): boolean {
  return size <= MAX_TEST_FILE_BYTES;
}

type Content = SourceFile & { readonly isExecutable: boolean };

function kindOf({ bytes, isExecutable }: Content): ReturnType<typeof headKind> {
  return headKind(bytes.subarray(0, HEAD_BYTES), isExecutable);
}

async function list(folder: string, args: readonly string[], signal: AbortSignal): Promise<readonly Entry[]> {
  const listed = await git(['ls-tree', '-z', '-l', '--full-tree', ...args], { folder, signal });
  if (listed.kind !== 'ok') throw new Error(`git ls-tree: ${told(listed)}`);
  const lines = listed.out.toString('utf8').split('\0').filter(Boolean);
  return lines.flatMap((line): Entry[] => {
    const [, mode = '', oid = '', size = '', path = ''] =
      /^([0-7]{6}) [a-z]+ ([0-9a-f]+) +([0-9]+|-)\t(.+)$/s.exec(line) ?? [];
    return path === '' ? [] : [{ mode, oid, size: size === '-' ? 0 : Number(size), path }];
  });
}

/** The files of these entries, in their order. */
async function contents(
  folder: string,
  entries: readonly Entry[],
  signal: AbortSignal,
): Promise<readonly Content[]> {
  const input = entries.map(({ oid }) => `${oid}\n`).join('');
  const read = await git(['cat-file', '--batch'], { folder, signal, input });
  if (read.kind !== 'ok') throw new Error(`git cat-file: ${told(read)}`);
  let from = 0;
  return entries.map(({ path, mode, size }) => {
    // A line that says what follows, the bytes, and an end of line.
    const start = read.out.indexOf('\n', from) + 1;
    from = start + size + 1;
    const bytes = Uint8Array.prototype.slice.call(read.out, start, start + size);
    return { path, bytes, isExecutable: mode === EXECUTABLE };
  });
}

function told(end: GitEnd): string {
  return end.kind === 'failed' ? end.words : end.kind;
}

function wrong(message: string): SourceTrouble {
  return { trouble: 'path', message };
}

function shown(path: string): string {
  return path.slice(0, 200).replace(/[\p{C}\ufffd]/gu, '?');
}
