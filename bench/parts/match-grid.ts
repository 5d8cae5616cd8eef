import type { Requirement } from '../../src/domain/requirement.js';
import type { Catalogue, Sighting, TagFacts, TagSpec } from '../../src/domain/tag.js';

/** A grid of random hosts: flags first, then tags with a version, each known by its number. */
export interface MatchGrid {
  readonly hosts: number;
  readonly flags: number;
  readonly versions: number;
  readonly catalogue: Catalogue;
  readonly names: readonly string[];
  /** By host and then tag: 0 absent, 1 unknown, 2 there. */
  readonly presence: Uint8Array;
  /** By host and then version tag: which of the texts. */
  readonly text: Uint16Array;
  /** The versions there are, lowest first. */
  readonly texts: readonly string[];
  readonly factsOf: (host: number) => TagFacts;
  /** Rolls one tag of a host anew; says which. */
  readonly change: (host: number) => string;
}

/** Of a hundred hosts this many do not know whether they have a tag. */
const UNKNOWN_SHARE = 0.02;
const ABSENT: Sighting = { presence: 'absent' };
const UNKNOWN: Sighting = { presence: 'unknown' };
const FLAG: Sighting = { presence: 'present', instances: [{ place: '', raw: '' }] };

/** Rolls a grid in which a host has `share` of the flags, and a version of almost every thing that has one. */
export function matchGrid(
  { hosts, tags, share }: { readonly hosts: number; readonly tags: number; readonly share: number },
  roll: () => number,
): MatchGrid {
  const versions = Math.floor(tags / 32);
  const flags = tags - versions;
  const names = Array.from({ length: tags }, (_, n) => (n < flags ? `flag${n}` : `version${n - flags}`));
  const numberOf = new Map(names.map((name, n) => [name, n]));
  const texts = Array.from(
    { length: 1000 },
    (_, n) => `${3 + Math.floor(n / 200)}.${Math.floor(n / 10) % 20}.${n % 10}`,
  );
  const sightings = texts.map((raw): Sighting => ({ presence: 'present', instances: [{ place: '', raw }] }));
  const presence = new Uint8Array(hosts * tags);
  const text = new Uint16Array(hosts * versions);
  const rollTag = (host: number, tag: number): void => {
    const there = roll() < (tag < flags ? share : 0.95);
    presence[host * tags + tag] = roll() < UNKNOWN_SHARE ? 1 : there ? 2 : 0;
    if (tag >= flags) text[host * versions + tag - flags] = Math.floor(roll() * texts.length);
  };
  for (let host = 0; host < hosts; host++) for (let tag = 0; tag < tags; tag++) rollTag(host, tag);
  const factsOf = (host: number): TagFacts => {
    return (name) => {
      const tag = numberOf.get(name) ?? -1;
      const known = presence[host * tags + tag];
      if (known !== 2) return known === 0 ? ABSENT : UNKNOWN;
      return tag < flags ? FLAG : (sightings[text[host * versions + tag - flags] ?? 0] ?? UNKNOWN);
    };
  };
  const change = (host: number): string => {
    const tag = Math.floor(roll() * tags);
    rollTag(host, tag);
    return names[tag] ?? '';
  };
  return {
    hosts,
    flags,
    versions,
    catalogue: catalogueOf(names, flags),
    names,
    presence,
    text,
    texts,
    factsOf,
    change,
  };
}

function catalogueOf(names: readonly string[], flags: number): Catalogue {
  const specs = new Map(
    names.map((name, n): [string, TagSpec] => {
      const about = { name, meaning: name, source: { by: 'word' } } as const;
      return [name, n < flags ? { ...about, kind: 'flag' } : { ...about, kind: 'version', scheme: 'kernel' }];
    }),
  );
  return { find: (name) => specs.get(name), alias: () => undefined, names };
}

/** Values that requirements name of one tag: people write the same few. */
const VALUES_ASKED = 40;

/** A formula of three flags and two ranges of versions. */
export function rollRequirement(grid: MatchGrid, roll: () => number): Requirement {
  const pick = (count: number) => Math.floor(roll() * count);
  const of: Requirement[] = [0, 1, 2].map(() => ({ kind: 'tag', name: `flag${pick(grid.flags)}` }));
  for (let n = 0; n < 2; n++) {
    const name = `version${pick(grid.versions)}`;
    const low = pick(VALUES_ASKED - 1);
    const value = (nth: number) => grid.texts[Math.floor((nth * grid.texts.length) / VALUES_ASKED)] ?? '';
    of.push({
      kind: 'device',
      name,
      where: [
        { attribute: '', operator: '>=', value: value(low) },
        { attribute: '', operator: '<', value: value(low + 1 + pick(VALUES_ASKED - low - 1)) },
      ],
      count: 1,
    });
  }
  return { kind: 'all', of };
}
