import { z } from 'zod';
import { SETTINGS } from './stages/settings.js';

const ms = (fallback: number, least = 10) =>
  z.coerce.number().int().min(least).max(86_400_000).default(fallback);

const GIBIBYTE = 2 ** 30;
const TEBIBYTE = 2 ** 40;

const Environment = z.object({
  /** Milliseconds, unless a name says otherwise; durations of docs/OPERATING.md. */
  TESTYARD_LEASE_TTL_MS: ms(SETTINGS.leaseTtlMs),
  TESTYARD_LEASE_RENEW_MS: ms(SETTINGS.leaseRenewMs),
  TESTYARD_LEADER_TTL_MS: ms(SETTINGS.leaderTtlMs),
  TESTYARD_BEAT_MS: ms(SETTINGS.beatMs),
  TESTYARD_CHECK_FIRST_S: z.coerce.number().positive().max(86_400).default(SETTINGS.checkFirstS),
  TESTYARD_AGEING_S: z.coerce.number().int().min(1).max(604_800).default(SETTINGS.ageingS),
  TESTYARD_FAIR_SHARE: z.coerce.number().min(0).max(1000).default(SETTINGS.fairShare),
  TESTYARD_HOLD_S: z.coerce.number().positive().max(31_536_000).default(SETTINGS.holdS),
  TESTYARD_RESERVE_MAX_S: z.coerce.number().positive().max(31_536_000).default(86_400),
  TESTYARD_OUTPUT_LIMIT_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .max(1_073_741_824)
    .default(SETTINGS.outputLimitBytes),
  TESTYARD_ARTEFACT_LIMIT_BYTES: z.coerce.number().int().min(1024).max(TEBIBYTE).default(GIBIBYTE),
  TESTYARD_ARTEFACT_CACHE_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(64 * TEBIBYTE)
    .default(10 * GIBIBYTE),
  TESTYARD_CAPACITY: z.coerce.number().int().min(1).max(10_000).default(200),
  TESTYARD_KEEPALIVE_MS: ms(15_000, 100),
  TESTYARD_RECONNECT_MS: ms(120_000),
  TESTYARD_ANSWER_MS: ms(20_000),
  TESTYARD_CONNECT_MS: ms(15_000),
  TESTYARD_DB_POOL: z.coerce.number().int().min(2).max(150).default(12),
  TESTYARD_HANDLERS: z.string().optional(),
  TESTYARD_TLS_CERT: z.string().optional(),
  TESTYARD_TLS_KEY: z.string().optional(),
  TESTYARD_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  TESTYARD_ANSWER_KEY: z.string().min(32, 'at least 32 characters that nobody can guess').optional(),
});

/** What can be set from the environment; everything else is said on the command line or in the inventory. */
export interface Config {
  readonly settings: typeof SETTINGS;
  readonly capacity: number;
  readonly keepAliveMs: number;
  /** How long an executor tries to reach a host again that it lost. */
  readonly reconnectMs: number;
  readonly answerMs: number;
  readonly connectMs: number;
  readonly dbPool: number;
  /** The longest that a person may have a host. */
  readonly reserveMostS: number;
  /** The largest artefact that is taken. */
  readonly artefactLimitBytes: number;
  /** How much of artefacts an executor keeps beside those in use. */
  readonly artefactCacheBytes: number;
  /** The list of handlers; undefined: there are none. */
  readonly handlersFile: string | undefined;
  /** Where people reach the API, for the links in letters; undefined: where it listens. */
  readonly publicUrl: string | undefined;
  /** What these links are sealed with; undefined: a key in the state folder. */
  readonly answerKey: string | undefined;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** Reads the configuration; throws one message that names every setting that is wrong, and what would be right. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const result = Environment.safeParse(
    Object.fromEntries(
      Object.entries(environment).filter(([name, value]) => name.startsWith('TESTYARD_') && value !== ''),
    ),
  );
  if (!result.success) {
    const wrong = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the configuration is wrong: ${wrong.join('; ')}`);
  }
  const e = result.data;
  if (e.TESTYARD_LEASE_RENEW_MS * 2 > e.TESTYARD_LEASE_TTL_MS) {
    throw new Error(
      'the configuration is wrong: TESTYARD_LEASE_RENEW_MS must be at most half of TESTYARD_LEASE_TTL_MS',
    );
  }
  if ((e.TESTYARD_TLS_CERT === undefined) !== (e.TESTYARD_TLS_KEY === undefined)) {
    throw new Error('the configuration is wrong: TESTYARD_TLS_CERT and TESTYARD_TLS_KEY go together');
  }
  return {
    settings: {
      leaseTtlMs: e.TESTYARD_LEASE_TTL_MS,
      leaseRenewMs: e.TESTYARD_LEASE_RENEW_MS,
      leaderTtlMs: e.TESTYARD_LEADER_TTL_MS,
      beatMs: e.TESTYARD_BEAT_MS,
      checkFirstS: e.TESTYARD_CHECK_FIRST_S,
      ageingS: e.TESTYARD_AGEING_S,
      fairShare: e.TESTYARD_FAIR_SHARE,
      holdS: e.TESTYARD_HOLD_S,
      outputLimitBytes: e.TESTYARD_OUTPUT_LIMIT_BYTES,
    },
    capacity: e.TESTYARD_CAPACITY,
    keepAliveMs: e.TESTYARD_KEEPALIVE_MS,
    reconnectMs: e.TESTYARD_RECONNECT_MS,
    answerMs: e.TESTYARD_ANSWER_MS,
    connectMs: e.TESTYARD_CONNECT_MS,
    dbPool: e.TESTYARD_DB_POOL,
    reserveMostS: e.TESTYARD_RESERVE_MAX_S,
    artefactLimitBytes: e.TESTYARD_ARTEFACT_LIMIT_BYTES,
    artefactCacheBytes: e.TESTYARD_ARTEFACT_CACHE_BYTES,
    handlersFile: e.TESTYARD_HANDLERS,
    publicUrl: e.TESTYARD_PUBLIC_URL,
    answerKey: e.TESTYARD_ANSWER_KEY,
    ...(e.TESTYARD_TLS_CERT !== undefined && e.TESTYARD_TLS_KEY !== undefined
      ? { tls: { certFile: e.TESTYARD_TLS_CERT, keyFile: e.TESTYARD_TLS_KEY } }
      : {}),
  };
}
