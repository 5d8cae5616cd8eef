import { z } from 'zod';
import { ENVIRONMENT_PARTS } from '../../domain/environment/environment.js';
import { VerdictWord } from './run.js';
import { attemptId, name, runId, time } from './words.js';

const part = z.enum(ENVIRONMENT_PARTS);

/** Which run an environment is of. */
const Taken = z.object({
  run: runId,
  test: z.string(),
  verdict: VerdictWord.optional(),
  attempt: attemptId,
  host: z.string(),
  /** When the test started on it. */
  at: time,
});

/** What a run ran on. */
export const EnvironmentView = Taken.extend({
  /** Values by name, part by part; a part that could not be looked at is not there, and '?' is what nobody could see. */
  parts: z.partialRecord(part, z.record(z.string(), z.string())),
});
export type EnvironmentView = z.infer<typeof EnvironmentView>;

/** With which run another is compared. */
export const DiffQuery = z.object({ with: runId });

/** In what two runs' environments differ. */
export const DiffView = z.object({
  before: Taken,
  after: Taken,
  /** A side that does not have it says nothing. */
  changes: z.array(
    z.object({ part, name: z.string(), before: z.string().optional(), after: z.string().optional() }),
  ),
  /** Parts of which one of the two was not seen, or not all of it. */
  unknown: z.array(part),
});
export type DiffView = z.infer<typeof DiffView>;

/** Whose test it is. */
export const ChangedQuery = z.object({ project: name.default('default') });
