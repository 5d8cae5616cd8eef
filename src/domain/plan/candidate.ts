import type { HostFacts } from '../host.js';
import type { Id } from '../id.js';

/** An open incident, as far as it forbids work. */
export interface OpenIncident {
  readonly id: Id;
  readonly scope:
    | 'host'
    | 'step'
    | 'step_on_host'
    | 'test'
    | 'resource'
    | 'pool'
    | 'image'
    | 'change'
    | 'grid';
  readonly hostId?: Id;
  readonly step?: string;
  readonly resource?: string;
  readonly pool?: string;
  readonly image?: string;
  /** A version of a package: `name version`. */
  readonly change?: string;
  readonly title: string;
  /** False while it is not yet known whose failure it is. */
  readonly settled?: boolean;
}

/** A host with what blame and avoidance need to know beside the facts. */
export interface Candidate extends HostFacts {
  /** Names of the shared resources that it needs to work; undefined: none. */
  readonly resources?: readonly string[];
  readonly poolHalted?: string;
  /** The newest attempt after which this host was known to do work well; '0': none yet. */
  readonly okAttempt: Id;
}

/** Why a host that could serve does not now; each a word that people see. */
export type LaterCode =
  | 'host_offline'
  | 'host_maintenance'
  /** A person has it for themselves. */
  | 'host_reserved'
  | 'host_quarantined'
  | 'host_suspect'
  | 'pool_halted'
  | 'incident'
  /** The host's tags have not been seen yet. */
  | 'unknown_tags'
  /** The run failed in its setup or lost its connection there: other work is to succeed there first. */
  | 'avoided';
