import { z } from 'zod';
import { knownId, name, runId, time } from './words.js';

export const KnownRequest = z
  .strictObject({
    /** Where its failure is named by its signature: whose test it is, and its name. */
    project: name.default('default'),
    test: z.string().min(1).max(200).optional(),
    signature: z.string().trim().min(1).max(2000).optional(),
    /** Or a run that failed so. */
    run: runId.optional(),
    link: z.url({ protocol: /^https?$/ }).max(2000),
    why: z.string().trim().max(1000).default(''),
  })
  .refine(
    (known) => (known.run === undefined) === (known.signature !== undefined),
    'say either signature or run',
  )
  .refine((known) => known.run !== undefined || known.test !== undefined, 'say test beside signature');
export const KnownView = z.object({
  id: knownId,
  project: name,
  test: z.string(),
  signature: z.string(),
  link: z.string(),
  why: z.string(),
  who: z.string(),
  at: time,
});
export type KnownView = z.infer<typeof KnownView>;
export const KnownList = z.object({ items: z.array(KnownView) });
export const KnownQuery = z.object({ project: name.optional(), test: z.string().max(200).optional() });
