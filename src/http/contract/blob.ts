import { z } from 'zod';

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'the SHA-256 in 64 hex digits')
  .describe('SHA-256 in hex');

export const BlobQuery = z.object({
  /** What the bytes must come to; others are refused. */
  digest: digest.optional(),
});

/** Bytes that were uploaded; a submission names them by their digest. */
export const BlobView = z.object({ digest, bytes: z.int() });
export type BlobView = z.infer<typeof BlobView>;
