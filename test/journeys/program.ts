import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');
const PROGRAM = path.join(ROOT, 'bin/testyard.mjs');

/** How a command ended, and what it printed, byte for byte. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly bytes: Buffer;
}

/** What a program may know of the tester's own surroundings: nothing of a grid of theirs. */
function environmentOf(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return {
    PATH,
    HOME,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    TESTYARD_STATE: '/nonexistent',
    ...more,
  };
}

/** Asks again and again until there is an answer; says what was seen last where none comes. */
export async function until<Answer>(
  what: string,
  ms: number,
  look: () => Promise<Answer | undefined | false>,
): Promise<Answer> {
  const deadline = performance.now() + ms;
  let last = '';
  for (;;) {
    try {
      const answer = await look();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}${last}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Builds `dist/` where a source is newer; one process at a time, for test files run beside each other. */
export async function ensureBuilt(): Promise<void> {
  const lock = path.join(ROOT, 'node_modules/.testyard-building');
  await until('another process has built', 180_000, async () => {
    try {
      closeSync(openSync(lock, 'wx'));
      return true;
    } catch {
      // A build takes seconds: whoever has held the lock for minutes was killed.
      if (Date.now() - statSync(lock).mtimeMs > 120_000) rmSync(lock, { force: true });
      return false;
    }
  });
  try {
    const script = `import(${JSON.stringify(path.join(ROOT, 'bin/prepare.mjs'))}).then((it) => it.build())`;
    const built = await new Promise<string | undefined>((resolve) => {
      execFile(process.execPath, ['-e', script], { cwd: ROOT }, (error, _, err) =>
        resolve(error === null ? undefined : `${error.message}: ${err}`),
      );
    });
    if (built !== undefined) throw new Error(`the build failed: ${built}`);
  } finally {
    rmSync(lock, { force: true });
  }
}

/** A fresh folder that everybody may pass through, as PostgreSQL's own user must; and the way to be rid of it. */
export async function freshFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-journey-'));
  const { chmod } = await import('node:fs/promises');
  await chmod(folder, 0o711);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Runs a command of the program to its end. */
export async function testyard(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  boundMs = 120_000,
): Promise<Ended> {
  const program = new Program(args, environment);
  return program.end(boundMs);
}

/** The program, started and going on. */
export class Program {
  readonly child: ChildProcess;
  private readonly parts: Buffer[] = [];
  out = '';
  err = '';
  private readonly ended: Promise<Ended>;
  private exit: { code: number | null } | undefined;

  constructor(
    readonly args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    nodeArgs: readonly string[] = [],
  ) {
    const child = spawn(process.execPath, [...nodeArgs, PROGRAM, ...args], {
      env: environmentOf(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stdout.on('data', (data: Buffer) => {
      this.parts.push(data);
      this.out += data;
    });
    child.stderr.on('data', (data: Buffer) => {
      this.err += data;
    });
    this.ended = new Promise((resolve) => {
      child.once('exit', (code) => {
        this.exit = { code };
      });
      // What it leaves running may hold its pipes: its own end counts, and what it printed until a moment later.
      child.once('exit', (code) => {
        const done = () => resolve({ code, out: this.out, err: this.err, bytes: Buffer.concat(this.parts) });
        child.once('close', done);
        setTimeout(done, 2_000).unref();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get hasEnded(): boolean {
    return this.exit !== undefined;
  }

  /** Waits until it has printed this, on either stream. */
  printed(wanted: RegExp, ms = 60_000): Promise<RegExpExecArray> {
    return until(`${this.args.join(' ')} prints ${wanted}`, ms, async () => {
      const found = wanted.exec(this.out) ?? wanted.exec(this.err);
      if (found === null && this.hasEnded) throw new Error(`it ended: ${this.out}${this.err}`);
      return found ?? undefined;
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it printed: ${this.out}${this.err}`);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** How it ended, once it has; what does not end in time is killed and told. */
  async end(boundMs: number): Promise<Ended> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), boundMs);
    });
    const ended = await Promise.race([this.ended, late]);
    clearTimeout(timer);
    if (ended !== undefined) return ended;
    this.kill('SIGKILL');
    throw new Error(
      `testyard ${this.args.join(' ')} goes on after ${boundMs} ms; it printed: ${this.out}${this.err}`,
    );
  }
}
