import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Executor, type ExecutorOptions } from '../../src/executor/executor.js';
import { Images, type RestoreResult } from '../../src/ports/images.js';
import { Shell, type ShellConnection, type ShellExit } from '../../src/ports/shell.js';
import { assignmentOf, FakeGrid, until } from './fake-grid.js';

class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    throw new Error('nothing is restored here');
  }
}

/** This machine without any sandbox: what matters here is the executor's side. */
class BareShell extends Shell {
  connections = 0;
  starts = 0;

  constructor(private readonly home: string) {
    super();
  }

  async connect(): Promise<ShellConnection> {
    this.connections++;
    return {
      start: async (command) => {
        this.starts++;
        const env = { PATH: process.env['PATH'], HOME: this.home };
        const child = spawn('/bin/sh', ['-c', command], { stdio: 'pipe', env });
        const exit = new Promise<ShellExit>((resolve) => {
          child.once('close', (code, signal) => {
            resolve(code === null ? { kind: 'signalled', signal: String(signal) } : { kind: 'exited', code });
          });
        });
        const { stdin, stdout, stderr } = child;
        return { stdin, stdout, stderr, exit, abandon: () => child.stdin.destroy() };
      },
      ended: new Promise(() => {}),
      close: () => {},
    };
  }
}

describe('the executor', () => {
  let folder: string;
  let hosts = 900;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'testyard-executor-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (
    more: Partial<ExecutorOptions> = {},
    protocol?: { readonly grid: string | undefined },
  ) => {
    const grid = new FakeGrid();
    if (protocol) grid.protocol = protocol.grid;
    const shell = new BareShell(folder);
    const spoolDir = join(folder, 'spool');
    const waits = { backOffFirstMs: 20, backOffMostMs: 50, gatherMs: 20, claimMs: 2000, ...more.waits };
    const options = {
      link: grid,
      shell,
      images: new NoImages(),
      name: 'x',
      capacity: 4,
      spoolDir,
      ...more,
      waits,
    };
    const executor = new Executor(options);
    await executor.start();
    return { grid, shell, executor, host: aHost() };
  };

  const aHost = () => ({
    id: String(++hosts),
    name: `host${hosts}`,
    transport: { kind: 'ssh', address: '', port: 1, user: '', keyFile: '', hostKeys: [] } as const,
    expendable: [],
  });

  it('carries out attempts beside each other, with one command and one connection per host', async () => {
    const { grid, shell, executor } = await start();
    const heard = [1, 2, 3].map((n) => grid.give(assignmentOf(`echo ${n}`, aHost())));
    const host = aHost();
    for (const one of heard) await one.ended;
    expect([shell.connections, shell.starts]).toEqual([3, 3]);
    for (const text of ['a', 'b']) {
      const one = grid.give(assignmentOf(`echo ${text}`, host));
      await one.ended;
      expect(one.output.toString()).toBe(`${text}\n`);
    }
    expect([shell.connections, shell.starts]).toEqual([4, 5]);
    await executor.stop();
    expect(grid.released).toEqual(['1']);
  });

  it.each([
    [undefined, false],
    ['1.1', false],
    ['1.2', true],
    ['1.10', true],
  ])('tells a grid that speaks %s of an outcome before the end: %s', async (grid, told) => {
    const one = await start({}, { grid });
    const heard = one.grid.give(assignmentOf('true', one.host));
    await heard.ended;
    expect(heard.kinds().includes('decided')).toBe(told);
    expect(heard.seqs).toEqual(heard.seqs.map((_, index) => index + 1));
    await one.executor.stop();
  });

  it('keeps results on disk through an outage, repeats nothing, and tells all once and in order', async () => {
    const { grid, shell, executor, host } = await start({ waits: { memoryBytes: 20_000 } });
    const heard = grid.give(assignmentOf('head -c 3000000 /dev/zero; echo end; sleep 1', host));
    await until(() => heard.events.length > 0);
    grid.outage = true;
    const again = grid.calls;
    await until(async () => (await readdir(join(folder, 'spool'))).length === 1);
    await until(() => grid.calls > again + 20);
    expect(heard.events.map(({ kind }) => kind)).not.toContain('ended');
    grid.outage = false;
    const { end } = await heard.ended;
    expect(end.outcome).toMatchObject({ kind: 'ended', exit: { code: 0 } });
    expect(heard.output.length).toBe(3_000_004);
    expect(heard.seqs).toEqual(heard.seqs.map((_, index) => index + 1));
    expect([shell.starts, grid.incarnations.length]).toEqual([1, 1]);
    expect(await readdir(join(folder, 'spool'))).toEqual([]);
    await executor.stop();
  });

  it('stops the work of a dead lease at once, tells nothing of it, and presents itself anew', async () => {
    const { grid, executor, host } = await start();
    const file = join(folder, 'alive');
    const heard = grid.give(assignmentOf(`sleep 2001 & while :; do echo x >${file}; sleep 0.05; done`, host));
    await until(() => heard.events.some(({ kind }) => kind === 'test_started'));
    grid.dead.add('1');
    await until(() => grid.incarnations.length === 2);
    expect(new Set(grid.incarnations).size).toBe(2);
    await until(async () => !(await commandLines()).includes('sleep 2001'));
    const after = grid.give(assignmentOf('echo next', aHost()));
    expect((await after.ended).end.outcome.kind).toBe('ended');
    expect(heard.events.map(({ kind }) => kind)).not.toContain('ended');
    await executor.stop();
  });

  it('stops an attempt of which the grid wants no more', async () => {
    const { grid, executor, host } = await start();
    const assignment = assignmentOf('echo on; sleep 2002', host);
    const heard = grid.give(assignment);
    await until(() => heard.events.some(({ kind }) => kind === 'begun'));
    grid.refused.add(assignment.attempt);
    await until(async () => !(await commandLines()).includes('sleep 2002'));
    expect(heard.events.map(({ kind }) => kind)).not.toContain('ended');
    await executor.stop();
  });

  it('ends what runs when it is stopped, and gives the lease back', async () => {
    const { grid, executor, host } = await start();
    const heard = grid.give(assignmentOf('sleep 2003', host));
    await until(() => heard.events.some(({ kind }) => kind === 'test_started'));
    await executor.stop();
    expect(await commandLines()).not.toContain('sleep 2003');
    expect(grid.released).toEqual(['1']);
    expect(heard.events.map(({ kind }) => kind)).not.toContain('ended');
  });

  it('drains: what runs is carried out and told to its end', async () => {
    const { grid, executor, host } = await start();
    const heard = grid.give(assignmentOf('sleep 0.5; echo end', host));
    await until(() => heard.events.length > 0);
    await executor.drain();
    expect((await heard.ended).end.outcome.kind).toBe('ended');
    expect(heard.output.toString()).toBe('end\n');
    expect(grid.released).toEqual(['1']);
  });
});

async function commandLines(): Promise<string> {
  const child = spawn('ps', ['ax', '-o', 'args'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
