import { z } from 'zod';
import { Paging, page } from './page.js';
import { incidentId, runId, time } from './words.js';

export const IncidentView = z.object({
  id: incidentId,
  scope: z.string(),
  host: z.string().optional(),
  step: z.string().optional(),
  test: z.string().optional(),
  title: z.string(),
  signature: z.string(),
  owner: z.string(),
  openedAt: time,
  closedAt: time.optional(),
  closeReason: z.string().optional(),
  checks: z.int(),
  nextCheckAt: time.optional(),
  holds: z.int(),
  evidence: z.array(
    z.object({
      work: z.string(),
      host: z.string().optional(),
      ok: z.boolean(),
      run: runId.optional(),
      detail: z.string(),
      at: time,
    }),
  ),
  /** What people and web hooks are told of it, the oldest first; at most 100. */
  told: z.array(
    z.object({
      message: z.string(),
      /** `digest`: a line in the next one. */
      via: z.enum(['mail', 'web_hook', 'digest']),
      /** As the inventory names them. */
      to: z.string(),
      kind: z.string(),
      at: time,
      /** Absent while it waits. */
      sentAt: time.optional(),
      givenUpAt: time.optional(),
      tries: z.int(),
      /** Why it could not be sent, the last time. */
      error: z.string().optional(),
    }),
  ),
});
export type IncidentView = z.infer<typeof IncidentView>;

export const IncidentQuery = Paging.extend({
  /** true: only those that are not over; false: only those that are. */
  open: z.enum(['true', 'false']).optional(),
});

export const IncidentPage = page(IncidentView);
