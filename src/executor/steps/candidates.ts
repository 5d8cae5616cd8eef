import type { PackagesAction, PinnedPackage } from '../../domain/step-action.js';
import type { BundledFile } from '../bundle.js';
import type { Place } from '../place.js';
import { quote } from '../wrapper.js';

/** A package that was pushed, as a file here, by the name of the package. */
export interface Candidate {
  readonly name: string;
  readonly file: BundledFile;
}

/** What a step by a package manager brings along: variables that name paths on the host. */
export interface BroughtPackages {
  /** Artefacts that are packages themselves. */
  readonly files: readonly string[];
  /** Of packages that come as a file, by their names. */
  readonly candidates: ReadonlyMap<string, string>;
}

/** Fetches what was pushed of a step's packages; let go when it has been brought. Rejects with BlobUnavailable. */
export async function candidatesOf(
  place: Place,
  { by, install }: PackagesAction,
): Promise<{ readonly candidates: readonly Candidate[]; readonly letGo: () => Promise<void> }> {
  const candidates: Candidate[] = [];
  const held: (() => void)[] = [];
  const letGo = async () => {
    for (const one of held) one();
  };
  try {
    for (const { name, file } of install) {
      if (file === undefined) continue;
      const kept = await place.hands.artefact(file.blob, place.stop);
      held.push(kept.letGo);
      const number = candidates.length + 1;
      // A package manager knows a package's file by how its name ends.
      const on = `candidate-${number}.${by === 'apt' ? 'deb' : 'rpm'}`;
      const variable = `TESTYARD_CANDIDATE_${number}`;
      candidates.push({ name, file: { name: on, variable, file: kept.file, bytes: kept.bytes } });
    }
    return { candidates, letGo };
  } catch (error) {
    await letGo();
    throw error;
  }
}

/** A package as a package manager is asked for it: by its file, or as `spelled`. */
export function asked(
  one: PinnedPackage,
  { candidates }: BroughtPackages,
  spelled: (one: PinnedPackage) => string,
): string {
  const variable = candidates.get(one.name);
  return variable === undefined ? quote(spelled(one)) : `"$${variable}"`;
}
