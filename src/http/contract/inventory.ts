import { z } from 'zod';

/** A file of an inventory by its path within the folder. */
const InventoryFile = z.strictObject({
  path: z
    .string()
    .max(200)
    .regex(
      /^(?!\.{1,2}(?:\/|$))[^/\\\p{Cc}]+(?:\/(?!\.{1,2}(?:\/|$))[^/\\\p{Cc}]+){0,2}$/u,
      'a path below the folder, such as hosts/lab1.yaml',
    ),
  content: z.base64(),
});
export const InventoryDiffRequest = z.strictObject({
  files: z.array(InventoryFile).min(1, 'send the files of the folder').max(10_000),
});
export const InventoryRequest = InventoryDiffRequest.extend({
  /** Hosts that are no longer in it and have work get no more, and go when they have none. */
  drain: z.boolean().default(false),
});
export const InventoryChangeView = z.object({
  what: z.enum([
    'grid',
    'tag',
    'alias',
    'pool',
    'resource',
    'image',
    'type',
    'host',
    'step',
    'test',
    'watch',
  ]),
  name: z.string(),
  change: z.enum(['added', 'removed', 'changed']),
  fields: z.array(z.object({ field: z.string(), old: z.string().optional(), new: z.string().optional() })),
});
export type InventoryChangeView = z.infer<typeof InventoryChangeView>;
const InventoryWarning = z.object({
  where: z.string(),
  message: z.string(),
  line: z.int().optional(),
  column: z.int().optional(),
});
export const InventoryDiff = z.object({
  /** Equal inventories have equal digests. */
  digest: z.string(),
  changes: z.array(InventoryChangeView),
  warnings: z.array(InventoryWarning),
});
export type InventoryDiff = z.infer<typeof InventoryDiff>;
export const InventoryApplied = InventoryDiff.extend({
  /** false: it says what was applied already. */
  changed: z.boolean(),
  /** Hosts that go when their work is done. */
  draining: z.array(z.string()),
});
export type InventoryApplied = z.infer<typeof InventoryApplied>;
/** What is applied, as files that say it; secrets are never in them. */
export const InventoryView = z.object({
  digest: z.string(),
  files: z.array(z.object({ path: z.string(), content: z.base64() })),
});
export type InventoryView = z.infer<typeof InventoryView>;
