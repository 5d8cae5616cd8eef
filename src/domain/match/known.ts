import { type Layer, reaches } from '../layer.js';
import { givenBy } from '../step.js';
import type { Catalogue, Instance, Sighting, TagFacts, TagSpec } from '../tag.js';

/** One value of a tag on a host, or one device, with whose word it is. */
export interface KnownTag extends Instance {
  readonly tag: string;
  readonly source: 'declared' | 'probed';
}

/** A tag as it is written down: of a device its attributes are JSON. */
export interface WrittenTag {
  readonly name: string;
  readonly instance: string;
  readonly source: KnownTag['source'];
  readonly raw: string;
}

/** Reads what was written down. */
export function tagOnRecord(
  { name: tag, instance: place, source, raw }: WrittenTag,
  catalogue: Catalogue,
): KnownTag {
  if (catalogue.find(tag)?.kind !== 'device' || !raw.startsWith('{')) return { tag, place, source, raw };
  const attributes = JSON.parse(raw) as Record<string, string>;
  return { tag, place, source, raw: attributes['id'] ?? '', attributes };
}

/** All that is on record about a host's tags. */
export interface TagRecord {
  readonly tags: readonly KnownTag[];
  /** What was looked for (a tag, or a family `x:*` as a whole), and whether the look worked. */
  readonly looked: ReadonlyMap<string, boolean>;
  /** What the stack's steps gave, lowest first. */
  readonly gives: readonly string[];
  /** Something ran there since the stack was put in place. */
  readonly used: boolean;
  /** The lowest layer that is not as the stack says. */
  readonly dirtyFrom?: Layer;
}

const ABSENT: Sighting = { presence: 'absent' };
const UNKNOWN: Sighting = { presence: 'unknown' };

/**
 * What counts of all that was declared, given and seen. Where the catalogue has a way to look, only what was seen
 * counts, and what nobody could look at is unknown; where it has none, what is declared or given counts.
 */
export function whatIsKnown(record: TagRecord, catalogue: Catalogue): TagFacts {
  const of = { declared: byTag(record, 'declared'), probed: byTag(record, 'probed') };
  const given = new Map<string, readonly Instance[]>();
  for (const item of record.gives) {
    const { tag, value = '' } = givenBy(item);
    if (isDecayed(catalogue.find(tag), record)) continue;
    given.set(tag, [{ place: '', raw: value }]);
  }
  return (tag) => {
    const spec = catalogue.find(tag);
    if (spec === undefined || spec.source.by === 'formula') return UNKNOWN;
    if (spec.source.by === 'word') return sighting(given.get(tag) ?? of.declared.get(tag));
    return wasLookedFor(tag, record.looked) ? sighting(of.probed.get(tag)) : UNKNOWN;
  };
}

/** Whether what a step gave counts no more, for all that has happened since. */
export function isDecayed(
  spec: TagSpec | undefined,
  { used, dirtyFrom }: Pick<TagRecord, 'used' | 'dirtyFrom'>,
): boolean {
  if (spec?.decays === undefined) return false;
  if (spec.decays === 'test') return used;
  return dirtyFrom !== undefined && reaches(dirtyFrom, spec.decays);
}

/** A tag that was declared of a host on which it was looked for and not seen so. */
export interface Drift {
  readonly declared: KnownTag;
  readonly seen: readonly Instance[];
}

/** What is declared and was looked for, and is not there or is otherwise: it does not count. */
export function driftsOf(record: TagRecord, catalogue: Catalogue): readonly Drift[] {
  const probed = byTag(record, 'probed');
  return record.tags.flatMap((declared): readonly Drift[] => {
    if (declared.source !== 'declared') return [];
    const spec = catalogue.find(declared.tag);
    const looks = spec?.source.by === 'probe' || spec?.source.by === 'look';
    if (spec === undefined || !looks || !wasLookedFor(declared.tag, record.looked)) return [];
    const seen = probed.get(declared.tag) ?? [];
    return seen.some((instance) => isAsDeclared(spec, declared, instance)) ? [] : [{ declared, seen }];
  });
}

function isAsDeclared(spec: TagSpec, declared: Instance, seen: Instance): boolean {
  if (spec.kind === 'flag') return true;
  if (spec.kind !== 'device') return declared.raw === '' || declared.raw === seen.raw;
  const said = Object.entries(declared.attributes ?? {});
  return (
    (declared.place === '' || declared.place === seen.place) &&
    said.every(([name, value]) => seen.attributes?.[name] === value)
  );
}

/** The family that a tag belongs to, as a whole: `cpu:*` of `cpu:avx2`. */
export function familyOf(tag: string): string | undefined {
  const colon = tag.lastIndexOf(':', tag.length - 2);
  return colon < 0 ? undefined : `${tag.slice(0, colon)}:*`;
}

/** Whether a look for the tag, or for its family as a whole, worked. */
export function wasLookedFor(tag: string, looked: ReadonlyMap<string, boolean>): boolean {
  return looked.get(tag) ?? looked.get(familyOf(tag) ?? tag) ?? false;
}

function byTag({ tags }: TagRecord, source: KnownTag['source']): ReadonlyMap<string, readonly Instance[]> {
  const found = new Map<string, Instance[]>();
  for (const one of tags) {
    if (one.source !== source) continue;
    const { place, raw, attributes } = one;
    const instance = { place, raw, ...(attributes === undefined ? {} : { attributes }) };
    const before = found.get(one.tag);
    if (before === undefined) found.set(one.tag, [instance]);
    else before.push(instance);
  }
  return found;
}

function sighting(instances: readonly Instance[] | undefined): Sighting {
  return instances === undefined ? ABSENT : { presence: 'present', instances };
}
