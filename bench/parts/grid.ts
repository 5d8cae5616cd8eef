import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/lab.js';

const program = fileURLToPath(new URL('../../bin/testyard.mjs', import.meta.url));

/** One process of a grid that a campaign can kill, stop and start again. */
export class Part {
  private child: ChildProcess | undefined;
  private readonly log;

  constructor(
    readonly name: string,
    private readonly args: readonly string[],
    private readonly environment: NodeJS.ProcessEnv,
    logDir: string,
  ) {
    this.log = createWriteStream(path.join(logDir, `${name}.log`), { flags: 'a' });
  }

  /** Starts the process; nothing where it runs. */
  start(): void {
    if (this.child !== undefined) return;
    const child = spawn(process.execPath, [program, ...this.args], {
      env: { ...process.env, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.pipe(this.log, { end: false });
    child.stderr.pipe(this.log, { end: false });
    child.once('exit', (code, signal) => {
      this.log.write(`-- ended: ${code ?? signal}\n`);
      if (this.child === child) this.child = undefined;
    });
    this.child = child;
  }

  get running(): boolean {
    return this.child !== undefined;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Sends a signal; resolves when a deadly one has taken effect. */
  async signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' | 'SIGINT'): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await gone;
  }
}

/** A host as the inventory file of a benchmark names it. */
export interface InventoryHost {
  readonly name: string;
  readonly transport: {
    address: string;
    port: number;
    user: string;
    keyFile: string;
    hostKeys: readonly string[];
  };
  readonly restore?: readonly string[];
  readonly seats?: number;
}

/** Writes an inventory with these hosts, tags and steps; tests are submitted as files. */
export async function writeInventory(
  folder: string,
  hosts: readonly InventoryHost[],
  more: { readonly tags?: string; readonly steps?: string } = {},
): Promise<void> {
  await mkdir(path.join(folder, 'hosts'), { recursive: true });
  await mkdir(path.join(folder, 'steps'), { recursive: true });
  await mkdir(path.join(folder, 'tests'), { recursive: true });
  await writeFile(path.join(folder, 'grid.yaml'), 'name: bench\nadmin: admin@example.org\n');
  await writeFile(path.join(folder, 'tags.yaml'), more.tags ?? 'tags: {}\n');
  if (more.steps !== undefined) await writeFile(path.join(folder, 'steps', 'steps.yaml'), more.steps);
  const lines = hosts.map(({ name, transport, restore, seats }) =>
    [
      `  ${name}:`,
      '    owner: admin@example.org',
      ...(seats === undefined ? [] : [`    seats: ${seats}`]),
      ...(restore === undefined
        ? []
        : [
            '    expendable: [image, packages, build, boot, use]',
            `    restore: ${JSON.stringify({ command: restore })}`,
          ]),
      '    ssh:',
      `      address: ${transport.address}`,
      `      port: ${transport.port}`,
      `      user: ${transport.user}`,
      `      key_file: ${transport.keyFile}`,
      `      host_keys: ${JSON.stringify(transport.hostKeys)}`,
    ].join('\n'),
  );
  await writeFile(path.join(folder, 'hosts', 'hosts.yaml'), `hosts:\n${lines.join('\n')}\n`);
}

/** Asks the API of a benchmark's grid. */
export class Api {
  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  /** One request; throws with the problem's words where it is refused. */
  async ask<Answer>(
    method: string,
    where: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(`${this.url}${where}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new ApiRefusal(response.status, `${method} ${where}: ${response.status} ${text.slice(0, 500)}`);
    return (text === '' ? undefined : JSON.parse(text)) as Answer;
  }
}

/** The API answered, and the answer was no. */
export class ApiRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Tries until it works; for what starts up. Throws the last error after `forMs`. */
export async function patiently<Result>(
  what: string,
  forMs: number,
  attempt: () => Promise<Result>,
): Promise<Result> {
  const until = performance.now() + forMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until)
        throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      await pause(100);
    }
  }
}

/** Lets real time pass, where a campaign's schedule asks for it. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The admin's token of a state folder, once `up` has made it. */
export function adminToken(stateDir: string): string | undefined {
  const file = path.join(stateDir, 'admin-token');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

export { freePort };
