import type { AttemptEnd, Exit, Mark, Outcome, Printed, Verdict } from '../outcome.js';
import type { TestSpec } from '../test.js';
import { type Attribution, attribute } from './attribution.js';
import { isNumber } from './empty.js';
import { isLack, lacksText } from './lack.js';
import type { SeenCase } from './seen-case.js';

/** What a test said of itself, and what was expected of it. */
export interface Said {
  readonly spec: Pick<TestSpec, 'cases' | 'timeoutMs' | 'lava' | 'underTest'>;
  readonly cases: readonly SeenCase[];
  /** The last verdict of this test and variant before, and whether cases were reported then. */
  readonly last?: { readonly verdict: 'passed' | 'failed' | 'skipped'; readonly hadCases: boolean };
}

/** A verdict where the test itself gave one; undefined where the attempt says nothing about the test. */
export function verdictOf(outcome: Outcome, end: AttemptEnd, context: Said): Verdict | undefined {
  const marks: Mark[] = end.teardown === 'failed' || end.teardown === 'timed_out' ? ['teardown_failed'] : [];
  if (outcome.kind === 'crashed') return { verdict: 'failed', reason: `crashed: ${outcome.evidence}`, marks };
  const isOver = outcome.kind === 'ended' || (outcome.kind === 'timed_out' && outcome.hostAnswered);
  if (!isOver) return undefined;
  const seen = wasObserved(outcome, context)
    ? ofObserved(outcome, context, attributionOf(outcome, context))
    : ofPlain(outcome, context);
  return seen && { ...seen, marks };
}

/** What the cases of an attempt are worth; undefined where nobody watched for what could have kept them from running. */
export function attributed(outcome: Outcome, context: Pick<Said, 'spec' | 'cases'>): Attribution | undefined {
  return (outcome.kind === 'ended' || outcome.kind === 'timed_out') && wasObserved(outcome, context)
    ? attributionOf(outcome, context)
    : undefined;
}

type Over = Extract<Outcome, { kind: 'ended' | 'timed_out' }>;
type Unmarked = { readonly reason: string } & (
  | { readonly verdict: 'passed' | 'failed' | 'skipped' }
  | { readonly verdict: 'none'; readonly noVerdict: 'tested_nothing' | 'could_not_run' }
);

function wasObserved(outcome: Over, { spec }: Pick<Said, 'spec'>): boolean {
  return outcome.observed !== undefined || spec.lava !== undefined;
}

function attributionOf(outcome: Over, { spec, cases }: Pick<Said, 'spec' | 'cases'>): Attribution {
  const exit = outcome.kind === 'ended' ? outcome.exit : undefined;
  return attribute({ spec, cases, exit, observed: outcome.observed ?? [] });
}

/** Of a test of which only its own word is known. */
function ofPlain(outcome: Over, context: Said): Unmarked | undefined {
  if (outcome.kind === 'timed_out') return timedOut(context);
  const { exit, missing } = outcome;
  const failed = context.cases.filter((c) => c.result === 'fail').map((c) => c.name);
  if (failed.length > 0)
    return { verdict: 'failed', reason: `failed cases: ${some(failed)} (${exitText(exit)})` };
  if (exit.kind === 'signalled') return { verdict: 'failed', reason: exitText(exit) };
  switch (exit.code) {
    case 0:
      return ofGoodEnd(outcome, context);
    case 77:
      return { verdict: 'skipped', reason: 'the test skipped itself (exit 77)' };
    case 99:
      return undefined;
    case 126:
    case 127:
      if (missing.underTest.length === 0) return undefined;
      return {
        verdict: 'failed',
        reason: `the artefact lacks ${some(missing.underTest)} (exit ${exit.code})`,
      };
    default:
      return { verdict: 'failed', reason: exitText(exit) };
  }
}

/** Of a test that was watched: any true red is one, whatever else could not run. */
function ofObserved(outcome: Over, context: Said, { cases, end, lacks }: Attribution): Unmarked | undefined {
  const how = outcome.kind === 'ended' ? exitText(outcome.exit) : timedOut(context).reason;
  const named = (is: string) =>
    context.cases.filter((_, index) => cases[index]?.is === is).map((c) => c.name);
  const failed = named('fail');
  if (failed.length > 0) return { verdict: 'failed', reason: `failed cases: ${some(failed)} (${how})` };
  // 99 is the test's own word that it could not be carried out.
  if (outcome.kind === 'ended' && outcome.exit.kind === 'exited' && outcome.exit.code === 99)
    return undefined;
  if (end?.is === 'fail') return { verdict: 'failed', reason: how };
  if (lacks.length > 0) {
    const idle = named('could_not_run');
    const which = idle.length === 0 ? how : `cases ${some(idle)}`;
    return {
      verdict: 'none',
      noVerdict: 'could_not_run',
      reason: `${which} for want of ${lacksText(lacks)}`,
    };
  }
  return outcome.kind === 'ended' ? ofWatchedEnd(outcome, context, cases) : undefined;
}

/** Of a watched test that ended well, without a red. */
function ofWatchedEnd(
  outcome: Extract<Outcome, { kind: 'ended' }>,
  context: Said,
  worths: Attribution['cases'],
): Unmarked {
  if (outcome.exit.kind === 'exited' && outcome.exit.code === 77)
    return { verdict: 'skipped', reason: 'the test skipped itself (exit 77)' };
  const empty = worths.find((worth) => worth.is === 'tested_nothing');
  if (empty?.is === 'tested_nothing')
    return { verdict: 'none', noVerdict: 'tested_nothing', reason: `exit 0, but ${empty.why}` };
  const unknown = context.cases.filter((one) => one.result === 'unknown').map(({ name }) => name);
  if (unknown.length > 0)
    return {
      verdict: 'none',
      noVerdict: 'tested_nothing',
      reason: `exit 0, but of the cases ${some(unknown)} the test itself says that their result is unknown`,
    };
  if (context.cases.length > 0 && context.cases.every((one) => one.result === 'skip'))
    return { verdict: 'skipped', reason: 'every case was skipped' };
  if (context.cases.length === 0) {
    const promise = promiseOf(outcome, context);
    const lacks = (outcome.observed ?? []).filter(isLack);
    if (promise !== undefined && lacks.length > 0)
      return {
        verdict: 'none',
        noVerdict: 'could_not_run',
        reason: `no case reported, for want of ${lacksText(lacks)}`,
      };
    if (promise !== undefined)
      return {
        verdict: 'none',
        noVerdict: 'tested_nothing',
        reason: `exit 0, but no case reported, and ${promise}`,
      };
  }
  return ofGoodEnd(outcome, context);
}

/** What in a definition's text says that cases are to be told. */
const TELLS_CASES =
  /lava-test-case|send-to-lava|LAVA_SIGNAL_(?:TESTCASE|STARTTC)|report_(?:pass|fail)|add_metric/;

/** What promises that there are cases; undefined: nothing does. */
function promiseOf({ observed = [] }: Over, { spec: { lava } }: Said): string | undefined {
  if (lava?.parse !== undefined) return 'its parse pattern is there to find some';
  if (lava?.steps.some((step) => TELLS_CASES.test(step))) return 'its steps report some';
  const fact = observed.find((one) => one.kind === 'promises_cases');
  return fact?.kind === 'promises_cases' ? `its script ${fact.script} reports some` : undefined;
}

function ofGoodEnd({ printed, missing }: Extract<Outcome, { kind: 'ended' }>, context: Said): Unmarked {
  if (printed?.skipped !== undefined && context.cases.length === 0)
    return { verdict: 'skipped', reason: `the test skipped itself (${skippedText(printed.skipped)})` };
  const nothing = testedNothing(context, missing.needed, printed);
  if (nothing !== undefined) return { verdict: 'none', noVerdict: 'tested_nothing', reason: nothing };
  return { verdict: 'passed', reason: 'exit 0' };
}

function timedOut({ spec }: Said): Unmarked {
  return { verdict: 'failed', reason: `timed out after ${seconds(spec.timeoutMs)}` };
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
