import { canonicalJson } from '../digest.js';

/** A run of last night, or of the night before. */
export interface NightRun {
  /** Typed: `r12`. */
  readonly run: string;
  readonly test: string;
  readonly variant: Readonly<Record<string, string>>;
  readonly target: object;
  /** `held`: an incident holds it, so that it has none yet. */
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'none' | 'held';
  readonly noVerdict?: string;
  readonly reason: string;
  /** The issue to which a person tied this failure. */
  readonly known?: { readonly id: string; readonly link: string; readonly why: string };
}

/** The first red of those that no green interrupts, up to a run. */
export interface RedSince {
  readonly run: string;
  /** RFC 3339, UTC. */
  readonly at: string;
}

/** A line of the morning's list. */
export interface MorningItem extends Omit<NightRun, 'target' | 'verdict'> {
  /** The run of the same test, variant and target in the submission before. */
  readonly before?: string;
  /** Only of what is still red. */
  readonly since?: RedSince;
}

/** What a person asks in the morning, each with the runs of now, in their order. */
export interface Morning {
  /** Red, and green, skipped or absent before. */
  readonly new: readonly MorningItem[];
  /** Red, and red before. */
  readonly still: readonly MorningItem[];
  /** Passed, and red before. */
  readonly fixed: readonly MorningItem[];
  /** Skipped or absent, and red before: nobody knows. Those that are absent are the runs of before. */
  readonly leftOut: readonly MorningItem[];
  /** Without a verdict, and what is held: nothing is known of the test. */
  readonly noVerdict: readonly MorningItem[];
  /** Passed on nothing: the test itself is to be looked at. */
  readonly testedNothing: readonly MorningItem[];
  readonly counts: Readonly<Record<NightRun['verdict'], number>> & {
    /** Of the reds, new and still, those that are known. */
    readonly known: number;
  };
}

/**
 * Compares a submission with the one before it of the same name. Where that one had no verdict for a test, the last
 * verdict before counts: an outage of the lab makes no old red new. `redSince` is asked for reds only.
 */
export function compareNights(
  now: readonly NightRun[],
  before: readonly NightRun[],
  redSince: ReadonlyMap<string, RedSince>,
): Morning {
  const past = new Map(keyed(before));
  const lists = { new: [], still: [], fixed: [], leftOut: [], noVerdict: [], testedNothing: [] } as Record<
    keyof Omit<Morning, 'counts'>,
    MorningItem[]
  >;
  const counts = { passed: 0, failed: 0, skipped: 0, none: 0, held: 0, known: 0 };
  const seen = new Set<string>();
  for (const [key, run] of keyed(now)) {
    seen.add(key);
    const was = past.get(key);
    const since = redSince.get(run.run);
    const place = placeOf(run, was, since);
    counts[run.verdict] += 1;
    if (run.verdict === 'failed' && run.known !== undefined) counts.known += 1;
    if (place === undefined) continue;
    lists[place].push(itemOf(run, was, place === 'still' ? since : undefined));
  }
  for (const [key, was] of past)
    if (!seen.has(key) && was.verdict === 'failed') lists.leftOut.push(itemOf(was, was, undefined));
  return { ...lists, counts };
}

function placeOf(
  run: NightRun,
  was: NightRun | undefined,
  since: RedSince | undefined,
): keyof Omit<Morning, 'counts'> | undefined {
  switch (run.verdict) {
    case 'failed': {
      if (was?.verdict === 'failed') return 'still';
      const isUnknown = was?.verdict === 'none' || was?.verdict === 'held';
      return isUnknown && since !== undefined && since.run !== run.run ? 'still' : 'new';
    }
    case 'passed':
      return was?.verdict === 'failed' ? 'fixed' : undefined;
    case 'skipped':
      return was?.verdict === 'failed' ? 'leftOut' : undefined;
    case 'held':
      return 'noVerdict';
    case 'none':
      return run.noVerdict === 'tested_nothing' ? 'testedNothing' : 'noVerdict';
  }
}

function itemOf(run: NightRun, was: NightRun | undefined, since: RedSince | undefined): MorningItem {
  const { target: _target, verdict: _verdict, ...rest } = run;
  return {
    ...rest,
    ...(was === undefined ? {} : { before: was.run }),
    ...(since === undefined ? {} : { since }),
  };
}

/** The same test, variant and target; where a submission asks for it several times, in their order. */
function keyed(runs: readonly NightRun[]): [string, NightRun][] {
  const times = new Map<string, number>();
  return runs.map((run) => {
    const key = canonicalJson([run.test, run.variant, run.target]);
    const time = times.get(key) ?? 0;
    times.set(key, time + 1);
    return [`${key} ${time}`, run];
  });
}
