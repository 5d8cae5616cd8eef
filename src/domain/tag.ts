import type { Layer } from './layer.js';

/** How versions of a thing are written and ordered. */
export type Scheme = 'deb' | 'rpm' | 'semver' | 'kernel' | 'date' | 'natural';

/** What a value of a tag, or of an attribute of a device, is and how it is compared. */
export type Value =
  /** Ordered by its scheme. */
  | { readonly kind: 'version'; readonly scheme: Scheme }
  /** A number with a unit: `B` for bytes, `bit/s`, `Hz`, `W`, `s`; '' counts things. */
  | { readonly kind: 'quantity'; readonly unit: string }
  /** Equal or not, letter by letter. */
  | { readonly kind: 'text' };

/** What makes a tag that a step gave no longer true. */
export type Decay =
  /** Anything at all that runs there. */
  | 'test'
  /** The first change of this layer or of one below. */
  | Layer;

interface About {
  /** As requirements name it. One that ends in `:*` stands for every name that begins so. */
  readonly name: string;
  readonly meaning: string;
  readonly owner?: string;
  /** It counts only until this has happened since a step gave it; undefined: until its layer is lost. */
  readonly decays?: Decay;
}

/** Where what is known of a tag comes from, beside hosts' declarations and what steps give. */
export type Source =
  /** What a host declares and a step gives counts as it is. */
  | { readonly by: 'word' }
  /**
   * Shell text of its own. Of a flag: exit 0 says present, 1 absent. Of any other kind: exit 0, and each line of
   * its output is one instance (`value`, or of a device `place<TAB>attribute=value<TAB>...`); no line: absent.
   * Anything else, or running out of time, is a probe that did not work. It has the last word.
   */
  | { readonly by: 'probe'; readonly script: string }
  /** The standard look at a Linux machine, which has the last word; `part` is the piece of it that sees this tag. */
  | { readonly by: 'look'; readonly part: string }
  /** A formula over other tags, in canonical spelling. */
  | { readonly by: 'formula'; readonly is: string };

/** A known tag, as the catalogue has it. */
export type TagSpec = About & { readonly source: Source } & (
    | { readonly kind: 'flag' }
    | Value
    /** Things of which a host has any number, told apart by their place. */
    | { readonly kind: 'device'; readonly attributes: Readonly<Record<string, Value>> }
  );

/** A name that is read as the formula behind it. */
export interface Alias {
  readonly name: string;
  readonly meaning: string;
  /** Canonical spelling, aliases in it expanded. */
  readonly is: string;
}

/** All tags that are known here. */
export interface Catalogue {
  /** The tag of this name: its own entry, or that of the family it belongs to, under the name asked for. */
  find(name: string): TagSpec | undefined;
  alias(name: string): Alias | undefined;
  /** Every name that can be written, families as `prefix:*`; for suggestions. */
  readonly names: readonly string[];
}

/** One value of a tag on a host, or one device. */
export interface Instance {
  /** Where it is (`0000:01:00.0`, `sda`, `eth0`); '' where a host has one only. */
  readonly place: string;
  /** As it was seen or written: a flag has ''. */
  readonly raw: string;
  /** Of a device: its attributes as they were seen (`id` among them); one that is not there is unknown. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What is known of a tag on a host. Unknown satisfies neither X nor not X. */
export type Presence = 'present' | 'absent' | 'unknown';

/** What is known of a tag on a host, with its values. */
export type Sighting =
  | { readonly presence: 'present'; readonly instances: readonly Instance[] }
  | { readonly presence: 'absent' }
  | { readonly presence: 'unknown' };

/** What is known of one host, tag by tag (derived ones are computed by who asks, never given here). */
export type TagFacts = (tag: string) => Sighting;

/** A value of a tag in one line, as people read it: none for a flag, of a device its id, place and attributes. */
export function instanceTexts({ place, raw, attributes }: Instance): string[] {
  if (attributes === undefined) return raw === '' ? [] : [raw];
  const { id, ...others } = attributes;
  const more = Object.entries(others).map(([name, value]) => `${name} = ${value}`);
  return [[...(id === undefined ? [] : [id]), `@ ${place}`, ...more].join(' ')];
}
