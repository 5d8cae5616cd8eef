import type { Health } from '../host.js';
import type { HostIndex } from '../match/host-index.js';
import type { Requirement } from '../requirement.js';
import type { Catalogue } from '../tag.js';

/** What explaining needs to know of a host beside its tags. */
export interface HostState {
  readonly name: string;
  readonly type: string;
  readonly pool: string;
  /** Why this run may not use it ('pool ci is for project kernel'); undefined: it may. */
  readonly barred?: string;
  readonly offline: boolean;
  readonly health: Health;
  readonly healthWhy: string;
  /** What else keeps work away from it now: its pool is halted, an incident is open. */
  readonly shut?: string;
  readonly seats: number;
  readonly taken: number;
  /**
   * Hosts of equal likeness that lack the same clauses are the same to steps (what is expendable there, what the
   * stack carries, what steps need): one is asked for all. The host's name where nothing is known to be alike.
   */
  readonly likeness: string;
}

/** Whether steps can bring a host to meet a formula. */
export type Reach =
  /** Seconds of host time, and the steps in their order; none where it is met already. */
  | {
      readonly ok: true;
      readonly costS: number;
      readonly steps: readonly string[];
      /** Why these steps are not carried out now: an incident is open. */
      readonly shut?: string;
      /** No other seat of the host may be taken while they run. */
      readonly wholeHost?: true;
    }
  /** `maybe`: nothing is known against it, so that more knowledge may help. */
  | { readonly ok: false; readonly why: string; readonly maybe?: true };

/** Why a tag of a host is not known, or does not count. */
export type TagNote =
  /** It was looked for and the look did not work; `why` may be ''. */
  | { readonly kind: 'look failed'; readonly why: string }
  | { readonly kind: 'not looked yet' }
  /** The inventory declares it, and what was seen there is otherwise. */
  | { readonly kind: 'drift' };

/** Where a run stands in the order, as far as it is known. */
export interface QueueFacts {
  /** 1 is next. */
  readonly place: number;
  readonly of: number;
  /** Runs before it that the same hosts would serve. */
  readonly ahead: number;
  /** How long such a run takes, in seconds; undefined: none ever ended. */
  readonly typicalS?: number;
  /** For each seat of the hosts that could serve it and are up: seconds until it is free, 0 is now. */
  readonly freeInS: readonly number[];
}

/** All that an explanation is made from. */
export interface Question {
  readonly requirement: Requirement;
  readonly catalogue: Catalogue;
  readonly index: HostIndex;
  /** By the numbers of the index. */
  readonly hosts: ReadonlyMap<number, HostState>;
  /** Tags that some step gives. */
  readonly givable: ReadonlySet<string>;
  readonly reachable: (host: number, requirement: Requirement) => Reach;
  /** Steps are asked also where a host meets all clauses: only a fresh one will do, or one of them must run. */
  readonly asksAlways?: true;
  /** Why the grid starts nothing at all. */
  readonly stopped?: string;
  readonly noteOf?: (host: number, tag: string) => TagNote | undefined;
  /** Undefined: the run is not in the queue yet. */
  readonly queue?: QueueFacts;
  /** Hosts that are named at most; 3 unless said. */
  readonly most?: number;
}
