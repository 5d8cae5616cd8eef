import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Arrival } from '../domain/change.js';
import { mailOf, ownerOf, type WatchSpec } from '../domain/watch.js';
import { Arrivals, type KnownPlace, type Look } from '../ports/arrivals.js';
import { type GitEnd, git } from './git-command.js';
import { oneLine } from './one-line.js';

const MINUTES_10_MS = 600_000;
/** More commits between two looks are told by the newest of them. */
const MOST_COMMITS = 10_000;
const MOST_FILES = 500;
const HEAD = 'refs/testyard/watched';
/** Sites of which it is known where they show a commit. */
const SHOWS_COMMITS = /^https:\/\/(?:github\.com|gitlab\.com|codeberg\.org)\//;

/** Why a repository cannot be read. */
class NotThere extends Error {
  override readonly name = 'NotThere';
}

/** Branches of git repositories: what was added since the last look, along the branch itself. */
export class GitArrivals extends Arrivals {
  /** `folder` keeps what was fetched, one repository for each address; it can be deleted at any time. */
  constructor(private readonly folder: string) {
    super();
  }

  override async look(watch: WatchSpec, known: KnownPlace, signal: AbortSignal): Promise<Look> {
    if (watch.place.kind !== 'git') throw new Error(`'${watch.name}' is no branch of git`);
    const { url, branch } = watch.place;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(MINUTES_10_MS)]);
    try {
      const head = await headOf(url, branch, limit);
      const before = known.versions.get(watch.name);
      if (head === before) return { kind: 'as_before' };
      const name = createHash('sha256').update(`${url} ${branch}`).digest('hex').slice(0, 32);
      const commits = await commitsTo(path.join(this.folder, name), { url, branch, head, before }, limit);
      return { kind: 'read', arrivals: commits.map((commit) => arrivalOf(watch, url, commit)), isAll: false };
    } catch (error) {
      if (error instanceof NotThere) return { kind: 'unreadable', why: error.message };
      throw error;
    }
  }
}

/** A commit of a branch. */
interface Commit {
  readonly id: string;
  readonly author: string;
  readonly mail: string;
  readonly madeAt: Date;
  readonly title: string;
  readonly files: readonly string[];
}

function arrivalOf(
  watch: WatchSpec,
  url: string,
  { id, author, mail, madeAt, title, files }: Commit,
): Arrival {
  const who = oneLine(`${author} <${mail}>`);
  const owner = ownerOf(watch, files, mailOf(mail));
  return {
    component: watch.name,
    version: id,
    title: oneLine(title) ?? id,
    ...(who === undefined ? {} : { author: who }),
    ...(owner === undefined ? {} : { owner }),
    ...(SHOWS_COMMITS.test(url) ? { link: `${url.replace(/\.git$/, '')}/commit/${id}` } : {}),
    ...(Number.isNaN(madeAt.getTime()) ? {} : { madeAt }),
    facts: { files: files.slice(0, MOST_FILES) },
  };
}

async function headOf(url: string, branch: string, signal: AbortSignal): Promise<string> {
  const ref = branch.startsWith('refs/') ? branch : `refs/heads/${branch}`;
  const told = await said(url, git(['ls-remote', '--', url, ref], { scheme: schemeOf(url), signal }));
  const [head = ''] = told.toString('latin1').split('\t');
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(head)) throw new NotThere(`${url} has no branch '${branch}'`);
  return head;
}

/** What leads to the head of a branch. */
interface Way {
  readonly url: string;
  readonly branch: string;
  readonly head: string;
  /** The commit that was its head before; undefined: nobody has looked yet. */
  readonly before: string | undefined;
}

async function commitsTo(folder: string, way: Way, signal: AbortSignal): Promise<readonly Commit[]> {
  await fetchHead(folder, way, signal);
  const { url, head, before } = way;
  const ask = async (...args: readonly string[]) => await said(url, git(args, { folder, signal }));
  // Without a commit to begin at, or where the branch was written anew, it begins at its head.
  const since = before === undefined ? undefined : await commonOf(folder, before, head, signal);
  const range = since === undefined || since === head ? ['-1', head] : [`${since}..${head}`];
  const format = '%H%x00%P%x00%an%x00%ae%x00%cI%x00%s';
  const most = `--max-count=${MOST_COMMITS}`;
  const log = await ask(
    'log',
    '-z',
    '--first-parent',
    '--topo-order',
    most,
    `--format=${format}`,
    ...range,
    '--',
  );
  const words = log.toString('utf8').split('\0');
  const commits: (Omit<Commit, 'files'> & { readonly parent: string })[] = [];
  for (let at = 0; at + 5 < words.length; at += 6) {
    const [id = '', parents = '', author = '', mail = '', time = '', title = ''] = words.slice(at, at + 6);
    const [parent = ''] = parents.split(' ');
    commits.unshift({ id, parent, author, mail, madeAt: new Date(time), title });
  }
  const files = await filesOf(folder, url, commits, signal);
  return commits.map(({ parent: _, ...commit }) => ({ ...commit, files: files.get(commit.id) ?? [] }));
}

/** What each commit touched, against the commit before it on the branch. */
async function filesOf(
  folder: string,
  url: string,
  commits: readonly { readonly id: string; readonly parent: string }[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const input = commits.map(({ id, parent }) => `${id} ${parent}`.trim()).join('\n');
  const args = ['diff-tree', '--stdin', '-r', '-z', '--root', '--no-renames', '--raw'];
  const told = await said(url, git(args, { folder, signal, input: `${input}\n` }));
  const files = new Map<string, string[]>();
  const words = told.toString('utf8').split('\0');
  let current: string[] = [];
  // A word is a commit, or it begins with ':' and a path follows it.
  for (let at = 0; at < words.length; at++) {
    const word = (words[at] ?? '').trim();
    if (word.startsWith(':')) current.push(words[++at] ?? '');
    else if (word !== '') {
      current = [];
      files.set(word, current);
    }
  }
  return files;
}

/** Where two commits have parted; undefined where they have nothing in common, or the first is not there any more. */
async function commonOf(folder: string, one: string, other: string, signal: AbortSignal) {
  const base = await git(['merge-base', one, other], { folder, signal });
  return base.kind === 'ok' ? base.out.toString('latin1').trim() : undefined;
}

/** Makes sure that the head and what led to it is there: commits and trees, the files themselves are not needed. */
async function fetchHead(folder: string, { url, head }: Way, signal: AbortSignal): Promise<void> {
  const isKept = (await stat(path.join(folder, 'HEAD')).catch(() => undefined)) !== undefined;
  const options = [
    '--no-tags',
    '--no-write-fetch-head',
    '--no-recurse-submodules',
    '--quiet',
    '--filter=blob:none',
  ];
  const fetch = () =>
    git(['fetch', ...options, '--', url, `+${head}:${HEAD}`], { folder, scheme: schemeOf(url), signal });
  if (isKept && (await fetch()).kind === 'ok') return;
  // What is kept may be damaged, or locked by a command that was cut off: it is begun anew.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const format = `--object-format=${head.length === 64 ? 'sha256' : 'sha1'}`;
  await said(url, git(['init', '--bare', '--quiet', '--template=', format], { folder, signal }));
  await said(url, fetch());
}

/** What git says, where it works. */
async function said(url: string, ending: Promise<GitEnd>): Promise<Buffer> {
  const end = await ending;
  switch (end.kind) {
    case 'ok':
      return end.out;
    case 'no_program':
      throw new NotThere("the program 'git' is not installed");
    case 'slow':
      throw new NotThere(`${url} did not answer in time`);
    case 'too_large':
      throw new NotThere(`${url} is larger than what is fetched`);
    case 'failed':
      throw new NotThere(`${url} cannot be read: ${end.words}`);
  }
}

function schemeOf(url: string): string {
  return /^(https?|ssh|git|file):\/\//.exec(url)?.[1] ?? 'none';
}
