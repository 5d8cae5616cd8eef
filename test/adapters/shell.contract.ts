import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shell, ShellConnection, ShellProcess, ShellTarget } from '../../src/ports/shell.js';

/** A host to run the contract on; at least 20 commands must be able to run on one connection to it. */
export interface ContractTarget {
  readonly shell: Shell;
  readonly target: ShellTarget;
  stop(): Promise<void>;
}

/** What every way into a host promises. */
export function shellContract(name: string, makeTarget: () => Promise<ContractTarget>): void {
  describe(`a shell over ${name}`, () => {
    let made: ContractTarget;
    let connection: ShellConnection;

    beforeAll(async () => {
      made = await makeTarget();
      connection = await open();
    });

    afterAll(async () => {
      connection?.close();
      await made?.stop();
    });

    const open = () => made.shell.connect(made.target, 20_000);

    it.each([0, 1, 77, 126, 127, 255])('tells exit code %i', async (code) => {
      const ran = await run(connection, `exit ${code}`);
      expect(ran.exit).toEqual({ kind: 'exited', code });
    });

    it('tells 127 for a command that is not there and 126 for one that cannot run', async () => {
      expect((await run(connection, 'no-such-command')).exit).toEqual({ kind: 'exited', code: 127 });
      expect((await run(connection, '/etc/passwd')).exit).toEqual({ kind: 'exited', code: 126 });
    });

    it.each(['KILL', 'TERM', 'ABRT'])('tells the death by SIG%s', async (signal) => {
      const ran = await run(connection, `kill -${signal} $$; exit 5`);
      expect(ran.exit).toEqual({ kind: 'signalled', signal: `SIG${signal}` });
    });

    it('keeps stdout and stderr apart', async () => {
      const ran = await run(connection, 'echo out; echo err >&2; echo out again');
      expect(ran.stdout.toString()).toBe('out\nout again\n');
      expect(ran.stderr.toString()).toBe('err\n');
    });

    it('hands a command on as it is, quotes, newlines and all', async () => {
      const command = `x='it'"'"'s'\nprintf '%s|' "$x" 'a  b' "\\\\" '$HOME' "grün"; echo '#' # the end`;
      const ran = await run(connection, command);
      expect(ran.stdout.toString()).toBe("it's|a  b|\\|$HOME|grün|#\n");
    });

    it('gives a command no terminal', async () => {
      const ran = await run(connection, 'test -t 0 || test -t 1 || test -t 2 || echo none');
      expect(ran.stdout.toString()).toBe('none\n');
    });

    it('brings 5 MB of any bytes through stdin and back intact', async () => {
      const bytes = randomBytes(5_000_000);
      const ran = await run(connection, 'cat', bytes);
      expect(digest(ran.stdout)).toBe(digest(bytes));
      expect(ran.exit).toEqual({ kind: 'exited', code: 0 });
    });

    it('ends the command’s stdin when ours ends', async () => {
      const ran = await run(connection, 'wc -c', Buffer.from('12345'));
      expect(ran.stdout.toString().trim()).toBe('5');
    });

    it('leaves nobody waiting when a command ends without reading its stdin', async () => {
      const command = await connection.start('exit 3');
      const written = new Promise((resolve) => {
        command.stdin.write(randomBytes(16_000_000), resolve);
      });
      const ran = await collect(command);
      await written;
      expect(ran.exit).toEqual({ kind: 'exited', code: 3 });
    });

    it('lets a command end while its stdin is still open', async () => {
      const command = await connection.start('echo done');
      const ran = await collect(command);
      expect(ran.stdout.toString()).toBe('done\n');
    });

    it('waits for a reader that reads nothing, and loses no byte', async () => {
      const megabytes = 200;
      const before = heldMegabytes();
      const command = await connection.start(`head -c ${megabytes}M /dev/zero`);
      command.stdin.end();
      command.stderr.resume();
      await standstill();
      expect(heldMegabytes() - before).toBeLessThan(40);
      expect(await countBytes(command.stdout)).toBe(megabytes * 1024 * 1024);
      expect(await command.exit).toEqual({ kind: 'exited', code: 0 });
    });

    it('lets what comes on stderr not open the gate for a stdout that nobody reads', async () => {
      const before = heldMegabytes();
      const command = await connection.start(
        'i=0; while [ $i -lt 2000 ]; do head -c 100K /dev/zero; echo x >&2; i=$((i + 1)); done',
      );
      command.stdin.end();
      const stderr = countBytes(command.stderr);
      await standstill();
      expect(heldMegabytes() - before).toBeLessThan(40);
      expect(await countBytes(command.stdout)).toBe(2000 * 100 * 1024);
      expect(await stderr).toBe(4000);
      expect(await command.exit).toEqual({ kind: 'exited', code: 0 });
    });

    it('brings much output on both streams to readers of both', async () => {
      const command = await connection.start(
        'head -c 20M /dev/zero & head -c 20M /dev/zero >&2; wait; echo end >&2',
      );
      command.stdin.end();
      const [stdout, stderr] = await Promise.all([countBytes(command.stdout), countBytes(command.stderr)]);
      expect([stdout, stderr]).toEqual([20 * 1024 * 1024, 20 * 1024 * 1024 + 4]);
    });

    it('lets a reader turn away in the middle without stopping the command', async () => {
      const command = await connection.start('head -c 20M /dev/zero; echo end >&2');
      command.stdin.end();
      await firstBytes(command.stdout);
      await standstill();
      command.stdout.destroy();
      const stderr = await allBytes(command.stderr);
      await command.exit;
      expect(stderr.toString()).toContain('end');
    });

    it('runs 20 commands beside each other on one connection', async () => {
      const numbers = Array.from({ length: 20 }, (_, number) => number);
      const ran = await Promise.all(
        numbers.map((number) =>
          run(connection, `read x; echo $x; exit ${number}`, Buffer.from(`${number}\n`)),
        ),
      );
      expect(ran.map((one) => one.stdout.toString())).toEqual(numbers.map((number) => `${number}\n`));
      expect(ran.map((one) => one.exit)).toEqual(numbers.map((code) => ({ kind: 'exited', code })));
    });

    it('abandons a command at once, and the connection serves on', async () => {
      const command = await connection.start('echo started; exec sleep 1000');
      await firstBytes(command.stdout);
      command.abandon();
      await expect(command.exit).rejects.toMatchObject({ name: 'ShellError', kind: 'lost' });
      expect([command.stdin.destroyed, command.stdout.destroyed, command.stderr.destroyed]).toEqual([
        true,
        true,
        true,
      ]);
      expect((await run(connection, 'echo still here')).stdout.toString()).toBe('still here\n');
    });

    it('lets a caller abandon a command and never look back', async () => {
      const command = await connection.start('exec sleep 1000');
      command.abandon();
      expect((await run(connection, 'echo no crash')).stdout.toString()).toBe('no crash\n');
    });

    it('loses its commands when we close the connection, and says that it was us', async () => {
      const closing = await open();
      const command = await closing.start('echo started; exec sleep 1000');
      await firstBytes(command.stdout);
      closing.close();
      expect(await closing.ended).toBeUndefined();
      command.stdout.resume();
      command.stderr.resume();
      await expect(command.exit).rejects.toMatchObject({ name: 'ShellError', kind: 'lost' });
      await expect(closing.start('true')).rejects.toMatchObject({ name: 'ShellError', kind: 'lost' });
      expect((await run(connection, 'echo others stay')).stdout.toString()).toBe('others stay\n');
    });
  });
}

/** What a command did until its end. */
export interface Ran {
  readonly exit: Awaited<ShellProcess['exit']>;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs `command` to its end with `input` as its stdin. */
export async function run(connection: ShellConnection, command: string, input?: Buffer): Promise<Ran> {
  const started = await connection.start(command);
  started.stdin.end(input);
  return collect(started);
}

async function collect(command: ShellProcess): Promise<Ran> {
  const [stdout, stderr] = await Promise.all([allBytes(command.stdout), allBytes(command.stderr)]);
  return { exit: await command.exit, stdout, stderr };
}

async function allBytes(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function countBytes(stream: Readable): Promise<number> {
  let count = 0;
  for await (const chunk of stream) count += chunk.length;
  return count;
}

/** Resolves when something was read, so that the command is known to run. */
export function firstBytes(stream: Readable): Promise<void> {
  return new Promise((resolve) => stream.once('readable', () => resolve(void stream.read())));
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function heldMegabytes(): number {
  // Worker code runs with the flag that lets us collect what is no longer held, or else counts a little more.
  globalThis.gc?.();
  return process.memoryUsage().arrayBuffers / (1024 * 1024);
}

/** Resolves when no more bytes have come in for a while: all are there, or the sender waits for us. */
async function standstill(): Promise<void> {
  const deadline = Date.now() + 20_000;
  let last = -1;
  for (let same = 0; same < 15 && Date.now() < deadline; ) {
    const now = process.memoryUsage().arrayBuffers;
    same = Math.abs(now - last) < 100_000 ? same + 1 : 0;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
