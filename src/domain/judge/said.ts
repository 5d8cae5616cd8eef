import type { AttemptEnd, Exit, Mark, Outcome, Printed, Verdict } from '../outcome.js';
import type { TestSpec } from '../test.js';

/** A case as the test reported it. */
export interface SeenCase {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip' | 'unknown';
  readonly measurement?: { readonly raw: string; readonly unit?: string };
  /** Where in the output it was told, in bytes; undefined: not known. */
  readonly at?: number;
}

/** What a test said of itself, and what was expected of it. */
export interface Said {
  readonly spec: Pick<TestSpec, 'cases' | 'timeoutMs' | 'lava'>;
  readonly cases: readonly SeenCase[];
  /** The last verdict of this test and variant before, and whether cases were reported then. */
  readonly last?: { readonly verdict: 'passed' | 'failed' | 'skipped'; readonly hadCases: boolean };
}

/** A verdict where the test itself gave one; undefined where the attempt says nothing about the test. */
export function verdictOf(outcome: Outcome, end: AttemptEnd, context: Said): Verdict | undefined {
  const marks: Mark[] = end.teardown === 'failed' || end.teardown === 'timed_out' ? ['teardown_failed'] : [];
  const failed = context.cases.filter((c) => c.result === 'fail').map((c) => c.name);
  if (outcome.kind === 'crashed') return { verdict: 'failed', reason: `crashed: ${outcome.evidence}`, marks };
  if (outcome.kind === 'timed_out' && outcome.hostAnswered) {
    return { verdict: 'failed', reason: `timed out after ${seconds(context.spec.timeoutMs)}`, marks };
  }
  if (outcome.kind !== 'ended') return undefined;
  const { exit, missing } = outcome;
  if (failed.length > 0)
    return { verdict: 'failed', reason: `failed cases: ${some(failed)} (${exitText(exit)})`, marks };
  if (exit.kind === 'signalled') return { verdict: 'failed', reason: exitText(exit), marks };
  switch (exit.code) {
    case 0: {
      const { printed } = outcome;
      if (printed?.skipped !== undefined && context.cases.length === 0)
        return {
          verdict: 'skipped',
          reason: `the test skipped itself (${skippedText(printed.skipped)})`,
          marks,
        };
      const nothing = testedNothing(context, missing.needed, printed);
      if (nothing !== undefined)
        return { verdict: 'none', noVerdict: 'tested_nothing', reason: nothing, marks };
      return { verdict: 'passed', reason: 'exit 0', marks };
    }
    case 77:
      return { verdict: 'skipped', reason: 'the test skipped itself (exit 77)', marks };
    case 99:
      return undefined;
    case 126:
    case 127:
      if (missing.underTest.length === 0) return undefined;
      return {
        verdict: 'failed',
        reason: `the artefact lacks ${some(missing.underTest)} (exit ${exit.code})`,
        marks,
      };
    default:
      return { verdict: 'failed', reason: exitText(exit), marks };
  }
}

/** Why a pass rests on nothing, if it does. */
function testedNothing(
  context: Said,
  neededMissing: readonly string[],
  printed: Printed | undefined,
): string | undefined {
  const names = new Set(context.cases.map((c) => c.name));
  const silent = context.spec.cases.filter((name) => !names.has(name));
  if (silent.length > 0) return `exit 0, but the declared cases ${some(silent)} never reported`;
  if (printed?.flaw !== undefined) return `exit 0, but it ${printed.flaw}`;
  if (printed !== undefined && context.cases.length === 0)
    return 'exit 0, but it printed no case, and its output is declared to be TAP';
  if (context.cases.length === 0 && context.last?.hadCases)
    return 'exit 0, but no case reported where there were some before';
  const empty = context.cases.find((c) => c.measurement !== undefined && !isNumber(c.measurement.raw));
  if (empty !== undefined)
    return `exit 0, but the measurement of case ${empty.name} is '${empty.measurement?.raw}', no number`;
  if (neededMissing.length > 0) return `exit 0, but the needed command ${some(neededMissing)} is not there`;
  return undefined;
}

function skippedText(why: string): string {
  return why === '' ? 'plan 1..0' : `plan 1..0: ${why}`;
}

function isNumber(raw: string): boolean {
  return /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(raw.trim());
}

/** `exit 3`, `killed by SIGSEGV`. */
export function exitText(exit: Exit): string {
  return exit.kind === 'exited' ? `exit ${exit.code}` : `killed by ${exit.signal}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function some(names: readonly string[]): string {
  return names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
}
