import type { Sighting } from '../tag.js';
import { type PartLines, shown } from './lines.js';

/** What a part tells of its tags. One that it does not name is absent if the part was done. */
export interface Reading {
  readonly tags: readonly (readonly [tag: string, sighting: Sighting])[];
  /** Tags that it does not name are unknown all the same. */
  readonly incomplete?: boolean;
}

const UNKNOWN: Sighting = { presence: 'unknown' };

/** A flag that was seen. */
export const PRESENT: Sighting = { presence: 'present', instances: [{ place: '', raw: '' }] };

/** A tag of this one value; unknown where none was told, because every machine has one. */
function known(raw: string): Sighting {
  return raw === '' ? UNKNOWN : { presence: 'present', instances: [{ place: '', raw }] };
}

/** A tag of this one value; absent where it is empty. */
function possible(tag: string, raw: string): Reading['tags'] {
  return raw === '' ? [] : [[tag, known(raw)]];
}

const first = (lines: PartLines, path: string) => shown(lines.files.get(path)?.[0]);

/** The second word of the first line that begins with this one. */
const said = (lines: PartLines, word: string) =>
  shown(lines.words.find(([name]) => name === word)?.[1] ?? undefined);

const has = (lines: PartLines, word: string) => lines.words.some(([name]) => name === word);

/** Kernel, machine type and boot. */
export function readKernel(lines: PartLines): Reading {
  const os = first(lines, 'proc/sys/kernel/ostype');
  return {
    tags: [
      ...(os === '' ? [['linux', UNKNOWN] as const] : os === 'Linux' ? [['linux', PRESENT] as const] : []),
      ['kernel', known(first(lines, 'proc/sys/kernel/osrelease'))],
      ['arch', known(archOf(lines))],
      ['boot-id', known(first(lines, 'proc/sys/kernel/random/boot_id'))],
    ],
  };
}

const archOf = (lines: PartLines) => first(lines, 'proc/sys/kernel/arch') || said(lines, 'arch');

/** Name and release of the distribution; a file that says neither is no reason to doubt that it is Linux. */
export function readDistro(lines: PartLines): Reading {
  const text = [...lines.files.values()].flat();
  const value = (key: string) => {
    const line = text.find((one) => one.startsWith(`${key}=`));
    return shown(line?.slice(key.length + 1).replace(/^\s*(["']?)(.*)\1\s*$/s, '$2'));
  };
  return {
    tags: [...possible('distro', value('ID')), ...possible('distro-version', value('VERSION_ID'))],
    incomplete: text.length === 0,
  };
}

/** The number of processors, and the features of the first. */
export function readCpu(lines: PartLines): Reading {
  const flags = lines.files.get('proc/cpuinfo')?.[0];
  const names = (flags?.slice(flags.indexOf(':') + 1) ?? '').split(/\s+/).filter((name) => name !== '');
  const count = countOf(first(lines, 'sys/devices/system/cpu/online')) ?? Number(said(lines, 'count'));
  return {
    tags: [
      ['cpus', known(Number.isInteger(count) && count > 0 ? String(count) : '')],
      ...names.map((name) => [`cpu:${name}`, PRESENT] as const),
    ],
    incomplete: flags === undefined,
  };
}

/** How many numbers a list such as `0-3,8` has. */
function countOf(list: string): number | undefined {
  if (!/^\d{1,6}(-\d{1,6})?(,\d{1,6}(-\d{1,6})?)*$/.test(list)) return undefined;
  return list.split(',').reduce((sum, range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return sum + to - from + 1;
  }, 0);
}

/**
 * Memory and swap. MemTotal lacks what firmware and kernel took first, so that no machine of 16 GiB has 16 GiB; the
 * blocks in which the kernel got its memory have it all, and are believed unless they are far from MemTotal, as
 * where much of them is not in use.
 */
export function readMemory(lines: PartLines): Reading {
  const total = kib(lines, 'MemTotal');
  const swap = kib(lines, 'SwapTotal');
  const size = first(lines, 'sys/devices/system/memory/block_size_bytes');
  const blocks = /^\d{1,9}$/.exec(said(lines, 'blocks'))?.[0];
  const inBlocks =
    blocks !== undefined && /^[0-9a-f]{1,12}$/i.test(size) ? BigInt(`0x${size}`) * BigInt(blocks) : 0n;
  const believed = total !== undefined && inBlocks >= total && inBlocks * 2n <= total * 3n ? inBlocks : total;
  return {
    tags: [
      ['memory', known(believed === undefined ? '' : `${believed}B`)],
      ...(swap === 0n ? [] : [['swap', known(swap === undefined ? '' : `${swap}B`)] as const]),
    ],
  };
}

function kib(lines: PartLines, name: string): bigint | undefined {
  const line = lines.files.get('proc/meminfo')?.find((one) => one.startsWith(`${name}:`));
  const digits = /:\s*(\d{1,15}) kB$/.exec(line ?? '')?.[1];
  return digits === undefined ? undefined : BigInt(digits) * 1024n;
}

/** How the machine was booted. Only PCs have a BIOS; others have neither, unless EFI says so. */
export function readFirmware(lines: PartLines): Reading {
  const arch = archOf(lines);
  const kind = has(lines, 'efi') ? 'uefi' : /^(x86_64|i[3-6]86)$/.test(arch) ? 'bios' : '';
  return {
    tags: [
      ...possible('firmware', kind),
      ...possible('firmware-version', first(lines, 'sys/class/dmi/id/bios_version')),
    ],
    incomplete: arch === '' && kind === '',
  };
}

const DMI = {
  'dmi-vendor': 'sys/class/dmi/id/sys_vendor',
  'dmi-product': 'sys/class/dmi/id/product_name',
  'dmi-board': 'sys/class/dmi/id/board_name',
  'dmi-serial': 'sys/class/dmi/id/product_serial',
} as const;

/** What firmware says of the machine; a file that is there and may not be read is no absent tag. */
export function readDmi(lines: PartLines): Reading {
  const closed = new Set(lines.words.filter(([word]) => word === 'closed').map(([, path]) => path));
  return {
    tags: Object.entries(DMI).flatMap(([tag, path]) =>
      closed.has(path) ? [[tag, UNKNOWN] as const] : possible(tag, first(lines, path)),
    ),
  };
}

/** Loaded and built-in modules. */
export function readModules(lines: PartLines): Reading {
  const loaded = (lines.files.get('proc/modules') ?? []).map((line) => line.split(' ')[0] ?? '');
  const listed = lines.words
    .filter(([word]) => word === 'is')
    .map(([, path = '']) => path.split('/').at(-1) ?? '');
  const names = new Set([...loaded, ...listed].map((name) => moduleTag(`module:${name}`)));
  return { tags: [...names].map((name) => [name, PRESENT] as const) };
}

/** The name under which a module is kept: the kernel takes - for _. */
export function moduleTag(tag: string): string {
  return tag.startsWith('module:') ? tag.replaceAll('-', '_') : tag;
}

/** What the one who works there may do and has at hand. */
export function readSystem(lines: PartLines): Reading {
  const uid = /^Uid:\s+\d+\s+(\d+)/.exec(lines.files.get('proc/self/status')?.[0] ?? '')?.[1];
  const map = lines.files.get('proc/self/uid_map');
  // The root of a user namespace has mapped only some ids.
  const real = map?.some((line) => /^\s*0\s+0\s+4294967295\s*$/.test(line));
  const root: Reading['tags'] =
    uid === undefined || (uid === '0' && real === undefined)
      ? [['root', UNKNOWN]]
      : uid === '0' && real
        ? [['root', PRESENT]]
        : [];
  const flags = ['systemd', 'kvm', 'ipv6', 'loop-device'].filter((word) => has(lines, word));
  return { tags: [...root, ...flags.map((flag) => [flag, PRESENT] as const)] };
}

/** Programs that were asked for; others may be there or not. */
export function readCommands(lines: PartLines): Reading {
  const tags = lines.words.flatMap(([found, name = '']): Reading['tags'] => {
    if (found === 'yes') return [[`cmd:${name}`, PRESENT]];
    return found === 'no' ? [[`cmd:${name}`, { presence: 'absent' }]] : [];
  });
  return { tags, incomplete: true };
}
