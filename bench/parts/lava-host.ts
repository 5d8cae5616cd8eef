import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type LightHost, lightHostProgram } from '../../test/lab.js';

const exec = promisify(execFile);
const CACHE = path.join(process.env['TESTYARD_LAB'] ?? '/var/cache/testyard-lab', 'lava-1');
/** What a host of a lab has and the smallest Debian has not. */
const EVERYDAY = ['kmod', 'libkmod2', 'wget', 'libpsl5'];
/** Modules that a healthy host has, built into its kernel. */
const MODULES: Readonly<Record<string, string>> = {
  nbd: 'kernel/drivers/block/nbd.ko',
  zram: 'kernel/drivers/block/zram/zram.ko',
  dummy: 'kernel/drivers/net/dummy.ko',
};

/** An archive of what is laid over a pristine light host, so that definitions of a public collection find what they expect. */
export async function everydayArchive(): Promise<string> {
  const archive = path.join(CACHE, 'everyday.tar');
  if (existsSync(archive)) return archive;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(path.join(CACHE, 'work-'));
  try {
    await exec('apt-get', ['download', ...EVERYDAY], { cwd: work }).catch(async () => {
      await exec('apt-get', ['update']);
      await exec('apt-get', ['download', ...EVERYDAY], { cwd: work });
    });
    const stage = path.join(work, 'stage');
    for (const file of await readdir(work))
      if (file.endsWith('.deb')) await exec('dpkg-deb', ['-x', path.join(work, file), stage]);
    // The host's own /bin, /sbin and /lib are links into /usr.
    for (const folder of ['bin', 'sbin', 'lib'])
      await exec('sh', [
        '-c',
        'cd "$1"; if [ -d "$2" ]; then mkdir -p "usr/$2" && cp -a "$2/." "usr/$2/" && rm -r "$2"; fi; rm -rf usr/share',
        'sh',
        stage,
        folder,
      ]);
    await exec('tar', ['-C', stage, '-cf', path.join(work, 'everyday.tar'), '.']);
    await rename(path.join(work, 'everyday.tar'), archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

/** The host and this machine know the way to the mirror by it; it stays through a restore. */
export async function routeTo(host: LightHost, address: string): Promise<void> {
  await exec('ip', ['-n', `ty-${host.name}`, 'route', 'replace', `${address}/32`, 'via', host.gateway]);
}

/** The way is gone, and nothing else. */
export async function loseRouteTo(host: LightHost, address: string): Promise<void> {
  await exec('ip', ['-n', `ty-${host.name}`, 'route', 'del', `${address}/32`]).catch(() => undefined);
}

/** How a host is furnished before a definition runs. */
export interface Furniture {
  /** Lines of its sources. */
  readonly sources: readonly string[];
  /** Modules that it does not have. */
  readonly withoutModules?: readonly string[];
  /** Device nodes that it does not have. */
  readonly withoutDevices?: readonly string[];
  /** Shell lines that are run there before the sources are written. */
  readonly before?: readonly string[];
  /** Shell lines that are run there last. */
  readonly lines?: readonly string[];
}

/** Lays what is usual over a pristine host, and what a trial plants. */
export async function furnish(host: LightHost, archive: string, furniture: Furniture): Promise<void> {
  const { sources, withoutModules = [], withoutDevices = [], before = [], lines = [] } = furniture;
  const modules = Object.entries(MODULES).filter(([name]) => !withoutModules.includes(name));
  const folder = `/lib/modules/${release()}`;
  const script = [
    'set -e',
    'tar -x --keep-directory-symlink -C /',
    `mkdir -p ${folder} /var/tmp/harbour`,
    `: >${folder}/modules.order`,
    `printf '%s\\n' ${modules.map(([, file]) => file).join(' ')} >${folder}/modules.builtin`,
    'depmod 2>/dev/null || :',
    ...(withoutDevices.includes('/dev/hwrng') ? [] : ['mknod -m 600 /dev/hwrng c 1 9']),
    ...before,
    `printf '%s\\n' ${sources.map((line) => `'${line}'`).join(' ')} >/etc/apt/sources.list.d/lab.list`,
    ...lines,
  ].join('\n');
  await inside(host, script, archive);
}

/** A pristine host gets sources for its package manager, and lines are run there. */
export async function lay(
  host: LightHost,
  sources: readonly string[],
  lines: readonly string[],
): Promise<void> {
  const list = sources.map((line) => `'${line}'`).join(' ');
  const script = ['set -e', `printf '%s\\n' ${list} >/etc/apt/sources.list.d/lab.list`, ...lines];
  await inside(host, script.join('\n'), '/dev/null');
}

/** Runs a script inside with a file as its input; throws where it fails. */
async function inside(host: LightHost, script: string, input: string): Promise<void> {
  const child = spawn(
    'sh',
    ['-c', 'exec "$1" run "$2" "$3" <"$4"', 'sh', lightHostProgram, host.name, script, input],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const said: Buffer[] = [];
  child.stdout.on('data', (some: Buffer) => said.push(some));
  child.stderr.on('data', (some: Buffer) => said.push(some));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${host.name} could not be furnished (${code}): ${Buffer.concat(said)}`);
}

/** Keeps a file for people to look at. */
export async function keep(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}
