import type { Judged } from '../judge/attribution.js';
import type { NoVerdict } from '../outcome.js';
import type { TestSource } from '../submit/source.js';

/** A run as a report tells of it; what is not known of it is left out. */
export interface ReportedRun {
  /** Typed: `r12`. */
  readonly id?: string;
  readonly project?: string;
  readonly test: string;
  readonly variant: Readonly<Record<string, string>>;
  readonly state: 'waiting' | 'held' | 'running' | 'done';
  readonly verdict?: 'passed' | 'failed' | 'skipped' | 'none';
  readonly noVerdict?: NoVerdict;
  readonly reason: string;
  readonly marks: readonly string[];
  readonly host?: string;
  readonly requirement?: string;
  /** RFC 3339, UTC: when its last attempt began. */
  readonly startedAt?: string;
  /** How long its test's own process ran. */
  readonly durationS?: number;
  /** Of the attempt that the verdict rests on. */
  readonly cases: readonly ReportedCase[];
  /** The last lines that it printed. */
  readonly tail?: string;
  /** Where all that is known of it can be read. */
  readonly evidence?: string;
  /** Where its test was fetched from. */
  readonly source?: TestSource;
  /** The issue to which a person tied this failure. */
  readonly known?: { readonly link: string; readonly why: string };
}

/** A case as a report tells of it. */
export interface ReportedCase {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip' | 'unknown';
  readonly message: string;
  readonly measurement?: { readonly raw: string; readonly unit: string };
  /** What its result is worth, where that is not the whole truth. */
  readonly judged?: Judged;
}

/** What is reported together. */
export interface Report {
  readonly name: string;
  readonly runs: readonly ReportedRun[];
}

/** What a report may say of a run: an answer, or that there is none. */
export type Said =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'skipped'; readonly message: string }
  /** It could not be judged: nothing is known of what was under test. `type` is one word. */
  | { readonly kind: 'unjudged'; readonly type: string; readonly message: string };

/** What is said of a run. No verdict is never a failure; only what somebody cancelled counts as skipped. */
export function saidOf(run: ReportedRun): Said {
  const message = [run.reason, ...run.marks.map((mark) => mark.replaceAll('_', ' '))].join('; ');
  if (run.state !== 'done') return { kind: 'unjudged', type: run.state, message: `${run.state}: ${message}` };
  switch (run.verdict) {
    case 'passed':
      return { kind: 'passed' };
    case 'failed':
      return {
        kind: 'failed',
        message: run.known === undefined ? message : `${message} (known: ${run.known.link})`,
      };
    case 'skipped':
      return { kind: 'skipped', message };
    default: {
      const type = run.noVerdict ?? 'none';
      const text = `${type.replaceAll('_', ' ')}: ${message}`;
      return type === 'cancelled'
        ? { kind: 'skipped', message: text }
        : { kind: 'unjudged', type, message: text };
    }
  }
}

/** Where a test was fetched from, in one line. */
export function sourceText({ url, commit, path }: TestSource): string {
  return `${url} at ${commit}: ${path}`;
}

/** The name of a run's test, with its variant where it has one. */
export function nameOf({ test, variant }: Pick<ReportedRun, 'test' | 'variant'>): string {
  const parts = Object.entries(variant).map(([key, value]) => `${key}=${value}`);
  return parts.length === 0 ? test : `${test} [${parts.join(' ')}]`;
}
