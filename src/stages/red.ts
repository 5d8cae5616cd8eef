import { failureSignature } from '../domain/judge/failure-signature.js';
import { redTraces } from '../store/failing.js';
import type { NewVerdict } from '../store/judging.js';
import type { Sql } from '../store/store.js';

/** Verdicts with what each red is recognized by when it comes again; taken from the attempt that proves it. */
export async function recognizable(sql: Sql, verdicts: readonly NewVerdict[]): Promise<NewVerdict[]> {
  const reds = verdicts.flatMap(({ verdict, runId, proof }) =>
    verdict === 'failed' && proof !== undefined ? [{ run: runId, attempt: proof }] : [],
  );
  const traces = reds.length === 0 ? new Map() : await redTraces(sql, reds);
  return verdicts.map((verdict) => {
    const trace = traces.get(verdict.runId);
    if (trace === undefined) return verdict;
    return { ...verdict, failureSignature: failureSignature({ ...trace, reason: verdict.reason }) };
  });
}
