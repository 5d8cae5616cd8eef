import { z } from 'zod';
import { Paging, page } from './page.js';
import { hostId, reservationId, runId, time, why } from './words.js';

export const HostView = z.object({
  id: hostId,
  name: z.string(),
  pool: z.string(),
  type: z.string(),
  owner: z.string().optional(),
  transport: z.string(),
  state: z.enum(['idle', 'leased', 'offline']),
  health: z.enum(['good', 'suspect', 'quarantined', 'maintenance']),
  healthWhy: z.string(),
  healthSince: time,
  /** The person who took it out, where one did. */
  outBy: z.string().optional(),
  /** Who has it for themselves. */
  reserved: z.object({ person: z.string(), why: z.string(), until: time }).optional(),
  seats: z.int(),
  seatsTaken: z.int(),
  expendable: z.array(z.string()),
  dirtyFrom: z.string().optional(),
  fresh: z.boolean(),
  stack: z.array(z.object({ layer: z.string(), step: z.string(), gives: z.array(z.string()) })),
  tags: z.array(
    z.object({
      name: z.string(),
      presence: z.enum(['present', 'absent', 'unknown']),
      source: z.string(),
      values: z.array(z.string()),
      drift: z.string().optional(),
    }),
  ),
  runs: z.array(runId),
});
export type HostView = z.infer<typeof HostView>;

export const TakeOutRequest = z.strictObject({
  why,
  /** drain: what runs there may end; kill: it is stopped and run again elsewhere. */
  mode: z.enum(['drain', 'kill']).default('drain'),
});
export const BringBackRequest = z.strictObject({ why: z.string().trim().max(1000).default('') });

export const ReserveRequest = z.strictObject({ why, forS: z.number().positive().max(31_536_000) });
export const ReservationView = z.object({
  id: reservationId,
  host: z.string(),
  person: z.string(),
  why: z.string(),
  since: time,
  until: time,
  /** The run that failed there, where the host is kept for that. */
  run: runId.optional(),
  /** Nothing of the grid's runs there any more. */
  free: z.boolean(),
  /** What still does, of your projects. */
  waitsFor: z.array(runId),
  /** How to get in; only for who has it and grid admins, and never a key. */
  reach: z
    .union([
      z.object({ kind: z.literal('ssh'), address: z.string(), port: z.int(), user: z.string() }),
      z.object({ kind: z.literal('local') }),
    ])
    .optional(),
});
export type ReservationView = z.infer<typeof ReservationView>;
export const ReservationList = z.object({ items: z.array(ReservationView) });

export const HostQuery = Paging.extend({ pool: z.string().max(100).optional() });
export const HostPage = page(HostView);
