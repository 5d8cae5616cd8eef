import { z } from 'zod';
import { NoVerdictWord } from './run.js';
import { SubmissionView } from './submission.js';
import { knownId, runId, time } from './words.js';

const MorningItem = z.object({
  run: runId,
  test: z.string(),
  variant: z.record(z.string(), z.string()),
  noVerdict: NoVerdictWord.optional(),
  reason: z.string(),
  known: z.object({ id: knownId, link: z.string(), why: z.string() }).optional(),
  /** The run of the same test, variant and target in the submission before. */
  before: runId.optional(),
  /** The first red of those that no green interrupts. */
  since: z.object({ run: runId, at: time }).optional(),
});
export const MorningView = z.object({
  submission: SubmissionView,
  /** The one of the same name before it; absent where there is none. */
  before: SubmissionView.optional(),
  counts: z.object({
    passed: z.int(),
    failed: z.int(),
    skipped: z.int(),
    none: z.int(),
    held: z.int(),
    /** Of the reds, those that are known. */
    known: z.int(),
  }),
  /** Red, and green, skipped or absent before. */
  new: z.array(MorningItem),
  still: z.array(MorningItem),
  fixed: z.array(MorningItem),
  /** Red before, and skipped or absent now. */
  leftOut: z.array(MorningItem),
  noVerdict: z.array(MorningItem),
  testedNothing: z.array(MorningItem),
});
export type MorningView = z.infer<typeof MorningView>;
