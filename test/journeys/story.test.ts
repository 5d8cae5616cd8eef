import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { AptRepository } from '../../lab/apt-repository.js';
import { GitServer } from '../../lab/git-server.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { Program, until } from './program.js';
import { CHAPTERS, type Scene, storyInventory } from './story.js';
import { SECONDS, startYard, type Yard } from './yard.js';

const obstacle = canRunLightHosts();
const MINUTES = 60_000;

describe.skipIf(obstacle !== undefined)(
  `the story${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: Yard;
    let hosts: LightHost[] = [];
    let mirror: AptRepository;
    let git: GitServer;
    let scene: Scene;
    let executor: Program | undefined;

    beforeAll(async () => {
      [mirror, git, hosts] = await Promise.all([AptRepository.start(), GitServer.start(), lightHosts(3)]);
      await mirror.publish('stable', [
        { name: 'lab-tool', version: '1.0' },
        { name: 'lab-tool', version: '2.0' },
      ]);
      const commit = await git.commit('app', { 'app.sh': '#!/bin/sh\necho app-one\n' });
      const lines = (host: LightHost, more: readonly string[]) => [
        'executor: rack',
        'expendable: [image, packages, build, boot, use]',
        `restore: ${JSON.stringify({ command: host.restore.command })}`,
        ...more,
      ];
      yard = await startYard({
        hosts: hosts.map((host, n) => ({
          host,
          lines: lines(host, n === 1 ? ['tags: [card 10de:1b80 @ 01:00.0]'] : []),
        })),
        ...storyInventory(mirror, git, commit),
      });
      const { grid, folder } = yard;
      const token = await grid.cli('token', 'create', 'rack', '--executor');
      await writeFile(path.join(folder, 'rack.token'), token.out, { mode: 0o600 });
      const start = async () => {
        const args = ['--state-dir', path.join(folder, 'rack'), 'executor', '--api', grid.url];
        executor = new Program(
          [...args, '--token-file', path.join(folder, 'rack.token'), '--name', 'rack'],
          SECONDS,
        );
        await executor.printed(/executor rack works for/, 90_000);
      };
      await start();
      scene = {
        ...{ grid, hosts, mirror, git },
        executor: {
          start,
          kill: async () => {
            executor?.kill('SIGKILL');
            await executor?.end(30_000);
          },
        },
        say: (line) => process.env['STORY'] && console.log(line),
        told: async (incident) => {
          const rows = await yard.rows<{ owner: string }>(
            `SELECT data->>'owner' AS owner FROM history WHERE kind = 'owner.told' AND subject = '${incident}' ORDER BY txid, id`,
          );
          return rows.map(({ owner }) => owner);
        },
      };
      await until('all hosts are known', 2 * MINUTES, async () => {
        const seen = await Promise.all(hosts.map((host) => grid.host(host.name)));
        return seen.every((host) => host.state === 'idle' && host.health === 'good');
      });
    }, 10 * MINUTES);

    afterAll(async () => {
      executor?.kill('SIGTERM');
      await executor?.end(30_000);
      await yard?.stop();
      await Promise.all([...hosts.map((host) => host.stop()), mirror?.stop(), git?.stop()]);
    }, 3 * MINUTES);

    for (const { title, play } of CHAPTERS) test(title, () => play(scene), 12 * MINUTES);
  },
);
