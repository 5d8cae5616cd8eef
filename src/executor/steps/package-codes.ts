/** By these exit codes the shell text of package managers tells whose failure it is. */
export const PACKAGE_CODES = {
  ownSources: 70,
  noVersion: 71,
  conflict: 72,
  broken: 73,
  noManager: 74,
  otherwise: 75,
} as const;

/** The exit code for the first repository that a step names; the next ones follow. */
export const FIRST_REPOSITORY = 80;
