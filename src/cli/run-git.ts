import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Git } from '../adapters/git.js';
import { writeArchive } from '../adapters/tree-archive.js';
import { LARGEST_HANDLER_BYTES } from '../domain/handler.js';
import type { LavaRepository } from '../domain/lava/definition.js';
import { type TestSource, wrongPath, wrongRef, wrongUrl } from '../domain/submit/source.js';
import { Failure } from './failure.js';
import { gitIn, PATIENCE_MS, wellOr } from './run-fetch.js';
import type { PackedTree, PackedTrees } from './run-tree.js';

/** Tests of a repository. */
export interface FromRepository {
  readonly files: { readonly name: string; readonly bytes: Uint8Array; readonly source: TestSource }[];
  readonly others: readonly string[];
  /** Packs all of the commit, with repositories in it, for a test that wants it beside itself. */
  readonly tree: (repositories: readonly LavaRepository[]) => Promise<PackedTree>;
  /** A file of the commit, by its path. */
  readonly fileAt: (path: string) => Promise<Uint8Array | undefined>;
}

/** Tests of a repository at the commit for which a name stands now; it is kept only for as long as the command runs. */
export async function fromRepository(
  address: string,
  ref: string | undefined,
  paths: readonly string[],
  trees: PackedTrees,
): Promise<FromRepository> {
  const about = await stat(address).catch(() => undefined);
  const url = about?.isDirectory() ? pathToFileURL(path.resolve(address)).href : address;
  refuse(`--git ${address}`, wrongUrl(url));
  if (ref !== undefined) refuse(`--ref ${ref}`, wrongRef(ref));
  const wanted = paths.length === 0 ? ['.'] : paths;
  for (const one of wanted) refuse(one, wrongPath(one));
  return await fetched(gitIn(await trees.temporary()), url, ref, wanted, trees);
}

async function fetched(
  git: Git,
  url: string,
  ref: string | undefined,
  paths: readonly string[],
  trees: PackedTrees,
): Promise<FromRepository> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const { commit } = wellOr(await git.resolve(url, ref, signal));
  const files = new Map<string, { name: string; bytes: Uint8Array; source: TestSource }>();
  const others: string[] = [];
  for (const one of paths) {
    const found = wellOr(await git.testsAt(url, commit, one, signal));
    for (const { path, bytes } of found.tests)
      files.set(path, { name: path, bytes, source: { url, commit, path } });
    others.push(...found.others);
  }
  const tree = (repositories: readonly LavaRepository[]) =>
    trees.once([url, repositories], async (file) => {
      const wanted = { url, commit, repositories };
      const packed = wellOr(await git.pack(wanted, (archive) => writeArchive(archive, file), signal));
      return { ...packed, tree: packed.kept, file, paths: new Set(packed.paths) };
    });
  const fileAt = async (path: string) =>
    wellOr(await git.fileAt(url, commit, path, LARGEST_HANDLER_BYTES, signal)).bytes;
  return { files: [...files.values()], others, tree, fileAt };
}

function refuse(what: string, wrong: string | undefined): void {
  if (wrong !== undefined) throw new Failure(`${what}: ${wrong}`);
}
