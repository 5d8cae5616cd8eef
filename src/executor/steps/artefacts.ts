import type { ChainStep } from '../../protocol/messages.js';
import type { BundledFile } from '../bundle.js';
import { Ending, type Place } from '../place.js';

/** The artefacts that a step works with, as files here; a submission that does not bring them cannot be run. */
export function artefactsOf(place: Place, step: ChainStep): readonly BundledFile[] {
  return (step.artefacts ?? []).map((name) => artefact(place, step, name));
}

/** One of them. */
export function artefact(place: Place, step: ChainStep, name: string): BundledFile {
  const { artefacts = [] } = place.assignment;
  const index = artefacts.findIndex((one) => one.name === name);
  const found = place.artefacts[index];
  if (found !== undefined) return found;
  const why = `step '${step.name}' works with the artefact '${name}', and the submission uploads none of that name`;
  throw new Ending({ kind: 'never_started', why });
}
