import { z } from 'zod';
import { name, time, tokenId } from './words.js';

export const ProjectView = z.object({ name, createdAt: time });
export const ProjectRequest = z.strictObject({ name });

export const TokenRequest = z.strictObject({
  name: z.string().trim().min(1).max(100),
  kind: z.enum(['person', 'executor']).default('person'),
  gridAdmin: z.boolean().default(false),
  roles: z.record(name, z.enum(['viewer', 'submitter', 'developer'])).default({}),
  expiresInS: z.number().positive().max(315_360_000).optional(),
});
export const TokenView = z.object({
  id: tokenId,
  name: z.string(),
  kind: z.enum(['person', 'executor']),
  gridAdmin: z.boolean(),
  roles: z.record(z.string(), z.enum(['viewer', 'submitter', 'developer'])),
  createdAt: time,
  expiresAt: time.optional(),
  revokedAt: time.optional(),
});
export type TokenView = z.infer<typeof TokenView>;
/** The secret is shown this once. */
export const TokenCreated = TokenView.extend({ secret: z.string() });
export type TokenCreated = z.infer<typeof TokenCreated>;

export const ProjectList = z.object({ items: z.array(ProjectView) });
export const TokenList = z.object({ items: z.array(TokenView) });
