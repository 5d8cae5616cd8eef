import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandImages } from '../../src/adapters/command-images.js';

describe('restoring an image by a command', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'testyard-images-test-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const restore = (command: readonly string[], timeoutMs = 10_000, output: Uint8Array[] = []) =>
    new CommandImages().restore({
      host: 'board-1',
      restore: { kind: 'command', command },
      image: 'debian-12',
      attempt: '41',
      timeoutMs,
      onOutput: (bytes) => output.push(bytes),
    });
  const sh = (
    script: string,
    ...rest: Parameters<typeof restore> extends [unknown, ...infer R] ? R : never
  ) => restore(['/bin/sh', '-c', script], ...rest);

  it('tells the command the host, the image and the attempt, and hands its output on', async () => {
    const output: Uint8Array[] = [];
    const script = 'echo $TESTYARD_HOST; echo $TESTYARD_IMAGE >&2; echo $TESTYARD_ATTEMPT';
    expect(await sh(script, 10_000, output)).toEqual({ ok: true });
    const lines = Buffer.concat(output).toString().trim().split('\n');
    expect(lines.sort()).toEqual(['41', 'board-1', 'debian-12']);
  });

  it('hands arguments on as they are, past any shell', async () => {
    const output: Uint8Array[] = [];
    await restore(['printf', '%s|', '$HOME', 'a  b', ';false'], 10_000, output);
    expect(Buffer.concat(output).toString()).toBe('$HOME|a  b|;false|');
  });

  it('is refused by exit code 211', async () => {
    const result = await sh('echo 42 was here >&2; exit 211');
    expect(result).toMatchObject({ ok: false, kind: 'refused' });
    expect(result).toMatchObject({ message: expect.stringContaining('42 was here') });
  });

  it('fails with what the command said last', async () => {
    const result = await sh('head -c 100000 /dev/zero | tr "\\0" .; echo no such image; exit 1');
    expect(result).toMatchObject({ ok: false, kind: 'failed' });
    const message = result.ok ? '' : result.message;
    expect(message).toContain('exited 1');
    expect(message).toContain('no such image');
    expect(message.length).toBeLessThan(3_000);
  });

  it('fails when the command is killed, cannot be started or is not there', async () => {
    expect(await sh('kill -9 $$')).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('SIGKILL'),
    });
    expect(await restore(['/no/such/program'])).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('/no/such/program'),
    });
    expect(await restore([])).toMatchObject({ kind: 'failed' });
  });

  it('kills the command and all it started when the time is over', async () => {
    const pidFile = join(folder, 'pid');
    const result = await sh(`sleep 1000 & echo $! > ${pidFile}; echo waiting; wait`, 300);
    expect(result).toMatchObject({ ok: false, kind: 'timeout', message: expect.stringContaining('waiting') });
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(await eventuallyGone(pid)).toBe(true);
  });

  it('ends with the command, whoever else holds its output', async () => {
    const pidFile = join(folder, 'daemon');
    const result = await sh(`setsid sleep 1000 & echo $! > ${pidFile}; echo started`, 20_000);
    expect(result).toEqual({ ok: true });
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(() => process.kill(pid, 'SIGKILL')).not.toThrow();
  });

  it('is a time-out also when what left the group holds the output', async () => {
    const pidFile = join(folder, 'left');
    const result = await sh(`setsid sleep 1000 & echo $! > ${pidFile}; sleep 1000`, 300);
    expect(result).toMatchObject({ ok: false, kind: 'timeout' });
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
  });
});

/** Whether a process ends within some seconds; one that nobody has waited for yet counts as ended. */
async function eventuallyGone(pid: number): Promise<boolean> {
  const deadline = Date.now() + 5_000;
  while (Date.now() < deadline) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
    if (/\) [ZX]/.test(stat)) return true;
  }
  return false;
}
