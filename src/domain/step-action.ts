import type { ImageSpec } from './image.js';
import type { Repository } from './repository.js';

/** What a step does; each kind is carried out by a file of its name. */
export type StepAction =
  | ScriptAction
  | RestoreAction
  | PackagesAction
  | FetchAction
  | BuildAction
  | ModuleAction
  | RebootAction
  | CopyAction;

/** The kinds of steps, by the key that says one in an inventory. */
export const STEP_KINDS = [
  ...(['script', 'restore', 'packages', 'fetch', 'build', 'module', 'reboot', 'copy'] as const),
];

/** Shell text run on the host, or on the executor's own machine. */
export interface ScriptAction {
  readonly kind: 'script';
  readonly script: string;
  /** Undefined: the host. */
  readonly on?: 'grid';
}

/** The host's root file system is put back. */
export interface RestoreAction {
  readonly kind: 'restore';
  readonly image: string;
  /**
   * What the catalogue says of it; undefined: nothing, the restore command knows it by its name. Of one that is watched
   * it is said when the step is handed out, of the version that counts.
   */
  readonly spec?: ImageSpec;
  /** The component whose version counts, that of the baseline unless a run says another. */
  readonly component?: string;
  readonly version?: string;
}

/** Packages are put in, at a version where one is said, taken out, held. */
export interface PackagesAction {
  readonly kind: 'packages';
  readonly by: 'apt' | 'dnf';
  readonly install: readonly PinnedPackage[];
  readonly remove: readonly string[];
  readonly hold: readonly string[];
  readonly unhold: readonly string[];
  /** Artefacts that are packages themselves. */
  readonly files: readonly string[];
  /** Where they come from, besides the host's own sources. */
  readonly from: readonly Repository[];
  /** Of dnf: the folder that is the root of what is changed; undefined: the host's own. */
  readonly root?: string;
}

/** A package, and the one version of it that will do. */
export interface PinnedPackage {
  readonly name: string;
  /** Undefined: the newest. */
  readonly version?: string;
  /** The component whose version counts, that of the baseline unless a run says another. */
  readonly component?: string;
  /** Where this version is not of a repository but was pushed: said when the step is handed out. */
  readonly file?: PackageFile;
}

/** A package that somebody pushed. */
export interface PackageFile {
  /** The SHA-256 of its bytes. */
  readonly blob: string;
}

/** What is fetched from where: one commit of a repository. */
export interface GitSource {
  readonly url: string;
  /** A full commit, or a branch or tag, which may stand for another commit each time. */
  readonly ref: string;
  readonly submodules: boolean;
  /** The component whose version, a commit, counts: that of the baseline unless a run says another. */
  readonly component?: string;
  /** The resource that serves it, to blame where it does not answer. */
  readonly from?: string;
}

/** The files of a commit are put into a folder of the host; the host itself needs no way to the repository. */
export interface FetchAction {
  readonly kind: 'fetch';
  readonly git: GitSource;
  readonly into: string;
}

/** A commit is built, and what the recipe leaves in `$OUT` is put into a folder of the host. */
export interface BuildAction {
  readonly kind: 'build';
  readonly git: GitSource;
  /** Shell text, run in the source's folder. */
  readonly recipe: string;
  readonly on: 'host' | 'grid';
  readonly into: string;
}

/** A module of the kernel is loaded. */
export interface ModuleAction {
  readonly kind: 'module';
  readonly module: string;
  /** Each `name=value`. */
  readonly parameters: readonly string[];
}

/** The host is booted anew, as its boot id must show. */
export interface RebootAction {
  readonly kind: 'reboot';
  readonly command: string;
}

/** A file is put into a place of the host. */
export interface CopyAction {
  readonly kind: 'copy';
  readonly to: string;
  /** Octal: `0644`. */
  readonly mode: string;
  readonly what:
    | { readonly text: string }
    /** A file of the inventory: its bytes in base64. */
    | { readonly file: string; readonly bytes: string }
    | { readonly artefact: string };
}

/** The commit that a source is pinned to; undefined where it is a branch or a tag. */
export function pinnedCommit({ ref }: GitSource): string | undefined {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref) ? ref : undefined;
}
