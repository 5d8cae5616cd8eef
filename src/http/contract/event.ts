import { z } from 'zod';
import { name, runId, time } from './words.js';

/** One entry of history as sent over server-sent events; the SSE id is the cursor to resume from. */
export const EventView = z.object({
  cursor: z.string(),
  at: time,
  kind: z.string(),
  subject: z.string(),
  project: z.string().optional(),
  run: runId.optional(),
  actor: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type EventView = z.infer<typeof EventView>;

export const EventQuery = z.object({
  /** A cursor (what comes after it), or `start`; unset: from now on. The header Last-Event-ID goes before it. */
  after: z.string().max(100).optional(),
  project: name.optional(),
  run: runId.optional(),
});
