/** What a 'Lava-Test Test Definition 1.0' says beside what every test says, as it was read. */
export interface LavaDefinition {
  /** The name in its metadata; `TESTRUN_ID` and the folder on the host are made of it. */
  readonly name: string;
  /** As LAVA renders them (`true` is `True`); a variable of the test's environment overrides the one of its name. */
  readonly params: Readonly<Record<string, string>>;
  /** Packages that the host's own package manager installs before the test. */
  readonly deps: readonly string[];
  /** Shell lines of the install section, after `deps`. */
  readonly installSteps: readonly string[];
  /** Shell lines, run one after another by one shell under `set -e`. */
  readonly steps: readonly string[];
  readonly parse?: LavaParse;
  /** Where in the tree the definition lies, from its root, without a slash at either end; '' is the root. */
  readonly folder: string;
  /** Repositories that are fetched for it and lie in the tree; undefined: none. */
  readonly repositories?: readonly LavaRepository[];
}

/** A repository of the install section. */
export interface LavaRepository {
  readonly url: string;
  /** A branch, tag or commit; undefined: what the repository itself takes. */
  readonly ref?: string;
  /** Where in the tree, from its root. */
  readonly at: string;
  /** What was fetched, in full; undefined until it is. */
  readonly commit?: string;
}

/** How cases are read from what the test prints; applied by the grid, never on the host. */
export interface LavaParse {
  /** A regular expression in the spelling of Python; its groups are test_case_id, result, measurement, units, message. */
  readonly pattern: string;
  /** Results as they are printed -> pass, fail, skip, unknown. */
  readonly fixups: Readonly<Record<string, string>>;
}

/** Files that are put beside a test on the host: a tar archive, compressed by gzip, of all of its repository or folder. */
export interface TestTree {
  /** SHA-256 of the archive, 64 hexadecimal digits; a blob. */
  readonly blob: string;
  readonly bytes: number;
}
