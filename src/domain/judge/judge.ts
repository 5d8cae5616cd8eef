import type { Avoid } from '../demand.js';
import type { Id } from '../id.js';
import type { AttemptEnd, Exit, Mark, NoVerdict, Outcome, Verdict } from '../outcome.js';
import { exitText, type Said, verdictOf } from './said.js';

export type { SeenCase } from './seen-case.js';

/** What a used host said, and whose leftovers may have been at fault. */
interface OnUsedHost {
  readonly attempt: Id;
  readonly reason: string;
  readonly ranBefore: readonly Id[];
  /** The test ran out of time: the host may be slow, whatever was left there. */
  /** The test ran out of time: the host may be slow, whatever was left there. */
  readonly outOfTime?: true;
  /** Undefined where an older grid wrote this down. */
  readonly host?: Id;
}

/** What a run remembers of its earlier attempts. */
export interface RunMemory {
  /** Hosts that were lost or broke off under it. */
  readonly losses?: readonly {
    readonly host: Id;
    readonly attempt: Id;
    readonly testStarted: boolean;
    readonly back: boolean;
  }[];
  /** Where the test's own setup failed. */
  readonly setupFailures?: readonly { readonly host: Id; readonly attempt: Id; readonly message: string }[];
  /** A new red on a used host, to be tried once more on a fresh one. */
  readonly red?: OnUsedHost;
  /** An end for want of a command on a used host, to be tried once more likewise: a leftover may have hidden it. */
  readonly unable?: OnUsedHost;
  /** Attempts lost with their executors. */
  readonly executorsLost?: number;
  readonly avoid?: readonly Avoid[];
}

/** What the judge knows beside the end of the attempt; everything comes in, nothing is looked up. */
export interface JudgeContext extends Said {
  readonly purpose: 'test' | 'canary' | 'recovery' | 'trial';
  readonly host: { readonly id: Id; readonly name: string };
  readonly attempt: Id;
  /** The chain succeeded, the needed tags were seen after it, and the test's own process started. */
  readonly testStarted: boolean;
  readonly fresh: boolean;
  /** Attempts that ran on this host since its stack was put in place. */
  readonly ranBefore: readonly Id[];
  /** True where some host could serve this run fresh. */
  readonly freshCanBeHad: boolean;
  /** True where another host could serve this run; undefined: none could. */
  readonly otherCanBeHad?: boolean;
  readonly memory: RunMemory;
  /** Hosts that are not good, or shut for what they share with others: what failed there says nothing about a test. */
  readonly inDoubt?: readonly Id[];
  readonly cancelledBy?: string;
}

/** Whether a host has done other work well after an attempt; unknown until a canary has told. */
export type Survived = (host: Id, attempt: Id) => 'yes' | 'no' | 'unknown';

/** What is to be done with the run. */
export type Decision =
  | {
      readonly do: 'verdict';
      readonly verdict: Verdict;
      readonly proof?: Id;
      readonly evidence?: Record<string, unknown>;
    }
  /** Another attempt; `blame` names whose failure this one was, where it was anybody's of the grid. */
  | {
      readonly do: 'again';
      readonly memory: RunMemory;
      readonly fresh: boolean;
      readonly reason: string;
      readonly blame?: Blame;
    }
  /** The test's own setup is broken: its owner is asked. */
  | { readonly do: 'hold_for_owner'; readonly memory: RunMemory; readonly reason: string };

/** An infrastructure failure: which piece of work failed on the host. */
export interface Blame {
  readonly work: string;
  readonly step?: string;
  readonly message: string;
}

/** Attempts a run gets whose host was lost, and whose executor was. */
export const LIMITS = { lost: 4, executorsLost: 10 } as const;

/** The judge: one honest answer for one ended attempt. Rules: docs/OUTCOMES.md, whose every row is a test. */
export function judge(end: AttemptEnd, context: JudgeContext): Decision {
  const { outcome } = end;
  const seen = verdictOf(outcome, end, context);
  if (seen !== undefined && (seen.verdict === 'none' || context.testStarted)) {
    // Cancelled too late: what was proven stands.
    return seen.verdict === 'failed' ? red(seen, outcome, context) : green(seen, context);
  }
  if (context.cancelledBy !== undefined) {
    return none('cancelled', `cancelled by ${context.cancelledBy}`, context);
  }
  if (seen !== undefined) {
    return executorLost(
      context,
      `its executor told of an end (${outcome.kind}) without what must come before`,
    );
  }
  switch (outcome.kind) {
    case 'never_started':
      return none('could_not_run', `the test could not be started: ${outcome.why}`, context);
    case 'ended':
      return unable(outcome.exit, couldNotRun(outcome.exit), context);
    case 'setup_failed':
      return setupFailed(outcome.message, context);
    case 'host_lost':
    case 'timed_out':
      return lost(outcome, context);
    case 'chain_failed':
      return again(context, `step ${outcome.step} ${outcome.result.replace('_', ' ')}`, {
        work: `step:${outcome.step}`,
        step: outcome.step,
        message: outcome.message,
      });
    case 'tag_lied':
      if (outcome.step === undefined)
        return again(context, `${outcome.tag} is ${outcome.presence} on ${context.host.name}`);
      return again(context, `step ${outcome.step} claims ${outcome.tag}, which is ${outcome.presence}`, {
        work: `step:${outcome.step}`,
        step: outcome.step,
        message: `claims the tag ${outcome.tag}; its probe says ${outcome.presence}`,
      });
    case 'unclean':
      return again(context, `${context.host.name}: ${outcome.message}`, {
        work: 'clean',
        message: outcome.message,
      });
    case 'executor_unable':
      return executorLost(context, outcome.message, { work: 'reach', message: outcome.message });
    case 'executor_lost':
      return executorLost(context, outcome.message);
    case 'fenced':
      // A host whose highest number is out of reach would send every attempt back.
      return executorLost(context, outcome.message);
    case 'stale':
      return again(context, outcome.message);
    case 'cancelled':
      return again(context, 'stopped by the grid');
    case 'crashed':
      throw new Error('unreachable: a crash has a verdict');
  }
}

function red(verdict: Verdict, outcome: Outcome, context: JudgeContext): Decision {
  const { memory } = context;
  const isNew = context.last?.verdict !== 'failed';
  if (isNew && outcome.kind === 'timed_out' && context.purpose === 'test' && context.otherCanBeHad) {
    const isFirst = memory.red === undefined && memory.losses === undefined;
    if (isFirst) return onAnotherHost(verdict, context);
  }
  if (context.purpose === 'test' && isNew && !context.fresh && memory.red === undefined) {
    if (context.freshCanBeHad) {
      const reason = `red on a used host (${verdict.reason}): tried once more on a fresh one before it is said`;
      const remembered = { attempt: context.attempt, reason: verdict.reason, ranBefore: context.ranBefore };
      return { do: 'again', memory: { ...memory, red: remembered }, fresh: true, reason };
    }
    return {
      do: 'verdict',
      verdict: { ...verdict, marks: [...verdict.marks, 'not_repeated_on_fresh_host'] },
      proof: context.attempt,
    };
  }
  return { do: 'verdict', verdict, proof: context.attempt };
}

/** A test that ran out of time for the first time may have had a slow host: tried once more on another one. */
function onAnotherHost(verdict: Verdict, context: JudgeContext): Decision {
  const { memory, attempt, ranBefore, host } = context;
  return {
    do: 'again',
    memory: {
      ...memory,
      red: { attempt, reason: verdict.reason, ranBefore, outOfTime: true, host: host.id },
      avoid: avoiding(context),
    },
    fresh: !context.fresh && context.freshCanBeHad,
    reason: `${verdict.reason} on ${host.name}, which may be slow: tried once more on another host before it is said`,
  };
}

/** Where the test ran out of time before, though it came to its end now, well or not: that host may be slow. */
export function maybeSlow(
  { red }: RunMemory,
  outcome: Outcome,
): { readonly attempt: Id; readonly host: Id } | undefined {
  if (red?.outOfTime !== true || red.host === undefined || outcome.kind !== 'ended') return undefined;
  return { attempt: red.attempt, host: red.host };
}

function green(verdict: Verdict, context: JudgeContext): Decision {
  const { red, unable: lacking } = context.memory;
  const before = red ?? lacking;
  if (verdict.verdict === 'none') return sayRed(context.memory) ?? { do: 'verdict', verdict };
  if (before === undefined) return { do: 'verdict', verdict, proof: context.attempt };
  if (red?.outOfTime === true) {
    const evidence = { outOfTimeOnAnotherHost: red.attempt };
    return { do: 'verdict', verdict, proof: context.attempt, evidence };
  }
  return {
    do: 'verdict',
    verdict: { ...verdict, marks: [...verdict.marks, 'contaminated'] },
    proof: context.attempt,
    evidence: { redOnUsedHost: before.attempt, redReason: before.reason, ranBefore: before.ranBefore },
  };
}

/** A command is missing: on a used host that may be somebody's leftover, and is tried once more on a fresh one. */
function unable(exit: Exit, reason: string, context: JudgeContext): Decision {
  const { memory, purpose, fresh, testStarted } = context;
  const lacksCommand = exit.kind === 'exited' && (exit.code === 126 || exit.code === 127);
  const isFirst = memory.red === undefined && memory.unable === undefined;
  if (purpose !== 'test' || !testStarted || !lacksCommand || fresh || !isFirst || !context.freshCanBeHad)
    return none('could_not_run', reason, context);
  return {
    do: 'again',
    memory: { ...memory, unable: { attempt: context.attempt, reason, ranBefore: context.ranBefore } },
    fresh: true,
    reason: `${reason} on a used host: tried once more on a fresh one before it is said`,
  };
}

/** True where what a used host said is to be seen on a fresh one. */
function wantsFresh({ red, unable: lacking }: RunMemory): boolean {
  return red !== undefined || lacking !== undefined;
}

/** What was to be repeated, where no fresh host can be had any more. */
export function sayUsed(memory: RunMemory): Decision | undefined {
  const said = sayRed(memory);
  if (said !== undefined || memory.unable === undefined) return said;
  const { reason } = memory.unable;
  const marks: Mark[] = ['not_repeated_on_fresh_host'];
  return { do: 'verdict', verdict: { verdict: 'none', noVerdict: 'could_not_run', reason, marks } };
}

/** The red that was to be repeated, where no fresh host can be had any more: it is said, and marked. */
function sayRed(memory: RunMemory): Decision | undefined {
  if (memory.red === undefined) return undefined;
  const verdict: Verdict = {
    verdict: 'failed',
    reason: memory.red.reason,
    marks: ['not_repeated_on_fresh_host'],
  };
  return { do: 'verdict', verdict, proof: memory.red.attempt };
}

function setupFailed(message: string, context: JudgeContext): Decision {
  // Of an experiment whoever asked for it makes what there is to make.
  if (context.purpose === 'trial')
    return none('could_not_run', `the test's own setup failed: ${message}`, context);
  const failures = [
    // Where other work fails by now the host was the cause.
    ...(context.memory.setupFailures ?? []).filter((f) => !(context.inDoubt ?? []).includes(f.host)),
    { host: context.host.id, attempt: context.attempt, message },
  ];
  const memory: RunMemory = { ...context.memory, setupFailures: failures, avoid: avoiding(context) };
  // A second one at the same host counts: other work was asked to succeed in between.
  if (failures.length >= 2)
    return { do: 'hold_for_owner', memory, reason: `the test's own setup failed: ${message}` };
  return {
    do: 'again',
    memory,
    fresh: wantsFresh(context.memory),
    reason: `the test's own setup failed: ${message}`,
  };
}

function lost(
  outcome: Extract<Outcome, { kind: 'host_lost' | 'timed_out' }>,
  context: JudgeContext,
): Decision {
  const message =
    outcome.kind === 'host_lost' ? outcome.message : 'did not answer when the test ran out of time';
  const back = outcome.kind === 'host_lost' && outcome.back === true;
  const losses = [
    ...(context.memory.losses ?? []),
    { host: context.host.id, attempt: context.attempt, testStarted: context.testStarted, back },
  ];
  const blame: Blame = { work: 'reach', message };
  if (context.purpose !== 'test')
    return { ...none('host_lost', `${context.host.name} was lost: ${message}`, context) };
  const two = new Set(losses.filter((l) => l.testStarted && !l.back).map((l) => l.host)).size >= 2;
  // What is known to be its host's failure, or that of something shared, was lost to that and to no other reason.
  const unknown = losses.filter((l) => l.testStarted || !(context.inDoubt ?? []).includes(l.host));
  if (!two && unknown.length >= LIMITS.lost) {
    return none(
      'host_lost',
      `${lostText(losses.length)}, the last: ${context.host.name}: ${message}`,
      context,
    );
  }
  return {
    do: 'again',
    memory: { ...context.memory, losses, avoid: avoiding(context) },
    fresh: wantsFresh(context.memory),
    reason: two
      ? 'lost two hosts: waits to see whether they survive other work'
      : `${context.host.name} was lost: ${message}`,
    blame,
  };
}

/**
 * A run that lost two hosts waits until it is known whether other work survives there: then the test crashed
 * them. A host on which other work does not survive says nothing about the test. Undefined: it is to be tried
 * again; 'wait': not known yet.
 */
export function crashedTwice(memory: RunMemory, survived: Survived): Decision | 'wait' | undefined {
  const losses = memory.losses ?? [];
  const killed = losses.filter((l) => l.testStarted && !l.back);
  const hosts = [...new Map(killed.map((l) => [l.host, l])).values()];
  if (hosts.length < 2) return undefined;
  const able = hosts.filter((l) => survived(l.host, l.attempt) !== 'no');
  if (able.length >= 2) {
    const alive = able.filter((l) => survived(l.host, l.attempt) === 'yes');
    const last = alive.at(-1);
    if (alive.length < 2 || last === undefined) return 'wait';
    const reason = `crashed: ${alive.length} hosts were lost while the test ran, on which other work survives`;
    return {
      do: 'verdict',
      verdict: { verdict: 'failed', reason, marks: [] },
      proof: last.attempt,
      evidence: { lostAttempts: alive.map((l) => l.attempt) },
    };
  }
  if (losses.length < LIMITS.lost) return undefined;
  const said = sayRed(memory);
  if (said !== undefined) return said;
  const reason = `${lostText(losses.length)}, and other work does not survive there either`;
  return { do: 'verdict', verdict: { verdict: 'none', noVerdict: 'host_lost', reason, marks: [] } };
}

function lostText(attempts: number): string {
  return `${attempts} attempts lost their host`;
}

function executorLost(context: JudgeContext, message: string, blame?: Blame): Decision {
  const times = (context.memory.executorsLost ?? 0) + 1;
  if (context.purpose !== 'test' || times >= LIMITS.executorsLost) {
    return none('host_lost', `${times} attempts ended with their executor, the last: ${message}`, context);
  }
  return again({ ...context, memory: { ...context.memory, executorsLost: times } }, message, blame);
}

function again(context: JudgeContext, reason: string, blame?: Blame): Decision {
  if (context.purpose !== 'test') {
    return { ...none('could_not_run', reason, context) };
  }
  const fresh = wantsFresh(context.memory);
  return { do: 'again', memory: context.memory, fresh, reason, ...(blame === undefined ? {} : { blame }) };
}

function avoiding(context: JudgeContext): readonly Avoid[] {
  const others = (context.memory.avoid ?? []).filter((a) => a.host !== context.host.id);
  return [...others, { host: context.host.id, attempt: context.attempt }];
}

function none(
  noVerdict: NoVerdict,
  reason: string,
  context: JudgeContext,
): Extract<Decision, { do: 'verdict' }> {
  // A red that was to be repeated stays a red where the repetition comes to nothing.
  const said = noVerdict === 'cancelled' ? undefined : sayRed(context.memory);
  if (said !== undefined && said.do === 'verdict') return said;
  return { do: 'verdict', verdict: { verdict: 'none', noVerdict, reason, marks: [] } };
}

function couldNotRun(exit: Exit): string {
  if (exit.kind === 'exited' && exit.code === 99)
    return 'the test says that it could not be carried out (exit 99)';
  return `a command the test calls is not there or cannot be executed (${exitText(exit)})`;
}
