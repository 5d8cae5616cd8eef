import type { Versions } from './baseline.js';
import { digestOf } from './digest.js';
import type { Id } from './id.js';

/** What a run is aimed at; nothing said is any host. */
export interface Target {
  /** The name of the one host. */
  readonly host?: string;
  /** A host type's name. */
  readonly hostType?: string;
  /** Only for recovery checks: this step must be carried out, whatever the host carries already. */
  readonly step?: string;
}

/** A target as a submission says it. */
export interface AskedTarget extends Target {
  /** One run on each host, or each host type, that could serve it, as it is when the submission unfolds. */
  readonly each?: 'host' | 'host_type';
}

/** A host that a run keeps away from until other work has succeeded there after the attempt. */
export interface Avoid {
  readonly host: Id;
  readonly attempt: Id;
}

/** All that decides which hosts can serve a run, and how: runs with equal demands share a queue. */
export interface Demand {
  /** Canonical requirement. */
  readonly requirement: string;
  /** Canonical requirements that exclude no host: among equally dear ones those that meet more come first. */
  readonly prefer?: readonly string[];
  readonly target: Target;
  readonly purpose: 'test' | 'canary' | 'recovery' | 'trial';
  /** Only a host on which nothing has run since its stack was put in place will do. */
  readonly fresh: boolean;
  readonly avoid: readonly Avoid[];
  /** Whose work it is, by the project's name: pools may be for some projects only. Unset: the grid's own. */
  readonly project?: string;
  /** Where nothing could ever serve it, it waits until something can, instead of ending. */
  readonly wait?: boolean;
  /** What components are to be at there, instead of what the baseline says of them. */
  readonly versions?: Versions;
}

/** Equal demands have equal keys. */
export function demandKey(demand: Demand): string {
  return digestOf(demand);
}
