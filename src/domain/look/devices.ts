import type { Instance } from '../tag.js';
import { keyed, type PartLines, shown } from './lines.js';

/** More of one sort than a machine should have; where there are more, nobody claims to know which. */
export const MOST_INSTANCES = 2000;

type Attributes = Readonly<Record<string, string | undefined>>;

/** A device at its place; attributes of which nothing is known are left out. */
function device(place: string, attributes: Attributes): Instance {
  const known = Object.entries(attributes).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { place: shown(place), raw: attributes['id'] ?? '', attributes: Object.fromEntries(known) };
}

/** Text of a file; undefined where there is none, or nothing in it. */
function textOf(lines: PartLines, path: string): string | undefined {
  return shown(lines.files.get(path)?.[0]) || undefined;
}

/** Folders that the script found, by name. */
function listed(lines: PartLines): readonly (readonly [name: string, path: string])[] {
  return lines.words.flatMap(([word, path = '']) =>
    word === 'is' ? [[path.slice(path.lastIndexOf('/') + 1), path] as const] : [],
  );
}

/** Devices in the order in which the script found them, with the real folder of each. */
function placed(lines: PartLines): readonly (readonly [name: string, at: string])[] {
  return lines.words.flatMap(([word, name = '', at = '']) => (word === 'at' ? [[name, at] as const] : []));
}

/** PCI functions, from the kernel's `uevent` of each. */
export function readPci(lines: PartLines): readonly Instance[] {
  return listed(lines).map(([place, path]) => {
    const facts = keyed(lines.files.get(`${path}/uevent`));
    const kind = /^[0-9a-f]{1,6}$/i.exec(facts.get('PCI_CLASS') ?? '')?.[0];
    return device(place, {
      id: pciId(facts.get('PCI_ID')),
      class: kind?.padStart(6, '0').slice(0, 4).toLowerCase(),
      subsystem: pciId(facts.get('PCI_SUBSYS_ID')),
      driver: driverOf(facts),
    });
  });
}

/** Two numbers of four digits: `10de:1b80`. */
function pciId(text: string | undefined): string | undefined {
  const [, vendor, product] = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text ?? '') ?? [];
  return vendor === undefined || product === undefined ? undefined : idOf(vendor, product);
}

const idOf = (vendor: string, product: string) =>
  `${vendor.padStart(4, '0')}:${product.padStart(4, '0')}`.toLowerCase();

/** `none` where the kernel told of the device and of no driver. */
function driverOf(facts: ReadonlyMap<string, string>): string | undefined {
  return facts.size === 0 ? undefined : shown(facts.get('DRIVER')) || 'none';
}

/** `PRODUCT=46d/c31c/6400` as an id. */
function usbId(facts: ReadonlyMap<string, string>): string | undefined {
  const [, vendor, product] = /^([0-9a-f]{1,4})\/([0-9a-f]{1,4})\//i.exec(facts.get('PRODUCT') ?? '') ?? [];
  return vendor === undefined || product === undefined ? undefined : idOf(vendor, product);
}

/** USB devices; their interfaces, which have the drivers, are called `DEVICE:configuration.number`. */
export function readUsb(lines: PartLines): readonly Instance[] {
  const all = listed(lines);
  const drivers = new Map<string, string>();
  for (const [name, path] of all) {
    const [owner = '', part] = name.split(':');
    const driver = part === undefined ? undefined : driverOf(keyed(lines.files.get(`${path}/uevent`)));
    if (driver && driver !== 'none' && !drivers.has(owner)) drivers.set(owner, driver);
  }
  return all
    .filter(([name]) => !name.includes(':') && !/^usb\d+$/.test(name))
    .map(([place, path]) => {
      const facts = keyed(lines.files.get(`${path}/uevent`));
      return device(place, {
        id: usbId(facts),
        driver: facts.size === 0 ? undefined : (drivers.get(place) ?? 'none'),
        serial: textOf(lines, `${path}/serial`),
      });
    });
}

/** Network interfaces that have hardware; that of virtio is the card above it. */
export function readNics(lines: PartLines): readonly Instance[] {
  return placed(lines).map(([name, at]) => {
    const path = `sys/class/net/${name}`;
    const own = keyed(lines.files.get(`${path}/device/uevent`));
    const above = keyed(lines.files.get(`${path}/device/../uevent`));
    const card = own.get('MODALIAS')?.startsWith('virtio:') ? above : own;
    // A speed that is not known is -1, or a file that cannot be read.
    const speed = /^[1-9]\d{0,8}$/.exec(textOf(lines, `${path}/speed`) ?? '')?.[0];
    return device(name, {
      id: pciId(card.get('PCI_ID')) ?? usbId(card),
      speed: speed === undefined ? undefined : `${BigInt(speed) * 1_000_000n}bit/s`,
      driver: driverOf(own),
      mac: textOf(lines, `${path}/address`)?.toLowerCase(),
      state: textOf(lines, `${path}/operstate`),
      bus: busPlace(at),
    });
  });
}

/** The last address of a card or a USB port on the way to a device. */
function busPlace(at: string): string | undefined {
  const ways = at
    .split('/')
    .map((name) => /^([0-9a-f]{4,}(?::[0-9a-f]+){2}\.[0-7]|\d+-[\d.]+(?=:|$))/.exec(name)?.[1]);
  return ways.filter((way) => way !== undefined).at(-1);
}

/** Whole disks that have hardware. */
export function readDisks(lines: PartLines): readonly Instance[] {
  const told = (word: string) =>
    new Map(
      lines.words.flatMap(([one, name = '', ...text]) =>
        one === word ? [[name, text.join('\t')] as const] : [],
      ),
    );
  const [serials, numbers] = [told('serial'), told('number')];
  return placed(lines).map(([name, at]) => {
    const path = `sys/block/${name}`;
    const udev = keyed(lines.files.get(`run/udev/data/b${numbers.get(name)}`));
    const serial = [
      textOf(lines, `${path}/serial`),
      textOf(lines, `${path}/device/serial`),
      shown(serials.get(name)),
      shown(udev.get('E:ID_SERIAL_SHORT')),
    ].find(Boolean);
    const sectors = /^\d{1,18}$/.exec(textOf(lines, `${path}/size`) ?? '')?.[0];
    const turns = textOf(lines, `${path}/queue/rotational`);
    return device(name, {
      id: serial,
      serial,
      // The kernel counts sectors of 512 bytes, whatever the disk's own are.
      size: sectors === undefined ? undefined : `${BigInt(sectors) * 512n}B`,
      model: textOf(lines, `${path}/device/model`),
      rotational: turns === '1' ? 'yes' : turns === '0' ? 'no' : undefined,
      bus: BUSES.find(([pattern]) => pattern.test(at))?.[1],
    });
  });
}

/** By what is on the way to the disk; the first that fits. */
const BUSES: readonly (readonly [pattern: RegExp, bus: string])[] = [
  [/\/usb\d+\//, 'usb'],
  [/\/nvme/, 'nvme'],
  [/\/ata\d+\//, 'sata'],
  [/\/end_device-|\/sas_/, 'sas'],
  [/\/mmc_host\//, 'mmc'],
  [/\/host\d+\//, 'scsi'],
  [/\/virtio\d+\//, 'virtio'],
];
