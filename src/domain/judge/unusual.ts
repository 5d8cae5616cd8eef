import type { Mark } from '../outcome.js';

/** What the last passes of a test in a variant were like, newest first. */
export interface Past {
  readonly cases: readonly number[];
  readonly durationsMs: readonly number[];
}

/** How many passes are remembered, and how many it takes until anything counts as usual. */
export const REMEMBERED_PASSES = 20;
const FEWEST_PASSES = 5;

/** A pass that is far outside the test's own past is flagged, not judged: each mark with its reason. */
export function unusual(
  now: { readonly cases: number; readonly durationMs?: number },
  past: Past,
): readonly { readonly mark: Mark; readonly why: string }[] {
  const found: { readonly mark: Mark; readonly why: string }[] = [];
  const cases = outside(past.cases, now.cases, { least: 0.5, factor: 1.1 });
  if (cases !== undefined)
    found.push({ mark: 'unusual_case_count', why: `${now.cases} cases, where ${cases} are usual` });
  const { durationMs } = now;
  const duration =
    durationMs === undefined ? undefined : outside(past.durationsMs, durationMs, { least: 1000, factor: 2 });
  if (durationMs !== undefined && duration !== undefined)
    found.push({
      mark: 'unusual_duration',
      why: `it took ${seconds(durationMs)}, where ${seconds(duration)} are usual`,
    });
  return found;
}

/**
 * What is usual, where a value is far from it: by more than five times the spread of the past values, by at least
 * this factor and by more than `least`. Median and median absolute deviation of logarithms, which a few outliers of
 * the past do not move (Leys et al. 2013, Journal of Experimental Social Psychology 49, 764-766).
 */
function outside(
  past: readonly number[],
  now: number,
  { least, factor }: { readonly least: number; readonly factor: number },
): number | undefined {
  if (past.length < FEWEST_PASSES) return undefined;
  const usual = median(past);
  const middle = Math.log(usual + least);
  const spread = 1.4826 * median(past.map((value) => Math.abs(Math.log(value + least) - middle)));
  const away = Math.abs(Math.log(now + least) - middle);
  const isFar = away > Math.max(5 * spread, Math.log(factor)) && Math.abs(now - usual) > least;
  return isFar ? usual : undefined;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
