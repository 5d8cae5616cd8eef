import { z } from 'zod';
import { SEEN_PARTS } from '../domain/environment/environment.js';
import type { HandlerSpec, LeasedInstrument } from '../domain/handler.js';
import type { Fingerprint } from '../domain/host.js';
import { LAYERS } from '../domain/layer.js';
import { isSettled } from '../domain/outcome.js';
import type { Promised } from '../domain/plan/promise.js';
import type { StepSpec } from '../domain/step.js';
import type { ArtefactFile } from '../domain/submit/artefact.js';
import type { TagSpec } from '../domain/tag.js';
import type { TestSpec } from '../domain/test.js';
import type { Restore } from '../ports/images.js';
import type { Transport } from '../ports/shell.js';
import { End, SaidOutcome } from './attempt-end.js';

/** What the database counts with: an executor is not trusted to know where its numbers end. */
const id = z
  .string()
  .regex(/^[0-9]{1,19}$/)
  .refine((digits) => digits.length < 19 || digits <= '9223372036854775807', 'is no id: it exceeds 64 bits');
const int32 = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);
const seq = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);
const bytes = z.int().min(0);
const role = z.string().max(100);
const layer = z.enum(LAYERS);
const fingerprint = z.strictObject({
  boot: z.string().max(200),
  packages: z.string().max(200),
  modules: z.string().max(200),
  cmdline: z.string().max(200),
  sysctls: z.string().max(200),
}) satisfies z.ZodType<Fingerprint>;
const message = z.string().max(4000);

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const handlerName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);
const fileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/);

/** No file that a test leaves is longer. */
export const LARGEST_ATTACHMENT_BYTES = 8 * 1024 * 1024;

/** What was seen of one tag. Of a whole family `x:*` each instance is a member, at its name; others are absent. */
const TagSeen = z.strictObject({
  tag: z.string().max(200),
  presence: z.enum(['present', 'absent', 'unknown']),
  source: z.enum(['look', 'probe']).optional(),
  /** Not said of a flag: it has nothing more to say. */
  instances: z
    .array(
      z.strictObject({
        place: z.string().max(300),
        raw: z.string().max(300),
        attributes: z.record(z.string().max(100), z.string().max(300)).optional(),
      }),
    )
    .max(5000)
    .optional(),
});
/** See above. */
export type TagSeen = z.infer<typeof TagSeen>;

/** An executor presents itself; every start is a new incarnation and gets a lease of its own. */
export const Register = z.strictObject({
  executor: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/),
  /** Fresh random text of this start; saying it again returns the same lease. */
  incarnation: z.string().regex(/^[A-Za-z0-9-]{16,64}$/),
  protocol: z.string().max(20),
  /** Attempts it is ready to carry out beside each other. */
  capacity: z.int().min(1).max(10_000),
});
/** See `Register`. */
export type Register = z.infer<typeof Register>;

/** The right to work, for `ttlMs` from each renewal. */
export interface Registered {
  readonly lease: string;
  readonly ttlMs: number;
  readonly renewEveryMs: number;
  /** The version that the grid speaks; undefined before 1.2. */
  readonly protocol?: string;
}

/** A tag, with the probe or the part of the standard look that sees it; without either, what is declared counts. */
export interface TagProbe {
  /** A family whole (`cpu:*`) is told by its members. */
  readonly tag: string;
  readonly script?: string;
  /** How what the script says is read; a flag unless said. */
  readonly kind?: TagSpec['kind'];
  /** Takes the place of a script. Of the part `cmd` the program after `cmd:` is looked for. */
  readonly part?: string;
  /** The step that claims to give it, if one of this chain does. */
  readonly step?: string;
}

/** A step of the chain, with the key its stack entry will have. */
export interface ChainStep extends StepSpec {
  readonly key: string;
}

/** One host's part in an attempt. */
export interface PlacePlan {
  readonly role: string;
  readonly host: {
    readonly id: string;
    readonly name: string;
    readonly transport: Transport;
    readonly restore?: Restore;
    /** Layers that may be changed there; the executor checks every step against it again before acting. */
    readonly expendable: readonly (typeof LAYERS)[number][];
  };
  readonly seat: number;
  readonly chain: readonly ChainStep[];
  /** Tags to be seen after the chain and before the test starts. */
  readonly verify: readonly TagProbe[];
  /** What must hold by what was seen; undefined: nothing is asked. */
  readonly promised?: Promised;
  /** Tags to be looked at as well and told, whatever they are: what a canary brings home. */
  readonly observe?: readonly TagProbe[];
  /** What the host must look like before the first step for the plan to hold; undefined: not known. */
  readonly expected?: Fingerprint;
  /** True where nothing will have run since the stack was put in place. */
  readonly fresh: boolean;
  /** What the host will carry when the chain is done: keys by layer and step (since 1.5). */
  readonly stack?: Readonly<Record<string, string>>;
  /** What the test runs on is to be recorded (since 1.5). */
  readonly record?: boolean;
  /** Leased with the host, for its handlers (since 1.5); undefined: none. */
  readonly instruments?: readonly LeasedInstrument[];
}

/** All that an executor needs to carry out one attempt; the same for a grid and for `testyard run`. */
export interface Assignment {
  readonly run: string;
  readonly attempt: string;
  readonly number: number;
  readonly places: readonly PlacePlan[];
  readonly test: TestSpec;
  /** Output beyond it is cut in the middle. */
  readonly outputLimitBytes: number;
  /** What is under test and is to be a file on every host, named by its variable; since 1.3, undefined: nothing. */
  readonly artefacts?: readonly ArtefactFile[];
  /** The grid's handlers that may act for this test, beside those of the executor's own machine; since 1.5. */
  readonly handlers?: Readonly<Record<string, HandlerSpec>>;
}

/** What happened in an attempt, in order; `role` says at which place. */
export const AttemptEvent = z.discriminatedUnion('kind', [
  /** The executor has started on it. */
  z.strictObject({ kind: z.literal('begun') }),
  /** What the host looked like before anything was done: tags seen, fingerprint, boot id. */
  z.strictObject({
    kind: z.literal('seen'),
    role,
    tags: z.array(TagSeen).max(1000),
    fingerprint: fingerprint.optional(),
  }),
  /** A step, setup, test or teardown began. */
  z.strictObject({
    kind: z.literal('step_started'),
    role,
    seq: z.int().min(1).max(1000),
    what: z.enum(['chain', 'setup', 'test', 'teardown']),
    step: z.string().max(200),
    layer: layer.optional(),
    key: z.string().max(200).optional(),
  }),
  /** It ended. A chain step that ended ok is what the host now carries. */
  z.strictObject({
    kind: z.literal('step_ended'),
    role,
    seq: z.int().min(1).max(1000),
    result: z.enum(['ok', 'failed', 'timed_out', 'killed']),
    exitCode: int32.optional(),
    durationMs: z.number(),
    message,
  }),
  /** The whole chain succeeded (an empty one too). */
  z.strictObject({ kind: z.literal('chain_done') }),
  /** The needed tags were seen after the chain, with what the host looks like now. */
  z.strictObject({
    kind: z.literal('verified'),
    role,
    tags: z.array(TagSeen).max(1000),
    fingerprint: fingerprint.optional(),
  }),
  /** What the test runs on, looked at just before it (since 1.5): the digest of each part, whose bytes were kept before. */
  z.strictObject({
    kind: z.literal('environment'),
    role,
    parts: z.partialRecord(z.enum(SEEN_PARTS), digest),
  }),
  /** The test's own process started. */
  z.strictObject({ kind: z.literal('test_started') }),
  /** A signal from the test: a named part of it has a result. */
  z.strictObject({
    kind: z.literal('case'),
    role,
    seq,
    name: z.string().min(1).max(500),
    result: z.enum(['pass', 'fail', 'skip', 'unknown']),
    message,
    /** Where in the output it was told, in bytes from the beginning of what the test printed; undefined: not known. */
    at: bytes.optional(),
    measurement: z.strictObject({ raw: z.string().max(200), unit: z.string().max(50) }).optional(),
  }),
  /** A file that the test or a handler left (since 1.4); its bytes were kept before. */
  z.strictObject({
    kind: z.literal('attachment'),
    role,
    seq,
    name: fileName,
    mediaType: z.string().regex(/^[\w.+-]{1,60}\/[\w.+-]{1,60}$/),
    /** The case it belongs to; undefined: the run. */
    case: z.string().min(1).max(500).optional(),
    digest,
    bytes: z.int().min(0).max(LARGEST_ATTACHMENT_BYTES),
    handler: handlerName.optional(),
  }),
  /** A number that a handler measured (since 1.4). */
  z.strictObject({
    kind: z.literal('measured'),
    role,
    seq,
    handler: handlerName,
    name: z.string().min(1).max(100),
    /** The number of the case it belongs to; undefined: the run. */
    caseSeq: seq.optional(),
    measurement: z.strictObject({ raw: z.string().max(200), unit: z.string().max(50) }),
  }),
  /**
   * The outcome, as soon as nothing more can change it (since 1.2): the host is still tidied up. All output and
   * cases of the test have been told before it; only the teardown and the end follow.
   */
  z.strictObject({
    kind: z.literal('decided'),
    outcome: SaidOutcome.refine(isSettled, 'is not settled before the end'),
  }),
  /** The end: what was seen, and what the host looks like after it. Nothing may follow. */
  z.strictObject({
    kind: z.literal('ended'),
    end: End,
    /** Per role: fingerprint after the attempt and output sizes. */
    places: z
      .array(
        z.strictObject({
          role,
          fingerprint: fingerprint.optional(),
          outputBytes: bytes,
          outputCut: bytes,
        }),
      )
      .max(100),
  }),
]);
/** See above. */
export type AttemptEvent = z.infer<typeof AttemptEvent>;

/** A batch of news about attempts of one lease. Entries of one attempt are numbered from 1 without gaps. */
export const Report = z.strictObject({
  lease: id,
  entries: z.array(z.strictObject({ run: id, attempt: id, seq, event: AttemptEvent })).max(5000),
  /** Output: numbered per attempt and role from 1; at most 256 KiB each, base64. */
  segments: z
    .array(
      z.strictObject({
        run: id,
        attempt: id,
        role,
        seq,
        /** Where in the output this segment begins. */
        atByte: bytes,
        data: z.base64().max(350_000),
      }),
    )
    .max(2000),
});
/** See above. */
export type Report = z.infer<typeof Report>;

/** Bytes of a file that a test or a handler left; kept before an event names their digest. */
export const Keep = z.strictObject({
  lease: id,
  data: z.base64().max(Math.ceil(LARGEST_ATTACHMENT_BYTES / 3) * 4),
});
/** See above. */
export type Keep = z.infer<typeof Keep>;

/** The SHA-256 of what was kept. */
export interface Kept {
  readonly digest: string;
}

/** Per attempt named in a report: recorded up to `seq`, or refused for good. */
export interface Reported {
  readonly attempts: readonly (
    | { readonly attempt: string; readonly recorded: number }
    | { readonly attempt: string; readonly refused: 'lease_dead' | 'not_yours' | 'ended' }
  )[];
}

/** Asks for more work and renews nothing; answers at once when there is some, else within `waitMs`. */
export const Claim = z.strictObject({ lease: id, waitMs: z.int().min(0).max(30_000) });
/** See above. */
export type Claim = z.infer<typeof Claim>;

/** Work that is new to the executor, and attempts that it is to stop. */
export interface Claimed {
  /** May name an attempt again whose first hand-out got lost: one under way already is passed over. */
  readonly assignments: readonly Assignment[];
  readonly stop: readonly { readonly attempt: string; readonly why: string }[];
}

/** Renews the lease; `attempts` are those the executor is working on. */
export const Renew = z.strictObject({ lease: id, attempts: z.array(id).max(10_000), draining: z.boolean() });
/** See above. */
export type Renew = z.infer<typeof Renew>;

/** What an executor must know after a renewal. */
export interface Renewed {
  readonly ttlMs: number;
  /** Attempts to stop because their run was cancelled or the grid was halted with kill. */
  readonly stop: readonly { readonly attempt: string; readonly why: string }[];
  /** Attempts it reported that are no longer its own: end them quietly. */
  readonly gone: readonly string[];
}
