import { nearest } from '../domain/language/nearest.js';
import type { InventoryProblem } from './inventory-thing.js';

/** What stands below a name in the files of an inventory. */
export type Kind = 'tag' | 'alias' | 'pool' | 'resource' | 'image' | 'type' | 'host' | 'step' | 'watch';

/** What stands in which files: `tags.yaml` or `tags/*.yaml`, and so on. */
export const PARTS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  tags: { tags: 'tag', aliases: 'alias' },
  pools: { pools: 'pool' },
  resources: { resources: 'resource' },
  images: { images: 'image' },
  types: { types: 'type' },
  hosts: { hosts: 'host' },
  steps: { steps: 'step' },
  watches: { watches: 'watch' },
};

/** The files of an inventory by what they are for. */
export interface SortedFiles {
  /** Files of YAML, in order, by the part of the inventory they are of. */
  readonly parts: ReadonlyMap<string, readonly string[]>;
  readonly tests: readonly string[];
  /** What steps copy to hosts. */
  readonly copied: readonly string[];
  /** What nobody reads, and why. */
  readonly unread: readonly InventoryProblem[];
}

/** Says what each file is for, or that it is for nothing. */
export function sortFiles(files: readonly string[]): SortedFiles {
  const parts = new Map<string, string[]>();
  const tests: string[] = [];
  const copied: string[] = [];
  const unread = new Map<string, InventoryProblem>();
  for (const file of [...files].sort()) {
    const [first = '', second, ...more] = file.split('/');
    const isOurs = ![first, second ?? '', ...more].some((name) => /^\.|~$|^README/i.test(name));
    const part = partOf(file);
    if (first === 'files' && second !== undefined) copied.push(file);
    else if (!isOurs || ALONE.includes(file)) continue;
    else if (first === 'tests' && second !== undefined && more.length === 0) tests.push(file);
    else if (part !== undefined) parts.set(part, [...(parts.get(part) ?? []), file]);
    else {
      const place = second === undefined || KNOWN.includes(first) ? file : first;
      if (!unread.has(place))
        unread.set(place, { file: place, message: `this is not read: ${whyNot(file)}` });
    }
  }
  return { parts, tests, copied, unread: [...unread.values()] };
}

/** What stands in one file only. */
const ALONE = ['grid.yaml', 'lava.yaml'];
const KNOWN = [...ALONE, 'tests', 'files', ...Object.keys(PARTS)];

function partOf(file: string): string | undefined {
  const [, part = ''] = /^([a-z]+)(?:\/[^/]+)?\.ya?ml$/.exec(file) ?? [];
  return Object.hasOwn(PARTS, part) ? part : undefined;
}

function whyNot(file: string): string {
  const [first = '', second, ...more] = file.split('/');
  if (second !== undefined && KNOWN.includes(first))
    return more.length > 0 ? `there are no folders below ${first}/` : 'it is no .yaml file';
  const near = nearest(second === undefined ? file : first, [
    ...KNOWN,
    ...KNOWN.map((name) => `${name}.yaml`),
  ]);
  return near === undefined ? `known are ${KNOWN.join(', ')}` : `did you mean '${near}'?`;
}
