import { z } from 'zod';
import { LAYERS } from '../domain/layer.js';
import type { AttemptEnd, Outcome } from '../domain/outcome.js';

/** The longest text of an end. */
const text = z.string().max(20_000);
const layer = z.enum(LAYERS);
const notOk = z.enum(['failed', 'timed_out', 'killed']);
const commands = z.array(text).max(1000);
const int32 = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);
const kind = <const Kind extends string>(word: Kind) => z.literal(word);

const Exit = z.discriminatedUnion('kind', [
  z.object({ kind: kind('exited'), code: int32 }),
  z.object({ kind: kind('signalled'), signal: z.string().max(100) }),
]);

const at = z.int().min(0).optional();
const Observed = z
  .array(
    z.discriminatedUnion('kind', [
      z.object({
        kind: kind('command'),
        at,
        name: text,
        sole: z.boolean().optional(),
        decides: z.boolean().optional(),
      }),
      z.object({
        kind: kind('package'),
        at,
        names: z.array(text).max(100),
        manager: text,
        why: z.enum(['unknown', 'unreachable', 'not_root', 'space', 'failed', 'unfinished']),
      }),
      z.object({ kind: kind('module'), at, name: text }),
      z.object({ kind: kind('device'), at, path: text }),
      z.object({ kind: kind('kernel_feature'), at, name: text }),
      z.object({ kind: kind('download'), at, from: text, why: text }),
      z.object({ kind: kind('space'), at, path: text }),
      z.object({ kind: kind('permission'), at, what: text }),
      z.object({ kind: kind('places'), at, call: text }),
      z.object({ kind: kind('empty_comparison'), at, text }),
      z.object({ kind: kind('does_nothing'), at, command: text, why: text }),
      z.object({ kind: kind('never_executed'), at, commands: z.array(text).max(50) }),
      z.object({ kind: kind('line_number'), at, number: z.int() }),
      z.object({ kind: kind('promises_cases'), at, script: text }),
    ]),
  )
  .max(500)
  .optional();

const Said = z.discriminatedUnion('kind', [
  z.object({
    kind: kind('ended'),
    exit: Exit,
    missing: z.object({ needed: commands, underTest: commands }),
    printed: z
      .object({
        cases: z
          .int()
          .min(0)
          .max(2 ** 31 - 1),
        skipped: text.optional(),
        flaw: text.optional(),
      })
      .optional(),
    observed: Observed,
  }),
  z.object({ kind: kind('timed_out'), afterMs: z.number(), hostAnswered: z.boolean(), observed: Observed }),
  z.object({ kind: kind('crashed'), evidence: text }),
  z.object({ kind: kind('never_started'), why: text }),
  z.object({
    kind: kind('chain_failed'),
    step: text,
    layer,
    result: notOk,
    message: text,
    resource: z.string().max(100).optional(),
    refused: z.literal(true).optional(),
  }),
  z.object({
    kind: kind('tag_lied'),
    step: text.optional(),
    tag: text,
    presence: z.enum(['absent', 'unknown']),
    why: text.optional(),
  }),
  z.object({ kind: kind('setup_failed'), result: notOk, message: text, observed: Observed }),
  z.object({
    kind: kind('host_lost'),
    phase: z.enum(['connect', 'begin', 'chain', 'verify', 'setup', 'test', 'teardown', 'end']),
    error: text,
    message: text,
    back: z.boolean().optional(),
  }),
  ...(['unclean', 'stale', 'fenced', 'executor_lost', 'executor_unable'] as const).map((word) =>
    z.object({ kind: kind(word), message: text }),
  ),
  z.object({ kind: kind('cancelled') }),
]);

const isShort = (said: unknown) => JSON.stringify(said).length < 20_000;
const TOO_LONG = 'is longer than 20000 characters';

/** What an executor says came of an attempt. It is not trusted: what the judge and people read has its form. */
export const SaidOutcome = Said.refine(isShort, TOO_LONG) as z.ZodType<Outcome>;

/** What an executor says at the end of an attempt. */
export const End = z
  .object({
    outcome: Said,
    teardown: z.enum(['none', 'ok', 'failed', 'timed_out']),
    dirtied: layer.optional(),
    dirtiedBy: text.optional(),
  })
  .refine(isShort, TOO_LONG) as z.ZodType<AttemptEnd>;
