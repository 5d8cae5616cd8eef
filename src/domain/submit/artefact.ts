/** Something under test that comes with a submission: at a URL, or in a blob. */
export interface Artefact {
  readonly name: string;
  readonly url?: string | undefined;
  readonly blob?: string | undefined;
  readonly digest?: string | undefined;
  readonly buildId?: string | undefined;
}

/** An uploaded artefact that tests find as a file on their host. */
export interface ArtefactFile {
  readonly name: string;
  /** The variable that names the file. */
  readonly variable: string;
  /** SHA-256 of its bytes in hex. */
  readonly blob: string;
}

/**
 * What tests find in their environment of what is under test: of an artefact `boot-image` `TESTYARD_ARTEFACT_BOOT_IMAGE`
 * (its URL; of what was uploaded `blob:` and the digest, until an executor puts the file's path there), and where they
 * are known `..._DIGEST` and `..._BUILD_ID`. `TESTYARD_BUILD_ID` is the one build that all of them are of.
 */
export function artefactEnvironment(artefacts: readonly Artefact[]): Readonly<Record<string, string>> {
  const builds = new Set(artefacts.flatMap(({ buildId }) => (buildId === undefined ? [] : [buildId])));
  const [build] = builds;
  return Object.fromEntries([
    ...artefacts.flatMap(variablesOf),
    ...(builds.size === 1 && build !== undefined ? [['TESTYARD_BUILD_ID', build]] : []),
  ]);
}

/** Those that were uploaded, which an executor brings to the host. */
export function artefactFiles(artefacts: readonly Artefact[]): readonly ArtefactFile[] {
  return artefacts.flatMap(({ name, blob }) =>
    blob === undefined ? [] : [{ name, variable: variableOf(name), blob }],
  );
}

/** Artefacts that would overwrite a variable of an earlier one, each with the mistake. */
export function clashes(artefacts: readonly Artefact[]): readonly { index: number; message: string }[] {
  const owners = new Map<string, string>();
  return artefacts.flatMap((artefact, index) => {
    const { name } = artefact;
    const names = variablesOf(artefact).map(([variable]) => variable);
    const taken = names.find((variable) => owners.has(variable));
    const owner = taken === undefined ? undefined : owners.get(taken);
    for (const variable of names) owners.set(variable, owners.get(variable) ?? name);
    if (owner === undefined) return [];
    const message =
      owner === name
        ? `'${name}' is there twice`
        : `tests would find '${name}' and '${owner}' both in ${taken}: rename one`;
    return [{ index, message }];
  });
}

function variablesOf({ name, url, blob, digest, buildId }: Artefact): [variable: string, value: string][] {
  const variable = variableOf(name);
  const known = blob ?? digest;
  return [
    [variable, url ?? `blob:${blob}`],
    ...(known === undefined ? [] : [[`${variable}_DIGEST`, known] as [string, string]]),
    ...(buildId === undefined ? [] : [[`${variable}_BUILD_ID`, buildId] as [string, string]]),
  ];
}

function variableOf(name: string): string {
  return `TESTYARD_ARTEFACT_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}
