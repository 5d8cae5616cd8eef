import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunDetail } from '../../src/http/contract.js';
import { type Machine, plant, R420 } from '../fixtures/look/tree.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { until } from './program.js';
import { chainOf, type Lab, shellTest, startYard, writeInventory, type Yard } from './yard.js';

/** The words of the Autotest RFC, each with the hosts that serve it and why the near miss does not. */
const EXAMPLES = [
  { tag: 'root', on: ['right', 'newer', 'box'], miss: /root/ },
  { tag: 'kernel-3.3.10+', on: ['right', 'newer', 'box'], miss: /kernel is 3\.3\.9, needs >= 3\.3\.10/ },
  { tag: 'windows-7sp1+', on: ['right', 'newer'], miss: /windows is 7, needs >= 7sp1/ },
  { tag: 'win_fresh_install', on: ['box'], miss: /win_fresh_install/ },
  {
    tag: 'virtiowin-2013-10-24+',
    on: ['right', 'newer'],
    miss: /virtiowin is 2013-10-23, needs >= 2013-10-24/,
  },
  { tag: 'fresh_reboot', on: ['box'], miss: /fresh_reboot/ },
  { tag: 'DELL_R420', on: ['right'], miss: /dmi-product is PowerEdge R430, needs .*PowerEdge R420/ },
  { tag: 'NVIDIAGTX999GX8GB_at_PCIePORT1', on: ['right'], miss: /10de:1b80.*01:00\.0/ },
] as const;

const TAGS = `tags:
  windows:
    meaning: The Windows in the image.
    kind: version
    scheme: natural
    probe: if [ -e /etc/windows ]; then cat /etc/windows; fi
  virtiowin:
    meaning: Date of the virtio drivers for Windows.
    kind: version
    scheme: date
    probe: if [ -e /etc/virtiowin ]; then cat /etc/virtiowin; fi
  win_fresh_install:
    meaning: Nothing was put on it since Windows was.
    decays: packages
  fresh_reboot:
    meaning: No test ran since the boot.
    decays: test
aliases:
  DELL_R420: dmi-product = "PowerEdge R420"
  NVIDIAGTX999GX8GB_at_PCIePORT1: pci 10de:1b80 @ 01:00.0
`;

const STEPS = `steps:
  install-windows:
    layer: image
    owner: images@example.org
    gives: [win_fresh_install]
    cost: 5s
    timeout: 2m
    restore: minbase
    no_undo: the next image takes its place
  reboot:
    layer: boot
    owner: images@example.org
    gives: [fresh_reboot]
    cost: 1s
    timeout: 1m
    script: echo booted
    no_undo: nobody can boot a machine back
`;

const CARD = '0000:01:00.0';
/** The same machine, one step aside: kernel, model, slot. */
const aside = (kernel: string, model: string, slot: string): Machine => ({
  ...R420,
  kernel,
  cards: R420.cards
    .filter(({ at }) => at !== slot || slot === CARD)
    .map((card) => (card.at === CARD ? { ...card, at: slot } : card)),
  nics: [],
  files: { ...R420.files, 'sys/class/dmi/id/product_name': `${model}\n` },
});

/** Makes a light host look so to whoever reads its /sys and /proc; what Windows would say stands in its /etc. */
async function dress(host: LightHost, machine: Machine, windows: string, virtiowin: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-rfc-'));
  try {
    await plant(folder, machine);
    const { stdout } = await promisify(execFile)('tar', ['-C', folder, '-czf', '-', 'sys', 'proc'], {
      encoding: 'buffer',
      maxBuffer: 1 << 24,
    });
    const done = await host.exec(
      `mkdir /prepared && echo ${stdout.toString('base64')} | base64 -d | tar -C /prepared -xzf - && ` +
        'mount --bind /prepared/sys /sys && ' +
        'mount --bind /prepared/proc/sys/kernel/osrelease /proc/sys/kernel/osrelease && ' +
        `echo ${windows} >/etc/windows && echo ${virtiowin} >/etc/virtiowin`,
    );
    if (done.code !== 0) throw new Error(done.stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An ordinary user who may log in. */
async function addUser(host: LightHost, user: string): Promise<void> {
  const done = await host.exec(
    // Without a password, yet not locked: sshd refuses who is.
    `useradd -m -p '*' -s /bin/sh ${user} && cp -r /root/.ssh /home/${user}/ && chown -R ${user} /home/${user}/.ssh`,
  );
  if (done.code !== 0) throw new Error(done.stderr);
}

const obstacle = canRunLightHosts();

describe.skipIf(obstacle !== undefined)(
  `the words of the RFC, from the inventory to the verdict${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: Yard;
    let hosts: LightHost[] = [];
    let folder: string;
    const nameOf = new Map<string, string>();
    const named = (name: string) => nameOf.get(name) ?? '';
    let near: Lab['hosts'][number];
    let others: Lab['hosts'];

    beforeAll(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'testyard-rfc-'));
      hosts = await lightHosts(4);
      const [right, miss, newer, box] = hosts as [LightHost, LightHost, LightHost, LightHost];
      for (const [name, host] of Object.entries({ right, near: miss, newer, box }))
        nameOf.set(name, host.name);
      await dress(right, aside('3.3.10', 'PowerEdge R420', CARD), '7sp1', '2013-10-24');
      await dress(miss, aside('3.3.9', 'PowerEdge R430', '0000:02:00.0'), '7', '2013-10-23');
      // 3.10 is above 3.3.10, whatever its letters say.
      await dress(newer, aside('3.10.0', 'PowerEdge R720', '0000:02:00.0'), '8', '2014-01-02');
      await addUser(miss, 'tester');
      near = { host: { ...miss, transport: { ...miss.transport, user: 'tester' } } };
      const restore = `restore: ${JSON.stringify({ command: box.restore.command })}`;
      others = [
        { host: right },
        { host: newer },
        { host: box, lines: ['expendable: [image, packages, build, boot, use]', restore] },
      ];
      yard = await startYard({ hosts: [near], tags: TAGS, steps: STEPS });
      await until('the host was looked at', 60_000, async () => {
        const { tags, health } = await yard.grid.host(named('near'));
        return (
          health === 'good' && tags.some(({ name, values }) => name === 'kernel' && values[0] === '3.3.9')
        );
      });
    }, 300_000);

    afterAll(async () => {
      await yard?.stop();
      await Promise.all(hosts.map((host) => host.stop()));
      await rm(folder, { recursive: true, force: true });
    }, 120_000);

    const wants = (tag: string, ...more: string[]) =>
      shellTest(`wants-${tag.replaceAll('+', '')}`, 'cat /etc/hostname', `requires: ${tag}`, ...more);

    /** The same test by the command line, until its end; what came of its one run, and the exit. */
    async function byCommand(tag: string): Promise<{ run: RunDetail; code: number | null }> {
      const { name, text } = wants(tag);
      const file = path.join(folder, name);
      await writeFile(file, text);
      const { code, out, err } = await yard.grid.cli('submit', '--watch', '--json', file);
      const id = /"(r[1-9][0-9]*)"/.exec(out)?.[1];
      expect(id, out + err).toBeDefined();
      return { run: await yard.grid.run(id ?? ''), code };
    }

    function isNotCompatible(run: RunDetail, miss: RegExp): void {
      expect(run).toMatchObject({ state: 'done', verdict: 'none', noVerdict: 'not_compatible', attempts: 0 });
      expect(run.reason).toMatch(miss);
    }

    describe('where no host serves it', () => {
      test.each(EXAMPLES)('$tag is not compatible at once, and says why', async ({ tag, miss }) => {
        isNotCompatible(await yard.grid.carryOut(wants(tag)), miss);
        const { run, code } = await byCommand(tag);
        isNotCompatible(run, miss);
        expect(code).toBe(3);
      });
    });

    describe('where hosts serve it', () => {
      beforeAll(async () => {
        const inventory = path.join(folder, 'more');
        await writeInventory(inventory, { hosts: [near, ...others], tags: TAGS, steps: STEPS });
        const applied = await yard.grid.cli('inventory', 'apply', inventory);
        expect(applied.code, applied.out + applied.err).toBe(0);
        await until('the hosts were looked at', 90_000, async () => {
          const seen = await Promise.all(others.map(({ host }) => yard.grid.host(host.name)));
          return seen.every(
            ({ health, tags }) => health === 'good' && tags.some(({ name }) => name === 'kernel'),
          );
        });
      }, 120_000);

      test.each(EXAMPLES)('$tag passes there, and nowhere else', async ({ tag, on, miss }) => {
        const serving = on.map(named);
        const run = await yard.grid.carryOut(wants(tag));
        expect(run, run.reason).toMatchObject({ verdict: 'passed', attempts: 1 });
        expect(serving).toContain(run.attemptList[0]?.places[0]?.host);
        const commanded = await byCommand(tag);
        expect(commanded, commanded.run.reason).toMatchObject({ code: 0, run: { verdict: 'passed' } });
        expect(serving).toContain(commanded.run.attemptList[0]?.places[0]?.host);
        for (const name of nameOf.keys()) {
          const target = { targets: [{ host: named(name) }] };
          const there = await yard.grid.carryOut(wants(tag), target);
          if (serving.includes(named(name))) expect(there, there.reason).toMatchObject({ verdict: 'passed' });
          else isNotCompatible(there, name === 'near' ? miss : /./);
        }
      });

      const chain = async (tag: string, ...headers: string[]) => {
        const run = await yard.grid.carryOut(wants(tag, ...headers));
        expect(run, run.reason).toMatchObject({ verdict: 'passed', attempts: 1 });
        return chainOf(run.attemptList[0]);
      };
      const has = async (tag: string) =>
        (await yard.grid.host(named('box'))).tags.find(({ name }) => name === tag)?.presence;

      test('fresh_reboot is over with the first test, whatever that says it dirties', async () => {
        expect(await chain('fresh_reboot', 'dirties: nothing')).toContain('reboot');
        expect(await has('fresh_reboot')).not.toBe('present');
        expect(await chain('fresh_reboot', 'dirties: nothing')).toContain('reboot');
      });

      test('win_fresh_install outlives tests, and is over with the first that may change packages', async () => {
        const only = 'win_fresh_install';
        await chain(only, 'dirties: use');
        expect(await has(only)).toBe('present');
        expect(await chain(only, 'dirties: use')).toEqual([]);
        expect(await chain(only, 'dirties: packages')).toEqual([]);
        expect(await has(only)).not.toBe('present');
        expect(await chain(only, 'dirties: use')).toContain('install-windows');
      });

      test('and with the first that changes them though it says it does not', async () => {
        const target = { targets: [{ host: named('box') }] };
        await chain('win_fresh_install', 'dirties: use');
        const change = 'echo "Package: leftover" >>/var/lib/dpkg/status';
        const run = await yard.grid.carryOut(shellTest('liar', change, 'dirties: nothing'), target);
        expect(run.attemptList[0]?.places[0]?.dirtied).toBe('packages');
        expect(await has('win_fresh_install')).not.toBe('present');
        expect(await chain('win_fresh_install', 'dirties: use')).toContain('install-windows');
      });
    });
  },
);
