import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CommandImages } from '../../src/adapters/command-images.js';
import { SshShell } from '../../src/adapters/ssh.js';
import type { ShellConnection } from '../../src/ports/shell.js';
import { canRunLightHosts, type LabHost, type LightHost, lightHostProgram, lightHosts } from '../lab.js';
import { firstBytes, run } from './shell.contract.js';

const obstacle = canRunLightHosts();

describe.skipIf(obstacle)(`a light host${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let host: LightHost;
  let other: LightHost;

  beforeAll(async () => {
    [host, other] = (await lightHosts(2)) as [LightHost, LightHost];
  });

  afterAll(() => Promise.all([host?.stop(), other?.stop()]));

  beforeEach(() => host.restoreNow());

  it('is a Debian of its own, with its own name, key, address and boot id', async () => {
    for (const one of [host, other]) {
      expect(await over(one, 'hostname')).toBe(one.name);
      expect(await over(one, '. /etc/os-release; echo $ID; id -un; echo $HOME')).toBe('debian\nroot\n/root');
    }
    expect(host.transport.address).not.toBe(other.transport.address);
    expect(host.transport.hostKeys).not.toEqual(other.transport.hostKeys);
    const bootId = await over(host, 'cat /proc/sys/kernel/random/boot_id');
    expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(bootId).not.toBe(await over(other, 'cat /proc/sys/kernel/random/boot_id'));
    expect(bootId).not.toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  });

  it('sees and harms neither another host nor the machine', async () => {
    await over(host, 'echo mine > /etc/mine; sleep 1000 </dev/null >/dev/null 2>&1 &');
    expect(await over(other, 'cat /etc/mine 2>/dev/null; grep -l ^sleep /proc/[0-9]*/comm')).toBe('');
    expect(existsSync('/etc/mine')).toBe(false);
    expect(await over(host, `test -e ${lightHostProgram} || echo out of sight`)).toBe('out of sight');
    // Its own value: a host that may write changes nothing either.
    expect(await over(host, 'cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness || echo no')).toContain(
      'no',
    );
    expect(await powersOverMachine(host)).toEqual([]);
    await over(host, 'kill -9 -1; true').catch(() => {});
    expect(await over(other, 'echo unharmed')).toBe('unharmed');
  });

  it('lets its ordinary users in, whatever the umask of who restored it', async () => {
    const mask = process.umask(0o077);
    await host.restoreNow();
    process.umask(mask);
    expect(await over(host, 'setpriv --reuid=65534 --regid=65534 --clear-groups cat /etc/hostname')).toBe(
      host.name,
    );
  });

  it('lets a test make namespaces of its own', async () => {
    expect(await over(host, 'unshare --pid --fork --mount --mount-proc --net sh -c "echo \\$\\$"')).toBe('1');
  });

  it('lets go of orphans, as an init does', async () => {
    await over(host, '(sh -c "exit 0" & exec sleep 0.01) & exit 0');
    expect(await eventually(() => over(host, 'grep -l "^State:.Z" /proc/[0-9]*/status; true'), '')).toBe('');
  });

  it('is pristine after a restore, under the same key and with a new boot id', async () => {
    const before = await over(host, 'cat /proc/sys/kernel/random/boot_id');
    await over(
      host,
      [
        'rm -rf /etc/apt /root/.bashrc; echo spoilt > /etc/os-release; echo x > /root/left',
        'mkdir /srv/deep',
        'sleep 1000 </dev/null >/dev/null 2>&1 &',
      ].join('\n'),
    );
    // The tree has no chattr; a test may bring one. Some file systems know no such mark.
    const upper = join(process.env['TESTYARD_LAB_STATE'] ?? '/run/testyard-lab', host.name, 'upper');
    spawnSync('chattr', ['+i', join(upper, 'srv/deep')]);
    await host.restoreNow();
    expect(await over(host, '. /etc/os-release; echo $ID')).toBe('debian');
    expect(await over(host, 'ls /root; ls /srv; test -d /etc/apt && echo apt')).toBe('apt');
    expect(await over(host, 'grep -l ^sleep /proc/[0-9]*/comm')).toBe('');
    expect(await over(host, 'cat /proc/sys/kernel/random/boot_id')).not.toBe(before);
  });

  it('is restored by the port, and never for an attempt lower than the highest seen', async () => {
    const restore = (attempt: string) => restored(host, attempt);
    expect(await restore('7')).toEqual({ ok: true });
    await over(host, 'echo attempt 7 > /root/at-work');
    expect(await restore('6')).toMatchObject({ ok: false, kind: 'refused' });
    expect(await over(host, 'cat /root/at-work')).toBe('attempt 7');
    expect(await restore('7')).toEqual({ ok: true });
    expect(await over(host, 'ls /root')).toBe('');
    expect(await restore('9007199254740993')).toEqual({ ok: true });
    expect(await restore('9007199254740992')).toMatchObject({ ok: false, kind: 'refused' });
    expect(await restore('not a number')).toMatchObject({ ok: false, kind: 'failed' });
    expect(await restore('99999999999999999999')).toMatchObject({ ok: false, kind: 'failed' });
  });

  it('is restored by the next attempt when the last one was killed in the middle', async () => {
    const [victim] = (await lightHosts(1)) as [LightHost];
    try {
      for (const timeoutMs of [20, 60, 120, 200, 300]) await restored(victim, '1', timeoutMs);
      expect(await restored(victim, '2')).toEqual({ ok: true });
      expect(await over(victim, 'hostname')).toBe(victim.name);
    } finally {
      await victim.stop();
    }
  });

  it('hangs when frozen, goes on when thawed, and is restored also while frozen', async () => {
    const connection = await connect(host);
    const command = await connection.start('echo started; read line; echo $line');
    await firstBytes(command.stdout);
    await host.freeze();
    await expect(connect(host, 300)).rejects.toMatchObject({ kind: 'timeout' });
    await host.thaw();
    command.stderr.resume();
    command.stdin.end('on\n');
    await firstBytes(command.stdout);
    command.stdout.resume();
    expect(await command.exit).toEqual({ kind: 'exited', code: 0 });
    await host.freeze();
    await host.restoreNow();
    expect(await over(host, 'echo well')).toBe('well');
    connection.close();
  });

  it('thaws while somebody waits for an answer of the frozen host', async () => {
    await host.freeze();
    // Its listener is there and says nothing: this one waits, and nobody else may touch the host meanwhile.
    const waits = host.startSshd();
    const state = process.env['TESTYARD_LAB_STATE'] ?? '/run/testyard-lab';
    while (spawnSync('flock', ['-n', `${state}/${host.name}/lock`, 'true']).status === 0);
    await host.thaw();
    await waits;
    expect(await over(host, 'echo well')).toBe('well');
  });

  it('refuses connections without its sshd and takes them again, with what was running still there', async () => {
    await over(host, 'sleep 1000 </dev/null >/dev/null 2>&1 & echo here > /root/here');
    await host.killSshd();
    await expect(connect(host)).rejects.toMatchObject({ kind: 'unreachable' });
    await host.startSshd();
    expect(await over(host, 'cat /root/here; cat /proc/[0-9]*/comm | grep sleep')).toBe('here\nsleep');
    expect(await powersOverMachine(host)).toEqual([]);
  });

  it('cuts connections in the middle and leaves the commands running', async () => {
    const connection = await connect(host);
    const command = await connection.start('echo started; exec sleep 1000');
    await firstBytes(command.stdout);
    await host.cutConnections();
    expect(await connection.ended).toMatchObject({ kind: 'lost' });
    expect(await over(host, 'cat /proc/[0-9]*/comm | grep sleep')).toBe('sleep');
  });

  it('loses every process in a crash and keeps what was written; the boot id tells of it', async () => {
    const connection = await connect(host);
    const before = await over(host, 'echo kept > /root/kept; cat /proc/sys/kernel/random/boot_id');
    await host.crash();
    await expect(connect(host, 300)).rejects.toMatchObject({ name: 'ShellError' });
    await host.boot();
    expect(await over(host, 'cat /root/kept')).toBe('kept');
    expect(await over(host, 'cat /proc/sys/kernel/random/boot_id')).not.toBe(before);
    connection.close();
  });

  it('is silent when unplugged and answers when plugged in again', async () => {
    await host.unplug();
    await expect(connect(host, 300)).rejects.toMatchObject({ name: 'ShellError' });
    await host.plug();
    expect(await over(host, 'echo back')).toBe('back');
  });

  it('tells what a command inside did, without ssh', async () => {
    expect(await host.exec('hostname; echo err >&2; exit 3')).toEqual({
      code: 3,
      stdout: `${host.name}\n`,
      stderr: 'err\n',
    });
  });

  it('leaves nothing when it is stopped', async () => {
    const [gone] = (await lightHosts(1)) as [LightHost];
    await over(gone, 'unshare --net --pid --fork sleep 1000 </dev/null >/dev/null 2>&1 &');
    expect(traces(gone)).not.toEqual([]);
    await gone.stop();
    expect(traces(gone)).toEqual([]);
    await gone.stop();
    expect(traces(gone)).toEqual([]);
    expect(spawnSync(lightHostProgram, ['restore', gone.name]).status).toBe(1);
    expect(traces(gone)).toEqual([]);
  });
});

function connect(host: LabHost, timeoutMs = 10_000): Promise<ShellConnection> {
  const target = { host: host.name, transport: host.transport, seat: 1 };
  return new SshShell({ intervalMs: 1_000, misses: 3 }).connect(target, timeoutMs);
}

/** What a command printed over ssh, both streams, without the last newline. */
async function over(host: LabHost, command: string): Promise<string> {
  const connection = await connect(host);
  try {
    const { stdout, stderr } = await run(connection, command);
    return `${stdout}${stderr}`.trimEnd();
  } finally {
    connection.close();
  }
}

function restored(host: LightHost, attempt: string, timeoutMs = 30_000) {
  return new CommandImages().restore({
    host: host.name,
    restore: host.restore,
    image: 'pristine',
    attempt,
    timeoutMs,
    onOutput: () => {},
  });
}

/** What root in the host may do to the machine's clock, modules, devices and log; read, for trying would harm. */
async function powersOverMachine(host: LabHost): Promise<string[]> {
  const bits = { sysModule: 16n, sysRawio: 17n, sysBoot: 22n, sysTime: 25n, mknod: 27n, syslog: 34n };
  const bounding = BigInt(`0x${await over(host, "sed -n 's/^CapBnd:.//p' /proc/self/status")}`);
  return Object.entries(bits)
    .filter(([, bit]) => (bounding >> bit) & 1n)
    .map(([name]) => name);
}

/** Everything on this machine that tells of the host: its namespace, link, mounts, processes and files. */
function traces(host: LightHost): string[] {
  const state = process.env['TESTYARD_LAB_STATE'] ?? '/run/testyard-lab';
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandLine(pid).includes(host.name));
  return [
    ...execFileSync('ip', ['netns', 'list']).toString().split('\n'),
    ...execFileSync('ip', ['-o', 'addr']).toString().split('\n'),
    ...readFileSync('/proc/mounts', 'utf8').split('\n'),
    ...processes.map((pid) => `process ${pid} of ${host.name}`),
    ...(existsSync(`${state}/${host.name}`) ? [`${state}/${host.name}`] : []),
  ].filter((line) => line.includes(host.name) || line.includes(` ${host.gateway}/`));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It ended since we looked.
    return '';
  }
}

/** Asks until the answer is the one wanted, and gives the last one. */
async function eventually(ask: () => Promise<string>, wanted: string): Promise<string> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const answer = await ask();
    if (answer === wanted || Date.now() > deadline) return answer;
  }
}
