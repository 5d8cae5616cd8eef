import { canonicalJson, digestOf } from '../digest.js';
import type { Inventory } from '../inventory.js';
import { declaredText } from './declared.js';

/** What an inventory is made of. */
export const INVENTORY_KINDS = [
  ...([
    'grid',
    'tag',
    'alias',
    'pool',
    'resource',
    'image',
    'type',
    'host',
    'step',
    'test',
    'watch',
  ] as const),
] as const;

/** One field that is not as it was; a text that was or is not there is undefined. */
export interface FieldChange {
  /** Within the thing: `seats`, `transport.address`. */
  readonly field: string;
  readonly old?: string;
  readonly new?: string;
}

/** One thing that is added, removed or changed. */
export interface InventoryChange {
  readonly what: (typeof INVENTORY_KINDS)[number];
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Of a change, field by field; of what is added or removed nothing. */
  readonly fields: readonly FieldChange[];
}

/** Longer values are told apart by their digests. */
const LONGEST_SHOWN = 300;

/** What an apply of `after` would change, kind by kind and by name; nothing where both say the same. */
export function diffInventories(before: Inventory, after: Inventory): readonly InventoryChange[] {
  return INVENTORY_KINDS.flatMap((what) => {
    const [old, now] = [thingsOf(before, what), thingsOf(after, what)];
    const names = [...new Set([...old.keys(), ...now.keys()])].sort();
    return names.flatMap((name): readonly InventoryChange[] => {
      const [was, is] = [old.get(name), now.get(name)];
      if (was === undefined) return [{ what, name, change: 'added', fields: [] }];
      if (is === undefined) return [{ what, name, change: 'removed', fields: [] }];
      const fields = changesOf(was, is);
      return fields.length === 0 ? [] : [{ what, name, change: 'changed', fields }];
    });
  });
}

/** Equal inventories have equal digests. */
export function inventoryDigest(inventory: Inventory): string {
  return digestOf(inventory);
}

function thingsOf(inventory: Inventory, what: InventoryChange['what']): ReadonlyMap<string, object> {
  switch (what) {
    case 'grid':
      return new Map([['grid', inventory.grid]]);
    case 'tag':
      return byName(inventory.tags);
    case 'alias':
      return byName(inventory.aliases);
    case 'pool':
      return byName(inventory.pools);
    case 'resource':
      return byName(inventory.resources);
    case 'image':
      return byName(inventory.images ?? []);
    case 'type':
      return byName(inventory.types.map((type) => ({ ...type, tags: type.tags.map(declaredText) })));
    case 'host':
      return byName(inventory.hosts.map((host) => ({ ...host, tags: host.tags.map(declaredText) })));
    case 'step':
      return byName(inventory.steps);
    case 'watch':
      return byName(inventory.watches ?? []);
    case 'test':
      return byName(inventory.tests.map(({ run, ...test }) => ({ ...test, run: `file ${digestOf(run)}` })));
  }
}

function byName<Of extends { readonly name: string }>(things: readonly Of[]): ReadonlyMap<string, Of> {
  return new Map(things.map((thing) => [thing.name, thing]));
}

function changesOf(old: object, now: object): readonly FieldChange[] {
  const [before, after] = [fieldsOf(old), fieldsOf(now)];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((field) => {
    const [was, is] = [before.get(field), after.get(field)];
    if (was === is) return [];
    return [
      {
        field,
        ...(was === undefined ? {} : { old: shortened(was) }),
        ...(is === undefined ? {} : { new: shortened(is) }),
      },
    ];
  });
}

/** Every text, number and list of a thing by its path; an empty map leaves no field. */
function fieldsOf(thing: object, path = ''): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [key, value] of Object.entries(thing) as [string, unknown][]) {
    const at = path === '' ? key : `${path}.${key}`;
    if (value === undefined) continue;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [name, text] of fieldsOf(value, at)) fields.set(name, text);
    else if (Array.isArray(value))
      fields.set(at, value.every(isText) ? `[${value.join(', ')}]` : canonicalJson(value));
    else fields.set(at, String(value));
  }
  return fields;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Enough to see what changed; what is too long to be seen is told by its digest. */
function shortened(text: string): string {
  if (text.length <= LONGEST_SHOWN) return text;
  return `${text.slice(0, LONGEST_SHOWN - 60)}... (${text.length} characters, digest ${digestOf(text)})`;
}
