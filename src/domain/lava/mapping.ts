import { canonical, fromCanonical, type Requirement } from '../requirement.js';

/** The lists in a definition's metadata that say where it is meant to run. */
export const MAPPED = ['os', 'devices', 'environment', 'scope'] as const;
export type Mapped = (typeof MAPPED)[number];

/**
 * What words of LAVA metadata ask of a host: a requirement in canonical spelling; '' asks nothing. A word that is not
 * there is not understood: it asks nothing either, and that is said.
 */
export type LavaMapping = Readonly<Record<Mapped, Readonly<Record<string, string>>>>;

/** Metadata of a definition, word by word. */
export type LavaWords = Readonly<Record<Mapped, readonly string[]>>;

const DISTRIBUTIONS = ['alpine', 'arch', 'centos', 'debian', 'fedora', 'gentoo', 'rhel', 'ubuntu'];

/** What words mean where nobody says otherwise. Devices are names of boards, which only a lab can map. */
export const DEFAULT_MAPPING: LavaMapping = {
  os: {
    ...Object.fromEntries(DISTRIBUTIONS.map((name) => [name, `distro = ${name}`])),
    ...{ linux: 'linux', all: '', any: '' },
  },
  devices: { all: '', any: '' },
  environment: { 'lava-test-shell': '' },
  scope: { functional: '', performance: '', preinstall: '', smoke: '' },
};

/** The mapping of a lab: what it says word by word, and else what the words mean without it. */
export function mappingWith(said: Partial<LavaMapping> | undefined): LavaMapping {
  if (said === undefined) return DEFAULT_MAPPING;
  return Object.fromEntries(
    MAPPED.map((part) => [part, { ...DEFAULT_MAPPING[part], ...said[part] }]),
  ) as LavaMapping;
}

/** What a definition needs, and the words of its metadata that nobody understood. */
export interface MappedNeeds {
  readonly requirement: string;
  readonly unknown: Readonly<Partial<Record<Mapped, readonly string[]>>>;
}

/** Any of the systems, any of the devices, all of the rest; and root, where something is to be installed. */
export function needsOf(words: LavaWords, installs: boolean, mapping: LavaMapping): MappedNeeds {
  const unknown: Partial<Record<Mapped, readonly string[]>> = {};
  const parts: Requirement[] = installs ? [{ kind: 'tag', name: 'root' }] : [];
  for (const part of MAPPED) {
    const asked = words[part].map((word) => meaningOf(mapping[part], word));
    const strange = words[part].filter((_, index) => asked[index] === undefined);
    if (strange.length > 0) unknown[part] = strange;
    const of = asked.flatMap((one) => (one === undefined ? [] : [fromCanonical(one)]));
    const kind = part === 'os' || part === 'devices' ? 'any' : 'all';
    if (of.length > 0) parts.push({ kind, of });
  }
  return { requirement: canonical({ kind: 'all', of: parts }), unknown };
}

function meaningOf(known: Readonly<Record<string, string>>, word: string): string | undefined {
  const key = word.toLowerCase();
  return Object.hasOwn(known, key) ? known[key] : undefined;
}
