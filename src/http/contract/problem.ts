import { z } from 'zod';

/** RFC 9457: every error has this form, as application/problem+json. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  /** Where in what was sent, one entry per mistake. */
  errors: z
    .array(
      z.object({
        where: z.string(),
        message: z.string(),
        line: z.int().optional(),
        column: z.int().optional(),
      }),
    )
    .optional(),
});
export type Problem = z.infer<typeof Problem>;
