import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type FetchedRepositories, joinedEntries } from '../adapters/git.js';
import { archiveOf, TreeTooLarge, writeArchive } from '../adapters/tree-archive.js';
import { type FoundTree, Trees } from '../adapters/tree-files.js';
import type { LavaRepository, TestTree } from '../domain/lava/definition.js';
import type { TestSpec } from '../domain/test.js';
import { Failure } from './failure.js';
import { fetchedFor } from './run-fetch.js';

const NOTHING: FetchedRepositories = { entries: [], repositories: [], notes: [] };

/** What goes along with a test: an archive, as a file of this machine. */
export interface PackedTree {
  readonly tree: TestTree;
  readonly file: string;
  readonly paths: ReadonlySet<string>;
  /** What of it was left out. */
  readonly notes: readonly string[];
  /** What was fetched into it, with the commits. */
  readonly repositories: readonly LavaRepository[];
}

/** Packs what goes along with tests, each folder once; the archives go when the command is over. */
export class PackedTrees {
  private readonly trees = new Trees();
  private readonly packed = new Map<string, Promise<PackedTree>>();
  private folder: Promise<string> | undefined;
  private files = 0;

  /** The root of what goes along with a file, and where below it the file lies. */
  async placeOf(file: string, tree: string | undefined, folder: string | undefined, wants: string) {
    const root = tree === undefined ? await this.trees.rootOf(file, folder, wants) : await realTree(tree);
    const inside = path.relative(root, await realpath(file));
    if (inside.startsWith('..'))
      throw new Failure(`${file} does not lie in ${root}: name a folder above it with --tree`);
    return { root, inside };
  }

  /** What goes along from a folder of this machine, with repositories fetched into it. */
  async at(root: string, wanted: readonly LavaRepository[]): Promise<PackedTree> {
    return await this.packedOnce(root, () => this.trees.at(root), wanted);
  }

  /** What was found somewhere, with repositories fetched into it. */
  async packedOnce(
    where: string,
    find: () => Promise<Pick<FoundTree, 'entries' | 'notes'>>,
    wanted: readonly LavaRepository[],
  ): Promise<PackedTree> {
    return await this.once([where, wanted], async (file) => {
      const { entries, notes } = await find();
      const more = wanted.length === 0 ? NOTHING : await fetchedFor(wanted, await this.temporary());
      const all = joinedEntries(entries, more);
      const tree = await writeArchive(archiveOf(all), file);
      const paths = new Set(all.map((entry) => entry.path));
      return { tree, file, paths, repositories: more.repositories, notes: [...notes, ...more.notes] };
    });
  }

  /** The archive of this, made once: `make` writes it to a file. */
  async once(what: readonly unknown[], make: (file: string) => Promise<PackedTree>): Promise<PackedTree> {
    const key = JSON.stringify(what);
    const file = await this.newFile();
    const known = this.packed.get(key) ?? make(file);
    this.packed.set(key, known);
    return await known.catch((error: unknown) => {
      if (error instanceof TreeTooLarge)
        throw new Failure(`${what[0]} cannot go along: ${error.message}; name a smaller folder with --tree`);
      throw error;
    });
  }

  /** Where a file can be written that goes with the archives. */
  async newFile(): Promise<string> {
    return path.join(await this.temporary(), `${this.files++}`);
  }

  /** A folder that goes with the archives. */
  async temporary(): Promise<string> {
    this.folder ??= mkdtemp(path.join(tmpdir(), 'testyard-tree-'));
    return await this.folder;
  }

  /** Deletes all of it. */
  async remove(): Promise<void> {
    if (this.folder !== undefined) await rm(await this.folder, { recursive: true, force: true });
  }
}

async function realTree(folder: string): Promise<string> {
  const about = await stat(folder).catch(() => undefined);
  if (!about?.isDirectory()) throw new Failure(`--tree ${folder}: there is no such folder`);
  return await realpath(folder);
}

/** Where the first step goes, from the root of the tree; '.' where it cannot be told, or stays. */
export function firstFolder({ lava }: Pick<TestSpec, 'lava'>): string {
  const into = /^\s*cd\s+['"]?([A-Za-z0-9_./-]+?)\/*['"]?\s*$/.exec(lava?.steps[0] ?? '')?.[1];
  return into === undefined || into.startsWith('/') ? '.' : path.posix.normalize(into);
}
