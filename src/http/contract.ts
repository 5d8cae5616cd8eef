import { z } from 'zod';
import { MOST_VARIANTS, VARIABLE } from '../domain/submit/matrix.js';

/**
 * The API, once: these schemas validate requests, type the code on both sides, and make the OpenAPI file.
 * Within /api/v1 only additions. Ids are typed texts (`r123`), times RFC 3339 in UTC, durations in seconds.
 */

const time = z.iso.datetime().describe('RFC 3339, UTC');
const runId = z.string().regex(/^r[1-9][0-9]{0,18}$/);
const submissionId = z.string().regex(/^s[1-9][0-9]{0,18}$/);
const hostId = z.string().regex(/^h[1-9][0-9]{0,18}$/);
const incidentId = z.string().regex(/^i[1-9][0-9]{0,18}$/);
const tokenId = z.string().regex(/^t[1-9][0-9]{0,18}$/);
const reservationId = z.string().regex(/^v[1-9][0-9]{0,18}$/);
const knownId = z.string().regex(/^k[1-9][0-9]{0,18}$/);
const attemptId = z.string().regex(/^a[1-9][0-9]{0,18}$/);
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dot, dash, underscore; at most 100');

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

/** A page of a list; `next` is the cursor of the following page, absent on the last. */
export const page = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), next: z.string().optional() });

export const Paging = z.object({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

export const RunState = z.enum(['waiting', 'held', 'running', 'done']);
export const VerdictWord = z.enum(['passed', 'failed', 'skipped', 'none']);
export const NoVerdictWord = z.enum([
  'could_not_run',
  'setup_failed',
  'host_lost',
  'tested_nothing',
  'cancelled',
  'expired',
  'held_too_long',
  'not_compatible',
]);

export const RunView = z.object({
  id: runId,
  project: name,
  submission: submissionId,
  purpose: z.enum(['test', 'canary', 'recovery', 'trial']),
  test: z.string(),
  variant: z.record(z.string(), z.string()),
  /** What it was aimed at; empty: any host. */
  target: z
    .object({
      host: z.string().optional(),
      hostType: z.string().optional(),
      each: z.enum(['host', 'host_type']).optional(),
    })
    .optional(),
  requirement: z.string(),
  state: RunState,
  verdict: VerdictWord.optional(),
  noVerdict: NoVerdictWord.optional(),
  /** Why it waits, is held, or has this verdict. */
  reason: z.string(),
  reasonCode: z.string().optional(),
  marks: z.array(z.string()),
  incident: incidentId.optional(),
  deadline: time.optional(),
  host: z.string().optional(),
  attempts: z.int(),
  retryOf: runId.optional(),
  /** Of a red: what is the same of this failure and others of the test. */
  failure: z.string().optional(),
  /** The issue to which a person tied that failure; a known red is still red. */
  known: z.object({ id: knownId, link: z.string(), why: z.string() }).optional(),
  createdAt: time,
  judgedAt: time.optional(),
});
export type RunView = z.infer<typeof RunView>;

export const AttemptView = z.object({
  id: attemptId,
  number: z.int(),
  executor: z.string(),
  createdAt: time,
  begunAt: time.optional(),
  chainDoneAt: time.optional(),
  tagsVerifiedAt: time.optional(),
  testStartedAt: time.optional(),
  endedAt: time.optional(),
  /** The outcome's kind, and all that was seen. */
  outcome: z.string().optional(),
  detail: z.record(z.string(), z.unknown()).optional(),
  places: z.array(
    z.object({
      role: z.string(),
      host: z.string(),
      seat: z.int(),
      fresh: z.boolean(),
      dirtied: z.string().optional(),
      outputBytes: z.number(),
      outputCut: z.number(),
    }),
  ),
  steps: z.array(
    z.object({
      role: z.string(),
      seq: z.int(),
      kind: z.enum(['chain', 'setup', 'test', 'teardown']),
      step: z.string(),
      layer: z.string().optional(),
      startedAt: time,
      result: z.string().optional(),
      exitCode: z.int().optional(),
      durationS: z.number().optional(),
      message: z.string().optional(),
    }),
  ),
  cases: z.array(
    z.object({
      seq: z.int(),
      name: z.string(),
      result: z.enum(['pass', 'fail', 'skip']),
      message: z.string(),
      measurement: z.object({ raw: z.string(), value: z.number().optional(), unit: z.string() }).optional(),
    }),
  ),
});
export type AttemptView = z.infer<typeof AttemptView>;

export const RunDetail = RunView.extend({
  evidence: z.record(z.string(), z.unknown()).optional(),
  /** The attempt that proves a verdict other than none. */
  verdictAttempt: attemptId.optional(),
  /** The host that was kept for whoever submitted it, since it failed there; `over`: no more. */
  kept: z.object({ host: z.string(), person: z.string(), until: time, over: z.boolean() }).optional(),
  /** What was under test. */
  artefacts: z
    .array(
      z.object({
        name: z.string(),
        url: z.string().optional(),
        blob: z.string().optional(),
        digest: z.string().optional(),
        buildId: z.string().optional(),
      }),
    )
    .optional(),
  attemptList: z.array(AttemptView),
});
export type RunDetail = z.infer<typeof RunDetail>;

export const RunQuery = Paging.extend({
  project: name.optional(),
  submission: submissionId.optional(),
  test: z.string().max(200).optional(),
  state: RunState.optional(),
  verdict: VerdictWord.optional(),
  /** Canaries, recovery checks and trials are shown only when asked for. */
  purpose: z.enum(['test', 'canary', 'recovery', 'trial']).default('test'),
});

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

export const SubmissionRequest = z.strictObject({
  project: name.default('default'),
  name: z.string().max(200).default(''),
  tests: z
    .array(
      z.union([
        /** A test of the inventory, by name. */
        z.strictObject({ name }),
        /** A test file, as it is: a script with its needs in comments at its top, or YAML. */
        z.strictObject({ file: z.strictObject({ name: z.string().min(1).max(200), content: z.base64() }) }),
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
});
export type IncidentView = z.infer<typeof IncidentView>;

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
});
export type GridView = z.infer<typeof GridView>;

export const HaltRequest = z.strictObject({
  why: z.string().trim().min(1, 'say why').max(1000),
  /** drain: what runs may end; kill: it is stopped and run again after the resume. */
  mode: z.enum(['drain', 'kill']).default('drain'),
});
export const ResumeRequest = z.strictObject({ why: z.string().trim().max(1000).default('resumed') });
export const CancelRequest = z.strictObject({ why: z.string().trim().max(1000).default('') });

const why = z.string().trim().min(1, 'say why').max(1000);

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

export const RetryRequest = z.strictObject({
  /** failed: its reds; none: its runs without a verdict. */
  verdict: z.enum(['failed', 'none']),
});

export const KnownRequest = z
  .strictObject({
    /** Where its failure is named by its signature: whose test it is, and its name. */
    project: name.default('default'),
    test: z.string().min(1).max(200).optional(),
    signature: z.string().trim().min(1).max(2000).optional(),
    /** Or a run that failed so. */
    run: runId.optional(),
    link: z.url({ protocol: /^https?$/ }).max(2000),
    why: z.string().trim().max(1000).default(''),
  })
  .refine(
    (known) => (known.run === undefined) === (known.signature !== undefined),
    'say either signature or run',
  )
  .refine((known) => known.run !== undefined || known.test !== undefined, 'say test beside signature');
export const KnownView = z.object({
  id: knownId,
  project: name,
  test: z.string(),
  signature: z.string(),
  link: z.string(),
  why: z.string(),
  who: z.string(),
  at: time,
});
export type KnownView = z.infer<typeof KnownView>;
export const KnownList = z.object({ items: z.array(KnownView) });
export const KnownQuery = z.object({ project: name.optional(), test: z.string().max(200).optional() });

const MorningItem = z.object({
  run: runId,
  test: z.string(),
  variant: z.record(z.string(), z.string()),
  noVerdict: NoVerdictWord.optional(),
  reason: z.string(),
  known: z.object({ id: knownId, link: z.string(), why: z.string() }).optional(),
  /** The run of the same test, variant and target in the submission before. */
  before: runId.optional(),
  /** The first red of those that no green interrupts. */
  since: z.object({ run: runId, at: time }).optional(),
});
export const MorningView = z.object({
  submission: SubmissionView,
  /** The one of the same name before it; absent where there is none. */
  before: SubmissionView.optional(),
  counts: z.object({
    passed: z.int(),
    failed: z.int(),
    skipped: z.int(),
    none: z.int(),
    held: z.int(),
    /** Of the reds, those that are known. */
    known: z.int(),
  }),
  /** Red, and green, skipped or absent before. */
  new: z.array(MorningItem),
  still: z.array(MorningItem),
  fixed: z.array(MorningItem),
  /** Red before, and skipped or absent now. */
  leftOut: z.array(MorningItem),
  noVerdict: z.array(MorningItem),
  testedNothing: z.array(MorningItem),
});
export type MorningView = z.infer<typeof MorningView>;

export const TestView = z.object({
  project: name,
  name: z.string(),
  requirement: z.string(),
  owner: z.string().optional(),
  labels: z.array(z.string()),
  timeoutS: z.number(),
});
export type TestView = z.infer<typeof TestView>;

export const ProjectView = z.object({ name, createdAt: time });
export const ProjectRequest = z.strictObject({ name });

export const TokenRequest = z.strictObject({
  name: z.string().trim().min(1).max(100),
  kind: z.enum(['person', 'executor']).default('person'),
  gridAdmin: z.boolean().default(false),
  roles: z.record(name, z.enum(['viewer', 'submitter'])).default({}),
  expiresInS: z.number().positive().max(315_360_000).optional(),
});
export const TokenView = z.object({
  id: tokenId,
  name: z.string(),
  kind: z.enum(['person', 'executor']),
  gridAdmin: z.boolean(),
  roles: z.record(z.string(), z.enum(['viewer', 'submitter'])),
  createdAt: time,
  expiresAt: time.optional(),
  revokedAt: time.optional(),
});
export type TokenView = z.infer<typeof TokenView>;
/** The secret is shown this once. */
export const TokenCreated = TokenView.extend({ secret: z.string() });
export type TokenCreated = z.infer<typeof TokenCreated>;

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
  what: z.enum(['grid', 'tag', 'alias', 'pool', 'resource', 'type', 'host', 'step', 'test']),
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

export const SubmissionQuery = Paging.extend({
  project: name.optional(),
  name: z.string().max(200).optional(),
  /** true: only those whose runs are all done or held, without those that repeat others. */
  finished: z.enum(['true']).optional(),
});
export const HostQuery = Paging.extend({ pool: z.string().max(100).optional() });
export const TestQuery = Paging.extend({ project: name.optional() });
export const IncidentQuery = Paging.extend({
  /** true: only those that are not over; false: only those that are. */
  open: z.enum(['true', 'false']).optional(),
});

export const LogQuery = z.object({
  /** The last attempt unless said. */
  attempt: attemptId.optional(),
  role: z.string().max(100).default('main'),
  /** The first byte wanted, counted from 0. */
  from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  /** true: goes on until the attempt has ended. */
  follow: z.enum(['true', 'false']).default('false'),
});

export const EventQuery = z.object({
  /** A cursor (what comes after it), or `start`; unset: from now on. The header Last-Event-ID goes before it. */
  after: z.string().max(100).optional(),
  project: name.optional(),
  run: runId.optional(),
});

export const HealthView = z.object({ status: z.enum(['ok']) });

export const SubmissionPage = page(SubmissionView);
export const RunPage = page(RunView);
export const HostPage = page(HostView);
export const IncidentPage = page(IncidentView);
export const TestPage = page(TestView);
export const ProjectList = z.object({ items: z.array(ProjectView) });
export const TokenList = z.object({ items: z.array(TokenView) });
