import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Restore } from '../src/ports/images.js';
import type { Transport } from '../src/ports/shell.js';

/** What a command inside a host did. */
export interface Done {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host of the lab that answers over ssh. Whoever asked for it calls `stop`. */
export interface LabHost {
  readonly name: string;
  readonly transport: Extract<Transport, { readonly kind: 'ssh' }>;
  /** Ends the host; nothing of it stays. */
  stop(): Promise<void>;
  /** The listening sshd dies: new connections are refused, open ones stay. */
  killSshd(): Promise<void>;
  /** The listening sshd comes back, without a reset. */
  startSshd(): Promise<void>;
  /** Every process of the host stops running, as on a hung machine. */
  freeze(): Promise<void>;
  /** They run on. */
  thaw(): Promise<void>;
  /** Open ssh connections die; the listening sshd and the commands stay. */
  cutConnections(): Promise<void>;
  /** Runs a shell command inside the host, but not over ssh: for what a test wants to see there. */
  exec(command: string): Promise<Done>;
}

/** A host in namespaces of its own (`lab/light-host`), which can be made pristine again. */
export interface LightHost extends LabHost {
  /** As the inventory would declare it. */
  readonly restore: Restore;
  /** This machine's address as the host sees it: to serve something to it. */
  readonly gateway: string;
  /** Makes the host pristine by hand, past the fence. */
  restoreNow(): Promise<void>;
  /** Every process dies at once, as at a loss of power; what was written stays. */
  crash(): Promise<void>;
  /** Boots it again after `crash`. */
  boot(): Promise<void>;
  /** The network cable comes off: packets vanish. */
  unplug(): Promise<void>;
  /** And on again. */
  plug(): Promise<void>;
}

/** The program that makes light hosts. */
export const lightHostProgram = fileURLToPath(new URL('../lab/light-host', import.meta.url));

/** How many hosts are started beside each other: the machine has few cores. */
const startsAtOnce = 4;

let lightHostObstacle: string | undefined | null = null;

/** Why no light host can run on this machine; undefined when they can. */
export function canRunLightHosts(): string | undefined {
  if (lightHostObstacle === null) lightHostObstacle = findLightHostObstacle();
  return lightHostObstacle;
}

function findLightHostObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'light hosts need Linux';
  if (process.getuid?.() !== 0) return 'light hosts need root';
  const needed = ['ip', 'unshare', 'nsenter', 'pivot_root', 'flock', 'ssh', 'ssh-keygen', 'mmdebstrap'];
  const missing = needed.filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) return `light hosts need ${missing.join(', ')}, which this machine does not have`;
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n')) {
    return 'light hosts need overlayfs, which this kernel does not offer';
  }
  const tried = spawnSync('unshare', ['--mount', '--pid', '--net', '--uts', '--ipc', '--fork', 'true']);
  return tried.status === 0 ? undefined : `light hosts need namespaces: ${tried.stderr}`;
}

/** The types of host keys that the lab makes. */
export type KeyType = 'ed25519' | 'ecdsa';

/** Why no sshd can be started on this machine; undefined when it can. */
export function canRunSshdHosts(): string | undefined {
  const missing = ['sshd', 'ssh-keygen', 'setpriv'].filter((program) => findProgram(program) === undefined);
  return missing.length === 0
    ? undefined
    : `hosts of the lab need ${missing.join(', ')}, which this machine does not have`;
}

function findProgram(name: string): string | undefined {
  // Ordinary users' paths often lack the folders that sshd and ip are in.
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Starts `count` light hosts; on the first use of a machine the tree is built, which takes about a minute. */
export async function lightHosts(count: number): Promise<LightHost[]> {
  const obstacle = canRunLightHosts();
  if (obstacle) throw new Error(obstacle);
  await stopOrphans();
  await lightHost('tree');
  return startAll(count, startLightHost);
}

async function startLightHost(): Promise<LightHost> {
  const name = `t${process.pid}-${randomBytes(3).toString('hex')}`;
  try {
    await lightHost('start', name);
  } catch (error) {
    await lightHost('stop', name);
    throw error;
  }
  const { address, gateway, port, user, keyFile, hostKeys } = JSON.parse(await lightHost('describe', name));
  const doing = (command: string) => async () => {
    await lightHost(command, name);
  };
  return {
    name,
    transport: { kind: 'ssh', address, port, user, keyFile, hostKeys },
    restore: { kind: 'command', command: [lightHostProgram, 'restore', name] },
    gateway,
    stop: doing('stop'),
    restoreNow: doing('restore'),
    crash: doing('crash'),
    boot: doing('start'),
    killSshd: doing('kill-sshd'),
    startSshd: doing('start-sshd'),
    freeze: doing('freeze'),
    thaw: doing('thaw'),
    cutConnections: doing('cut'),
    unplug: doing('unplug'),
    plug: doing('plug'),
    exec: (command) => run(lightHostProgram, ['run', name, command]),
  };
}

async function lightHost(...args: string[]): Promise<string> {
  const done = await run(lightHostProgram, args);
  if (done.code !== 0) throw new Error(`light-host ${args.join(' ')} exited ${done.code}: ${done.stderr}`);
  return done.stdout;
}

/** A test process that was killed could not stop its hosts; their names carry its number. */
async function stopOrphans(): Promise<void> {
  const state = process.env['TESTYARD_LAB_STATE'] ?? '/run/testyard-lab';
  const names = await readdir(state).catch(() => []);
  for (const name of names) {
    const owner = /^t(\d+)-[0-9a-f]{6}$/.exec(name)?.[1];
    if (owner && !existsSync(`/proc/${owner}`)) await lightHost('stop', name);
  }
}

/**
 * Starts `count` hosts that are sshd processes of this machine on loopback ports: for machines without root, and
 * where many hosts are wanted at once. They are hosts by their sshd, key, port and HOME only: files and processes
 * are the machine's, and what a command leaves behind is stopped by nobody. HOME is a folder of its own (SetEnv),
 * so that no command runs the user's own shell files; the working directory is still the user's home. Each host has
 * a key of every type in `keyTypes`; the first is the pinned one.
 */
export async function sshdHosts(
  count: number,
  keyTypes: readonly [KeyType, ...KeyType[]] = ['ed25519'],
): Promise<LabHost[]> {
  const obstacle = canRunSshdHosts();
  if (obstacle) throw new Error(obstacle);
  // Where sshd runs as root it wants this folder, which the service would make.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  return startAll(count, () => startSshdHost(keyTypes));
}

async function startSshdHost(keyTypes: readonly KeyType[]): Promise<LabHost> {
  const folder = await mkdtemp(join(tmpdir(), 'testyard-sshd-'));
  const home = join(folder, 'home');
  const configFile = join(folder, 'sshd_config');
  const user = userInfo().username;
  await mkdir(home);
  const [hostKeys] = await Promise.all([
    Promise.all(keyTypes.map((type) => makeKey(join(folder, `host_${type}`), type))),
    makeKey(join(folder, 'id')),
    ...['.bashrc', '.profile'].map((name) => writeFile(join(home, name), '')),
  ]);
  const listener = new Listener(configFile);
  const configure = async (port: number) => {
    const lines = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      ...keyTypes.map((type) => `HostKey ${join(folder, `host_${type}`)}`),
      `AuthorizedKeysFile ${join(folder, 'id.pub')}`,
      `SetEnv HOME=${home}`,
      'PidFile none',
      `AllowUsers ${user}`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'PermitUserRC no',
      'UsePAM no',
      'UseDNS no',
      'StrictModes no',
      'MaxStartups 500',
      'MaxSessions 100',
    ];
    await writeFile(configFile, `${lines.join('\n')}\n`);
  };
  const port = await listener.startOnFreePort(configure);
  return {
    name: `sshd-${port}`,
    transport: {
      kind: 'ssh',
      address: '127.0.0.1',
      port,
      user,
      keyFile: join(folder, 'id'),
      hostKeys: hostKeys.slice(0, 1),
    },
    stop: async () => {
      await listener.endAll();
      await rm(folder, { recursive: true, force: true });
    },
    killSshd: () => listener.kill(),
    startSshd: () => listener.start(),
    freeze: () => listener.signalAll('SIGSTOP'),
    thaw: () => listener.signalAll('SIGCONT'),
    cutConnections: () => listener.cut(),
    exec: (command) => run('/bin/sh', ['-c', command], { ...process.env, HOME: home }),
  };
}

/** One sshd process and what it started. */
class Listener {
  private process: ChildProcess | undefined;
  /** Connections of listeners that were killed. */
  private orphans: readonly Process[] = [];

  constructor(private readonly configFile: string) {}

  /** Another process may take the port between our look and the start: then the next one is tried. */
  async startOnFreePort(configure: (port: number) => Promise<void>): Promise<number> {
    for (let tries = 1; ; tries++) {
      const port = await freePort();
      await configure(port);
      try {
        await this.start();
        return port;
      } catch (error) {
        if (tries === 5) throw error;
      }
    }
  }

  /** Resolves when sshd says that it listens. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const sshd = [findProgram('sshd') ?? 'sshd', '-D', '-e', '-f', this.configFile];
      // A test process that is killed stops nothing: the kernel does.
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...sshd], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      this.process = child;
      let said = '';
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (said.length < 10_000) said += `${line}\n`;
        if (line.startsWith('Server listening')) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`sshd ended (${code ?? signal}): ${said}`)));
    });
  }

  async kill(): Promise<void> {
    const listener = this.process;
    if (!listener || !this.lives()) return;
    const below = this.all().filter((one) => one.pid !== listener.pid);
    this.orphans = below.filter((one) => one.name === 'sshd');
    await this.end(listener);
  }

  private async end(listener: ChildProcess): Promise<void> {
    const gone = new Promise((resolve) => listener.once('exit', resolve));
    listener.kill('SIGKILL');
    await gone;
  }

  async cut(): Promise<void> {
    for (const { pid, name } of this.all()) {
      if (name === 'sshd' && pid !== this.process?.pid) send(pid, 'SIGKILL');
    }
  }

  async signalAll(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    for (const { pid } of this.all()) send(pid, signal);
  }

  async endAll(): Promise<void> {
    for (const { pid } of this.all()) send(pid, 'SIGKILL');
    if (this.process && this.lives()) await this.end(this.process);
  }

  private lives(): boolean {
    return this.process?.exitCode === null && this.process.signalCode === null;
  }

  /** The listener, the connections and what runs in them. */
  private all(): readonly Process[] {
    const listener = this.lives() ? this.process?.pid : undefined;
    // A number may have been given to another process since; the time of its start tells.
    const isOrphan = (one: Process) =>
      this.orphans.some((orphan) => orphan.pid === one.pid && orphan.started === one.started);
    return descendants((one) => one.pid === listener || isOrphan(one));
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** In ticks since the machine booted. */
  readonly started: string;
}

/** The processes that are roots and all below them, parents first. */
function descendants(isRoot: (one: Process) => boolean): readonly Process[] {
  // One after the other: a hundred hosts that stop at once would open more files than they may.
  const all = readdirSync('/proc')
    .map(readProcess)
    .filter((one) => one !== undefined);
  const found = all.filter(isRoot);
  // The list grows while it is walked.
  for (const above of found)
    found.push(...all.filter((one) => one.parent === above.pid && !found.includes(one)));
  return found;
}

function readProcess(pid: string): Process | undefined {
  if (!/^\d+$/.test(pid)) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold anything, spaces and brackets too; what follows it are numbered fields from 3.
    const nameEnd = stat.lastIndexOf(')');
    const fields = stat.slice(nameEnd + 2).split(' ');
    const name = stat.slice(stat.indexOf('(') + 1, nameEnd);
    return { pid: Number(pid), parent: Number(fields[1]), name, started: fields[19] ?? '' };
  } catch {
    // It ended since we looked.
    return undefined;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended since we looked.
  }
}

/** Makes a key pair and gives the public one as a pinned key is written. */
export async function makeKey(path: string, type: KeyType = 'ed25519', passphrase = ''): Promise<string> {
  const made = await run('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'testyard', '-f', path]);
  if (made.code !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
  const line = await readFile(`${path}.pub`, 'utf8');
  return line.split(' ').slice(0, 2).join(' ');
}

/** A port of the loopback on which nothing listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Starts some at a time; when one fails, those that did start are stopped. */
async function startAll<Host extends LabHost>(count: number, start: () => Promise<Host>): Promise<Host[]> {
  const hosts: Host[] = [];
  let left = count;
  const work = async () => {
    while (left > 0) {
      left--;
      hosts.push(await start());
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: startsAtOnce }, work));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) {
    await Promise.all(hosts.map((host) => host.stop()));
    throw failed.reason;
  }
  return hosts;
}

/** What the lab does takes a second; the first tree of a machine takes minutes. */
const LAB_MS = 600_000;

function run(program: string, args: readonly string[], env = process.env): Promise<Done> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, maxBuffer: 64 << 20, timeout: LAB_MS }, (error, stdout, stderr) => {
      if (error?.killed) reject(new Error(`${program} ${args.join(' ')} took more than ${LAB_MS} ms`));
      else if (error && typeof error.code !== 'number' && error.signal === undefined) reject(error);
      else resolve({ code: typeof error?.code === 'number' ? error.code : error ? 128 : 0, stdout, stderr });
    });
  });
}
