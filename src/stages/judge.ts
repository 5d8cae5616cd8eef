import { type Demand, demandKey } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import {
  crashedTwice,
  type Decision,
  type JudgeContext,
  judge,
  maybeSlow,
  type RunMemory,
  type Survived,
} from '../domain/judge/judge.js';
import { unusual } from '../domain/judge/unusual.js';
import { fitsOf } from '../domain/plan/fit.js';
import { doesShutHost } from '../domain/plan/kept-away.js';
import { PACE } from '../domain/recover/cause.js';
import { signatureOf } from '../domain/recover/signature.js';
import { addEvidence, openIncident, openIncidents, tellOwner } from '../store/blaming.js';
import { chronicle } from '../store/chronicle.js';
import {
  type BackInQueue,
  type EndedAttempt,
  endedAttempts,
  holdEarly,
  keepRecords,
  leaveToTheEnd,
  type NewVerdict,
  putBack,
  type Result,
  ranBefore,
  writeVerdicts,
} from '../store/judging.js';
import { decide } from '../store/leader.js';
import { learn } from '../store/learning.js';
import { keepReds } from '../store/new-reds.js';
import { keepForFailure } from '../store/reserving.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import { ensureDemands } from '../store/unfolding.js';
import { okAttempts, type World } from '../store/world.js';
import { type Failure, infrastructureFailed, reconsiderAll } from './blame.js';
import { checkEnded } from './check-ended.js';
import { recognizable } from './red.js';
import type { Settings } from './settings.js';

/**
 * Gives every ended attempt's run its answer: a verdict, another attempt, or a place in somebody's incident. An outcome
 * that is told before the end is answered only with a verdict; for anything else the host must be free first.
 */
export async function judgeEnded(
  store: Store,
  epoch: string,
  world: World,
  settings: Settings,
  ended: Promise<EndedAttempt[]> = readEnded(store),
): Promise<number> {
  // Read while the transaction begins.
  const reading = decideEnded(store, world, ended);
  reading.catch(() => {});
  try {
    return await decide(store, epoch, async (tx) => {
      const { decided, survived } = await reading;
      const [only, ...others] = decided;
      const write = (some: readonly Decided[]) => answer(tx, some, survived, world, settings);
      if (only?.attempt.early === true && only.decision.do === 'verdict' && others.length === 0)
        await answerAtOnce(tx, only.attempt, () => write(decided));
      else {
        const now = await stillSo(tx, decided);
        if (now.length > 0) await write(now);
      }
      return decided.length;
    });
  } catch (error) {
    if (!(error instanceof Moved)) throw error;
    return (await reading).decided.length;
  }
}

/** The attempt has ended since its outcome was read: the answer is taken back, and the next beat looks again. */
class Moved extends Error {
  override readonly name = 'Moved';
}

/**
 * A verdict on an outcome that is told before the end. That the end comes in between is rare for one attempt by itself:
 * the verdict is written together with the question whether it has, and taken back where it has.
 */
async function answerAtOnce(
  tx: Transaction,
  { attemptId }: EndedAttempt,
  write: () => Promise<void>,
): Promise<void> {
  const [held, written] = await Promise.allSettled([holdEarly(tx, [attemptId]), write()]);
  if (held.status === 'rejected') throw held.reason;
  if (!held.value.has(attemptId)) throw new Moved(`attempt ${attemptId} has ended`);
  if (written.status === 'rejected') throw written.reason;
}

/** The attempts that wait to be judged, as far as one go takes them. */
export function readEnded(store: Store): Promise<EndedAttempt[]> {
  return endedAttempts(store, 500);
}

interface Decided {
  readonly attempt: EndedAttempt;
  readonly decision: Decision;
}

async function decideEnded(
  store: Store,
  world: World,
  reading: Promise<EndedAttempt[]>,
): Promise<{ readonly decided: readonly Decided[]; readonly survived: Survived }> {
  const ended = await reading;
  const decided: Decided[] = [];
  // Only what goes to another host asks what has worked where.
  const avoids = ended.some((attempt) => (attempt.memory.avoid ?? []).length > 0);
  const ok = avoids ? await okAttempts(store) : new Map<Id, Id>();
  const hosts = avoids
    ? world.hosts.map((host) => ({ ...host, okAttempt: ok.get(host.id) ?? '0' }))
    : world.hosts;
  for (const attempt of ended) {
    decided.push({ attempt, decision: await decideOne(store, { ...world, hosts }, attempt) });
  }
  const again = decided.some(({ decision }) => decision.do === 'again');
  const survived: Survived = again ? await survivors(store, world) : () => 'unknown';
  return { decided, survived };
}

/**
 * What may be answered now. An attempt that ended after it was read is judged at the next beat, by all that is known
 * of it then; one whose run gets no verdict is left until it ends.
 */
async function stillSo(tx: Transaction, decided: readonly Decided[]): Promise<readonly Decided[]> {
  const early = decided.filter(({ attempt }) => attempt.early);
  if (early.length === 0) return decided;
  const held = await holdEarly(
    tx,
    early.map(({ attempt }) => attempt.attemptId),
  );
  const open = early.filter(({ attempt }) => held.has(attempt.attemptId));
  const put = open.filter(({ decision }) => decision.do !== 'verdict');
  await leaveToTheEnd(
    tx,
    put.map(({ attempt }) => attempt.runId),
  );
  return decided.filter((one) => !one.attempt.early || (open.includes(one) && !put.includes(one)));
}

async function answer(
  tx: Transaction,
  decided: readonly Decided[],
  survived: Survived,
  world: World,
  settings: Settings,
): Promise<void> {
  const results = decided.flatMap(({ attempt, decision }) => resultsOf(attempt, decision));
  const verdicts: NewVerdict[] = [];
  const backs: BackInQueue[] = [];
  const demands = new Map<string, Demand>();
  for (const { attempt, decision } of decided) {
    if (decision.do === 'verdict') verdicts.push(newVerdict(attempt, decision));
    else if (decision.do === 'hold_for_owner')
      backs.push(await holdForOwner(tx, attempt, decision, world, settings, demands));
    else
      backs.push(
        backInQueue(attempt, decision, demands, crashedTwice(decision.memory, survived) !== undefined),
      );
  }
  if (demands.size > 0) await ensureDemands(tx, demands);
  const written = await recognizable(tx, verdicts);
  await Promise.all([
    keepRecords(tx, results),
    writeVerdicts(tx, written),
    putBack(tx, backs),
    keepReds(
      tx,
      decided.filter(isRed).map(({ attempt }) => attempt.runId),
    ),
    learn(
      tx,
      decided.map(({ attempt }) => attempt),
    ),
  ]);
  for (const { attempt, decision } of decided) await keepHost(tx, attempt, decision);
  for (const { attempt, decision } of decided) {
    for (const failure of failuresOf(attempt, decision))
      await infrastructureFailed(tx, failure, world, settings);
    if (attempt.purpose === 'recovery' && attempt.incidentId !== null) {
      await checkEnded(tx, attempt, decision, world, settings);
    }
  }
  if (world.incidents.some(({ settled }) => settled === false)) await reconsiderAll(tx, world, settings);
  await chronicle(
    tx,
    decided.flatMap(({ attempt }) => teardownTold(attempt, world)),
  );
  await wake(tx, 'testyard_history');
}

async function decideOne(store: Store, world: World, attempt: EndedAttempt): Promise<Decision> {
  const host = world.byId.get(attempt.hostId);
  const demand = demandOf(attempt, attempt.memory, true);
  const context = {
    spec: attempt.spec,
    purpose: attempt.purpose,
    host: { id: attempt.hostId, name: host?.name ?? `h${attempt.hostId}` },
    attempt: attempt.attemptId,
    testStarted: attempt.testStarted,
    fresh: attempt.fresh,
    cases: attempt.cases,
    ranBefore: [],
    // Only a new red, and a command that is not there, ask for it.
    get freshCanBeHad() {
      return !attempt.fresh && fitsOf(demand, world.hosts, world.steps, world.incidents).fits.length > 0;
    },
    // Only a test that ran out of time asks for it.
    get otherCanBeHad() {
      const { hostId: here, attemptId, memory } = attempt;
      const avoid = [...(memory.avoid ?? []), { host: here, attempt: attemptId }];
      const elsewhere = demandOf(attempt, { avoid }, false);
      return fitsOf(elsewhere, world.hosts, world.steps, world.incidents).fits.length > 0;
    },
    memory: attempt.memory,
    inDoubt: world.hosts
      .filter((h) => h.health !== 'good' || world.incidents.some((one) => doesShutHost(one, h)))
      .map((h) => h.id),
    ...(attempt.last === null ? {} : { last: attempt.last }),
    ...(attempt.cancelledBy === null ? {} : { cancelledBy: attempt.cancelledBy }),
  };
  const decision = judged(attempt, context);
  if (decision.do !== 'again') return decision;
  const { red, unable } = decision.memory;
  const newRed = attempt.memory.red === undefined ? red : undefined;
  const newUnable = attempt.memory.unable === undefined ? unable : undefined;
  if (newRed === undefined && newUnable === undefined) return decision;
  const before = await ranBefore(store, attempt.hostId, attempt.attemptId);
  const memory = {
    ...decision.memory,
    ...(newRed && { red: { ...newRed, ranBefore: before } }),
    ...(newUnable && { unable: { ...newUnable, ranBefore: before } }),
  };
  return { ...decision, memory };
}

/** Executors are not trusted with the grid: an end that makes no sense counts as none, and stops nobody else's. */
function judged(attempt: EndedAttempt, context: JudgeContext): Decision {
  try {
    return judge(attempt.end, context);
  } catch (error) {
    const message = `its executor told of an end that makes no sense: ${error instanceof Error ? error.message : error}`;
    return judge({ outcome: { kind: 'executor_lost', message }, teardown: 'none' }, context);
  }
}

/** A demand as the run's next attempt has it. */
export function demandOf(
  attempt: Pick<EndedAttempt, 'demanded' | 'target' | 'purpose'>,
  memory: RunMemory,
  fresh: boolean,
): Demand {
  const { demanded, target, purpose } = attempt;
  return { ...demanded, target, purpose, fresh, avoid: memory.avoid ?? [] };
}

/** Tells whether hosts that were lost have done other work well since. */
export async function survivors(store: Store, world: World): Promise<Survived> {
  const ok = await okAttempts(store);
  return (host, attempt) => {
    const known = world.byId.get(host);
    if (known === undefined || known.offline) return 'no';
    if (known.health === 'quarantined' || known.health === 'maintenance') return 'no';
    return BigInt(ok.get(host) ?? '0') > BigInt(attempt) ? 'yes' : 'unknown';
  };
}

/** A red of a test that has run before: something may have changed since. */
function isRed({ attempt: { last, purpose }, decision }: Decided): boolean {
  if (purpose !== 'test' || last === null) return false;
  return decision.do === 'verdict' && decision.verdict.verdict === 'failed';
}

type Answered = Extract<Decision, { do: 'verdict' }>;

function newVerdict(attempt: EndedAttempt, decision: Answered): NewVerdict {
  const { verdict } = decision;
  const flags = flagsOf(attempt, decision);
  return {
    runId: attempt.runId,
    verdict: verdict.verdict,
    reason: [verdict.reason, ...flags.map(({ why }) => why)].join('; '),
    marks: [...verdict.marks, ...flags.map(({ mark }) => mark)],
    cases: attempt.cases.length,
    ...(attempt.durationMs === null ? {} : { durationMs: attempt.durationMs }),
    early: attempt.early,
    ...(verdict.verdict === 'none' ? { noVerdict: verdict.noVerdict } : {}),
    ...(decision.proof === undefined ? {} : { proof: decision.proof }),
    ...(decision.evidence === undefined ? {} : { evidence: decision.evidence }),
  };
}

/** What is unusual about a pass, by the test's own past. */
function flagsOf({ last, cases, durationMs, purpose }: EndedAttempt, { verdict }: Answered) {
  if (last === null || purpose !== 'test' || verdict.verdict !== 'passed') return [];
  const now = { cases: cases.length, ...(durationMs === null ? {} : { durationMs }) };
  return unusual(now, last.past);
}

/** The host of a red is kept for whoever asked for that, before anything else can start there. */
async function keepHost(tx: Transaction, attempt: EndedAttempt, decision: Decision): Promise<void> {
  if (attempt.hold === null || decision.do !== 'verdict' || decision.verdict.verdict !== 'failed') return;
  // A red that was seen in an earlier attempt left nothing to look at here.
  if (decision.proof !== attempt.attemptId) return;
  await keepForFailure(tx, { host: attempt.hostId, run: attempt.runId, ...attempt.hold });
}

function backInQueue(
  attempt: EndedAttempt,
  decision: Extract<Decision, { do: 'again' }>,
  demands: Map<string, Demand>,
  putOff: boolean,
): BackInQueue {
  const demand = demandOf(attempt, decision.memory, decision.fresh);
  const key = demandKey(demand);
  demands.set(key, demand);
  return { runId: attempt.runId, demand: key, memory: decision.memory, reason: decision.reason, putOff };
}

/** The test's own setup is broken: one incident per test, its owner told once, the run held until the test changes. */
async function holdForOwner(
  tx: Transaction,
  attempt: EndedAttempt,
  decision: Extract<Decision, { do: 'hold_for_owner' }>,
  world: World,
  settings: Settings,
  demands: Map<string, Demand>,
): Promise<BackInQueue> {
  const open = (await openIncidents(tx)).find(
    (i) => i.scope === 'test' && i.testName === attempt.testName && i.projectId === attempt.projectId,
  );
  const signature = signatureOf(decision.reason);
  const title = `setup of test ${attempt.testName} is broken: ${decision.reason}`;
  const owner = attempt.owner ?? world.grid.admin;
  const { testName, projectId } = attempt;
  const incident =
    open?.id ?? (await openIncident(tx, { scope: 'test', testName, projectId, signature, title, owner }));
  await addEvidence(tx, incident, {
    host: attempt.hostId,
    work: `setup:${attempt.testName}`,
    ok: false,
    run: attempt.runId,
    attempt: attempt.attemptId,
    signature,
    detail: decision.reason,
  });
  if (open === undefined) await tellOwner(tx, incident, { scope: 'test', owner, title });
  // When it is let go the run starts with a clean slate: the test has changed. Until then a red stays one.
  const { red } = attempt.memory;
  const demand = demandOf(attempt, {}, false);
  const key = demandKey(demand);
  demands.set(key, demand);
  return {
    runId: attempt.runId,
    demand: key,
    memory: red === undefined ? {} : { red },
    reason: decision.reason,
    putOff: false,
    incident,
    holdS: settings.holdS,
  };
}

/** What an attempt says about pieces of work on its host. What worked says nothing of what broke after it had begun. */
function resultsOf(attempt: EndedAttempt, decision: Decision): Result[] {
  const { hostId: host, attemptId, begunAt } = attempt;
  const worked = (work: string, at = begunAt?.toISOString()): Result => ({
    host,
    work,
    attempt: attemptId,
    ok: true,
    ...(at === undefined ? {} : { at }),
  });
  const { outcome } = attempt.end;
  // A step that ended well and left nothing of what it gives has not worked.
  const liar = outcome.kind === 'tag_lied' ? outcome.step : undefined;
  const results = attempt.chainOk
    .filter(({ step }) => step !== liar)
    .map(({ step, at }) => worked(`step:${step}`, at));
  const own = attempt.purpose === 'canary' || attempt.purpose === 'recovery';
  const came = outcome.kind === 'ended' || (outcome.kind === 'timed_out' && outcome.hostAnswered);
  if (came) results.push(worked('reach'), worked('clean'));
  if (came && !own) results.push(worked('test'));
  if (own && decision.do === 'verdict' && decision.verdict.verdict === 'passed')
    results.push(worked('canary'));
  for (const failure of failuresOf(attempt, decision))
    results.push({ host: failure.host, work: failure.work, attempt: failure.attempt, ok: false });
  return results;
}

/** The infrastructure failures that an attempt shows. */
function failuresOf(attempt: EndedAttempt, decision: Decision): Failure[] {
  const failure = failureOf(attempt, decision);
  const { outcome } = attempt.end;
  const hint = outcome.kind === 'chain_failed' ? outcome.resource : undefined;
  const lied = outcome.kind === 'tag_lied';
  const failures: Failure[] = failure === undefined ? [] : [{ ...failure, hint, lied }];
  const slow = decision.do === 'verdict' ? maybeSlow(attempt.memory, attempt.end.outcome) : undefined;
  if (slow !== undefined) failures.push(outOfTime(attempt, slow));
  const { hostId: host, runId: run, attemptId, unorderedBoot } = attempt;
  if (unorderedBoot === null) return failures;
  const message = `it was booted by nobody's order: ${unorderedBoot}`;
  return [{ host, run, attempt: attemptId, work: 'boot', message }, ...failures];
}

/** A test that ran out of time on a host and not on the next says that the first may be slow. */
function outOfTime({ runId: run, testName }: EndedAttempt, slow: { attempt: Id; host: Id }): Failure {
  return { run, ...slow, work: PACE, message: `${testName} ran out of time there, and did not elsewhere` };
}

function failureOf(attempt: EndedAttempt, decision: Decision): Failure | undefined {
  const base = { host: attempt.hostId, run: attempt.runId, attempt: attempt.attemptId };
  if (decision.do === 'again' && decision.blame !== undefined) return { ...base, ...decision.blame };
  const { outcome } = attempt.end;
  if (outcome.kind === 'host_lost' && (attempt.purpose === 'test' || attempt.purpose === 'trial')) {
    return { ...base, work: 'reach', message: outcome.message };
  }
  if (attempt.purpose !== 'canary' && attempt.purpose !== 'recovery') return undefined;
  if (outcome.kind === 'chain_failed' || (outcome.kind === 'tag_lied' && outcome.step !== undefined)) {
    const message =
      outcome.kind === 'chain_failed'
        ? outcome.message
        : `claims ${outcome.tag}, which is ${outcome.presence}`;
    return { ...base, work: `step:${outcome.step}`, step: outcome.step ?? '', message };
  }
  if (outcome.kind === 'host_lost' || outcome.kind === 'unclean' || outcome.kind === 'executor_unable') {
    return { ...base, work: 'canary', message: outcome.message };
  }
  if (outcome.kind === 'timed_out') return { ...base, work: 'canary', message: 'the canary ran out of time' };
  const well = decision.do === 'verdict' && decision.verdict.verdict === 'passed';
  if (well || (outcome.kind !== 'ended' && outcome.kind !== 'never_started')) return undefined;
  const said = decision.do === 'verdict' ? decision.verdict.reason : decision.reason;
  return { ...base, work: 'canary', message: `the canary failed: ${said}` };
}

function teardownTold(attempt: EndedAttempt, world: World) {
  if (attempt.end.teardown !== 'failed' && attempt.end.teardown !== 'timed_out') return [];
  return [
    {
      kind: 'test.teardown_failed',
      subject: `r${attempt.runId}`,
      run: attempt.runId,
      project: attempt.projectId,
      data: { test: attempt.testName, owner: attempt.owner ?? world.grid.admin },
    },
  ];
}
