import type { PackagesAction } from '../../domain/step-action.js';
import type { ChainStep } from '../../protocol/messages.js';
import type { Place } from '../place.js';
import { aptDo } from './apt.js';
import { artefact } from './artefacts.js';
import { type Candidate, candidatesOf } from './candidates.js';
import { dnfDo } from './dnf.js';
import type { BroughtWork } from './fetch.js';
import type { Told } from './host-work.js';
import { FIRST_REPOSITORY, PACKAGE_CODES } from './package-codes.js';

/** Puts packages in and out by the host's own package manager. */
export async function packagesWork(
  place: Place,
  step: ChainStep,
  action: PackagesAction,
): Promise<BroughtWork> {
  const files = action.files.map((name) => artefact(place, step, name));
  const { candidates, letGo } = await candidatesOf(place, action);
  const brought = {
    files: files.map(({ variable }) => variable),
    candidates: new Map(candidates.map(({ name, file }: Candidate) => [name, file.variable])),
  };
  const isApt = action.by === 'apt';
  return {
    script: isApt ? aptDo(step.name, action, brought) : dnfDo(step.name, action, brought),
    files: [...files, ...candidates.map(({ file }) => file)],
    letGo,
    told: (code) => told(code, action),
  };
}

function told(code: number, { by, from }: PackagesAction): Told | undefined {
  const repository = from[code - FIRST_REPOSITORY];
  if (repository !== undefined) {
    const { resource, url } = repository;
    const signed = repository.key === undefined ? '' : ', or not with what its key signs';
    return { why: `repository '${resource}' (${url}) does not answer${signed}`, resource };
  }
  switch (code) {
    case PACKAGE_CODES.ownSources:
      return { why: "the host's own package sources do not answer" };
    case PACKAGE_CODES.noVersion:
      return { why: 'no repository has a version that is asked for', refused: true };
    case PACKAGE_CODES.conflict:
      return { why: 'what the packages depend on does not go together', refused: true };
    case PACKAGE_CODES.broken:
      return { why: `${by} itself failed, or a package's own script` };
    case PACKAGE_CODES.noManager:
      return { why: `there is no ${by} on the host, or the user there is not root` };
    case PACKAGE_CODES.otherwise:
      return { why: 'the packages are not what was asked for, although nothing failed' };
    default:
      return undefined;
  }
}
