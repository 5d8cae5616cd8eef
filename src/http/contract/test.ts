import { z } from 'zod';
import { Paging, page } from './page.js';
import { name, runId, time } from './words.js';

export const TestView = z.object({
  project: name,
  name: z.string(),
  requirement: z.string(),
  owner: z.string().optional(),
  labels: z.array(z.string()),
  timeoutS: z.number(),
  /** True for a test of the inventory; false where it is known because somebody submitted it. */
  listed: z.boolean().optional(),
  /** Its newest run that is done. */
  last: z
    .object({ run: runId, verdict: z.string(), noVerdict: z.string().optional(), judgedAt: time })
    .optional(),
  /** Only where it was asked for: how many hosts could serve it, and now. */
  serve: z
    .object({ status: z.string(), ever: z.int(), asTheyAre: z.int(), free: z.int(), perhaps: z.int() })
    .optional(),
});
export type TestView = z.infer<typeof TestView>;

export const TestQuery = Paging.extend({
  project: name.optional(),
  /** true: also how many hosts could serve each. */
  serve: z.enum(['true']).optional(),
});

export const TestPage = page(TestView);
