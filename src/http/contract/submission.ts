import { z } from 'zod';
import { MOST_VARIANTS, VARIABLE } from '../../domain/submit/matrix.js';
import { MAIL_ADDRESS } from '../../domain/tell/telling.js';
import { Paging, page } from './page.js';
import { fileName, name, submissionId, time } from './words.js';

export const ArtefactSpec = z
  .strictObject({
    name,
    url: z.url().max(2000).optional(),
    blob: z.string().max(200).optional(),
    digest: z.string().max(200).optional(),
    buildId: z.string().max(200).optional(),
  })
  .refine((a) => (a.url === undefined) !== (a.blob === undefined), 'say either url or blob');

/** What a run is aimed at: nothing said is any host. */
export const Target = z
  .strictObject({
    host: z.string().max(100).optional(),
    hostType: z.string().max(100).optional(),
    /** One run on each host (of the type, if one is said) or each host type that could serve it. */
    each: z.enum(['host', 'host_type']).optional(),
  })
  .refine((t) => t.each === undefined || t.host === undefined, 'say either host or each')
  .refine(
    (t) => t.each !== 'host_type' || t.hostType === undefined,
    "hostType names one host type: with it each can only be 'host'",
  );
export type Target = z.infer<typeof Target>;

const VARIABLE_RULE = 'letters, digits and _, at most 100, and not TESTYARD_..., which is ours';
const values = z.record(z.string().max(1000), z.string());

/** Axes whose every combination is a variant, without those excluded and with those included. */
export const MatrixSpec = z.strictObject({
  axes: z.record(z.string().max(1000), z.array(z.string()).max(MOST_VARIANTS.ever)).optional(),
  include: z.array(values).max(MOST_VARIANTS.ever).optional(),
  exclude: z.array(values).max(MOST_VARIANTS.ever).optional(),
  /** More variants than this are refused; 100 unless said. */
  most: z.int().min(1).max(MOST_VARIANTS.ever).optional(),
});

const label = z.string().min(1).max(100);

/** Tests of the inventory by their labels: those that have all of `with` and none of `without`. */
export const Selection = z
  .strictObject({
    with: z.array(label).max(100).default([]),
    without: z.array(label).max(100).default([]),
  })
  .refine((s) => s.with.length + s.without.length > 0, 'say at least one label');

/** Tests of a git repository: the file grid.yaml says which ones the API may fetch from. */
const GitSpec = z.strictObject({
  url: z.string().min(1).max(2000),
  /** A branch, a tag or a whole commit; what the repository itself takes unless said. */
  ref: z.string().min(1).max(250).optional(),
  /** From the root of the repository; `.` is all of it. */
  path: z.string().min(1).max(1000).default('.'),
});

/** What goes along with a LAVA definition: an uploaded archive (tar, gzip) of the folder or repository around it. */
const TreeSpec = z.strictObject({
  /** SHA-256 of the archive; it is uploaded before, like an artefact. */
  blob: z.string().regex(/^[0-9a-f]{64}$/, 'the SHA-256 of the archive, 64 hexadecimal digits'),
  /** Where the definition lies in it, from its root. */
  path: z.string().min(1).max(1000),
  /** What is in it of the repositories of the install section, in their order: the commits. */
  commits: z
    .array(z.string().regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/, 'a whole commit'))
    .max(100)
    .default([]),
});

export const SubmissionRequest = z.strictObject({
  project: name.default('default'),
  name: z.string().max(200).default(''),
  tests: z
    .array(
      z.union([
        /** A test of the inventory, by name. */
        z.strictObject({ name }),
        /** A test file, as it is: a script with its needs in comments at its top, YAML, or a LAVA definition. */
        z.strictObject({
          file: z.strictObject({
            name: fileName,
            content: z.base64(),
            tree: TreeSpec.optional(),
            /** Handlers that lie beside it and that it names as `./FILE`, by the name of the file. */
            programs: z
              .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/), z.base64().max(400_000))
              .optional(),
          }),
        }),
        /** The test at a path of a repository, or all tests of a folder, at the commit for which `ref` stands now. */
        z.strictObject({ git: GitSpec }),
      ]),
    )
    .max(10_000)
    .default([]),
  /** More tests: those of the inventory that have these labels. */
  select: Selection.optional(),
  artefacts: z.array(ArtefactSpec).max(100).default([]),
  variants: z
    .array(z.record(z.string().regex(VARIABLE, VARIABLE_RULE), z.string().max(10_000)))
    .min(1)
    .max(10_000)
    .default([{}]),
  /** Values for parameters of LAVA definitions, in every variant; one that no test has is refused. */
  params: z.record(z.string().regex(VARIABLE, VARIABLE_RULE), z.string().max(10_000)).default({}),
  /** Every variant above in every combination of these. */
  matrix: MatrixSpec.optional(),
  targets: z.array(Target).min(1).max(10_000).default([{}]),
  priority: z.int().min(-1000).max(1000).default(0),
  /** How long a run may wait before it expires; unset: for ever, and with `wait` 7 days. */
  queueTimeoutS: z.number().positive().max(31_536_000).optional(),
  /** What nothing could ever serve waits for another inventory instead of ending at once. */
  wait: z.boolean().default(false),
  /** Nothing is done: the answer, 200, says what the submission would come to. */
  dryRun: z.boolean().default(false),
  /** A host on which a run fails is kept for you for so long, before it is cleaned; one of a submission at a time. */
  holdOnFailureS: z.number().positive().max(31_536_000).optional(),
  /** One letter goes there when all runs are done or held: counts, what is new, still red and fixed. */
  mailTo: z.string().regex(MAIL_ADDRESS, 'an address of mail: ann@example.org').optional(),
});
export type SubmissionRequest = z.input<typeof SubmissionRequest>;

const LeftOut = z.object({
  each: z.enum(['host', 'host_type']),
  /** Why they could never serve these tests. */
  reason: z.string(),
  /** The first 20 hosts or host types. */
  names: z.array(z.string()),
  count: z.int(),
  /** The first 20 tests. */
  tests: z.array(z.string()),
  testCount: z.int(),
});

/** What a submission would come to, now; nothing was done. */
export const SubmissionPlan = z.object({
  runs: z.int(),
  /** One for each test, in the order they were asked for. */
  tests: z.array(
    z.object({
      test: z.string(),
      variants: z.int(),
      runs: z.int(),
      /** Runs that would end at once as not compatible, or wait for another inventory, and why. */
      notCompatible: z.array(z.object({ runs: z.int(), reason: z.string(), waits: z.boolean() })),
    }),
  ),
  /** What `each` would leave out; at most 200 entries. */
  leftOut: z.array(LeftOut),
});
export type SubmissionPlan = z.infer<typeof SubmissionPlan>;

export const SubmissionView = z.object({
  id: submissionId,
  project: name,
  name: z.string(),
  actor: z.string(),
  createdAt: time,
  /** Absent until the submission has been unfolded into runs. */
  runCount: z.int().optional(),
  /** What `each` left out when it was unfolded; at most 200 entries. */
  leftOut: z.array(LeftOut).optional(),
  counts: z.object({
    waiting: z.int(),
    held: z.int(),
    running: z.int(),
    passed: z.int(),
    failed: z.int(),
    skipped: z.int(),
    none: z.int(),
  }),
});
export type SubmissionView = z.infer<typeof SubmissionView>;

export const SubmissionQuery = Paging.extend({
  project: name.optional(),
  name: z.string().max(200).optional(),
  /** true: only those whose runs are all done or held, without those that repeat others. */
  finished: z.enum(['true']).optional(),
});
export const SubmissionPage = page(SubmissionView);
