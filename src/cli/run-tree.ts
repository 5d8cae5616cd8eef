import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { archiveOf, TreeTooLarge, writeArchive } from '../adapters/tree-archive.js';
import { Trees } from '../adapters/tree-files.js';
import type { TestTree } from '../domain/lava/definition.js';
import type { TreeEntry } from '../ports/source.js';
import { Failure } from './failure.js';

/** What goes along with a test: an archive, as a file of this machine. */
export interface PackedTree {
  readonly tree: TestTree;
  readonly file: string;
  readonly paths: ReadonlySet<string>;
  /** What of it was left out. */
  readonly notes: readonly string[];
}

/** What is to be packed. */
interface Unpacked {
  readonly entries: readonly TreeEntry[];
  readonly notes: readonly string[];
}

/** Packs what goes along with tests, each folder once; the archives go when the command is over. */
export class PackedTrees {
  private readonly trees = new Trees();
  private readonly packed = new Map<string, Promise<PackedTree>>();
  private folder: Promise<string> | undefined;

  /** The root of what goes along with a file, and where below it the file lies. */
  async placeOf(file: string, named: string | undefined, wants: string) {
    const root = await this.trees.rootOf(file, named, wants);
    const inside = path.relative(root, await realpath(file));
    if (inside.startsWith('..'))
      throw new Failure(`${file} does not lie in ${root}: name a folder above it with --tree`);
    return { root, inside };
  }

  /** What goes along from a folder of this machine. */
  async at(root: string): Promise<PackedTree> {
    return await this.pack(root, async (keep) => await keep(await this.trees.at(root)));
  }

  /** The archive of this name, made once: `give` gives what is to be packed, and waits until it is. */
  async pack(
    name: string,
    give: (keep: (found: Unpacked) => Promise<PackedTree>) => Promise<PackedTree>,
  ): Promise<PackedTree> {
    const file = path.join(await this.temporary(), `${this.packed.size}.tar.gz`);
    const keep = async ({ entries, notes }: Unpacked) => {
      const tree = await writeArchive(archiveOf(entries), file);
      return { tree, file, paths: new Set(entries.map((entry) => entry.path)), notes };
    };
    const known = this.packed.get(name) ?? give(keep);
    this.packed.set(name, known);
    return await known.catch((error: unknown) => {
      if (error instanceof TreeTooLarge)
        throw new Failure(`${name} cannot go along: ${error.message}; name a smaller folder with --tree`);
      throw error;
    });
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
