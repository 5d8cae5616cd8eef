import type { FetchAction } from '../../domain/step-action.js';
import type { ChainStep } from '../../protocol/messages.js';
import type { BundledFile } from '../bundle.js';
import type { Place } from '../place.js';
import { keepBefore } from './copy.js';
import { fetchFiles } from './git-files.js';
import type { HostWork, Told } from './host-work.js';

/** What is brought to a host, and is of no more use here once that is done. */
export interface BroughtWork extends HostWork {
  readonly letGo: () => Promise<void>;
}

/** Brings the files of a commit: this machine fetches them, and the host needs no way to the repository. */
export async function fetchWork(
  place: Place,
  step: ChainStep,
  { git, into }: FetchAction,
): Promise<BroughtWork | Told> {
  const fetched = await fetchFiles(place, git, step.timeoutMs);
  if ('why' in fetched) return fetched;
  const { commit, file, bytes, letGo } = fetched;
  place.print(Buffer.from(`[testyard: ${git.url} at ${commit}]\n`));
  const tree: BundledFile = { name: 'files.tar.gz', variable: 'TESTYARD_FILES', file, bytes };
  return {
    ...folderWork(step.name, into, 'gzip -dc <"$TESTYARD_FILES" | tar -xof - -C "$new"'),
    files: [tree],
    letGo,
  };
}

/** Puts a folder into its place in one move; `fill` is shell text that fills the folder `$new`. */
export function folderWork(step: string, into: string, fill: string): HostWork {
  return {
    script: `set -eu
${keepBefore(step, into)}
new=$to.testyard-new
rm -rf "$new"
mkdir -p "$new"
${fill}
rm -rf "$to"
mv "$new" "$to"
`,
  };
}
