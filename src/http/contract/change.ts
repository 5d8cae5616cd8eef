import { z } from 'zod';
import { CHANGE_STATES } from '../../domain/change.js';
import { Paging } from './page.js';
import { changeId, name, time } from './words.js';

const componentName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\/[^\s\p{C}]{1,200})?$/u, 'WATCH/PACKAGE, or WATCH of a branch');
const Kind = z.enum(['apt', 'dnf', 'git', 'image', 'test']);

/** A place where new versions arrive. */
export const WatchView = z.object({
  name,
  project: name,
  kind: Kind,
  /** What is looked at, for people. */
  place: z.string(),
  /** The line of cron by which it is looked at; absent: only when its web hook says so. */
  every: z.string().optional(),
  triedAt: time.optional(),
  readAt: time.optional(),
  /** Why it cannot be read. */
  trouble: z.string().optional(),
  troubleSince: time.optional(),
  components: z.int(),
  /** Changes that are new or being tested. */
  open: z.int(),
});
export type WatchView = z.infer<typeof WatchView>;
export const WatchList = z.object({ items: z.array(WatchView) });
export const WatchAsked = z.object({ watch: name });

/** Something that has versions. */
export const ComponentView = z.object({
  name: componentName,
  project: name,
  watch: name,
  kind: Kind,
  owner: z.string().optional(),
  /** The version that is trusted now. */
  baseline: z.string().optional(),
  baselineSince: time.optional(),
  /** Changes that are new or being tested. */
  open: z.int(),
  /** The last that arrived. */
  newest: z.string().optional(),
});
export type ComponentView = z.infer<typeof ComponentView>;

const Related = z.object({
  package: z.string(),
  operator: z.enum(['<', '<=', '=', '>=', '>']).optional(),
  version: z.string().optional(),
});
const Relation = Related.extend({ or: z.array(Related).readonly().optional() });

/** A new version of a component. */
export const ChangeView = z.object({
  id: changeId,
  project: name,
  component: componentName,
  watch: name,
  version: z.string(),
  /** The version that it came after. */
  previous: z.string().optional(),
  author: z.string().optional(),
  /** Who is told of it. */
  owner: z.string().optional(),
  title: z.string(),
  link: z.string().optional(),
  madeAt: time.optional(),
  seenAt: time,
  source: z.enum(['seen', 'pushed']),
  pushedBy: z.string().optional(),
  /** The digest of a file that was pushed. */
  blob: z.string().optional(),
  facts: z.object({
    name: z.string().optional(),
    depends: z.array(Relation).readonly().optional(),
    conflicts: z.array(Relation).readonly().optional(),
    provides: z.array(z.string()).readonly().optional(),
    source: z.string().optional(),
    section: z.string().optional(),
    architecture: z.string().optional(),
    file: z.string().optional(),
    files: z.array(z.string()).readonly().optional(),
  }),
  state: z.enum(CHANGE_STATES),
  why: z.string(),
  stateSince: time,
});
export type ChangeView = z.infer<typeof ChangeView>;

/** A version that is or was trusted. */
export const BaselineView = z.object({
  component: componentName,
  project: name,
  version: z.string(),
  since: time,
  until: time.optional(),
  /** The change that brought it; absent: it was there before any. */
  change: changeId.optional(),
  why: z.string(),
});
export type BaselineView = z.infer<typeof BaselineView>;

export const ComponentQuery = Paging.extend({ project: name.optional(), watch: name.optional() });
export const ChangeQuery = ComponentQuery.extend({
  id: changeId.optional(),
  component: componentName.optional(),
  state: z.enum(CHANGE_STATES).optional(),
});
export const BaselineQuery = ComponentQuery.extend({ at: time.optional() });

/** A candidate: a package that was uploaded before, or a commit of the repository that is watched. */
export const ChangeRequest = z
  .strictObject({
    project: name.default('default'),
    component: componentName,
    blob: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'the SHA-256 of an upload in 64 hex digits')
      .optional(),
    commit: z
      .string()
      .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'a commit in full, with all its 40 digits')
      .optional(),
    /** Armoured, of OpenPGP or SSH, over the file; a commit carries its own. */
    signature: z.string().max(20_000).optional(),
  })
  .refine(({ blob, commit }) => (blob === undefined) !== (commit === undefined), {
    message: 'say one of the two: the blob of a package, or a commit',
  });
