import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AptRepository } from '../../lab/apt-repository.js';
import { GitServer } from '../../lab/git-server.js';
import { type LightHost, lightHosts } from '../lab.js';
import { Program, until } from './program.js';
import { type Scene, storyInventory } from './story.js';
import { SECONDS, startYard, type Yard } from './yard.js';

const MINUTES = 60_000;

/** Sets the scene of the story: three light hosts, a mirror, a git server, a grid, and an executor that can be killed. */
export async function openScene(
  say: (line: string) => void,
): Promise<{ readonly scene: Scene; close(): Promise<void> }> {
  const [mirror, git, hosts] = await Promise.all([AptRepository.start(), GitServer.start(), lightHosts(3)]);
  await mirror.publish('stable', [
    { name: 'lab-tool', version: '1.0' },
    { name: 'lab-tool', version: '2.0' },
  ]);
  const commit = await git.commit('app', { 'app.sh': '#!/bin/sh\necho app-one\n' });
  const yard = await startYard({
    hosts: hosts.map((host, n) => ({ host, lines: linesOf(host, n) })),
    ...storyInventory(mirror, git, commit),
  });
  const executor = await startExecutor(yard);
  const close = async () => {
    await executor.stop();
    await yard.stop();
    await Promise.all([...hosts.map((host) => host.stop()), mirror.stop(), git.stop()]);
  };
  const { grid } = yard;
  await until('all hosts are known', 2 * MINUTES, async () => {
    const seen = await Promise.all(hosts.map((host) => grid.host(host.name)));
    return seen.every((host) => host.state === 'idle' && host.health === 'good');
  });
  const told = async (incident: string) => {
    const rows = await yard.rows<{ owner: string }>(
      `SELECT data->>'owner' AS owner FROM history WHERE kind = 'owner.told' AND subject = '${incident}' ORDER BY txid, id`,
    );
    return rows.map(({ owner }) => owner);
  };
  return { scene: { grid, hosts, mirror, git, executor, say, told }, close };
}

function linesOf(host: LightHost, n: number): readonly string[] {
  return [
    'executor: rack',
    'expendable: [image, packages, build, boot, use]',
    `restore: ${JSON.stringify({ command: host.restore.command })}`,
    ...(n === 1 ? ['tags: [card 10de:1b80 @ 01:00.0]'] : []),
  ];
}

async function startExecutor({ grid, folder }: Yard) {
  const token = await grid.cli('token', 'create', 'rack', '--executor');
  const tokenFile = path.join(folder, 'rack.token');
  await writeFile(tokenFile, token.out, { mode: 0o600 });
  let program: Program | undefined;
  const start = async () => {
    const state = ['--state-dir', path.join(folder, 'rack')];
    const args = ['--api', grid.url, '--token-file', tokenFile, '--name', 'rack'];
    program = new Program([...state, 'executor', ...args], SECONDS);
    await program.printed(/executor rack works for/, 90_000);
  };
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    program?.kill(signal);
    await program?.end(30_000);
  };
  await start();
  return { start, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
