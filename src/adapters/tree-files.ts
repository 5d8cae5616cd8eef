import { lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { TreeEntry } from '../ports/source.js';
import { git } from './git-command.js';
import { MOST_TREE_BYTES, MOST_TREE_FILES, TreeTooLarge, tooLarge } from './tree-archive.js';

/** What lies around a test, and what of it does not go along with it. */
export interface FoundTree {
  /** The folder that it begins at: an absolute path without links. */
  readonly root: string;
  readonly entries: readonly TreeEntry[];
  readonly notes: readonly string[];
}

/** Listing the files of a large repository takes seconds. */
const PATIENCE_MS = 120_000;

/** Finds what lies around tests; what git said of a folder is asked once, as many tests lie in one repository. */
export class Trees {
  private readonly lists = new Map<string, Promise<readonly string[] | undefined>>();

  /**
   * The folder that goes along with a file: the git work tree in which it lies, if git does not ignore it there; else
   * that in which the file's own folder is `wants`; else the folder that was named, else its own.
   */
  async rootOf(file: string, named: string | undefined, wants: string): Promise<string> {
    const real = await realpath(file);
    const own = path.dirname(real);
    const above = await workTreeAbove(own);
    if (above !== undefined && (await this.listed(above))?.includes(path.relative(above, real))) return above;
    // All of the machine is nobody's tests.
    if (own.endsWith(`/${wants}`) && own !== `/${wants}`) return own.slice(0, -wants.length - 1);
    return named === undefined ? own : await realpath(named);
  }

  /** All that goes along from a folder: of a git work tree what git knows and does not ignore, else everything. */
  async at(folder: string): Promise<FoundTree> {
    const root = await realpath(folder);
    const known = (await isThere(path.join(root, '.git'))) ? await this.listed(root) : undefined;
    const walk = new Walk(root);
    if (known === undefined) await walk.folder('');
    else for (const one of known) await walk.one(one.replace(/\/$/, ''), false);
    return { root, entries: walk.entries, notes: walk.notes };
  }

  /** Paths that git knows, or neither knows nor ignores; undefined where there is no git, or it is no repository. */
  private listed(root: string): Promise<readonly string[] | undefined> {
    const list = this.lists.get(root) ?? listOf(root);
    this.lists.set(root, list);
    return list;
  }
}

async function workTreeAbove(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = path.dirname(at)) {
    if (await isThere(path.join(at, '.git'))) return at;
    if (path.dirname(at) === at) return undefined;
  }
}

async function isThere(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

async function listOf(root: string): Promise<readonly string[] | undefined> {
  const options = ['-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const told = await git(['ls-files', ...options], {
    folder: path.join(root, '.git'),
    workTree: root,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return told.kind === 'ok' ? told.out.toString('utf8').split('\0').filter(Boolean) : undefined;
}

/** Gathers what is there, without following links. */
class Walk {
  readonly entries: TreeEntry[] = [];
  readonly notes: string[] = [];
  private bytes = 0;

  constructor(private readonly root: string) {}

  async folder(at: string): Promise<void> {
    const names = (await readdir(path.join(this.root, at))).sort();
    const inside = names.filter((name) => name !== '.git');
    if (inside.length === 0 && at !== '') this.take({ kind: 'folder', path: at });
    for (const name of inside) await this.one(at === '' ? name : `${at}/${name}`, true);
  }

  /** Takes what is at a path, or says why not; git names a folder only where it is another repository. */
  async one(at: string, intoFolders: boolean): Promise<void> {
    const full = path.join(this.root, at);
    const about = await lstat(full).catch((error: NodeJS.ErrnoException) => {
      // Git knows a file that somebody has deleted.
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (about === undefined) return;
    if (/[\p{C}\ufffd]/u.test(at))
      this.notes.push(`${shown(at)} does not go along: it is no name for a file`);
    else if (about.isDirectory()) {
      if (intoFolders) await this.folder(at);
      else this.notes.push(`${at} does not go along: it is another repository`);
    } else if (about.isSymbolicLink()) await this.link(at, await readlink(full));
    else if (about.isFile()) {
      this.bytes += about.size;
      if (this.bytes > MOST_TREE_BYTES) throw new TreeTooLarge(tooLarge());
      const isExecutable = (about.mode & 0o111) !== 0;
      this.take({ kind: 'file', path: at, isExecutable, content: () => readFile(full) });
    } else this.notes.push(`${at} does not go along: it is neither a file, a folder nor a link`);
  }

  private async link(at: string, to: string): Promise<void> {
    if (leadsOut(at, to)) this.notes.push(outside(at, to));
    else this.take({ kind: 'link', path: at, to });
  }

  private take(entry: TreeEntry): void {
    this.entries.push(entry);
    if (this.entries.length > MOST_TREE_FILES)
      throw new TreeTooLarge(`it has more than ${MOST_TREE_FILES} files, the most that go along with a test`);
  }
}

/** Whether a link leads out of its tree. */
export function leadsOut(at: string, to: string): boolean {
  if (to === '' || to.startsWith('/')) return true;
  const end = path.posix.normalize(path.posix.join(path.posix.dirname(at), to));
  return end === '..' || end.startsWith('../');
}

/** What to say of a link that leads out. */
export function outside(at: string, to: string): string {
  return `${shown(at)} does not go along: it is a link that leads out, to ${shown(to)}`;
}

function shown(text: string): string {
  return text.slice(0, 200).replace(/[\p{C}\ufffd]/gu, '?');
}
