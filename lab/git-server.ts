import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { program } from './run-program.js';

const WHO = {
  ...{ GIT_AUTHOR_NAME: 'Lab', GIT_AUTHOR_EMAIL: 'lab@testyard.invalid', GIT_CONFIG_GLOBAL: '/dev/null' },
  ...{ GIT_COMMITTER_NAME: 'Lab', GIT_COMMITTER_EMAIL: 'lab@testyard.invalid' },
};

/** A commit as it is made: by whom, with what files; a file without text is taken away. */
export interface LabCommit {
  readonly author: string;
  readonly title: string;
  readonly files: Readonly<Record<string, string | undefined>>;
}

/** Repositories served by `git daemon` on the loopback, which can be out of order. */
export class GitServer {
  private daemon: ChildProcess | undefined;

  private constructor(
    /** Where its repositories are, each with its files. */
    readonly folder: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<GitServer> {
    const server = new GitServer(await mkdtemp(path.join(tmpdir(), 'testyard-git-')), await freePort());
    await server.up();
    return server;
  }

  /** Serves, at the address that it had before. */
  async up(): Promise<void> {
    const where = ['--reuseaddr', '--export-all', '--listen=127.0.0.1', `--port=${this.port}`];
    // The daemon has helpers of its own: they end with its process group.
    const args = ['daemon', ...where, `--base-path=${this.folder}`];
    this.daemon = spawn('git', args, { stdio: 'ignore', detached: true });
    await answers(this.port);
  }

  /** Nothing answers at its address any more. */
  async down(): Promise<void> {
    const { daemon } = this;
    this.daemon = undefined;
    if (daemon?.pid === undefined) return;
    const gone = once(daemon, 'exit');
    process.kill(-daemon.pid, 'SIGKILL');
    await gone;
  }

  /** The address of a repository. */
  url(name: string): string {
    return `git://127.0.0.1:${this.port}/${name}`;
  }

  /** Commits these files to a branch of a repository, which is made where it is not there; gives the commit. */
  async commit(
    name: string,
    files: Readonly<Record<string, string>>,
    branch = 'main',
    submodules: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const at = path.join(this.folder, name);
    const git = (...args: readonly string[]) =>
      program('git', ['-c', 'protocol.allow=always', ...args], { cwd: at, env: WHO });
    if (!(await mkdir(at, { recursive: true }).then((made) => made === undefined)))
      await git('init', '--quiet', `--initial-branch=${branch}`);
    else await git('checkout', '--quiet', '-B', branch);
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(at, file)), { recursive: true });
      await writeFile(path.join(at, file), text);
      if (text.startsWith('#!')) await chmod(path.join(at, file), 0o755);
    }
    for (const [place, url] of Object.entries(submodules))
      await git('submodule', '--quiet', 'add', '--', url, place);
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '-m', 'a commit of the lab');
    return (await git('rev-parse', 'HEAD')).trim();
  }

  /** Adds these commits to a branch of a repository, one after another; gives them. One command makes hundreds. */
  async history(name: string, commits: readonly LabCommit[], branch = 'main'): Promise<readonly string[]> {
    const at = path.join(this.folder, name);
    await mkdir(at, { recursive: true });
    const git = (...args: readonly string[]) => program('git', args, { cwd: at, env: WHO });
    await git('init', '--quiet', `--initial-branch=${branch}`);
    const before = await git('rev-parse', '--verify', '--quiet', `refs/heads/${branch}`).catch(() => '');
    const stream = path.join(at, '.git/lab-stream');
    await writeFile(
      stream,
      commits.map((one, n) => streamed(one, branch, n === 0 ? before.trim() : '')).join(''),
    );
    await program('sh', ['-c', 'exec git fast-import --quiet --date-format=raw <"$0"', stream], {
      cwd: at,
      env: WHO,
    });
    await git('reset', '--hard', '--quiet', branch);
    const told = await git('rev-list', '--reverse', `--max-count=${commits.length}`, branch);
    return told.trim().split('\n');
  }

  async stop(): Promise<void> {
    await this.down();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A commit as `git fast-import` reads it. */
function streamed({ author, title, files }: LabCommit, branch: string, before: string): string {
  const when = `${Math.floor(Date.now() / 1000)} +0000`;
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const changes = Object.entries(files).map(([file, text]) =>
    text === undefined
      ? `D ${file}\n`
      : `M ${text.startsWith('#!') ? '100755' : '100644'} inline ${file}\n${data(text)}`,
  );
  return `commit refs/heads/${branch}
author ${author} ${when}
committer ${author} ${when}
${data(title)}${before === '' ? '' : `from ${before}\n`}${changes.join('')}
`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function answers(port: number): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isThere) return;
    if (performance.now() > deadline) throw new Error('git daemon did not come up');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
