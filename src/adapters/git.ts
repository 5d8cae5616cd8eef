import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { LavaRepository } from '../domain/lava/definition.js';
import { isCommit } from '../domain/submit/source.js';
import {
  type PackedSource,
  Source,
  type SourceFile,
  type SourceTests,
  type SourceTrouble,
  type TreeEntry,
  type WantedTree,
} from '../ports/source.js';
import { type GitEnd, git, LARGEST_PACK_BYTES } from './git-command.js';
import { type Submodule, submodulesOf } from './git-submodules.js';
import { filesOf, readFileAt, readTree } from './git-tree.js';
import { archiveOf, TreeTooLarge } from './tree-archive.js';

/** All files of repositories that are fetched for a definition, together: they are held in memory. */
const MOST_FETCHED_BYTES = 64 * 1024 * 1024;

/** Repositories that belong into a tree, fetched. */
export interface FetchedRepositories {
  readonly entries: readonly TreeEntry[];
  readonly repositories: readonly LavaRepository[];
  readonly notes: readonly string[];
}

/** A tree with repositories in it; what was at their places gives way. */
export function joinedEntries(
  entries: readonly TreeEntry[],
  { entries: more, repositories }: Pick<FetchedRepositories, 'entries' | 'repositories'>,
): readonly TreeEntry[] {
  const isUnder = (path: string) => repositories.some(({ at }) => path === at || path.startsWith(`${at}/`));
  return [...entries.filter(({ path }) => !isUnder(path)), ...more];
}

/** Submodules within submodules; more are a circle rather than a project. */
const MOST_LEVELS = 8;

/** What is kept of repositories, all in all; a single one may be as large as git may write. */
const MOST_KEPT_BYTES = 4 * LARGEST_PACK_BYTES;

/**
 * Repositories by the program git. What was fetched is kept in a folder, one bare repository for each address, only
 * so that it need not be fetched again: it can be deleted at any time.
 */
export class Git extends Source {
  /** The last that was asked of each kept repository: one after another. */
  private readonly busy = new Map<string, Promise<unknown>>();

  constructor(
    private readonly folder: string,
    private readonly mostKeptBytes = MOST_KEPT_BYTES,
  ) {
    super();
  }

  override async resolve(
    url: string,
    ref: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly commit: string } | SourceTrouble> {
    // Whether it is there comes out when it is fetched.
    if (ref !== undefined && isCommit(ref)) return { commit: ref };
    const wanted = ref === undefined ? ['HEAD'] : candidates(ref);
    const told = await git(['ls-remote', '--', url, ...wanted, ...wanted.map((one) => `${one}^{}`)], {
      ...over(url),
      signal,
    });
    if (told.kind !== 'ok') return unreachable(url, told);
    const commits = new Map(
      told.out
        .toString('utf8')
        .split('\n')
        .map((line) => line.split('\t'))
        .map(([oid = '', name = '']) => [name, oid] as const),
    );
    // An annotated tag stands for what it points at.
    const found = wanted.flatMap((name) => commits.get(`${name}^{}`) ?? commits.get(name) ?? []);
    const [commit] = found;
    if (commit === undefined) return { trouble: 'ref', message: nothingCalled(ref, url) };
    if (new Set(found).size > 1)
      return {
        trouble: 'ref',
        message: `'${ref}' is a branch and a tag of ${url}: say refs/heads/${ref} or refs/tags/${ref}`,
      };
    return { commit };
  }

  override async testsAt(
    url: string,
    commit: string,
    at: string,
    signal: AbortSignal,
  ): Promise<SourceTests | SourceTrouble> {
    return await this.with(url, commit, signal, (folder) => readTree(folder, commit, at, signal));
  }

  override async fileAt(
    url: string,
    commit: string,
    at: string,
    mostBytes: number,
    signal: AbortSignal,
  ): Promise<SourceFile | SourceTrouble> {
    return await this.with(url, commit, signal, (folder) =>
      readFileAt(folder, commit, at, mostBytes, signal),
    );
  }

  override async pack<Kept>(
    { url, commit, repositories, submodules = false }: WantedTree,
    keep: (archive: AsyncIterable<Uint8Array>) => Promise<Kept>,
    signal: AbortSignal,
  ): Promise<PackedSource<Kept> | SourceTrouble> {
    // First, for one of them may be the same repository, and no two work on one at a time.
    const inside = submodules ? await this.submodules({ url, commit }, '', MOST_LEVELS, signal) : [];
    if ('trouble' in inside) return inside;
    const fetched = await this.fetch([...repositories, ...inside], signal);
    if ('trouble' in fetched) return fetched;
    return await this.with<PackedSource<Kept> | SourceTrouble>(url, commit, signal, async (folder) => {
      const found = await taken(url, () => filesOf(folder, commit, signal));
      if ('trouble' in found) return found;
      const entries = joinedEntries(found.entries, fetched);
      const kept = await taken(url, async () => ({ value: await keep(archiveOf(entries)) }));
      if ('trouble' in kept) return kept;
      const isThere = (note: string) => inside.some(({ at }) => note.startsWith(`${at} `));
      const notes = [...found.notes, ...fetched.notes].filter((note) => !isThere(note));
      const paths = entries.map(({ path }) => path);
      return { kept: kept.value, paths, repositories: fetched.repositories, notes };
    });
  }

  /** The submodules of a commit, those that they have themselves behind them. */
  private async submodules(
    of: { readonly url: string; readonly commit: string },
    below: string,
    levels: number,
    signal: AbortSignal,
  ): Promise<readonly Submodule[] | SourceTrouble> {
    const found = await this.with(of.url, of.commit, signal, (folder) => submodulesOf(folder, of, signal));
    if ('trouble' in found) return found;
    if (found.length > 0 && levels === 0)
      return {
        trouble: 'path',
        message: `${of.url} has submodules in submodules, more than ${MOST_LEVELS} deep`,
      };
    const all: Submodule[] = [];
    for (const one of found) {
      const at = `${below}${one.at}`;
      const deeper = await this.submodules({ url: one.url, commit: one.ref }, `${at}/`, levels - 1, signal);
      if ('trouble' in deeper) return deeper;
      all.push({ ...one, at }, ...deeper);
    }
    return all;
  }

  /** The files of repositories at where they belong in a tree, read into memory, and their commits. */
  async fetch(
    repositories: readonly LavaRepository[],
    signal: AbortSignal,
  ): Promise<FetchedRepositories | SourceTrouble> {
    const entries: TreeEntry[] = [];
    const notes: string[] = [];
    const known: LavaRepository[] = [];
    let bytes = 0;
    for (const one of repositories) {
      const { url, at } = one;
      const resolved = await this.resolve(url, one.ref, signal);
      if ('trouble' in resolved) return resolved;
      const { commit } = resolved;
      const found = await this.with<Omit<FetchedRepositories, 'repositories'> | SourceTrouble>(
        url,
        commit,
        signal,
        (folder) =>
          taken(url, async () => {
            const all = await filesOf(folder, commit, signal);
            return { ...all, entries: await Promise.all(all.entries.map(inMemory)) };
          }),
      );
      if ('trouble' in found) return found;
      for (const entry of found.entries) {
        bytes += entry.kind === 'file' ? (await entry.content()).length : 0;
        entries.push({ ...entry, path: `${at}/${entry.path}` });
      }
      notes.push(...found.notes.map((note) => `${at}/${note}`));
      if (bytes > MOST_FETCHED_BYTES)
        return {
          trouble: 'path',
          message: `the repositories inside of it have more than ${MOST_FETCHED_BYTES} bytes together`,
        };
      known.push({ ...one, commit });
    }
    return { entries, notes, repositories: known };
  }

  /** Works on a kept repository that has a commit. */
  private async with<Answer>(
    url: string,
    commit: string,
    signal: AbortSignal,
    work: (folder: string) => Promise<Answer>,
  ): Promise<Answer | SourceTrouble> {
    const name = createHash('sha256').update(url).digest('hex').slice(0, 32);
    return await this.alone(name, signal, async (folder) => {
      try {
        const trouble = await fetchInto(folder, url, commit, signal);
        if (trouble !== undefined) return trouble;
        const answer = await work(folder);
        await utimes(folder, new Date(), new Date());
        void this.trim(name).catch(() => undefined);
        return answer;
      } catch (error) {
        if (signal.aborted) return slow(url);
        throw error;
      }
    });
  }

  /** Works on a kept repository while nobody else does. */
  private async alone<Answer>(
    name: string,
    signal: AbortSignal,
    work: (folder: string) => Promise<Answer>,
  ): Promise<Answer | SourceTrouble> {
    const before = this.busy.get(name) ?? Promise.resolve();
    // Who has waited for too long does nothing any more, and the next one waits for whoever is at work.
    const mine = before.then(() => work(path.join(this.folder, name)));
    const ended = mine.catch(() => undefined);
    this.busy.set(name, ended);
    void ended.then(() => {
      if (this.busy.get(name) === ended) this.busy.delete(name);
    });
    const over = new AbortController();
    const late = new Promise<'late'>((resolve) => {
      if (signal.aborted) resolve('late');
      else signal.addEventListener('abort', () => resolve('late'), { signal: over.signal });
    });
    const first = await Promise.race([before, late]);
    over.abort();
    return first === 'late' ? slow('The repository, which others are fetching from,') : await mine;
  }

  /** Deletes what was not used for the longest time, where too much is kept. */
  private async trim(used: string): Promise<void> {
    const kept = await Promise.all(
      (await readdir(this.folder)).map(async (name) => {
        const at = path.join(this.folder, name);
        return { name, usedMs: (await stat(at)).mtimeMs, bytes: await sizeOf(at) };
      }),
    );
    let total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { name, bytes } of kept.sort((a, b) => a.usedMs - b.usedMs)) {
      if (total <= this.mostKeptBytes) return;
      if (name === used && bytes <= LARGEST_PACK_BYTES) continue;
      total -= bytes;
      const never = new AbortController().signal;
      await this.alone(name, never, (folder) => rm(folder, { recursive: true, force: true }));
    }
  }
}

/** A tree that is too large is a trouble to tell. */
async function taken<Answer extends object>(
  url: string,
  work: () => Promise<Answer>,
): Promise<Answer | SourceTrouble> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TreeTooLarge) return { trouble: 'path', message: `${url}: ${error.message}` };
    throw error;
  }
}

async function inMemory(entry: TreeEntry): Promise<TreeEntry> {
  if (entry.kind !== 'file') return entry;
  const bytes = await entry.content();
  return { ...entry, content: async () => bytes };
}

/** Makes sure that a commit with all its files is there; alone where the server gives it so, else with all there is. */
async function fetchInto(
  folder: string,
  url: string,
  commit: string,
  signal: AbortSignal,
): Promise<SourceTrouble | undefined> {
  if (await isThere(folder, commit, signal)) return undefined;
  if (signal.aborted) return slow(url);
  const options = ['--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--quiet'];
  const alone = ['fetch', '--depth=1', ...options, '--', url, `+${commit}:refs/testyard/${commit}`];
  const heads = ['+HEAD:refs/all/HEAD', '+refs/heads/*:refs/all/heads/*', '+refs/tags/*:refs/all/tags/*'];
  const whole = ['fetch', ...options, '--', url, ...heads];
  const limits = { folder, ...over(url), signal };
  let last: GitEnd = { kind: 'failed', words: '' };
  // What is kept may be damaged, or locked by a command that was cut off: then it is begun anew.
  for (const [way, isAnew] of [
    [alone, false],
    [alone, true],
    [whole, true],
  ] as const) {
    last =
      isAnew || !(await isKept(folder)) ? await begin(folder, commit, signal) : { kind: 'ok', out: NOTHING };
    if (last.kind === 'ok') last = await git(way, limits);
    if (last.kind === 'ok' && (await isThere(folder, commit, signal))) return undefined;
    if (last.kind !== 'ok' && last.kind !== 'failed') break;
  }
  await rm(folder, { recursive: true, force: true });
  if (last.kind !== 'ok') return unreachable(url, last);
  return { trouble: 'ref', message: `${url} has no commit ${commit} that it would give` };
}

const NOTHING = Buffer.alloc(0);

async function begin(folder: string, commit: string, signal: AbortSignal): Promise<GitEnd> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const format = commit.length === 64 ? 'sha256' : 'sha1';
  return await git(['init', '--bare', '--quiet', '--template=', `--object-format=${format}`], {
    folder,
    signal,
  });
}

async function isKept(folder: string): Promise<boolean> {
  return (await stat(path.join(folder, 'HEAD')).catch(() => undefined)) !== undefined;
}

async function isThere(folder: string, commit: string, signal: AbortSignal): Promise<boolean> {
  if (!(await isKept(folder))) return false;
  const type = await git(['cat-file', '-t', commit], { folder, signal });
  return type.kind === 'ok' && type.out.toString().trim() === 'commit';
}

/** A name in full, or as a branch or tag. */
function candidates(ref: string): readonly string[] {
  return ref.startsWith('refs/') || ref === 'HEAD' ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
}

function nothingCalled(ref: string | undefined, url: string): string {
  if (ref === undefined) return `${url} says no branch of its own: name one`;
  const hint = /^[0-9a-f]{7,63}$/.test(ref) ? '; a commit is named in full, with all its 40 digits' : '';
  return `${url} has no branch or tag '${ref}'${hint}`;
}

function unreachable(url: string, end: Exclude<GitEnd, { readonly kind: 'ok' }>): SourceTrouble {
  switch (end.kind) {
    case 'no_program':
      return {
        trouble: 'no_program',
        message: "the program 'git' is not installed (Debian: apt-get install git)",
      };
    case 'slow':
      return slow(url);
    case 'too_large':
      return {
        trouble: 'unreachable',
        message: `${url} is larger than the ${LARGEST_PACK_BYTES} bytes that are fetched`,
      };
    case 'failed':
      return { trouble: 'unreachable', message: `${url} cannot be fetched: ${end.words}` };
  }
}

function slow(url: string): SourceTrouble {
  return { trouble: 'slow', message: `${url} did not answer in time` };
}

/** Of all the ways that git knows; others (`ext::` runs what it is told) are none. */
function over(url: string): { readonly scheme: string } {
  return { scheme: /^(https?|ssh|git|file):\/\//.exec(url)?.[1] ?? 'none' };
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(
      async (entry) =>
        (await stat(path.join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0,
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
