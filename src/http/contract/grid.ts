import { z } from 'zod';
import { time } from './words.js';

export const GridView = z.object({
  state: z.enum(['online', 'offline', 'halted']),
  who: z.string(),
  why: z.string(),
  since: time,
  version: z.string(),
  /** Whether a scheduler has decided something lately. */
  schedulerAlive: z.boolean(),
  runs: z.object({ waiting: z.int(), held: z.int(), running: z.int() }),
  hosts: z.object({
    good: z.int(),
    suspect: z.int(),
    quarantined: z.int(),
    maintenance: z.int(),
    offline: z.int(),
  }),
  executors: z.array(z.object({ name: z.string(), alive: z.boolean(), attempts: z.int() })),
  openIncidents: z.int(),
  /** Messages to people and web hooks that could not be sent so far, and are tried again. */
  unsent: z.int(),
  /** Hosts on which something is declared and not seen so. */
  drifting: z.array(z.string()),
  /** Pools in which nothing more starts until their hosts recover or somebody resumes. */
  poolsHalted: z.array(z.object({ name: z.string(), why: z.string() })),
});
export type GridView = z.infer<typeof GridView>;

export const HaltRequest = z.strictObject({
  why: z.string().trim().min(1, 'say why').max(1000),
  /** drain: what runs may end; kill: it is stopped and run again after the resume. */
  mode: z.enum(['drain', 'kill']).default('drain'),
});
export const ResumeRequest = z.strictObject({ why: z.string().trim().max(1000).default('resumed') });
export const HealthView = z.object({ status: z.enum(['ok']) });
