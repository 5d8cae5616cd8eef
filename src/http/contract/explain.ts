import { z } from 'zod';
import { fileName, name, runId, time } from './words.js';

const Lack = z.object({ clause: z.string(), truth: z.enum(['no', 'unknown']), why: z.string() });

/** Where a requirement stands on this grid: who could serve it, what keeps them, and what would do. */
export const ExplanationView = z.object({
  /** In canonical spelling, with what the grid adds to every run; '' is any host. */
  requirement: z.string(),
  /** Permanent reasons before temporary ones. */
  status: z.enum(['no hosts', 'never', 'barred', 'not known', 'stopped', 'down', 'busy', 'ready']),
  answer: z.string(),
  /** All of it as people read it, the answer first. */
  lines: z.array(z.string()),
  /** Parts of that: what no host meets, and the nearest hosts. */
  why: z.array(z.string()),
  hosts: z.array(z.string()),
  /** Of the hosts that it may use, those that could serve it. */
  counts: z.object({
    hosts: z.int(),
    ever: z.int(),
    asTheyAre: z.int(),
    free: z.int(),
    busy: z.int(),
    down: z.int(),
    /** Nothing is known against them. */
    perhaps: z.int(),
    /** They could, and it may not use them. */
    barred: z.int(),
    barredWhy: z.string().optional(),
    /** Not every host could be asked what steps can do there. */
    isCutOff: z.boolean(),
  }),
  /** The smallest set of clauses that no host meets together. */
  core: z.array(
    z.object({ clause: z.string(), hosts: z.int(), unknown: z.int(), near: z.array(z.string()) }),
  ),
  coreIsSmallest: z.boolean(),
  nearest: z.array(
    z.object({
      host: z.string(),
      available: z.enum(['free', 'busy', 'down']),
      why: z.string().optional(),
      lacks: z.array(Lack),
      steps: z.array(z.string()).optional(),
      costS: z.number().optional(),
      noSteps: z.string().optional(),
    }),
  ),
  fixes: z.array(
    z.object({
      kind: z.enum(['bring back', 'steps', 'look', 'mend', 'allow', 'loosen']),
      text: z.string(),
    }),
  ),
  /** Among the runs that the same hosts could serve. */
  queue: z
    .object({
      place: z.int(),
      of: z.int(),
      text: z.string(),
      startsInS: z.number().optional(),
      unknown: z.string().optional(),
    })
    .optional(),
});

/** What is explained, and the explanation. */
export const AnswerView = z.object({
  project: name,
  test: z.string().optional(),
  run: z
    .object({
      id: runId,
      state: z.enum(['waiting', 'held', 'running', 'done']),
      verdict: z.string().optional(),
      noVerdict: z.string().optional(),
      reason: z.string(),
      /** The host it runs on. */
      host: z.string().optional(),
      incident: z.object({ id: z.string(), title: z.string(), owner: z.string() }).optional(),
      deadline: time.optional(),
      /** It is put off until then. */
      notBefore: time.optional(),
      /** Only a host on which nothing has run since its stack was put in place will do. */
      fresh: z.boolean(),
      /** Hosts it keeps away from until other work has succeeded there. */
      avoids: z.array(z.string()),
    })
    .optional(),
  target: z.object({ host: z.string().optional(), hostType: z.string().optional() }),
  explanation: ExplanationView,
});
export type AnswerView = z.infer<typeof AnswerView>;

const aim = { host: z.string().max(100).optional(), hostType: z.string().max(100).optional() };
const what = {
  project: name.default('default'),
  /** As in a test file; of several lines all must hold. */
  requirement: z.union([z.string().max(10_000), z.array(z.string().max(10_000)).max(500)]).optional(),
  /** A test of the project, by name. */
  test: z.string().max(200).optional(),
  file: z.strictObject({ name: fileName, content: z.base64() }).optional(),
};
const saysOne = (asked: { requirement?: unknown; test?: unknown; file?: unknown }) =>
  [asked.requirement, asked.test, asked.file].filter((one) => one !== undefined).length === 1;

export const ExplainRequest = z
  .strictObject({ ...what, ...aim })
  .refine(saysOne, 'say one of requirement, test and file');

export const HostsForRequest = z.strictObject(what).refine(saysOne, 'say one of requirement, test and file');

/** The hosts for a test, type by type. */
export const HostsForView = z.object({
  project: name,
  test: z.string().optional(),
  requirement: z.string(),
  types: z.array(
    z.object({
      type: z.string(),
      /** They have all of it. */
      yes: z.array(z.string()),
      /** Steps bring them there. */
      bySteps: z.array(z.string()),
      /** Those of the cheapest. */
      steps: z.array(z.string()).optional(),
      unknown: z.array(z.string()),
      no: z.array(z.string()),
      /** They could, and the project's runs may not use them. */
      barred: z.array(z.string()),
      nearest: z.object({ host: z.string(), lacks: z.array(Lack) }).optional(),
    }),
  ),
});
export type HostsForView = z.infer<typeof HostsForView>;

export const TestsForQuery = z
  .object({ ...aim, project: name.optional() })
  .refine((asked) => asked.host === undefined || asked.hostType === undefined, 'say either host or hostType');

/** Tests as they stand to a host, the hosts of a type, or the grid. */
export const TestsForView = z.object({
  ...aim,
  hosts: z.int(),
  tests: z.array(
    z.object({
      test: z.string(),
      project: name,
      requirement: z.string(),
      status: ExplanationView.shape.status,
      /** Hosts that could serve it, and those that have all of it as they are. */
      ever: z.int(),
      asTheyAre: z.int(),
      perhaps: z.int(),
      /** What brings the nearest host there. */
      steps: z.array(z.string()).optional(),
      /** Of a test that cannot run: the nearest host, and what it lacks. */
      nearest: z.object({ host: z.string(), lacks: z.array(Lack) }).optional(),
      /** In one line, where it cannot run now. */
      why: z.string().optional(),
    }),
  ),
});
export type TestsForView = z.infer<typeof TestsForView>;

/** A tag or alias with who provides it and who needs it. */
export const TagView = z.object({
  name: z.string(),
  kind: z.enum(['flag', 'version', 'quantity', 'text', 'device', 'alias']),
  by: z.enum(['declared', 'seen', 'derived', 'alias']),
  meaning: z.string(),
  owner: z.string().optional(),
  /** Hosts that have it, and of which nobody knows. */
  hosts: z.int(),
  unknown: z.int(),
  /** Steps that give it. */
  steps: z.array(z.string()),
  /** Tests, and runs that are not done, that need it; of your projects. */
  tests: z.int(),
  runs: z.int(),
  /** Somebody needs it, and nothing provides it. */
  unprovided: z.boolean(),
});
export const TagDetail = TagView.extend({
  /** The formula of a derived tag or an alias. */
  is: z.string().optional(),
  scheme: z.string().optional(),
  unit: z.string().optional(),
  decays: z.string().optional(),
  /** The first 100. */
  hostNames: z.array(z.string()),
  values: z.array(z.string()),
  neededBySteps: z.array(z.string()),
  testNames: z.array(z.string()),
  /** Derived tags and aliases that speak of it. */
  usedBy: z.array(z.string()),
});
export const TagList = z.object({ items: z.array(TagView) });
export type TagView = z.infer<typeof TagView>;
export type TagDetail = z.infer<typeof TagDetail>;
