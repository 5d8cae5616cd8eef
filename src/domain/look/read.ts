import { TAG_NAME } from '../requirement.js';
import type { Instance, Sighting } from '../tag.js';
import { MOST_INSTANCES, readDisks, readNics, readPci, readUsb } from './devices.js';
import { MOST_LINES, type PartLines, partLines } from './lines.js';
import {
  moduleTag,
  type Reading,
  readCommands,
  readCpu,
  readDistro,
  readDmi,
  readFirmware,
  readKernel,
  readMemory,
  readModules,
  readSystem,
} from './machine.js';
import { readVirtual } from './virtual.js';

/** What was seen in one part of the look. */
interface PartSeen {
  readonly tags: ReadonlyMap<string, Sighting>;
  /** Whatever else the part could have seen. */
  readonly others: 'absent' | 'unknown';
}

/** What a look at a host has seen, part by part; a part that is not there was not looked at. */
export type Look = ReadonlyMap<string, PartSeen>;

/** More members of a family than anybody has. */
const MOST_TAGS = 5000;

const READERS: Readonly<Record<string, (lines: PartLines) => Reading>> = {
  kernel: readKernel,
  distro: readDistro,
  cpu: readCpu,
  memory: readMemory,
  disk: (lines) => devices('disk', readDisks(lines), lines),
  pci: (lines) => devices('pci', readPci(lines), lines),
  usb: (lines) => devices('usb', readUsb(lines), lines),
  nic: (lines) => devices('nic', readNics(lines), lines),
  virtual: readVirtual,
  firmware: readFirmware,
  dmi: readDmi,
  module: readModules,
  system: readSystem,
  cmd: readCommands,
};

/** Devices are told all or not at all: some of them would say that the others are not there. */
function devices(tag: string, instances: readonly Instance[], { done }: PartLines): Reading {
  if (instances.length === 0) return { tags: [] };
  const complete = done && instances.length <= MOST_INSTANCES;
  return { tags: [[tag, complete ? { presence: 'present', instances } : { presence: 'unknown' }]] };
}

/**
 * What the script of the look printed, as lines of text without their ends. Whatever a host says, what comes of it
 * is bounded, without control characters, and unknown rather than absent where something is missing.
 */
export function readLook(lines: readonly string[]): Look {
  const look = new Map<string, PartSeen>();
  for (const [part, found] of partLines(lines.slice(0, MOST_LINES))) {
    const read = Object.hasOwn(READERS, part) ? READERS[part] : undefined;
    if (read === undefined) continue;
    const { tags, incomplete } = read(found);
    const named = tags.filter(([name]) => TAG_NAME.test(name));
    const others = found.done && !incomplete && named.length <= MOST_TAGS ? 'absent' : 'unknown';
    look.set(part, { tags: new Map(named.slice(0, MOST_TAGS)), others });
  }
  return look;
}

/** What a look has seen of the tag that this part of it sees; unknown where it did not look there. */
export function sighted(look: Look, part: string, tag: string): Sighting {
  const seen = look.get(part);
  return seen?.tags.get(moduleTag(tag)) ?? { presence: seen?.others ?? 'unknown' };
}

/**
 * What a look has seen of a whole family (`cpu:*`): one instance for each member, at the member's name; unknown
 * where it cannot say that there are no others.
 */
export function familySeen(look: Look, part: string, family: string): Sighting {
  const seen = look.get(part);
  if (seen?.others !== 'absent') return { presence: 'unknown' };
  const prefix = family.slice(0, -1);
  const members = [...seen.tags].filter(
    ([name, { presence }]) => name.startsWith(prefix) && presence === 'present',
  );
  if (members.length === 0) return { presence: 'absent' };
  return {
    presence: 'present',
    instances: members.map(([name]) => ({ place: name.slice(prefix.length), raw: '' })),
  };
}
