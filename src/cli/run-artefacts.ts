import { type Artefact, artefactEnvironment, artefactFiles, clashes } from '../domain/submit/artefact.js';
import type { Assignment } from '../protocol/messages.js';
import { digestOf, type WantedArtefact } from './artefact.js';
import { Failure } from './failure.js';

/** What is under test in all runs of one command. */
export interface UnderTest {
  readonly environment: Readonly<Record<string, string>>;
  readonly artefacts: NonNullable<Assignment['artefacts']>;
  /** Paths here by digest. */
  readonly files: ReadonlyMap<string, string>;
}

/** Reads what was named, with the same environment as a grid's. */
export async function underTest(
  wanted: readonly WantedArtefact[],
  buildId: string | undefined,
): Promise<UnderTest> {
  const files = new Map<string, string>();
  const artefacts: Artefact[] = [];
  for (const one of wanted) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(one.name))
      throw new Failure(
        `'${one.name}' names no artefact: letters, digits, dot, dash, underscore; at most 100`,
      );
    if ('url' in one) artefacts.push({ ...one, buildId });
    else {
      const { digest } = await digestOf(one.file);
      files.set(digest, one.file);
      artefacts.push({ name: one.name, blob: digest, buildId });
    }
  }
  const [clash] = clashes(artefacts);
  if (clash !== undefined) throw new Failure(`--artefact: ${clash.message}`);
  return { environment: artefactEnvironment(artefacts), artefacts: artefactFiles(artefacts), files };
}
