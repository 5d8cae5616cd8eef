import { access, constants } from 'node:fs/promises';
import type { Fingerprint } from '../domain/host.js';
import type { Fact } from '../domain/judge/fact.js';
import { TEST_BEGINS } from '../domain/judge/failure-signature.js';
import { lavaScripts, testRunId } from '../domain/lava/scripts.js';
import { type AttemptEnd, isSettled, type Outcome, type Printed, type Teardown } from '../domain/outcome.js';
import { ShellError } from '../ports/shell.js';
import type { Assignment, AttemptEvent } from '../protocol/messages.js';
import { Attachments } from './attachments.js';
import type { KeptBlob } from './blob-cache.js';
import {
  type Bundle,
  type BundledFile,
  type BundledLava,
  ENVIRONMENT_NAME,
  interpreterOf,
  wayToStart,
} from './bundle.js';
import { Cases } from './cases.js';
import { dirtiedBy } from './dirt.js';
import { changedParts } from './fingerprint.js';
import { Handling } from './handling.js';
import { Hearing } from './hearing.js';
import { probesOf, seenIn, toldOf } from './look.js';
import { Observer } from './observe/observer.js';
import { Ending, type Hands, outcomeOf, Place } from './place.js';
import { brokenPromise } from './promised.js';
import { describe, runChain } from './provision.js';
import { type PhaseEnd, type Session, SessionCut, type SessionPlan } from './session.js';

/** What is known when the attempt is over. */
interface State {
  session?: Session;
  before?: Fingerprint;
  after?: Fingerprint;
  uid?: number;
  /** The setup or the test has started. */
  touched: boolean;
  testStarted: boolean;
  /** What is under test, as files here; let go when the attempt is over. */
  readonly kept: KeptBlob[];
  /** Why something of ours may still be there, or was cut off in the middle. */
  killed?: string;
  teardown: Teardown;
}

/** How long a test runs without a word before it counts as started; an exec that fails says so at once. */
const STARTED_AFTER_MS = 250;

/**
 * Carries out one attempt, and tells about it in the order of the protocol: its outcome as soon as it is settled, and
 * `ended` last. Never rejects.
 */
export async function carryOut(assignment: Assignment, hands: Hands, stop: AbortSignal): Promise<void> {
  hands.onEvent({ kind: 'begun' });
  const [plan, ...others] = assignment.places;
  if (plan === undefined || others.length > 0) {
    const message = `this executor carries out attempts with one place, not ${assignment.places.length}`;
    hands.onEvent({
      kind: 'ended',
      end: { outcome: { kind: 'executor_unable', message }, teardown: 'none' },
      places: [],
    });
    return;
  }
  const place = new Place(assignment, plan, hands, stop);
  const state: State = { kept: [], touched: false, testStarted: false, teardown: 'none' };
  let outcome: Outcome;
  try {
    outcome = await attempt(place, state);
  } catch (error) {
    outcome = await outcomeOfFailure(place, state, error);
  }
  for (const { letGo } of state.kept) letGo();
  tellDecided(place, state, outcome);
  await finish(place, state);
  tellEnd(place, state, outcome);
}

/**
 * The verdict need not wait for the host to be tidied up. What the test printed is evidence, and told no later: where
 * the last part of it is held back until nothing more can come, or nothing is left to do on the host, the end says all.
 */
function tellDecided(place: Place, state: State, outcome: Outcome): void {
  if (state.session === undefined || !isSettled(outcome) || place.output.holdsBack) return;
  place.output.flush();
  place.emit({ kind: 'decided', outcome });
}

function tellEnd(place: Place, state: State, outcome: Outcome): void {
  place.output.end();
  const dirt = dirtiedBy({
    local: place.isLocal,
    ofItsMoment: place.ofItsMoment,
    declared: place.assignment.test.dirties,
    ...state,
    teardown: state.teardown,
  });
  const end: AttemptEnd = {
    outcome,
    teardown: state.teardown,
    ...(dirt === undefined ? {} : { dirtied: dirt.layer, dirtiedBy: dirt.why }),
  };
  const { kept, cut } = place.output;
  const seen = state.after ?? state.before;
  const fingerprint = seen === undefined ? {} : { fingerprint: seen };
  const entry = { role: place.plan.role, ...fingerprint, outputBytes: kept, outputCut: cut };
  place.emit({ kind: 'ended', end, places: [entry] });
  place.hands.connections.release(place.seat);
}

async function attempt(place: Place, state: State): Promise<Outcome> {
  const { test } = place.assignment;
  const scripts = test.lava && lavaScripts(test.lava, test.environment);
  const bytes = scripts === undefined ? Buffer.from(test.run, 'base64') : Buffer.from(scripts.run);
  const badName = Object.keys(test.environment).find((name) => !ENVIRONMENT_NAME.test(name));
  if (badName !== undefined) {
    return { kind: 'never_started', why: `'${badName}' is no name a shell can put into an environment` };
  }
  const files = await takeArtefacts(place, state);
  place.artefacts = files;
  const tree = await takeTree(place, state);
  const observer = test.lava && new Observer(test.lava, test.underTest);
  const cases = new Cases(
    place.plan.role,
    (event) => {
      started();
      if (event.kind === 'case') seen.push(event);
      place.emit(event);
    },
    (name, result, at) => observer?.placeOfCase(name, result, at) ?? at,
  );
  const started = () => tellStarted(place, state);
  if (place.plan.chain.length > 0) {
    await look(place, state);
    await runChain(place);
    place.print(Buffer.from(`${TEST_BEGINS}\n`));
    place.emit({ kind: 'chain_done' });
  }
  const setup = [test.setup, scripts?.install].filter((text) => text !== undefined).join('\n');
  const lava = test.lava === undefined ? {} : { lava: { folder: testRunId(test.lava), ...tree } };
  const attachments = new Attachments(
    place.plan.role,
    (left) => place.hands.keep(left, place.stop),
    (event) => place.emit(event),
  );
  const seen: Extract<AttemptEvent, { readonly kind: 'case' }>[] = [];
  const { handlers } = place.hands;
  const handling = handlers && new Handling(handlers, place.assignment, place.plan, seen);
  const handled = handling?.isWanted ?? false;
  const bundle = { handled, ...bundleOf(place, bytes, files), ...(setup === '' ? {} : { setup }), ...lava };
  const hearing = new Hearing(test, cases, observer, attachments, handling);
  const session = await openForTest(place, state, bundle, (spoken) => hearing.heard(spoken));
  place.checkStop();
  await observer?.begin(session);
  const failed = setup === '' ? undefined : await runSetup(place, state, session, observer);
  if (failed) return failed;
  const recorded = await record(place, session, setup !== '');
  place.phase = 'test';
  try {
    await handling?.begin();
    const outcome = await runTest(place, state, session, bytes, started, hearing);
    await attachments.bring((script) => session.ask(script));
    await handling?.end(attachments, (event) => place.emit(event));
    await recorded();
    return outcome;
  } finally {
    handling?.stop();
  }
}

/**
 * Looks at what the test will run on, where that is wanted. The record is told while the test runs; what comes back
 * resolves when it is. One that cannot be kept is none: no test waits for it.
 */
async function record(place: Place, session: Session, hasChanged: boolean): Promise<() => Promise<void>> {
  const { plan, hands, stop } = place;
  if (plan.record !== true) return async () => {};
  const environment = await hands.recorder.look(session, plan.host.id, hasChanged);
  const told = hands.recorder
    .keep(environment, (bytes) => hands.keep(bytes, stop))
    .then(
      (parts) => place.emit({ kind: 'environment', role: plan.role, parts }),
      () => {},
    );
  return () => told;
}

/** What is under test is here before anything is done to the host: without it nothing there makes sense. */
async function takeArtefacts(place: Place, state: State): Promise<readonly BundledFile[]> {
  const { artefacts = [] } = place.assignment;
  const files: BundledFile[] = [];
  for (const { name, variable, blob } of artefacts) {
    const kept = await place.hands.artefact(blob, place.stop);
    state.kept.push(kept);
    files.push({ name, variable, file: kept.file, bytes: kept.bytes });
  }
  return files;
}

/** What is put beside the test, where something is. */
async function takeTree(place: Place, state: State): Promise<Pick<BundledLava, 'tree'>> {
  const { tree } = place.assignment.test;
  if (tree === undefined) return {};
  const kept = await place.hands.artefact(tree.blob, place.stop);
  state.kept.push(kept);
  return { tree: { file: kept.file, bytes: kept.bytes } };
}

/** A session that only looks: what the host is before the chain. One that is put back need not be reachable before. */
async function look(place: Place, state: State): Promise<void> {
  place.phase = 'connect';
  const isPutBack = place.plan.chain[0]?.action.kind === 'restore';
  const session = await place.session('step', bundleOf(place, Buffer.alloc(0))).catch((error: unknown) => {
    if (isPutBack && error instanceof ShellError && place.phase === 'connect') return undefined;
    throw error;
  });
  if (session === undefined) return;
  place.phase = 'begin';
  state.before = session.fingerprint;
  tellSeen(place, session, 'seen');
  const { stuck } = await session.end();
  if (stuck !== undefined) throw new Ending({ kind: 'unclean', message: `could not be killed: ${stuck}` });
  checkExpected(place, session.fingerprint);
}

async function openForTest(
  place: Place,
  state: State,
  bundle: Bundle,
  onSpoken: SessionPlan['onSpoken'],
): Promise<Session> {
  const afterChain = place.plan.chain.length > 0;
  place.phase = afterChain ? 'verify' : 'connect';
  const session = await place.session('auto', bundle, onSpoken);
  state.session = session;
  state.before = session.fingerprint;
  state.uid = session.uid;
  place.phase = 'verify';
  if (!afterChain) {
    tellSeen(place, session, 'seen');
    checkExpected(place, session.fingerprint);
    place.emit({ kind: 'chain_done' });
  }
  tellSeen(place, session, 'verified');
  const { promised } = place.plan;
  const broken = promised && brokenPromise(promised, seenIn(session, place.plan));
  if (broken) throw new Ending({ kind: 'tag_lied', ...broken });
  return session;
}

async function runSetup(
  place: Place,
  state: State,
  session: Session,
  observer: Observer | undefined,
): Promise<Outcome | undefined> {
  const { setupTimeoutMs } = place.assignment.test;
  place.phase = 'setup';
  const end = await phase(place, state, session, 'setup', setupTimeoutMs, () => {
    state.touched = true;
  });
  if (end.kind === 'exited' && end.code === 0) return undefined;
  if (end.kind === 'stopped') return { kind: 'cancelled' };
  const result = end.kind === 'timed_out' ? 'timed_out' : 'failed';
  const lines = place.takeLastLines();
  const message = lines === '' ? describe(end) : `${describe(end)}: ${lines}`;
  return { kind: 'setup_failed', result, message, ...(await observedBy(observer, session)) };
}

async function runTest(
  place: Place,
  state: State,
  session: Session,
  bytes: Buffer,
  started: () => void,
  hearing: Hearing,
): Promise<Outcome> {
  const { test } = place.assignment;
  // Of a definition it is our own script, and empty where it has no steps.
  const way = test.lava === undefined ? wayToStart(bytes) : 'sh';
  if (typeof way === 'object') return { kind: 'never_started', why: way.never };
  const cancel = place.hands.timing.after(STARTED_AFTER_MS, started);
  let end: PhaseEnd;
  let printed: Printed | undefined;
  place.reader = hearing;
  try {
    end = await phase(
      place,
      state,
      session,
      'test',
      test.timeoutMs,
      () => {},
      way,
      () => {
        cancel();
        place.reader = undefined;
        printed = hearing.end();
      },
    );
  } finally {
    cancel();
  }
  if (end.kind === 'never_started') {
    const program = interpreterOf(bytes);
    const why =
      program === undefined
        ? 'the host could not execute it'
        : `the host could not execute it with '${program}'`;
    return { kind: 'never_started', why: `${why}: ${place.takeLastLines()}` };
  }
  if (end.kind === 'stopped') return { kind: 'cancelled' };
  const observed = await observedBy(hearing.observer, session);
  if (end.kind === 'timed_out')
    return { kind: 'timed_out', afterMs: end.afterMs, hostAnswered: true, ...observed };
  const asks = end.kind === 'exited' && [0, 126, 127].includes(end.code);
  const absent = asks ? await session.missing([...test.commands, ...test.underTest]) : [];
  const missing = {
    needed: test.commands.filter((name) => absent.includes(name)),
    underTest: test.underTest.filter((name) => absent.includes(name)),
  };
  return { kind: 'ended', exit: end, missing, ...(printed === undefined ? {} : { printed }), ...observed };
}

/** What the host is asked when a test that does its own set-up is over. */
async function observedBy(
  observer: Observer | undefined,
  session: Session,
): Promise<{ readonly observed?: readonly Fact[] }> {
  return observer === undefined ? {} : { observed: await observer.facts(session) };
}

function tellStarted(place: Place, state: State): void {
  if (state.testStarted) return;
  state.testStarted = true;
  place.emit({ kind: 'test_started' });
}

/** Runs setup, test or teardown and tells about it. */
async function phase(
  place: Place,
  state: State,
  session: Session,
  what: 'setup' | 'test' | 'teardown',
  timeoutMs: number,
  begun: () => void,
  way: 'direct' | 'sh' = 'sh',
  over: () => void = () => {},
): Promise<PhaseEnd> {
  const { monotonicMs } = place.hands.timing;
  const seq = ++place.seq;
  const { role } = place.plan;
  const began = monotonicMs();
  place.takeLastLines();
  place.emit({ kind: 'step_started', role, seq, what, step: what });
  const ended = (result: 'ok' | 'failed' | 'timed_out' | 'killed', message: string, exitCode?: number) =>
    place.emit({
      kind: 'step_ended',
      role,
      seq,
      result,
      ...(exitCode === undefined ? {} : { exitCode }),
      durationMs: monotonicMs() - began,
      message: message.slice(0, 4000),
    });
  begun();
  // Whoever cancels wants the teardown all the same; a lease that died wants nothing more.
  const stop = what === 'teardown' && place.stop.reason === 'cancelled' ? undefined : place.stop;
  let end: PhaseEnd;
  try {
    end = await session.run(what, way, timeoutMs, stop);
  } catch (error) {
    // A wrapper that was killed while a test ran was killed by that test.
    if (what === 'test' && error instanceof SessionCut && error.exit.kind === 'signalled')
      tellStarted(place, state);
    ended('killed', error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    over();
  }
  if (end.kind === 'timed_out' || end.kind === 'stopped') state.killed = `the ${what} ${describe(end)}`;
  if (what === 'test' && end.kind !== 'never_started') {
    state.touched = true;
    tellStarted(place, state);
  }
  if (end.kind === 'exited')
    ended(end.code === 0 ? 'ok' : 'failed', end.code === 0 ? '' : describe(end), end.code);
  else if (end.kind === 'timed_out') ended('timed_out', describe(end));
  else if (end.kind === 'stopped') ended('killed', describe(end));
  else ended('failed', describe(end));
  return end;
}

/** Teardown and the end of the session; nothing here changes the outcome. */
async function finish(place: Place, state: State): Promise<void> {
  const { session } = state;
  if (session === undefined) return;
  try {
    if (state.touched && place.stop.reason !== 'quiet') await runTeardown(place, state, session);
    place.phase = 'end';
    const { fingerprint, stuck } = await session.end();
    if (fingerprint) state.after = fingerprint;
    if (stuck !== undefined) state.killed = `processes could not be killed: ${stuck}`;
  } catch (error) {
    session.abandon();
    place.dropConnection();
    if (place.phase === 'teardown') state.teardown = 'failed';
    if (state.touched) {
      const message = error instanceof Error ? error.message : String(error);
      state.killed = `the host was lost in the ${place.phase}: ${message}`;
    }
  }
}

async function runTeardown(place: Place, state: State, session: Session): Promise<void> {
  const { teardown, teardownTimeoutMs } = place.assignment.test;
  if (teardown === undefined) return;
  place.phase = 'teardown';
  const end = await phase(place, state, session, 'teardown', teardownTimeoutMs, () => {});
  if (end.kind === 'timed_out' || end.kind === 'stopped') state.teardown = 'timed_out';
  else state.teardown = end.kind === 'exited' && end.code === 0 ? 'ok' : 'failed';
}

/** What a failure comes to; after a loss in the middle the host is looked at again. */
async function outcomeOfFailure(place: Place, state: State, error: unknown): Promise<Outcome> {
  const { session } = state;
  if (error instanceof ShellError || !(error instanceof Ending)) {
    session?.abandon();
    delete state.session;
  }
  // Under `local` a test can kill the wrapper, which has its own user; nothing else of this machine is lost by that.
  if (place.isLocal && place.phase === 'test' && error instanceof SessionCut && !place.stop.aborted) {
    const { exit } = error;
    if (exit.kind === 'signalled') return { kind: 'ended', exit, missing: { needed: [], underTest: [] } };
  }
  if (error instanceof ShellError) {
    const unable = await whyUnable(place, error);
    if (unable) return unable;
    place.dropConnection();
    if (state.touched || place.phase === 'test') {
      state.touched = true;
      state.killed = `the host was lost in the ${place.phase}`;
      if (place.stop.reason === 'quiet') return { kind: 'cancelled' };
      const found = await lookAgain(place, state);
      if (found?.crash !== undefined && state.testStarted) return { kind: 'crashed', evidence: found.crash };
      const lost = outcomeOf(error, place.phase);
      if (found !== undefined && lost?.kind === 'host_lost')
        return { ...lost, back: found.crash === undefined };
    }
  }
  if (place.stop.aborted && !(error instanceof Ending)) return { kind: 'cancelled' };
  const outcome = outcomeOf(error, place.phase);
  if (outcome) return outcome;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: 'executor_unable', message: message.slice(0, 2000) };
}

async function whyUnable(place: Place, error: ShellError): Promise<Outcome | undefined> {
  const { transport } = place.plan.host;
  if (error.kind !== 'authentication' || transport.kind !== 'ssh') return undefined;
  try {
    await access(transport.keyFile, constants.R_OK);
    return undefined;
  } catch {
    return { kind: 'executor_unable', message: error.message };
  }
}

/**
 * Reaches the host again and ends what the lost session left there. A boot id that nobody ordered is the evidence
 * of a crash; the same one says that only the connection was lost. Undefined where neither can be told.
 */
async function lookAgain(place: Place, state: State): Promise<{ readonly crash?: string } | undefined> {
  if (place.isLocal) return undefined;
  const { before } = state;
  try {
    await place.reconnect();
    const session = await place.session('step', { test: Buffer.alloc(0), probes: [], environment: {} });
    const end = await session.end();
    const after = end.fingerprint ?? session.fingerprint;
    if (after) state.after = after;
    if (!before || !after || before.boot === '' || after.boot === '') return undefined;
    if (before.boot === after.boot) return {};
    const crash = `the host came back with boot id ${after.boot}, and had ${before.boot} before; nobody ordered a boot`;
    return { crash };
  } catch {
    return undefined;
  }
}

function checkExpected(place: Place, seen: Fingerprint | undefined): void {
  const { expected } = place.plan;
  if (expected === undefined) return;
  const parts = seen === undefined ? ['everything'] : changedParts(expected, seen);
  if (parts.length === 0) return;
  const message = `host '${place.plan.host.name}' is not as recorded: ${parts.join(', ')} changed`;
  throw new Ending({ kind: 'stale', message });
}

function bundleOf(place: Place, bytes: Buffer, files: readonly BundledFile[] = []): Bundle {
  const { test, run, attempt, number } = place.assignment;
  return {
    test: bytes,
    ...(test.setup === undefined ? {} : { setup: test.setup }),
    ...(test.teardown === undefined ? {} : { teardown: test.teardown }),
    probes: probesOf(place.plan),
    environment: {
      ...test.environment,
      TESTYARD_RUN: run,
      TESTYARD_ATTEMPT: attempt,
      TESTYARD_ATTEMPT_NUMBER: String(number),
      TESTYARD_TEST: test.name,
      TESTYARD_ROLE: place.plan.role,
      TESTYARD_HOST: place.plan.host.name,
      ...(test.source === undefined
        ? {}
        : { TESTYARD_SOURCE_URL: test.source.url, TESTYARD_SOURCE_COMMIT: test.source.commit }),
      ...(test.lava === undefined ? {} : { TESTRUN_ID: testRunId(test.lava) }),
    },
    ...(files.length === 0 ? {} : { files }),
  };
}

function tellSeen(place: Place, session: Session, kind: 'seen' | 'verified'): void {
  const tags = toldOf(seenIn(session, place.plan));
  const fingerprint = session.fingerprint === undefined ? {} : { fingerprint: session.fingerprint };
  place.emit({ kind, role: place.plan.role, tags, ...fingerprint });
}
