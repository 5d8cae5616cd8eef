import { makeCatalogue } from '../../src/domain/catalogue.js';
import { type Item, readRequirement } from '../../src/domain/language/read.js';
import type { Alias, Catalogue, TagSpec, Value } from '../../src/domain/tag.js';

type Kind =
  | 'flag'
  | Value
  | { readonly kind: 'device'; readonly attributes: Readonly<Record<string, Value>> };

/** A tag that counts as it is declared or given. */
export function tag(name: string, kind: Kind = 'flag', more: Partial<TagSpec> = {}): TagSpec {
  const value = kind === 'flag' ? { kind } : kind;
  return { name, meaning: `what ${name} means`, source: { by: 'word' }, ...value, ...more } as TagSpec;
}

/** A tag that follows from a formula. */
export function derived(name: string, is: string): TagSpec {
  return tag(name, 'flag', { source: { by: 'formula', is } });
}

/** A name for a formula. */
export function alias(name: string, is: string): Alias {
  return { name, meaning: `what ${name} means`, is };
}

/** The catalogue of these, which is a good one. */
export function catalogueOf(tags: readonly TagSpec[], aliases: readonly Alias[] = []): Catalogue {
  const made = makeCatalogue(tags, aliases);
  if ('problems' in made) throw new Error(made.problems.map((problem) => problem.message).join('; '));
  return made.catalogue;
}

/** Kinds of values, by how they are written here. */
export const KERNEL: Value = { kind: 'version', scheme: 'kernel' };
export const NATURAL: Value = { kind: 'version', scheme: 'natural' };
export const DATE: Value = { kind: 'version', scheme: 'date' };
export const COUNT: Value = { kind: 'quantity', unit: '' };
export const BYTES: Value = { kind: 'quantity', unit: 'B' };
export const SPEED: Value = { kind: 'quantity', unit: 'bit/s' };
export const TEXT: Value = { kind: 'text' };

/** A lab's catalogue with something of everything. */
export const LAB: Catalogue = catalogueOf(
  [
    ...['root', 'virtual', 'g++', 'e1000-82540em', 'win_fresh_install', 'fresh_reboot'].map((name) =>
      tag(name),
    ),
    tag('kernel', KERNEL),
    tag('windows', NATURAL),
    tag('e1000', NATURAL),
    tag('virtiowin', DATE),
    tag('memory', BYTES),
    tag('cpus', COUNT),
    tag('model', TEXT),
    tag('cmd:*'),
    tag('pkg:*', { kind: 'version', scheme: 'deb' }),
    tag('pci', { kind: 'device', attributes: { driver: TEXT } }),
    tag('nic', { kind: 'device', attributes: { speed: SPEED, driver: TEXT } }),
    derived('bare-metal', 'root & not virtual'),
  ],
  [
    alias('DELL_R420', 'model = "PowerEdge R420"'),
    alias('DELL_R430', 'model = "PowerEdge R430"'),
    alias('dell', 'DELL_R420 | DELL_R430'),
    alias('linux', 'kernel'),
    alias('NVIDIAGTX999GX8GB_at_PCIePORT1', 'pci 10de:1b80 @ 01:00.0'),
  ],
);

/** A text item that begins in the first column of the first line. */
export function text(item: string): Item {
  return { kind: 'text', text: item, at: { line: 1, column: 1 } };
}

/** What these items say, against the lab's catalogue unless another is given. */
export function read(items: readonly (string | Item)[], catalogue: Catalogue | undefined = LAB) {
  return readRequirement(
    items.map((item) => (typeof item === 'string' ? text(item) : item)),
    catalogue,
  );
}
