import {
  type Environment,
  NOT_SEEN,
  type PartContent,
  type SeenPart,
} from '../../domain/environment/environment.js';
import { familySeen, type Look, readLook, sighted } from '../../domain/look/read.js';
import { STANDARD_TAGS } from '../../domain/look/standard-tags.js';
import type { Instance } from '../../domain/tag.js';
import { SECTION } from './environment-script.js';

/** No host has more of a part; one that says more is not believed. */
const MOST_NAMES = 50_000;

/** What a script printed, section by section; undefined where not all of it came. */
export function sectionsOf(
  lines: readonly string[] | undefined,
): ReadonlyMap<string, readonly string[]> | undefined {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines ?? []) {
    if (line.startsWith(SECTION)) {
      current = [];
      sections.set(line.slice(SECTION.length), current);
    } else current.push(line);
  }
  return sections.has('done') ? sections : undefined;
}

/** What the quick script sees of the record. */
export function quickParts(sections: ReadonlyMap<string, readonly string[]>): Environment {
  return {
    ...seen('sysctls', pairs(sections.get('sysctls') ?? [], ':')),
    ...seen('firmware', pairs(sections.get('firmware') ?? [], ':')),
  };
}

/** What the full script sees of it. */
export function fullParts(sections: ReadonlyMap<string, readonly string[]>): Environment {
  const look = readLook(sections.get('look') ?? []);
  const words = (sections.get('command-line') ?? []).filter((word) => word !== '');
  const packages = (sections.get('packages') ?? []).join(' ').split(/\s+/);
  return {
    ...seen('system', ofLook(look, ['kernel', 'distro', 'virtual', 'system'])),
    ...seen('hardware', ofLook(look, ['cpu', 'memory', 'disk', 'pci', 'usb', 'nic'])),
    ...seen('modules', modulesOf(look)),
    ...seen('command-line', pairs(words, '=')),
    ...seen('packages', pairs(packages, '=')),
  };
}

/** A part of which nothing was seen could not be looked at. */
function seen(part: SeenPart, content: PartContent): Environment {
  return Object.keys(content).length === 0 ? {} : { [part]: content };
}

/** Anew at every boot, whatever else is the same. */
const NEVER_THE_SAME = ['boot-id'];

function ofLook(look: Look, parts: readonly string[]): PartContent {
  const found: [string, string][] = [];
  for (const { name, source } of STANDARD_TAGS) {
    if (source.by !== 'look' || !parts.includes(source.part) || NEVER_THE_SAME.includes(name)) continue;
    if (!look.has(source.part)) continue;
    const isFamily = name.endsWith(':*');
    const seen = isFamily ? familySeen(look, source.part, name) : sighted(look, source.part, name);
    if (seen.presence === 'unknown') found.push([name, NOT_SEEN]);
    if (seen.presence !== 'present') continue;
    const prefix = isFamily ? name.slice(0, -1) : name;
    if (isFamily) found.push(...seen.instances.map(({ place }): [string, string] => [prefix + place, '']));
    else found.push(...seen.instances.map((one): [string, string] => [placed(name, one), shown(one)]));
  }
  return inOrder(found);
}

/** The loaded ones are always all told; of those that are built in there may be no list. */
function modulesOf(look: Look): PartContent {
  const seen = [...(look.get('module')?.tags ?? [])].filter(([, { presence }]) => presence === 'present');
  return inOrder(seen.map(([name]): [string, string] => [name.replace(/^module:/, ''), '']));
}

function placed(name: string, { place }: Instance): string {
  return place === '' ? name : `${name} ${place}`;
}

function shown({ raw, attributes }: Instance): string {
  if (attributes === undefined) return raw;
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** Words `name=value` as values by name; lines of one name are put together. */
function pairs(words: readonly string[], separator: string): PartContent {
  const found = new Map<string, string>();
  for (const word of words) {
    if (word === '') continue;
    const at = word.indexOf(separator);
    const [name, value] = at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    const before = found.get(name);
    found.set(name, before === undefined ? value : `${before}\n${value}`);
  }
  return inOrder([...found]);
}

function inOrder(found: readonly (readonly [string, string])[]): PartContent {
  if (found.length > MOST_NAMES) return {};
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
