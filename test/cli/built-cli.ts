import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** How a command ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The program as it is shipped, compiled into a folder of its own that `remove` takes away. */
export class BuiltCli {
  readonly folder: string;

  constructor() {
    // Inside the repository, where its packages are found.
    const cache = path.join(ROOT, 'node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    this.folder = mkdtempSync(path.join(cache, 'testyard-cli-'));
    const swc = path.join(ROOT, 'node_modules/.bin/swc');
    const args = ['src', '-d', path.join(this.folder, 'dist'), '--strip-leading-paths', '-q'];
    execFileSync(swc, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
    if (!existsSync(path.join(this.folder, 'dist/cli/main.js'))) throw new Error('swc built nothing');
    cpSync(path.join(ROOT, 'package.json'), path.join(this.folder, 'package.json'));
    cpSync(path.join(ROOT, 'bin'), path.join(this.folder, 'bin'), { recursive: true });
    symlinkSync(path.join(ROOT, 'inventory'), path.join(this.folder, 'inventory'));
  }

  get program(): string {
    return path.join(this.folder, 'bin/testyard.mjs');
  }

  /** Runs a command to its end, in the folder in which the tests are run unless another is named. */
  run(
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    nodeArgs: readonly string[] = [],
    cwd = process.cwd(),
  ): Promise<Ended> {
    return new Promise((resolve) => {
      const options = { env: cleanEnvironment(environment), maxBuffer: 64 * 1024 * 1024, cwd };
      execFile(process.execPath, [...nodeArgs, this.program, ...args], options, (error, out, err) => {
        const code = error === null ? 0 : ((error as { code?: number | null }).code ?? null);
        resolve({ code, out, err });
      });
    });
  }

  /** Starts a command that goes on. */
  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [this.program, ...args], { env: cleanEnvironment(environment) });
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => {
      out += data;
    });
    child.stderr.on('data', (data: Buffer) => {
      err += data;
    });
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (code) => resolve({ code, out, err }));
    });
    const printed = (wanted: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (wanted.test(out + err)) resolve();
        };
        child.stdout.on('data', look);
        child.stderr.on('data', look);
        child.on('close', () => reject(new Error(`ended without printing ${wanted}: ${out}${err}`)));
        look();
      });
    return { child, ended, printed };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Nothing of the tester's own grid may leak in. */
function cleanEnvironment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), TESTYARD_STATE: '/nonexistent', ...more };
}
