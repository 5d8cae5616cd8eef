import { z } from 'zod';
import { LAYERS } from '../domain/layer.js';
import type { AttemptEnd } from '../domain/outcome.js';

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
  z.strictObject({ kind: kind('exited'), code: int32 }),
  z.strictObject({ kind: kind('signalled'), signal: z.string().max(100) }),
]);

const Outcome = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: kind('ended'),
    exit: Exit,
    missing: z.strictObject({ needed: commands, underTest: commands }),
  }),
  z.strictObject({ kind: kind('timed_out'), afterMs: z.number(), hostAnswered: z.boolean() }),
  z.strictObject({ kind: kind('crashed'), evidence: text }),
  z.strictObject({ kind: kind('never_started'), why: text }),
  z.strictObject({ kind: kind('chain_failed'), step: text, layer, result: notOk, message: text }),
  z.strictObject({
    kind: kind('tag_lied'),
    step: text.optional(),
    tag: text,
    presence: z.enum(['absent', 'unknown']),
    why: text.optional(),
  }),
  z.strictObject({ kind: kind('setup_failed'), result: notOk, message: text }),
  z.strictObject({
    kind: kind('host_lost'),
    phase: z.enum(['connect', 'begin', 'chain', 'verify', 'setup', 'test', 'teardown', 'end']),
    error: text,
    message: text,
    back: z.boolean().optional(),
  }),
  ...(['unclean', 'stale', 'fenced', 'executor_lost', 'executor_unable'] as const).map((word) =>
    z.strictObject({ kind: kind(word), message: text }),
  ),
  z.strictObject({ kind: kind('cancelled') }),
]);

/** What an executor says at the end of an attempt. It is not trusted: what the judge and people read has its form. */
export const End = z
  .strictObject({
    outcome: Outcome,
    teardown: z.enum(['none', 'ok', 'failed', 'timed_out']),
    dirtied: layer.optional(),
    dirtiedBy: text.optional(),
  })
  .refine(
    (end) => JSON.stringify(end).length < 20_000,
    'is longer than 20000 characters',
  ) as z.ZodType<AttemptEnd>;
