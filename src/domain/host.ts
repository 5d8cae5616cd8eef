import type { Id } from './id.js';
import type { Layer } from './layer.js';
import type { Catalogue, TagFacts } from './tag.js';

/** Whether a host may be trusted with work. */
export type Health =
  | 'good'
  /** Gets only canaries and probes until the blame moves elsewhere. */
  | 'suspect'
  /** Two different pieces of work failed on it for which it is the likeliest cause. */
  | 'quarantined'
  /** A person took it out: nothing runs there, canaries neither. */
  | 'maintenance';

/** One step that a host is known to carry. */
export interface StackEntry {
  readonly layer: Layer;
  readonly step: string;
  /** Digest of the step, its inputs and what it stands on. */
  readonly key: string;
  /** What it left there: each `tag`, or `tag = value`. */
  readonly gives: readonly string[];
}

/** A cheap digest of what tests could have changed, part by part; '' where a part cannot be read. */
export interface Fingerprint {
  readonly boot: string;
  readonly packages: string;
  readonly modules: string;
  readonly cmdline: string;
  readonly sysctls: string;
}

/** Who has a host for themselves, and until when (RFC 3339, UTC): nothing of the grid's starts there. */
export interface Reserved {
  readonly person: string;
  readonly until: string;
}

/** The lowest layer that a person who was on a host may have changed: as far down as may be changed there at all. */
export function layerLeftByPerson(expendable: readonly Layer[]): Layer {
  return expendable.includes('image') ? 'image' : 'packages';
}

/** What the grid knows of a host when it plans. */
export interface HostFacts {
  readonly id: Id;
  readonly name: string;
  readonly pool: string;
  /** Names of the projects whose work its pool takes; undefined: everybody's. */
  readonly poolProjects?: readonly string[];
  readonly type: string;
  readonly seats: number;
  readonly expendable: readonly Layer[];
  readonly canRestore: boolean;
  /** The name of the one executor that reaches it; undefined: any. */
  readonly executor?: string;
  readonly offline: boolean;
  readonly health: Health;
  readonly healthWhy: string;
  readonly reserved?: Reserved;
  readonly isolated: boolean;
  readonly stack: readonly StackEntry[];
  /** The lowest layer that is not as the stack says. */
  readonly dirtyFrom?: Layer;
  /** True where something ran since the stack was put in place. */
  readonly used: boolean;
  readonly fingerprint?: Fingerprint;
  /** What steps are expected to cost on it, by name, in seconds: by what they cost on its type before. Unnamed ones: as declared. */
  readonly expectedS?: ReadonlyMap<string, number>;
  /** What is known of its tags now, what its stack gave among it; derived ones are computed, never asked for. */
  readonly facts: TagFacts;
  /** What the tags mean. */
  readonly catalogue: Catalogue;
}
