import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type GitEnd, git } from '../adapters/git-command.js';
import type { Bisection, Brought } from './bisect-journal.js';
import { pruneModules, putModules } from './bisect-modules.js';
import { Failure } from './failure.js';

/** A commit as people know it. */
export interface Commit {
  readonly id: string;
  readonly author: string;
  readonly date: string;
  readonly subject: string;
}

/** Nothing that is asked of git here takes long, but a checkout of a large repository. */
const PATIENCE_MS = 30 * 60_000;

/** What the temporary folders of work trees are called, and the trees in them. */
const FOLDER = 'testyard-bisect-';
const TREE = 'tree';

async function asked(folder: string, ...args: readonly string[]): Promise<GitEnd> {
  return await git(['-C', folder, ...args], {
    signal: AbortSignal.timeout(PATIENCE_MS),
    fetchesMissing: true,
  });
}

async function said(folder: string, ...args: readonly string[]): Promise<string> {
  const end = await asked(folder, ...args);
  if (end.kind === 'ok') return end.out.toString('utf8').trimEnd();
  if (end.kind === 'no_program') throw new Failure('there is no program git on this machine');
  throw new Failure(`git ${args[0]}: ${end.kind === 'failed' ? end.words : end.kind.replaceAll('_', ' ')}`);
}

/** A repository whose work tree is left alone: commits are tried in linked work trees of their own. */
export class BisectRepository {
  private constructor(
    /** The top folder of the user's work tree; of a repository without one its own. */
    readonly top: string,
    /** The folder that all its work trees share, in which the state of a bisection is kept. */
    readonly shared: string,
  ) {}

  /** The repository around a folder, which is told from where the person stands: git itself is run elsewhere. */
  static async at(told: string): Promise<BisectRepository> {
    const folder = path.resolve(told);
    const end = await asked(folder, 'rev-parse', '--path-format=absolute', '--git-common-dir');
    if (end.kind === 'no_program') throw new Failure('there is no program git on this machine');
    if (end.kind !== 'ok')
      throw new Failure(`--repo ${folder}: no repository of git`, undefined, 'Name its folder with --repo.');
    const top = await asked(folder, 'rev-parse', '--show-toplevel');
    return new BisectRepository(
      top.kind === 'ok' ? top.out.toString('utf8').trimEnd() : folder,
      end.out.toString('utf8').trimEnd(),
    );
  }

  /** The commit that a name stands for now. */
  async commit(option: string, name: string): Promise<string> {
    const end = await asked(
      this.top,
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${name}^{commit}`,
    );
    if (end.kind !== 'ok') throw new Failure(`${option} ${name}: the repository knows no such commit`);
    return end.out.toString('utf8').trim();
  }

  /** The last good commit and all after it up to the bad one, following first parents: a merge is one change. */
  async line(good: string, bad: string): Promise<readonly string[]> {
    const above = await asked(this.top, 'merge-base', '--is-ancestor', good, bad);
    if (above.kind !== 'ok')
      throw new Failure(
        'the good commit is no ancestor of the bad one',
        undefined,
        `Take one that is: git merge-base ${good.slice(0, 12)} ${bad.slice(0, 12)}`,
      );
    const list = await said(this.top, 'rev-list', '--reverse', '--first-parent', `${good}..${bad}`);
    if (list === '') throw new Failure('--good and --bad are the same commit: there is nothing to search');
    return [good, ...list.split('\n')];
  }

  async about(commit: string): Promise<Commit> {
    const format = '--format=%H%x00%an <%ae>%x00%ad%x00%s';
    const [id = '', author = '', date = '', subject = ''] = (
      await said(this.top, 'show', '--no-patch', '--date=iso', format, commit)
    ).split('\0');
    return { id, author, date, subject };
  }

  async knows(file: string): Promise<boolean> {
    return (await asked(this.top, 'ls-files', '--error-unmatch', '--', file)).kind === 'ok';
  }

  /** One of the commits, a line, that has no file at this place; undefined: all have. */
  async lacking([good = '', ...after]: readonly string[], place: string): Promise<string | undefined> {
    if ((await said(this.top, 'ls-tree', '--full-tree', good, '--', place)) === '') return good;
    const line = [`${good}..${after.at(-1)}`, '--first-parent', '-m', '--no-renames'];
    const gone = await said(this.top, 'log', '--format=%H', '--diff-filter=D', ...line, '--', place);
    return gone === '' ? undefined : gone.split('\n')[0];
  }

  /** A linked work tree in a temporary folder. */
  async workTree(commit: string): Promise<BisectTree> {
    const folder = await mkdtemp(path.join(tmpdir(), FOLDER));
    const tree = path.join(folder, TREE);
    try {
      await said(this.top, 'worktree', 'add', '--quiet', '--detach', tree, commit);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return new BisectTree(this, folder, tree);
  }

  /** Takes away the work trees of a bisection that was killed. */
  async forgetLeftTrees(): Promise<void> {
    const list = await said(this.top, 'worktree', 'list', '--porcelain');
    for (const [, tree = ''] of list.matchAll(/^worktree (.+)$/gm))
      if (path.basename(tree) === TREE && path.basename(path.dirname(tree)).startsWith(FOLDER))
        await this.forget(path.dirname(tree), tree);
  }

  /** Takes a work tree away, with what git has written down of it. */
  async forget(folder: string, tree: string): Promise<void> {
    await asked(this.top, 'worktree', 'remove', '--force', '--force', tree);
    await rm(folder, { recursive: true, force: true });
    await asked(this.top, 'worktree', 'prune');
    await pruneModules(this.shared);
  }
}

/** Where a folder really is, which is made where there is none; undefined: it cannot be. */
async function madeFolder(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { recursive: true });
    return await realpath(folder);
  } catch {
    return undefined;
  }
}

/** A work tree in which one commit after another is tried. */
export class BisectTree {
  constructor(
    private readonly repository: BisectRepository,
    private readonly folder: string,
    readonly path: string,
  ) {}

  /** The files of a commit; unless they are kept nothing else, so that no trial finds what an earlier one left. */
  async put(
    commit: string,
    { keepsFiles, brought }: Pick<Bisection, 'keepsFiles' | 'brought'>,
  ): Promise<void> {
    await said(this.path, 'checkout', '--quiet', '--force', '--detach', commit);
    if (!keepsFiles) await said(this.path, 'clean', '-ffdxq');
    await putModules(this.path, commit, this.repository.shared, keepsFiles);
    if (brought !== undefined) await this.bring(commit, brought);
  }

  private async bring(commit: string, { place, base64 }: Brought): Promise<void> {
    const file = path.join(this.path, place);
    const parent = await madeFolder(path.dirname(file));
    const inside = await realpath(this.path);
    if (parent === undefined || !`${parent}/`.startsWith(`${inside}/`))
      throw new Failure(
        `${place} cannot be put into commit ${commit.slice(0, 12)}: a link there leads out of the repository, or a file is in its way`,
        undefined,
        'Copy the script to a folder outside of the repository, and name that one.',
      );
    await rm(file, { recursive: true, force: true });
    await writeFile(file, Buffer.from(base64, 'base64'), { mode: 0o755 });
  }

  async remove(): Promise<void> {
    await this.repository.forget(this.folder, this.path);
  }
}
