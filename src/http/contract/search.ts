import { z } from 'zod';
import { Paging, page } from './page.js';
import { changeId, intakeId, name, runId, searchId, submissionId, time } from './words.js';

const LineChange = z.object({
  id: changeId,
  component: z.string(),
  /** The version before it; absent: there was none. */
  from: z.string().optional(),
  to: z.string(),
});

const CauseView = z.object({
  /** `environment`: it is bad in the last good state too; `flaky`: now and then in any state. */
  kind: z.enum(['changes', 'environment', 'flaky']),
  changes: z.array(LineChange),
  probability: z.number(),
});

/** A hunt for the change that broke something. */
export const SearchView = z.object({
  id: searchId,
  project: name,
  /** The changes that came together, for which the grid began it; absent: a person did. */
  intake: intakeId.optional(),
  test: z.string(),
  /** What is bad: the test fails, nothing can be put in, or the host is lost. */
  predicate: z.enum(['fails', 'refused', 'lost']),
  /** The change that does harm: whether by itself, or together with one of these alone, is the question; absent: it is another. */
  partnerOf: changeId.optional(),
  actor: z.string(),
  /** Whether what it finds is held back and its owner told. */
  consequences: z.boolean(),
  openedAt: time,
  closedAt: time.optional(),
  /** Why it was begun; once it is over what came of it. */
  why: z.string(),
  phase: z.enum(['search', 'verify', 'done']),
  /** How many changes it is among. */
  changes: z.int(),
  /** Trials so far: that told something, of verification, that told nothing; and their cost, switches included. */
  spent: z.object({ search: z.int(), verify: z.int(), nothing: z.int(), cost: z.number() }),
  /** Trials that are still to be expected, verification apart. */
  expected: z.number(),
  pending: z.int(),
  /** The likeliest causes, until they hold .95. */
  likeliest: z.array(CauseView),
  conclusion: z
    .object({
      kind: z.enum(['culprit', 'several', 'environment', 'flaky', 'smallest set', 'stopped']),
      probability: z.number().optional(),
      /** How often it fails in any state. */
      rate: z.number().optional(),
      changes: z.array(LineChange),
    })
    .optional(),
});
export type SearchView = z.infer<typeof SearchView>;

/** A component that is held back at a version. */
export const PinView = z.object({
  component: z.string(),
  project: name,
  /** What it is held at. */
  version: z.string(),
  /** The change that is kept out, and its version. */
  change: changeId,
  changeVersion: z.string(),
  search: searchId,
  /** What stays out with it, and why. */
  behind: z.array(z.object({ change: changeId, why: z.string() })),
  since: time,
  liftedAt: time.optional(),
  why: z.string(),
});
export type PinView = z.infer<typeof PinView>;

/** Whose change it was found to be, and what they say to that. */
export const AccusationView = z.object({
  change: changeId,
  component: z.string(),
  version: z.string(),
  owner: z.string(),
  madeAt: time,
  /** `snoozed` where nothing else was said: `until` goes beside `fixed_in` as well. */
  answer: z.enum(['not_mine', 'fixed_in', 'snoozed']).optional(),
  /** The version that mends it, or what was said beside the answer. */
  detail: z.string().optional(),
  answeredBy: z.string().optional(),
  answeredAt: time.optional(),
  /** Until then no letter is sent. */
  until: time.optional(),
  withdrawnAt: time.optional(),
  /** The admin who decided that it is this change after all. */
  upheldBy: z.string().optional(),
});
export type AccusationView = z.infer<typeof AccusationView>;

/** A search with all that is known of it. */
export const SearchDetail = SearchView.extend({
  line: z.array(LineChange),
  trials: z.array(
    z.object({
      id: z.int(),
      /** How many changes of the line were in. */
      state: z.int(),
      /** To learn more, or to verify with it and without it. */
      for: z.enum(['search', 'with', 'without']),
      host: z.string(),
      run: runId.optional(),
      /** Absent while it is under way. */
      outcome: z.string().optional(),
      reason: z.string().optional(),
      askedAt: time,
      toldAt: time.optional(),
    }),
  ),
  /** Trials with what was found and without it, once it is verified. */
  verified: z
    .object({ badWith: z.int(), goodWith: z.int(), badWithout: z.int(), goodWithout: z.int() })
    .optional(),
  pins: z.array(PinView),
  accusations: z.array(AccusationView),
  told: z.array(
    z.object({
      message: z.string(),
      via: z.enum(['mail', 'web_hook', 'digest']),
      to: z.string(),
      kind: z.string(),
      at: time,
      sentAt: time.optional(),
      givenUpAt: time.optional(),
    }),
  ),
});
export type SearchDetail = z.infer<typeof SearchDetail>;

/** Changes of one watch that came together. */
export const IntakeView = z.object({
  id: intakeId,
  project: name,
  watch: name,
  state: z.enum(['testing', 'searching', 'passed', 'stopped']),
  changes: z.array(LineChange.extend({ leftOut: z.boolean(), state: z.string(), why: z.string() })),
  tests: z.array(z.string()),
  /** Those of them that fail now and then in any state: they decide nothing here. */
  flaky: z.array(z.string()),
  submission: submissionId.optional(),
  searches: z.array(searchId),
  tries: z.int(),
  openedAt: time,
  closedAt: time.optional(),
  why: z.string(),
});
export type IntakeView = z.infer<typeof IntakeView>;

export const SearchQuery = Paging.extend({
  project: name.optional(),
  /** true: only those that are not over; false: only those that are. */
  open: z.enum(['true', 'false']).optional(),
});

export const SearchPage = page(SearchView);
export const PinPage = page(PinView);
export const IntakePage = page(IntakeView);

const component = z.string().regex(/^[^\s\p{C}]{1,300}$/u, 'WATCH/PACKAGE, or WATCH of a branch');
const version = z.string().regex(/^[^\s\p{C}]{1,200}$/u, 'a version');
const Versions = z.record(component, version);

/** Two runs of a test, or two versions of components: among the changes between them one is searched for. */
export const SearchRequest = z
  .strictObject({
    project: name.default('default'),
    test: z.string().min(1).max(200),
    /** A run that passed, and a later one that did not. */
    good: runId.optional(),
    bad: runId.optional(),
    /** Versions by component; what is not named is as in the baseline. */
    from: Versions.optional(),
    to: Versions.optional(),
    /** What is bad; unless said by the bad run, else that the test fails. */
    predicate: z.enum(['fails', 'refused', 'lost']).optional(),
    /** For admins: what is found is held back, and its owner told. */
    consequences: z.boolean().default(false),
    why: z.string().trim().max(1000).default(''),
  })
  .refine((asked) => (asked.good === undefined) === (asked.bad === undefined), 'good and bad go together')
  .refine((asked) => (asked.from === undefined) === (asked.to === undefined), 'from and to go together')
  .refine(
    (asked) => (asked.good === undefined) !== (asked.from === undefined),
    'say one of the two: good and bad runs, or versions from and to',
  );

/** What a person knows of it: changes that it is not, and how much likelier others are. */
export const SearchGuidance = z.strictObject({
  exclude: z.array(changeId).max(1000).default([]),
  weigh: z.record(changeId, z.number().min(0.001).max(1000)).default({}),
});

const Word = z.enum(['not_mine', 'fixed_in', 'snoozed']);

/** What somebody says to being told that their change broke something, or an admin who decides whose it is. */
export const AnswerRequest = z
  .strictObject({
    /** `theirs`, of a grid admin: it is that change after all, though somebody has said that it is not. */
    answer: z.enum([...Word.options, 'theirs']),
    /** Which change, where a search named several. */
    change: changeId.optional(),
    /** Of `fixed_in`: the version that mends it. */
    version: version.optional(),
    /** Of `snoozed`: no letter before this moment. */
    until: time.optional(),
    why: z.string().trim().max(1000).default(''),
  })
  .refine(
    ({ answer, version: fix }) => (answer === 'fixed_in') === (fix !== undefined),
    'fixed_in goes with version',
  )
  .refine(({ answer, until }) => (answer === 'snoozed') === (until !== undefined), 'snoozed goes with until');

/** What a link in a letter says. */
export const AnswerLinkQuery = z.object({
  answer: Word,
  expires: z.coerce.number().int().min(0).max(99_999_999_999),
  seal: z.string().regex(/^[0-9a-f]{64}$/),
});

/** What its page sends. */
export const AnswerForm = z.strictObject({
  version: version.optional(),
  days: z.coerce.number().int().min(1).max(30).optional(),
});
