import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Look, readLook, sighted } from '../../src/domain/look/read.js';
import { lookScript } from '../../src/executor/look-script.js';
import { quote } from '../../src/executor/wrapper.js';
import { ALL_PARTS } from '../fixtures/look/shells.js';
import { bootVirtualMachine, type VirtualMachine, whyNoVirtualMachine } from '../fixtures/look/vm.js';

const obstacle = whyNoVirtualMachine();

describe.skipIf(obstacle)(
  `a look at a machine with a kernel of its own${obstacle ? `: ${obstacle}` : ''}`,
  () => {
    let machine: VirtualMachine;

    beforeAll(async () => {
      machine = await bootVirtualMachine([
        ...['-smbios', 'type=0,version=2.9.0'],
        ...['-smbios', 'type=1,manufacturer=Dell Inc.,product=PowerEdge R420,serial=7XKJ5Y1'],
        ...['-smbios', 'type=2,product=0K29HN'],
        ...['-netdev', 'user,id=other,restrict=on'],
        ...['-device', 'e1000e,netdev=other,id=second,mac=52:54:00:00:00:02,addr=4'],
        ...['-blockdev', 'driver=null-co,node-name=none,size=1073741824,read-zeroes=on'],
        ...['-device', 'nvme,drive=none,serial=S466 NX0,addr=5'],
        ...['-device', 'qemu-xhci,id=usb,addr=6', '-device', 'usb-tablet,bus=usb.0,port=2,serial=TAB 7'],
      ]);
    }, 600_000);

    afterAll(async () => {
      await machine?.stop();
    }, 60_000);

    async function look(): Promise<Look> {
      const script = lookScript({ parts: ALL_PARTS, commands: ['insmod', 'gcc'] });
      const { stdout, stderr, exit } = await machine.connection.start(`exec sh -c ${quote(script)}`);
      const [printed, complaints] = await Promise.all([text(stdout), text(stderr)]);
      expect(complaints).toBe('');
      expect(await exit).toEqual({ kind: 'exited', code: 0 });
      return readLook(printed.split('\n'));
    }

    const seen = (looked: Look, part: string, tag = part) => {
      const sighting = sighted(looked, part, tag);
      return sighting.presence === 'present' ? sighting.instances : sighting.presence;
    };

    it('sees what qemu put into it, by the kernel that runs there', async () => {
      const looked = await look();
      const one = (raw: string) => [{ place: '', raw }];
      expect(seen(looked, 'kernel')).toEqual([{ place: '', raw: expect.stringMatching(/^6\.1\..*-amd64$/) }]);
      expect(seen(looked, 'cpu', 'cpus')).toEqual(one('2'));
      expect(seen(looked, 'memory')).toEqual(one(`${512 * 2 ** 20}B`));
      expect(seen(looked, 'virtual', 'virtual')).toEqual(one(''));
      expect(seen(looked, 'dmi', 'dmi-product')).toEqual(one('PowerEdge R420'));
      expect(seen(looked, 'dmi', 'dmi-serial')).toEqual(one('7XKJ5Y1'));
      expect(seen(looked, 'dmi', 'dmi-board')).toEqual(one('0K29HN'));
      expect(seen(looked, 'firmware')).toEqual(one('bios'));
      expect(seen(looked, 'firmware', 'firmware-version')).toEqual(one('2.9.0'));
      expect(seen(looked, 'system', 'root')).toEqual(one(''));
      expect(seen(looked, 'system', 'systemd')).toBe('absent');
      expect(seen(looked, 'cmd', 'cmd:insmod')).toEqual(one(''));
      expect(seen(looked, 'cmd', 'cmd:gcc')).toBe('absent');
      const modules = ['e1000e', 'nvme_core', 'xhci-pci', 'unix', 'nouveau'];
      expect(modules.map((name) => seen(looked, 'module', `module:${name}`))).toEqual([
        ...[one(''), one(''), one(''), one(''), 'absent'],
      ]);
    });

    it('sees cards, drives and USB devices at their places', async () => {
      const looked = await look();
      expect(seen(looked, 'nic')).toEqual([
        expect.objectContaining({
          place: 'eth0',
          attributes: {
            ...{ id: '8086:10d3', bus: '0000:00:03.0', driver: 'e1000e' },
            ...{ mac: '52:54:00:00:00:01', state: 'up', speed: '1000000000bit/s' },
          },
        }),
        expect.objectContaining({
          place: 'eth1',
          attributes: expect.objectContaining({ bus: '0000:00:04.0', mac: '52:54:00:00:00:02' }),
        }),
      ]);
      expect(seen(looked, 'disk')).toEqual([
        {
          ...{ place: 'nvme0n1', raw: 'S466 NX0' },
          attributes: {
            ...{ id: 'S466 NX0', serial: 'S466 NX0', size: '1073741824B', rotational: 'no' },
            ...{ bus: 'nvme', model: 'QEMU NVMe Ctrl' },
          },
        },
      ]);
      expect(seen(looked, 'usb')).toEqual([
        { place: '1-2', raw: '0627:0001', attributes: { id: '0627:0001', driver: 'none', serial: 'TAB 7' } },
      ]);
      const cards = seen(looked, 'pci');
      expect(cards).toContainEqual(
        expect.objectContaining({
          place: '0000:00:05.0',
          attributes: expect.objectContaining({ class: '0108', driver: 'nvme' }),
        }),
      );
    });

    it('sees at the next look that a card was pulled, and no other', async () => {
      const before = await look();
      await machine.tell('device_del', { id: 'second' });
      const places = (looked: Look, part: string) => {
        const instances = seen(looked, part);
        return typeof instances === 'string' ? instances : instances.map(({ place }) => place);
      };
      // The machine's own kernel lets go of the card when it gets to it.
      await expect.poll(async () => places(await look(), 'nic'), { timeout: 60_000 }).toEqual(['eth0']);
      const after = await look();
      expect(places(before, 'nic')).toEqual(['eth0', 'eth1']);
      const kept = (places(before, 'pci') as string[]).filter((place) => place !== '0000:00:04.0');
      expect(places(after, 'pci')).toEqual(kept);
      expect(places(after, 'disk')).toEqual(['nvme0n1']);
    }, 180_000);
  },
);
