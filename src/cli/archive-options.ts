import { isWebAddress } from '../adapters/download.js';
import { Failure } from './failure.js';

/** Refuses options that mean nothing with what was named. */
export function refusePlaces(
  what: readonly string[],
  { path, tree, git }: { readonly path?: readonly string[]; readonly tree?: string; readonly git?: string },
): void {
  const url = git === undefined ? what.find(isWebAddress) : undefined;
  if (path !== undefined && url === undefined)
    throw new Failure('--path says where in an archive the tests are: name one by https://... or http://...');
  if (tree !== undefined && url !== undefined)
    throw new Failure(`--tree is a folder of this machine: around the tests of ${url} lies what is there`);
}
