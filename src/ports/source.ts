import type { LavaRepository } from '../domain/lava/definition.js';

/** A file of a repository. */
export interface SourceFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Something in a tree; its path begins at the root of the tree, without a slash at either end. */
export type TreeEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly isExecutable: boolean;
      readonly content: () => Promise<Uint8Array>;
    }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }
  /** An empty one; others are there because of what is in them. */
  | { readonly kind: 'folder'; readonly path: string };

/** Why there are no tests; the message is for whoever named the repository. */
export interface SourceTrouble {
  readonly trouble: /** The machine has no program for it. */
    | 'no_program'
    /** The repository does not answer, or not us. */
    | 'unreachable'
    /** It took longer than whoever asks can wait. */
    | 'slow'
    /** There is no such branch, tag or commit. */
    | 'ref'
    /** What is there is no test, is not taken, or nothing is. */
    | 'path';
  readonly message: string;
}

/** What was found at a path. */
export interface SourceTests {
  readonly tests: readonly SourceFile[];
  /** Paths of files that are no tests. */
  readonly others: readonly string[];
}

/** Repositories of tests. Addresses, names and paths have been checked before; `signal` ends the wait. */
export abstract class Source {
  /** The full commit for which a branch, a tag, a commit or nothing (what the repository itself takes) stands now. */
  abstract resolve(
    url: string,
    ref: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly commit: string } | SourceTrouble>;
  /** The test at a path of a commit; of a folder all tests in it, in order. */
  abstract testsAt(
    url: string,
    commit: string,
    path: string,
    signal: AbortSignal,
  ): Promise<SourceTests | SourceTrouble>;
  /** One file of a commit, by its path; of at most so many bytes. */
  abstract fileAt(
    url: string,
    commit: string,
    path: string,
    mostBytes: number,
    signal: AbortSignal,
  ): Promise<SourceFile | SourceTrouble>;
  /**
   * All files of a commit as an archive (tar, gzip), with other repositories inside it, for `keep` to take; `notes` say
   * what is left out.
   */
  abstract pack<Kept>(
    wanted: WantedTree,
    keep: (archive: AsyncIterable<Uint8Array>) => Promise<Kept>,
    signal: AbortSignal,
  ): Promise<PackedSource<Kept> | SourceTrouble>;
}

/** A commit, and the repositories that are put into its tree. */
export interface WantedTree {
  readonly url: string;
  readonly commit: string;
  readonly repositories: readonly LavaRepository[];
  /** Its submodules too, and theirs; undefined: they stay away. */
  readonly submodules?: boolean;
}

/** A tree that was taken, with the commits of what was put into it. */
export interface PackedSource<Kept> {
  readonly kept: Kept;
  /** All that is in it. */
  readonly paths: readonly string[];
  readonly repositories: readonly LavaRepository[];
  readonly notes: readonly string[];
}
