import {
  diffEnvironments,
  type Environment,
  type EnvironmentDiff,
} from '../domain/environment/environment.js';
import { BlobMissing, type Blobs } from '../ports/blobs.js';
import type { RecordedEnvironment } from '../store/environment.js';

/** An environment as it was recorded; a part whose bytes are gone could not be looked at. */
export async function environmentOf(found: RecordedEnvironment, blobs: Blobs): Promise<Environment> {
  const seen = await Promise.all(
    Object.entries(found.parts).map(async ([part, digest]) => {
      try {
        return [[part, JSON.parse((await blobs.get(digest)).toString('utf8'))]];
      } catch (error) {
        if (error instanceof BlobMissing) return [];
        throw error;
      }
    }),
  );
  return {
    ...Object.fromEntries(seen.flat()),
    ...(found.stack === null ? {} : { stack: found.stack }),
    source: sourceOf(found),
  };
}

/** In what two recorded environments differ. */
export async function compareRecorded(
  before: RecordedEnvironment,
  after: RecordedEnvironment,
  blobs: Blobs,
): Promise<EnvironmentDiff> {
  return diffEnvironments(await environmentOf(before, blobs), await environmentOf(after, blobs));
}

/** Which test it was, and what was under test. */
function sourceOf({ source, testDigest, artefacts }: RecordedEnvironment): Record<string, string> {
  const under = artefacts.map(({ name, url, blob, buildId }): [string, string] => [
    `artefact ${name}`,
    [blob ?? url, ...(buildId === undefined ? [] : [`build ${buildId}`])].join(', '),
  ]);
  return {
    test: testDigest,
    ...(source === null ? {} : { commit: source.commit, url: source.url }),
    ...Object.fromEntries(under),
  };
}
