import { z } from 'zod';
import { Paging, page } from './page.js';
import { attemptId, incidentId, knownId, name, runId, submissionId, time } from './words.js';

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
      result: z.enum(['pass', 'fail', 'skip', 'unknown']),
      message: z.string(),
      measurement: z.object({ raw: z.string(), value: z.number().optional(), unit: z.string() }).optional(),
      /** What the result is worth, where that is not the whole truth; `tags` would have kept it from such a host. */
      judged: z
        .object({
          is: z.enum(['could_not_run', 'tested_nothing']),
          why: z.string(),
          tags: z.array(z.string()),
        })
        .optional(),
    }),
  ),
  /** What handlers measured beside the test; without a case: of all of it. */
  measured: z.array(
    z.object({
      handler: z.string(),
      name: z.string(),
      case: z.string().optional(),
      raw: z.string(),
      value: z.number().optional(),
      unit: z.string(),
    }),
  ),
  /** Files that the test, or a handler, left. */
  attachments: z.array(
    z.object({
      name: z.string(),
      mediaType: z.string(),
      case: z.string().optional(),
      handler: z.string().optional(),
      digest: z.string(),
      bytes: z.int(),
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
  /** The repository and commit that its test was fetched from. */
  source: z.object({ url: z.string(), commit: z.string(), path: z.string() }).optional(),
  /** What was under test. */
  artefacts: z
    .array(
      z.object({
        name: z.string(),
        url: z.string().optional(),
        blob: z.string().optional(),
        /** Of what was uploaded. */
        bytes: z.int().optional(),
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

export const CancelRequest = z.strictObject({ why: z.string().trim().max(1000).default('') });

export const RetryRequest = z.strictObject({
  /** failed: its reds; none: its runs without a verdict. */
  verdict: z.enum(['failed', 'none']),
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

export const RunPage = page(RunView);
