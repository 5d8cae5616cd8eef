import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { machine, release, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Look, sighted } from '../../src/domain/look/read.js';
import { STANDARD_TAGS } from '../../src/domain/look/standard-tags.js';
import type { Instance } from '../../src/domain/tag.js';
import { lookScript } from '../../src/executor/look-script.js';
import { ALL_PARTS, lookWith, SHELLS } from '../fixtures/look/shells.js';
import { type Machine, plant, R420 } from '../fixtures/look/tree.js';

let folder: string;
let root: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'testyard-look-'));
  chmodSync(folder, 0o755);
  // Folders of a tree may be called anything.
  root = path.join(folder, "a tree's root");
});

afterEach(() => rmSync(folder, { recursive: true }));

/** The part that sees a tag, by the catalogue. */
function partOf(tag: string): string {
  const family = `${tag.split(':')[0]}:*`;
  const spec = STANDARD_TAGS.find(({ name }) => name === tag || name === family);
  if (spec?.source.by !== 'look') throw new Error(`no such standard tag: ${tag}`);
  return spec.source.part;
}

const presence = (look: Look, tag: string) => sighted(look, partOf(tag), tag).presence;

function instances(look: Look, tag: string): readonly Instance[] {
  const sighting = sighted(look, partOf(tag), tag);
  if (sighting.presence !== 'present') throw new Error(`${tag} is ${sighting.presence}`);
  return sighting.instances;
}

const value = (look: Look, tag: string) => instances(look, tag).map(({ raw }) => raw);

const byPlace = (look: Look, tag: string) =>
  Object.fromEntries(instances(look, tag).map(({ place, attributes }) => [place, attributes]));

for (const { name, command, isHere } of SHELLS) {
  describe.skipIf(!isHere)(
    `a look under ${name}${isHere ? '' : ', which this machine does not have'}`,
    () => {
      const look = (asked: Parameters<typeof lookWith>[1] = {}) => lookWith(command, asked, root);

      it('names every part of a server: cards, drives, ports, firmware and what runs on it', async () => {
        await plant(root, R420);
        const { look: seen, stderr } = look({ commands: ['git', 'gcc'] });
        expect(stderr).toBe('');
        const single = STANDARD_TAGS.filter(({ kind, name }) => kind !== 'device' && !name.endsWith(':*'));
        const values = single.map(({ name }) => {
          const sighting = sighted(seen, partOf(name), name);
          return [
            name,
            sighting.presence === 'present'
              ? sighting.instances.map(({ raw }) => raw).join()
              : sighting.presence,
          ];
        });
        expect(Object.fromEntries(values)).toEqual({
          linux: '',
          kernel: '6.1.0-13-amd64',
          arch: 'x86_64',
          'boot-id': '5d3c2a10-0000-4000-8000-000000000001',
          distro: 'debian',
          'distro-version': '12',
          cpus: '9',
          memory: '17179869184B',
          swap: '2147479552B',
          virtual: 'absent',
          'virtual-kind': 'absent',
          firmware: 'uefi',
          'firmware-version': '2.9.0',
          'dmi-vendor': 'Dell Inc.',
          'dmi-product': 'PowerEdge R420',
          'dmi-board': '0K29HN',
          'dmi-serial': '7XKJ5Y1',
          root: '',
          systemd: '',
          kvm: 'absent',
          ipv6: '',
          'loop-device': 'absent',
        });
        expect(byPlace(seen, 'pci')).toEqual({
          '0000:00:1f.2': { id: '8086:1d02', class: '0106', subsystem: '1028:04e2', driver: 'ahci' },
          '0000:01:00.0': { id: '10de:1b80', class: '0300', subsystem: '1043:8593', driver: 'nouveau' },
          '0000:02:00.0': { id: '14e4:165f', class: '0200', subsystem: '1028:04e2', driver: 'tg3' },
          '0000:02:00.1': { id: '14e4:165f', class: '0200', subsystem: '1028:04e2', driver: 'tg3' },
          '0000:03:00.0': { id: '144d:a808', class: '0108', subsystem: '144d:a801', driver: 'nvme' },
          '0000:04:00.0': { id: '8086:10d3', class: '0200', subsystem: '8086:a01f', driver: 'none' },
        });
        expect(byPlace(seen, 'nic')).toEqual({
          eno1: {
            ...{ id: '14e4:165f', bus: '0000:02:00.0', driver: 'tg3' },
            ...{ mac: 'c8:1f:66:00:00:01', state: 'up', speed: '10000000000bit/s' },
          },
          eno2: {
            ...{ id: '14e4:165f', bus: '0000:02:00.1', driver: 'tg3' },
            ...{ mac: 'c8:1f:66:00:00:02', state: 'down' },
          },
        });
        expect(byPlace(seen, 'disk')).toEqual({
          sda: {
            ...{ id: 'Z1W0ABCD', serial: 'Z1W0ABCD', model: 'ST1000NM0033-9ZM' },
            ...{ size: '1000204886016B', rotational: 'yes', bus: 'sata' },
          },
          nvme0n1: {
            ...{ id: 'S466NX0M123456', serial: 'S466NX0M123456', model: 'Samsung SSD 970 EVO 500GB' },
            ...{ size: '512110190592B', rotational: 'no', bus: 'nvme' },
          },
        });
        expect(byPlace(seen, 'usb')).toEqual({
          '1-1': { id: '8087:0024', driver: 'hub' },
          '1-1.2': { id: '046d:c31c', driver: 'usbhid', serial: 'KB-7' },
        });
        const flags = [
          'cpu:vmx',
          'cpu:sve',
          'module:snd-hda-intel',
          'module:virtio_ring',
          'module:ext4',
          'module:zfs',
        ];
        expect(flags.map((tag) => presence(seen, tag))).toEqual([
          ...['present', 'absent', 'present', 'present', 'present', 'absent'],
        ]);
      });

      it('sees a card that was pulled, a disk that was swapped and an older kernel', async () => {
        const [sda, nvme] = R420.disks;
        const changed: Machine = {
          ...R420,
          kernel: '5.10.0-9-amd64',
          cards: R420.cards.filter(({ id }) => id !== '10DE:1B80'),
          disks: [
            { ...sda, page80: 'OTHER00001' } as Machine['disks'][number],
            nvme as Machine['disks'][number],
          ],
        };
        await plant(root, changed);
        const { look: seen } = look();
        expect(Object.keys(byPlace(seen, 'pci'))).toHaveLength(5);
        expect(byPlace(seen, 'pci')).not.toHaveProperty('0000:01:00.0');
        // Ten letters: the byte of the length is a line break to a shell.
        expect(byPlace(seen, 'disk')['sda']).toMatchObject({ serial: 'OTHER00001' });
        expect(value(seen, 'kernel')).toEqual(['5.10.0-9-amd64']);
      });

      it.each([1, 9, 10, 13, 20, 31, 32, 40])('reads a serial number of %i letters', async (length) => {
        const serial = 'S'.repeat(length);
        const [sda] = R420.disks;
        await plant(root, { ...R420, disks: [{ ...sda, page80: serial } as Machine['disks'][number]] });
        expect(byPlace(look({ parts: ['disk'] }).look, 'disk')['sda']).toMatchObject({ serial });
      });

      it('claims nothing of a host that shows neither /proc nor /sys', async () => {
        await mkdir(root);
        const { look: seen, stderr } = look();
        expect(stderr).toBe('');
        const claimed = STANDARD_TAGS.map(({ name }) => name.replace('*', 'some')).filter(
          (tag) => presence(seen, tag) !== 'unknown',
        );
        expect(claimed).toEqual([]);
      });

      it('claims that a part is empty only where it could look', async () => {
        await plant(root, { ...R420, cards: [], nics: [], disks: [], usb: [] });
        const { look: seen } = look();
        expect(['pci', 'usb', 'nic', 'disk'].map((tag) => presence(seen, tag))).toEqual([
          ...['absent', 'absent', 'unknown', 'absent'],
        ]);
      });

      // That of busybox is in the shell itself.
      it.skipIf(name === 'busybox ash').each(['kill -9 $$', 'exit 126'])(
        'claims nothing to be absent where grep does not work: %s',
        async (fate) => {
          await plant(root, R420);
          const bin = path.join(folder, 'bin');
          await mkdir(bin);
          await writeFile(path.join(bin, 'grep'), `#!/bin/sh\n${fate}\n`, { mode: 0o755 });
          const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` };
          const { look: seen } = lookWith(command, {}, root, env);
          const claimed = STANDARD_TAGS.map(({ name }) => name.replace('*', 'some')).filter(
            (tag) => presence(seen, tag) === 'absent',
          );
          expect(claimed).toEqual([]);
        },
      );

      it('does not take a module for absent where the list of built-in ones cannot be read', async () => {
        await plant(root, { ...R420, kernel: '6.1.0-14-amd64' });
        const { look: seen } = look();
        expect(['module:ext4', 'module:zfs'].map((tag) => presence(seen, tag))).toEqual([
          'present',
          'unknown',
        ]);
      });

      it('looks for the programs asked for and no others', async () => {
        await plant(root, R420);
        await writeFile(path.join(root, 'usr/bin/no-program'), 'x', { mode: 0o644 });
        await mkdir(path.join(root, 'usr/bin/folder'));
        const { look: seen } = look({
          parts: [],
          commands: ['git', 'no-program', 'folder', 'cd', 'look', '.', '..', '-v'],
        });
        const tags = ['git', 'no-program', 'folder', 'cd', 'look', 'gcc'].map((name) =>
          presence(seen, `cmd:${name}`),
        );
        expect(tags).toEqual(['present', 'absent', 'absent', 'absent', 'absent', 'unknown']);
        expect([...seen.keys()]).toEqual(['cmd']);
      });

      it('takes nothing that a file or a device says for a word of its own', async () => {
        const evil =
          'x\ncmd\tbegin\ncmd\tyes\trm\npci\tbegin\npci\tis\tsys/bus/pci/devices/0000:66:66.6\npci\tdone';
        const [, keyboard] = R420.usb;
        const [, nvme] = R420.disks;
        await plant(root, {
          ...R420,
          usb: [{ ...keyboard, serial: evil } as Machine['usb'][number]],
          disks: [
            { ...nvme, serial: `a\tb\u0007\u001b[31m\u202e/size:9` } as Machine['disks'][number],
            { ...R420.disks[0], page80: 'Q\tid=x/size:7' } as Machine['disks'][number],
          ],
          files: {
            ...R420.files,
            'sys/class/dmi/id/product_name': `${'long '.repeat(5000)}\n`,
            'sys/class/dmi/id/board_name': 'A\u0001\u009bB\r\nsecond line\n',
            'etc/os-release': `ID=evil"$(touch ${folder}/pwned)"\nVERSION_ID='1\`touch ${folder}/pwned\`'\n`,
          },
        });
        await writeFile(
          path.join(root, 'sys/class/dmi/id/sys_vendor'),
          Buffer.from([0x44, 0xff, 0xfe, 0x41]),
        );
        const { look: seen } = look({ commands: ['git'] });
        expect(presence(seen, 'cmd:rm')).toBe('unknown');
        expect(presence(seen, 'cmd:git')).toBe('present');
        expect(Object.keys(byPlace(seen, 'pci'))).toHaveLength(6);
        expect(value(seen, 'dmi-vendor')[0]).toMatch(/^D\ufffd+A$/);
        expect(value(seen, 'dmi-board')).toEqual(['A\ufffd\ufffdB\ufffd']);
        expect(value(seen, 'dmi-product')[0]).toHaveLength(300);
        expect(byPlace(seen, 'usb')['1-1.2']).toMatchObject({ serial: 'x' });
        expect(byPlace(seen, 'disk')['nvme0n1']).toMatchObject({
          serial: 'a\ufffdb\ufffd\ufffd[31m\ufffd/size:9',
          size: '512110190592B',
        });
        expect(byPlace(seen, 'disk')['sda']).toMatchObject({ serial: 'Q\ufffdid=x/size:7' });
        expect(existsSync(path.join(folder, 'pwned'))).toBe(false);
      });

      it.skipIf(process.getuid?.() !== 0)('does not take for absent what only root may read', async () => {
        await plant(root, R420);
        chmodSync(path.join(root, 'sys/class/dmi/id/product_serial'), 0o400);
        const anybody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', ...command];
        const { look: seen, stderr } = lookWith(anybody, {}, root);
        expect(stderr).toBe('');
        expect(presence(seen, 'dmi-serial')).toBe('unknown');
        expect(value(seen, 'dmi-product')).toEqual(['PowerEdge R420']);
        expect(value(look().look, 'dmi-serial')).toEqual(['7XKJ5Y1']);
      });

      it('sees this machine as it is', () => {
        const { look: seen, stderr } = lookWith(command, { commands: ['sh', 'no-such-program'] });
        expect(stderr).toBe('');
        expect([...seen.keys()].sort()).toEqual([...ALL_PARTS, 'cmd'].sort());
        expect(value(seen, 'kernel')).toEqual([release()]);
        expect(value(seen, 'arch')).toEqual([machine()]);
        const online = readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length;
        expect(value(seen, 'cpus')).toEqual([String(online)]);
        expect(presence(seen, 'linux')).toBe('present');
        expect(presence(seen, 'cmd:sh')).toBe('present');
        expect(presence(seen, 'cmd:no-such-program')).toBe('absent');
        expect(presence(seen, 'root')).toBe(process.getuid?.() === 0 ? 'present' : 'absent');
      });
    },
  );
}

describe('a look', () => {
  it.each(['; touch x', 'a b', '../sh', '-v\n', ''])('refuses to look for a program called %j', (name) => {
    expect(() => lookScript({ parts: [], commands: [name] })).toThrow('is no name of a program');
  });

  it('refuses a part that it does not have', () => {
    expect(() => lookScript({ parts: ['for'], commands: [] })).toThrow("no part 'for'");
  });

  it('has a part for every standard tag that it should see', () => {
    const parts = STANDARD_TAGS.map(({ source }) => (source.by === 'look' ? source.part : ''));
    expect([...new Set(parts)].filter((part) => part !== 'cmd').sort()).toEqual([...ALL_PARTS].sort());
  });
});
