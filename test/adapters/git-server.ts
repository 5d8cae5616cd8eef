import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const WHO = {
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@x',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@x',
};

/** Real repositories, served by `git daemon` on the loopback. */
export class GitServer {
  private constructor(
    readonly folder: string,
    private readonly port: number,
    private readonly daemon: ReturnType<typeof spawn>,
  ) {}

  static async start(): Promise<GitServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'testyard-git-'));
    const port = await freePort();
    const args = [
      'daemon',
      '--reuseaddr',
      '--export-all',
      '--listen=127.0.0.1',
      `--port=${port}`,
      `--base-path=${folder}`,
    ];
    const daemon = spawn('git', args, { stdio: 'ignore', detached: true });
    await answers(port);
    return new GitServer(folder, port, daemon);
  }

  repository(name: string): Repository {
    const at = path.join(this.folder, name);
    mkdirSync(at);
    const repository = new Repository(at, `git://127.0.0.1:${this.port}/${name}`);
    repository.begin();
    return repository;
  }

  stop(): void {
    if (this.daemon.pid !== undefined) process.kill(-this.daemon.pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One of them, with a work tree to commit from. */
export class Repository {
  constructor(
    readonly folder: string,
    readonly url: string,
  ) {}

  begin(): void {
    this.git('init', '--quiet', '--initial-branch=main');
  }

  git(...args: readonly string[]): string {
    const environment = { ...process.env, ...WHO, GIT_CONFIG_GLOBAL: '/dev/null' };
    return execFileSync('git', args, { cwd: this.folder, env: environment, encoding: 'utf8' }).trim();
  }

  /** Commits these files on top, and gives the commit. A text that begins with `->` is a symbolic link. */
  commit(files: Readonly<Record<string, string | Buffer>>): string {
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(this.folder, name);
      mkdirSync(path.dirname(file), { recursive: true });
      if (typeof content === 'string' && content.startsWith('->')) symlinkSync(content.slice(2), file);
      else {
        writeFileSync(file, content);
        chmodSync(file, content.toString('latin1').startsWith('#!') ? 0o755 : 0o644);
      }
    }
    this.git('add', '--all');
    this.git('commit', '--quiet', '--allow-empty', '-m', 'a commit');
    return this.git('rev-parse', 'HEAD');
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Resolves when somebody listens there. */
async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.end());
    });
    if (ok) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('git daemon does not listen');
}
