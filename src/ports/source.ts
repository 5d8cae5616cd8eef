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
  /**
   * All files of a commit, which `keep` can read until it settles, best in their order; `notes` say what is left out.
   * No two are kept of one repository at a time.
   */
  abstract treeOf<Kept>(
    url: string,
    commit: string,
    keep: (entries: readonly TreeEntry[]) => Promise<Kept>,
    signal: AbortSignal,
  ): Promise<{ readonly kept: Kept; readonly notes: readonly string[] } | SourceTrouble>;
}
