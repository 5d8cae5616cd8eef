import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type GitEnd, git } from '../adapters/git-command.js';
import { linksOf } from '../adapters/git-tree.js';
import { Failure } from './failure.js';

const PATIENCE_MS = 30 * 60_000;

async function asked(folder: string, ...args: readonly string[]): Promise<GitEnd> {
  return await git(['-C', folder, ...args], {
    signal: AbortSignal.timeout(PATIENCE_MS),
    fetchesMissing: true,
  });
}

/**
 * Gives a work tree the submodules that its commit names, from what this clone has of them: nothing is fetched. Those
 * that it has nothing of stay empty, as they are in the user's own work tree.
 */
export async function putModules(
  tree: string,
  commit: string,
  shared: string,
  keepsFiles: boolean,
): Promise<void> {
  if (!existsSync(path.join(tree, '.gitmodules'))) return;
  const names = await namesAt(tree);
  for (const { path: place, oid } of await linksOf(shared, commit, AbortSignal.timeout(PATIENCE_MS))) {
    const module = path.join(shared, 'modules', names.get(place) ?? place);
    if (!existsSync(module)) continue;
    const inner = path.join(tree, place);
    await putModule(module, inner, oid, `the submodule ${place} of commit ${commit.slice(0, 12)}`);
    if (!keepsFiles) await asked(inner, 'clean', '-ffdxq');
    await putModules(inner, oid, module, keepsFiles);
  }
}

async function putModule(module: string, tree: string, oid: string, what: string): Promise<void> {
  const end = existsSync(path.join(tree, '.git'))
    ? await asked(tree, 'checkout', '--quiet', '--force', '--detach', oid)
    : await asked(module, 'worktree', 'add', '--quiet', '--force', '--detach', tree, oid);
  if (end.kind === 'ok') return;
  throw new Failure(
    `${what} is not in this clone at ${oid.slice(0, 12)}: ${end.kind === 'failed' ? end.words : end.kind.replaceAll('_', ' ')}`,
    undefined,
    'Fetch it: git submodule foreach --recursive git fetch --all. The same command then goes on.',
  );
}

/** What the submodules are called, by their places. */
async function namesAt(tree: string): Promise<ReadonlyMap<string, string>> {
  const end = await asked(tree, 'config', '--file', '.gitmodules', '--get-regexp', '-z', '\\.path$');
  const lines = end.kind === 'ok' ? end.out.toString('utf8').split('\0') : [];
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, name, place] = /^submodule\.(.+)\.path\n(.*)$/s.exec(line) ?? [];
      // A name that leads elsewhere is none that git would have made a folder of.
      const isPlain = name !== undefined && !name.split('/').includes('..') && !path.isAbsolute(name);
      return isPlain && place !== undefined ? [[place, name]] : [];
    }),
  );
}

/** Makes this clone's submodules forget the work trees that are gone. */
export async function pruneModules(shared: string): Promise<void> {
  for (const module of await modulesIn(path.join(shared, 'modules'))) {
    await asked(module, 'worktree', 'prune', '--expire', 'now');
    await pruneModules(module);
  }
}

/** Folders of repositories; a submodule's name may have slashes. */
async function modulesIn(folder: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return [];
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const inner = path.join(folder, entry.name);
    if (!entry.isDirectory()) continue;
    if (existsSync(path.join(inner, 'HEAD'))) found.push(inner);
    else found.push(...(await modulesIn(inner)));
  }
  return found;
}
