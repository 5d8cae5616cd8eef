import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DiffView } from '../../src/http/contract.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { chainOf, shellTest, startYard, type Yard } from './yard.js';

const obstacle = canRunLightHosts();

const TAGS = `tags:
  pristine:
    meaning: The image was put back.
  compiler:
    meaning: A compiler is installed.
    probe: test -x /opt/compiler
`;

const STEPS = `steps:
  minbase:
    layer: image
    owner: images@example.org
    gives: [pristine]
    cost: 5s
    timeout: 2m
    restore: minbase
    no_undo: the next image takes its place
  compiler:
    layer: packages
    owner: images@example.org
    gives: [compiler]
    cost: 1s
    timeout: 1m
    script: |
      echo true >/opt/compiler
      chmod 755 /opt/compiler
    undo: rm -f /opt/compiler
`;

describe.skipIf(obstacle !== undefined)(
  `nobody's leftovers are anybody's environment${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: Yard;
    let host: LightHost;
    const bootId = async () => (await host.exec('cat /proc/sys/kernel/random/boot_id')).stdout.trim();
    const dpkg = 'echo "Package: leftover" >>/var/lib/dpkg/status';

    beforeAll(async () => {
      [host] = (await lightHosts(1)) as [LightHost];
      const restore = `restore: ${JSON.stringify({ command: host.restore.command })}`;
      const expendable = 'expendable: [image, packages, build, boot, use]';
      yard = await startYard({ hosts: [{ host, lines: [expendable, restore] }], tags: TAGS, steps: STEPS });
    }, 300_000);

    afterAll(async () => {
      await yard?.stop();
      await host?.stop();
    }, 120_000);

    const sensitive = (name: string) => shellTest(name, '! grep leftover /var/lib/dpkg/status');

    test('a red after somebody else, green on a fresh host: passed, contaminated, and by whom', async () => {
      const booted = await bootId();
      const polluter = await yard.grid.carryOut(shellTest('polluter', dpkg, 'dirties: nothing'));
      expect(polluter).toMatchObject({ verdict: 'passed', attempts: 1 });
      const run = await yard.grid.carryOut(sensitive('sensitive'));
      expect(run).toMatchObject({ verdict: 'passed', attempts: 2, marks: ['contaminated'] });
      expect(run.attemptList.map((a) => a.places[0]?.fresh)).toEqual([false, true]);
      expect(run.evidence?.['ranBefore']).toContain(polluter.attemptList[0]?.id.slice(1));
      expect(await bootId()).not.toBe(booted);
    });

    test('what has changed since the last pass is said, and nothing else', async () => {
      const setting = '/proc/sys/net/ipv4/tcp_fin_timeout';
      const was = (await host.exec(`cat ${setting}`)).stdout.trim();
      const steady = shellTest('steady', 'exit 0', 'dirties: nothing');
      const before = await yard.grid.carryOut(steady);
      expect((await host.exec(`echo 17 >${setting}`)).code).toBe(0);
      const after = await yard.grid.carryOut(steady);
      expect((await host.exec(`echo ${was} >${setting}`)).code).toBe(0);
      const answer = await yard.grid.ask<DiffView>('/tests/steady/changed');
      expect(answer).toMatchObject({
        before: { run: before.id, verdict: 'passed' },
        after: { run: after.id },
      });
      const said = await yard.grid.cli('diff', before.id, after.id);
      expect(said.out).toMatch(/^sysctls +net\/ipv4\/tcp_fin_timeout +\d+ +-> +17$/m);
      expect(answer.changes).toContainEqual({
        part: 'sysctls',
        name: 'net/ipv4/tcp_fin_timeout',
        before: was,
        after: '17',
      });
      const same = answer.changes.filter(({ part }) => part !== 'stack' && part !== 'sysctls');
      expect(same).toEqual([]);
    });

    test('a true red on a used host is repeated once on a fresh one, and then said', async () => {
      const run = await yard.grid.carryOut(shellTest('truly-red', 'echo no; exit 5'));
      expect(run).toMatchObject({ verdict: 'failed', attempts: 2, marks: [] });
      expect(run.reason).toBe('exit 5');
      expect(run.attemptList.map((a) => a.places[0]?.fresh)).toEqual([false, true]);
      // No longer new: the next red of it is said at once.
      const booted = await bootId();
      const next = await yard.grid.carryOut(shellTest('truly-red', 'echo no; exit 5'));
      expect(next).toMatchObject({ verdict: 'failed', attempts: 1, marks: [] });
      expect(await bootId()).toBe(booted);
    });

    test('a run that needs nothing has nothing made or restored for it', async () => {
      const booted = await bootId();
      for (const name of ['plain', 'simple']) {
        const run = await yard.grid.carryOut(shellTest(name, 'exit 0'));
        expect(run).toMatchObject({ verdict: 'passed', attempts: 1, marks: [] });
        expect(chainOf(run.attemptList[0])).toEqual([]);
      }
      expect(await bootId()).toBe(booted);
    });

    test('what a step gave is used again, until somebody has changed packages', async () => {
      const needs = (name: string, dirties: string, script = '/opt/compiler') =>
        yard.grid.carryOut(shellTest(name, script, 'requires: compiler', `dirties: ${dirties}`));
      const first = await needs('builds', 'use');
      expect(first).toMatchObject({ verdict: 'passed', attempts: 1 });
      expect(chainOf(first.attemptList[0]).at(-1)).toBe('compiler');
      const booted = await bootId();

      const second = await needs('builds-too', 'use');
      expect(second).toMatchObject({ verdict: 'passed', attempts: 1 });
      expect(chainOf(second.attemptList[0])).toEqual([]);

      // It says that it may change packages, and takes the compiler away.
      const third = await needs('removes', 'packages', 'rm /opt/compiler');
      expect(chainOf(third.attemptList[0])).toEqual([]);
      const without = await yard.grid.carryOut(shellTest('without', 'exit 0', 'dirties: use'));
      expect(without).toMatchObject({ verdict: 'passed', attempts: 1 });
      // Nobody needs it: nothing is made.
      expect(chainOf(without.attemptList[0])).toEqual([]);
      expect(await bootId()).toBe(booted);

      const fourth = await needs('builds-again', 'use');
      expect(fourth.verdict).toBe('passed');
      // What was last seen there may be believed once, and is looked at before the test starts.
      expect(fourth.attemptList.slice(0, -1).map((a) => a.outcome)).not.toContain('ended');
      expect(chainOf(fourth.attemptList.at(-1)).at(-1)).toBe('compiler');
    });

    test('a sysctl changed by a test that declared nothing is noticed, and voids what rests on it', async () => {
      const change = 'echo 1 >/proc/sys/net/ipv4/ip_forward';
      const liar = await yard.grid.carryOut(shellTest('liar', change, 'dirties: nothing'));
      expect(liar).toMatchObject({ verdict: 'passed', attempts: 1 });
      expect(liar.attemptList[0]?.places[0]?.dirtied).toBe('boot');
      expect((await yard.grid.host(host.name)).dirtyFrom).toMatch(/^(boot|packages)$/);
    });
  },
);
