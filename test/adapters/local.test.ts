import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalShell } from '../../src/adapters/local.js';
import type { ShellConnection } from '../../src/ports/shell.js';
import { run, shellContract } from './shell.contract.js';

const target = { host: 'here', transport: { kind: 'local', network: false }, seat: 1 } as const;
const asRoot = process.getuid?.() === 0;

shellContract('local', async () => ({
  shell: new LocalShell({ masked: [] }),
  target,
  stop: async () => {},
}));

describe.skipIf(!asRoot)('the throw-away root', () => {
  let state: string;
  let connection: ShellConnection;

  beforeAll(async () => {
    state = await mkdtemp('/opt/testyard-state-');
    await writeFile(join(state, 'secret'), 'secret', { mode: 0o644 });
    connection = await new LocalShell({ masked: [state] }).connect(target, 1000);
  });

  afterAll(async () => {
    connection?.close();
    await rm(state, { recursive: true, force: true });
  });

  const text = async (command: string) => (await run(connection, command)).stdout.toString();

  it('runs as a user of its own that can become nobody else', async () => {
    expect(await text('id -u; id -un; id -G')).toBe('610001\ntestyard\n610001\n');
    expect(await text('grep -E "^(Cap(Prm|Eff|Bnd|Inh|Amb)|NoNewPrivs)" /proc/self/status')).toBe(
      `${['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => `Cap${set}:\t0000000000000000\n`).join('')}NoNewPrivs:\t1\n`,
    );
  });

  it('hides the state folder', async () => {
    expect(await text(`ls ${state}; cat ${state}/secret; ls -d ${state}`)).toBe(`${state}\n`);
  });

  it('lets nothing through to the real file system', async () => {
    const probe = 'testyard-probe-1';
    const places = ['/tmp', '/var/tmp', '/run/home', '$HOME', '/dev/shm'];
    const command = `for d in ${places.join(' ')}; do echo x >$d/${probe} && echo yes; done; ls /tmp; echo x >/etc/${probe}`;
    expect(await text(command)).toBe(`${'yes\n'.repeat(5)}${probe}\n`);
    for (const place of ['/tmp', '/var/tmp', '/run', '/etc', '/dev/shm']) {
      expect(existsSync(join(place, probe))).toBe(false);
    }
    expect(await text(`ls /tmp /var/tmp`)).toBe('/tmp:\n\n/var/tmp:\n');
    expect(await text('echo x >/sys/kernel/profiling || echo refused; ls /dev/vda || echo none')).toBe(
      'refused\nnone\n',
    );
  });

  it('sees its own processes only, and its loopback only', async () => {
    expect(await text('ls -d /proc/[0-9]* | wc -l')).toMatch(/^ *[3-6]\n$/);
    expect((await text('cat /proc/net/dev')).match(/^ *([a-z0-9]+):/gm)).toEqual(['    lo:']);
    const networked = await new LocalShell({ masked: [] }).connect(
      { ...target, transport: { kind: 'local', network: true } },
      1000,
    );
    const { stdout } = await run(networked, 'readlink /proc/self/ns/net');
    networked.close();
    expect(stdout.toString()).not.toBe(await text('readlink /proc/self/ns/net'));
  });

  it('ends all processes with the command', async () => {
    await text('setsid env -i sleep 3001 & nohup sleep 3002 & sleep 0.1');
    expect(await processes()).not.toContain('sleep 300');
  });

  it('dies with the process that made it, even by kill -9', async () => {
    const program = join(tmpdir(), `testyard-local-${process.pid}.sh`);
    const sandbox = (await import('../../src/adapters/local-sandbox.js')).namespaces(
      { network: false, uid: 610_009, masked: [] },
      '',
      'setsid sleep 3003 & sleep 3004',
    );
    await writeFile(`${program}.json`, JSON.stringify([sandbox.program, sandbox.args]));
    const code = `const { spawn } = require('node:child_process');
      const [program, args] = JSON.parse(require('node:fs').readFileSync('${program}.json', 'utf8'));
      spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore', 'pipe'] }); setInterval(() => {}, 1000);`;
    const maker = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
    await until(async () => (await processes()).includes('sleep 3003'));
    maker.kill('SIGKILL');
    await until(async () => !(await processes()).includes('sleep 300'));
    await rm(`${program}.json`);
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 50_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('did not come true within 50 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function processes(): Promise<string> {
  const child = spawn('ps', ['ax', '-o', 'comm=', '-o', 'args='], { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString().split('\n');
  return lines.filter((line) => line.startsWith('sleep')).join('\n');
}
