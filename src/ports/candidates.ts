import type { Arrival } from '../domain/change.js';
import type { WatchSpec } from '../domain/watch.js';

/** What somebody pushes: a package that was uploaded, or a commit of the repository that is watched. */
export type Candidate = { readonly blob: string } | { readonly commit: string };

/** A candidate with the signature that came with it. */
export interface PushedCandidate {
  readonly watch: WatchSpec;
  /** The component that it is said to be a version of. */
  readonly component: string;
  readonly candidate: Candidate;
  /** Armoured, of OpenPGP or SSH, over the file; a commit carries its own. */
  readonly signature?: string;
}

/** What a candidate is. */
export type Inspected =
  /** `signer`: whose signature it bears; undefined: none was asked for. */
  | { readonly ok: true; readonly arrival: Arrival; readonly signer?: string }
  | { readonly ok: false; readonly why: string };

/** Looks into candidates and judges their signatures, before anything is done with them. */
export abstract class Candidates {
  abstract inspect(pushed: PushedCandidate, signal: AbortSignal): Promise<Inspected>;
}
