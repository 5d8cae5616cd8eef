import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import {
  Shell,
  type ShellConnection,
  ShellError,
  type ShellExit,
  type ShellProcess,
  type ShellTarget,
} from '../ports/shell.js';
import { bubblewrap, namespaces, type Sandbox } from './local-sandbox.js';

/** How this machine is used as a host. */
export interface LocalOptions {
  /** Folders that no test may see: the grid's state, its keys and tokens. */
  readonly masked: readonly string[];
  /** The user id of seat 1 is one above it; nobody's on this machine. */
  readonly firstUid?: number;
}

/**
 * This machine as a host. Every command runs in namespaces of its own over a throw-away view of the root file
 * system, as a user that owns nothing; it dies with this process. Without root bubblewrap does what it can: the
 * root is then read-only instead of throw-away, and the user stays the one who asks.
 */
export class LocalShell extends Shell {
  constructor(private readonly options: LocalOptions) {
    super();
  }

  override async connect(target: ShellTarget, _timeoutMs: number): Promise<ShellConnection> {
    const { host, transport, seat } = target;
    if (transport.kind !== 'local') {
      throw new ShellError('unsupported', `${host}: transport '${transport.kind}' is not local`);
    }
    const plan = {
      network: transport.network,
      uid: (this.options.firstUid ?? 610_000) + seat,
      masked: this.options.masked.flatMap(existing),
    };
    const missing = missingPrograms(process.getuid?.() === 0);
    if (missing !== undefined) throw new ShellError('unsupported', `${host}: ${missing}`);
    return new LocalConnection(host, (command, folder) =>
      process.getuid?.() === 0
        ? namespaces({ ...plan, folder }, readFileSync('/proc/self/mountinfo', 'utf8'), command)
        : bubblewrap(plan, process.env['HOME'], command),
    );
  }
}

function existing(folder: string): readonly string[] {
  try {
    return [realpathSync(folder)];
  } catch {
    return [];
  }
}

function missingPrograms(asRoot: boolean): string | undefined {
  if (process.platform !== 'linux') return 'tests run on this machine only under Linux';
  const needed = asRoot ? ['unshare', 'setpriv', 'mount', 'umount', 'pivot_root'] : ['bwrap', 'setpriv'];
  const missing = needed.filter((program) => !isInstalled(program));
  if (missing.length === 0) return undefined;
  const from = asRoot ? 'util-linux and mount' : 'bubblewrap and util-linux';
  return `${missing.join(', ')} not found: install ${from}, so that a test can be kept apart from this machine`;
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Nothing is open between commands; what is ours are the sandboxes that run. */
class LocalConnection implements ShellConnection {
  readonly ended: Promise<undefined>;
  private settle: (value: undefined) => void = () => {};
  private closed = false;
  private readonly running = new Set<ChildProcess>();

  constructor(
    private readonly host: string,
    private readonly sandbox: (command: string, folder: string | undefined) => Sandbox,
  ) {
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  start(command: string, folder?: string): Promise<ShellProcess> {
    if (this.closed) return Promise.reject(this.closedByUs());
    const { program, args, environment } = this.sandbox(command, folder);
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: environment,
      cwd: '/',
    });
    this.running.add(child);
    child.once('close', () => this.running.delete(child));
    return sandboxed(this.host, child, () => (this.closed ? this.closedByUs() : undefined));
  }

  close(): void {
    this.closed = true;
    for (const child of this.running) child.kill('SIGKILL');
    this.settle(undefined);
  }

  private closedByUs(): ShellError {
    return new ShellError('lost', `${this.host}: we closed the connection`);
  }
}

/**
 * Resolves when the sandbox stands and the command runs. The sandbox speaks on a channel of its own: what went
 * wrong while it was made, `ready`, and how the command ended.
 */
function sandboxed(
  host: string,
  child: ChildProcess,
  whyLost: () => ShellError | undefined,
): Promise<ShellProcess> {
  const [stdin, stdout, stderr, status] = child.stdio as unknown as [Writable, Readable, Readable, Readable];
  let said = '';
  let abandoned = false;
  // A command may end without reading what it is sent.
  stdin.on('error', () => {});
  return new Promise((resolve, reject) => {
    const exit = new Promise<ShellExit>((settle, lose) => {
      child.once('close', () => {
        stdin.destroy();
        const end = readStatus(said);
        const lost = abandoned ? new ShellError('lost', 'the command was abandoned') : whyLost();
        if (lost) lose(lost);
        else if (end) settle(end);
        else lose(new ShellError('lost', `${host}: the sandbox ended before its command`));
        reject(lost ?? new ShellError('unsupported', `${host}: no sandbox could be made: ${said.trim()}`));
      });
    });
    exit.catch(() => {});
    child.once('error', (error) => {
      reject(new ShellError('unsupported', `${host}: no sandbox could be made: ${error.message}`));
    });
    const abandon = () => {
      abandoned = true;
      child.kill('SIGKILL');
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    };
    let ready = false;
    status.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString('latin1')).slice(-4000);
      if (ready || !said.includes('ready\n')) return;
      ready = true;
      said = said.slice(said.indexOf('ready\n') + 'ready\n'.length);
      resolve({ stdin, stdout, stderr, exit, abandon });
    });
  });
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
};

/** A shell that waited for the command says a word when a signal killed it, and nothing for a high exit code. */
function readStatus(said: string): ShellExit | undefined {
  const match = /^([\s\S]*)exit ([0-9]+)\n$/.exec(said);
  if (!match) return undefined;
  const code = Number(match[2]);
  if (code <= 128 || match[1]?.trim() === '') return { kind: 'exited', code };
  return { kind: 'signalled', signal: SIGNALS[code - 128] ?? `signal ${code - 128}` };
}
