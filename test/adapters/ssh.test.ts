import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SshShell } from '../../src/adapters/ssh.js';
import type { Transport } from '../../src/ports/shell.js';
import { canRunSshdHosts, freePort, type LabHost, makeKey, sshdHosts } from '../lab.js';
import { firstBytes, run, shellContract } from './shell.contract.js';

type SshTransport = Extract<Transport, { readonly kind: 'ssh' }>;

const obstacle = canRunSshdHosts();
const quickKeepAlive = { intervalMs: 100, misses: 3 };

describe.skipIf(obstacle)(`ssh${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  shellContract('ssh', async () => {
    const [host] = await sshdHosts(1);
    if (!host) throw new Error('no host');
    return { shell: new SshShell(), target: targetOf(host), stop: () => host.stop() };
  });

  shellContract('ssh over two jump hosts', async () => {
    const [host, near, far] = await sshdHosts(3);
    if (!host || !near || !far) throw new Error('no hosts');
    return {
      shell: new SshShell(),
      target: targetOf(behind(host, behind(near, far))),
      stop: async () => {
        await Promise.all([host.stop(), near.stop(), far.stop()]);
      },
    };
  });

  describe('a host behind a jump host', () => {
    let host: LabHost;
    let jump: LabHost;

    beforeAll(async () => {
      [host, jump] = (await sshdHosts(2)) as [LabHost, LabHost];
    });

    afterAll(async () => {
      await Promise.all([host?.stop(), jump?.stop()]);
    });

    const connect = (between: Partial<SshTransport>, timeoutMs = 10_000) => {
      const transport = { ...host.transport, jump: { ...jump.transport, ...between } };
      return new SshShell(quickKeepAlive).connect({ host: 'n1', transport, seat: 1 }, timeoutMs);
    };

    it('is not reached by one that shows another key, which is named', async () => {
      await expect(connect({ hostKeys: host.transport.hostKeys })).rejects.toMatchObject({
        kind: 'host_key',
        message: expect.stringContaining("n1's jump host"),
      });
    });

    it('is not reached by one that is not there', async () => {
      await expect(connect({ port: await freePort() })).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringContaining("n1's jump host"),
      });
    });

    it('is unreachable where the jump host finds nothing there', async () => {
      const transport = { ...host.transport, port: await freePort(), jump: jump.transport };
      await expect(new SshShell().connect({ host: 'n1', transport, seat: 1 }, 10_000)).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringContaining('no way on to'),
      });
    });

    it('is lost with its jump host, and takes nothing with it when it is closed', async () => {
      const first = await connect({});
      const ending = first.ended;
      await jump.cutConnections();
      expect(await ending).toMatchObject({ kind: 'lost' });
      const second = await connect({});
      second.close();
      expect(await second.ended).toBeUndefined();
    });

    it('is given up in time where the jump host is frozen', async () => {
      await jump.freeze();
      try {
        await expect(connect({}, 500)).rejects.toMatchObject({ kind: 'timeout' });
      } finally {
        await jump.thaw();
      }
    });
  });

  describe('a host that is not the one we know, or does not know us', () => {
    let host: LabHost;
    let folder: string;

    beforeAll(async () => {
      [host] = (await sshdHosts(1)) as [LabHost];
      folder = await mkdtemp(join(tmpdir(), 'testyard-ssh-test-'));
    });

    afterAll(async () => {
      await host?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const connect = (changes: Partial<SshTransport>, timeoutMs = 10_000) =>
      new SshShell().connect(
        { host: host.name, transport: { ...host.transport, ...changes }, seat: 1 },
        timeoutMs,
      );

    it('is refused by its key, and the key that it showed is named as ssh-keygen names it', async () => {
      const other = await makeKey(join(folder, 'other-host'));
      const line = host.transport.hostKeys[0] ?? '';
      await writeFile(join(folder, 'shown.pub'), line);
      const shown = (await host.exec(`ssh-keygen -lf ${join(folder, 'shown.pub')}`)).stdout.split(' ')[1];
      await expect(connect({ hostKeys: [other] })).rejects.toMatchObject({
        kind: 'host_key',
        message: expect.stringContaining(`${shown}`),
      });
    });

    it('is accepted when one of several pinned keys is its own', async () => {
      const other = await makeKey(join(folder, 'old-host'));
      const connection = await connect({ hostKeys: [other, ...host.transport.hostKeys] });
      connection.close();
    });

    it('is refused when it has no key of the pinned type', async () => {
      const other = await makeKey(join(folder, 'ecdsa-host'), 'ecdsa');
      await expect(connect({ hostKeys: [other] })).rejects.toMatchObject({ kind: 'host_key' });
    });

    it.each([
      { pinned: 'none', hostKeys: [] },
      { pinned: 'no key', hostKeys: ['ssh-ed25519'] },
      { pinned: 'an unknown type', hostKeys: ['ssh-dss AAAAB3NzaC1kc3M='] },
    ])('is never reached with $pinned pinned', async ({ hostKeys }) => {
      await expect(connect({ hostKeys })).rejects.toMatchObject({ kind: 'host_key' });
    });

    it('is reached by the pinned key also when it has others that ssh would prefer', async () => {
      const [several] = (await sshdHosts(1, ['ecdsa', 'ed25519'])) as [LabHost];
      try {
        const connection = await new SshShell().connect(targetOf(several), 10_000);
        connection.close();
      } finally {
        await several.stop();
      }
    });

    it('refuses a key or a user that it does not know', async () => {
      await makeKey(join(folder, 'stranger'));
      await expect(connect({ keyFile: join(folder, 'stranger') })).rejects.toMatchObject({
        kind: 'authentication',
        message: expect.stringContaining('stranger'),
      });
      await expect(connect({ user: 'nobody-here' })).rejects.toMatchObject({ kind: 'authentication' });
    });

    it('is not tried without a private key that can be used', async () => {
      await makeKey(join(folder, 'locked'), 'ed25519', 'a passphrase');
      await writeFile(join(folder, 'nonsense'), 'no key at all');
      for (const [name, why] of [
        ['missing', 'ENOENT'],
        ['nonsense', 'no usable private key'],
        ['locked', 'ncrypted'],
        ['locked.pub', 'public key'],
        // In the home of whoever runs the executor.
        ['~/no-such-key', join(homedir(), 'no-such-key')],
      ] as const) {
        await expect(
          connect({ keyFile: name.startsWith('~') ? name : join(folder, name) }),
        ).rejects.toMatchObject({
          kind: 'authentication',
          message: expect.stringContaining(why),
        });
      }
    });

    it('is unreachable when nothing listens, its name is not known or what listens speaks no ssh', async () => {
      await expect(connect({ port: await freePort() })).rejects.toMatchObject({ kind: 'unreachable' });
      await expect(connect({ address: 'no-such-host.invalid' })).rejects.toMatchObject({
        kind: 'unreachable',
      });
      await withServer('HTTP/1.1 400 Bad Request\r\n\r\n', async (port) => {
        await expect(connect({ port })).rejects.toMatchObject({ kind: 'unreachable' });
      });
    });

    it('is a time-out when what listens says nothing, and no socket stays', async () => {
      await withServer(undefined, async (port, openSockets) => {
        await expect(connect({ port }, 200)).rejects.toMatchObject({ kind: 'timeout' });
        await expect.poll(openSockets).toBe(0);
      });
    });

    it('is no way in for another transport', async () => {
      const target = { host: 'here', transport: { kind: 'local', network: false } as const, seat: 1 };
      await expect(new SshShell().connect(target, 1_000)).rejects.toMatchObject({ kind: 'unsupported' });
    });
  });

  describe('a host that breaks down', () => {
    let host: LabHost;

    beforeAll(async () => {
      [host] = (await sshdHosts(1)) as [LabHost];
    });

    afterAll(() => host?.stop());

    const connect = (timeoutMs = 10_000) => new SshShell(quickKeepAlive).connect(targetOf(host), timeoutMs);

    it('is a time-out when it hangs before we come', async () => {
      await host.freeze();
      try {
        await expect(connect(300)).rejects.toMatchObject({ kind: 'timeout' });
      } finally {
        await host.thaw();
      }
      (await connect()).close();
    });

    it('is a time-out when it hangs in the middle of a command', async () => {
      const connection = await connect();
      const command = await connection.start('echo started; exec sleep 1000');
      await firstBytes(command.stdout);
      await host.freeze();
      try {
        expect(await connection.ended).toMatchObject({ kind: 'timeout' });
        command.stdout.resume();
        command.stderr.resume();
        await expect(command.exit).rejects.toMatchObject({ kind: 'timeout' });
        await expect(connection.start('true')).rejects.toMatchObject({ kind: 'timeout' });
      } finally {
        await host.thaw();
      }
    });

    it('can be left at once while it hangs', async () => {
      const connection = await new SshShell().connect(targetOf(host), 10_000);
      await host.freeze();
      try {
        connection.close();
        expect(await connection.ended).toBeUndefined();
      } finally {
        await host.thaw();
      }
    });

    it('keeps a quiet connection for much longer than the keep-alive, while it answers', async () => {
      const connection = await connect();
      const ran = await run(connection, 'sleep 1; echo still here');
      expect(ran.stdout.toString()).toBe('still here\n');
      connection.close();
    });

    it('loses a command in the middle, whose output until then stays readable', async () => {
      const connection = await connect();
      const command = await connection.start('echo started; exec sleep 1000');
      const output = command.stdout[Symbol.asyncIterator]();
      expect((await output.next()).value.toString()).toBe('started\n');
      const waiting = connection.start('read never');
      command.stderr.resume();
      await waiting;
      await host.cutConnections();
      expect(await connection.ended).toMatchObject({ kind: 'lost' });
      expect((await output.next()).done).toBe(true);
      await expect(command.exit).rejects.toMatchObject({ name: 'ShellError', kind: 'lost' });
      await expect(connection.start('true')).rejects.toMatchObject({ kind: 'lost' });
    });

    it('is spared a command that is too long for one argument', async () => {
      const connection = await connect();
      expect((await run(connection, `: ${'x'.repeat(131_000)}`)).exit).toEqual({ kind: 'exited', code: 0 });
      for (const size of [131_100, 3_000_000]) {
        await expect(connection.start(`: ${'x'.repeat(size)}`)).rejects.toMatchObject({
          kind: 'unsupported',
        });
      }
      connection.close();
    });

    it('lets go of an abandoned command, which then ends by its broken pipe', async () => {
      const connection = await connect();
      const command = await connection.start('echo $$; exec cat /dev/zero');
      const first = (await command.stdout[Symbol.asyncIterator]().next()).value.toString();
      const pid = Number.parseInt(first, 10);
      command.abandon();
      await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 5_000 }).toBe(false);
      connection.close();
    });

    it('is unreachable without its sshd, while open connections go on, and comes back with it', async () => {
      const open = await connect();
      await host.killSshd();
      await expect(connect()).rejects.toMatchObject({ kind: 'unreachable' });
      expect((await run(open, 'echo on')).stdout.toString()).toBe('on\n');
      open.close();
      await host.startSshd();
      (await connect()).close();
    });
  });
});

function targetOf(host: LabHost) {
  return { host: host.name, transport: host.transport, seat: 1 };
}

/** Something on a port that says `greeting` to whoever comes, and nothing else. */
async function withServer(
  greeting: string | undefined,
  use: (port: number, openSockets: () => Promise<number>) => Promise<void>,
): Promise<void> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {}).resume();
    if (greeting) socket.end(greeting);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  try {
    const openSockets = () =>
      new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    await use(port, openSockets);
  } finally {
    server.close();
  }
}

/** The host, reached over another one. */
function behind(host: LabHost, jump: LabHost): LabHost {
  return { ...host, transport: { ...host.transport, jump: jump.transport } };
}
