import path from 'node:path';
import { type FetchedRepositories, Git } from '../adapters/git.js';
import type { LavaRepository } from '../domain/lava/definition.js';
import type { SourceTrouble } from '../ports/source.js';
import { Failure } from './failure.js';

/** A large repository over a slow line; Ctrl-C is always there. */
export const PATIENCE_MS = 600_000;

/** Repositories, kept in a folder that goes when the command is over. */
export function gitIn(folder: string): Git {
  return new Git(path.join(folder, 'git'));
}

/** The files of repositories that a definition asks for. */
export async function fetchedFor(
  repositories: readonly LavaRepository[],
  folder: string,
): Promise<FetchedRepositories> {
  return wellOr(await gitIn(folder).fetch(repositories, AbortSignal.timeout(PATIENCE_MS)));
}

/** An answer that is no trouble; a trouble ends the command. */
export function wellOr<Of extends object>(answer: Of | SourceTrouble): Of {
  if ('trouble' in answer) throw new Failure(answer.message);
  return answer as Of;
}
