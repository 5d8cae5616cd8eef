import type { Layer } from '../domain/layer.js';
import type { Outcome } from '../domain/outcome.js';
import type { ChainStep } from '../protocol/messages.js';
import { Ending, type Place } from './place.js';
import type { PhaseEnd } from './session.js';

/** How a step of the chain went. */
interface StepResult {
  readonly result: 'ok' | 'failed' | 'timed_out' | 'killed';
  readonly exitCode?: number;
  readonly message: string;
}

/**
 * Carries out the steps of a chain one after another. A script runs in a session of its own and in the host's own
 * namespaces, because what it mounts or loads is meant to stay; what it leaves running is killed: a service is
 * for the host's service manager. Throws Ending where a step does not do its work.
 */
export async function runChain(place: Place): Promise<void> {
  place.phase = 'chain';
  for (const step of place.plan.chain) checkAllowed(place, step);
  for (const step of place.plan.chain) {
    place.checkStop();
    // Once more just before acting: nothing is done to a machine that was not offered for it.
    checkAllowed(place, step);
    const seq = ++place.seq;
    const { role } = place.plan;
    const { monotonicMs } = place.hands.timing;
    const { name, layer, key } = step;
    place.emit({ kind: 'step_started', role, seq, what: 'chain', step: name, layer, key });
    place.print(Buffer.from(`[testyard: step ${name}]\n`));
    place.takeLastLines();
    const began = monotonicMs();
    const ended = (result: StepResult) =>
      place.emit({ kind: 'step_ended', role, seq, durationMs: monotonicMs() - began, ...result });
    try {
      const result = await act(place, step);
      ended(result);
      if (result.result === 'ok') continue;
      throw new Ending(chainFailed(step, result.result, result.message));
    } catch (error) {
      if (!(error instanceof Ending)) {
        ended({
          result: 'failed',
          message: error instanceof Error ? error.message.slice(0, 2000) : 'failed',
        });
      }
      place.checkStop();
      throw error;
    }
  }
}

function checkAllowed(place: Place, step: ChainStep): void {
  const why = whyForbidden(place, step);
  if (why !== undefined) {
    throw new Ending(chainFailed(step, 'failed', `not done: step '${step.name}' ${why}`));
  }
}

function whyForbidden(place: Place, step: ChainStep): string | undefined {
  const { host } = place.plan;
  const changes = step.action.kind === 'restore' ? 'image' : step.layer;
  if (place.isLocal && (step.action.kind === 'restore' || step.layer !== 'use')) {
    return `changes layer '${changes}', and this machine is never changed by a chain`;
  }
  if (step.layer !== 'use' && !host.expendable.includes(step.layer)) {
    return `changes layer '${step.layer}', for which host '${host.name}' is not expendable`;
  }
  // A restore puts the image back, whatever layer it was declared for.
  if (step.action.kind === 'restore' && !host.expendable.includes('image')) {
    return `restores an image, and host '${host.name}' is not expendable for that`;
  }
  return undefined;
}

function chainFailed(step: ChainStep, result: 'failed' | 'timed_out' | 'killed', message: string): Outcome {
  return { kind: 'chain_failed', step: step.name, layer: step.layer satisfies Layer, result, message };
}

function act(place: Place, step: ChainStep): Promise<StepResult> {
  return step.action.kind === 'restore'
    ? restore(place, step, step.action.image)
    : runScript(place, step, step.action.script);
}

async function restore(place: Place, step: ChainStep, image: string): Promise<StepResult> {
  const { host } = place.plan;
  if (host.restore === undefined) {
    return { result: 'failed', message: `no way to restore host '${host.name}' is declared` };
  }
  // The host goes away under whatever is connected to it.
  place.hands.connections.drop(place.seat);
  const result = await place.hands.images.restore({
    host: host.name,
    restore: host.restore,
    image,
    attempt: place.assignment.attempt,
    timeoutMs: step.timeoutMs,
    onOutput: (bytes) => place.print(Buffer.from(bytes)),
  });
  if (!result.ok) {
    if (result.kind === 'refused') throw new Ending({ kind: 'fenced', message: result.message });
    return { result: result.kind === 'timeout' ? 'timed_out' : 'failed', message: result.message };
  }
  await place.reconnect();
  return { result: 'ok', message: '' };
}

async function runScript(place: Place, step: ChainStep, script: string): Promise<StepResult> {
  const undo = 'script' in step.undo ? step.undo.script : undefined;
  const session = await place.session('step', {
    test: Buffer.alloc(0),
    step: script,
    ...(undo === undefined ? {} : { undo }),
    probes: [],
    environment: { TESTYARD_STEP: step.name, TESTYARD_RUN: place.assignment.run },
  });
  try {
    const end = await session.run('step', 'sh', step.timeoutMs, place.stop);
    const result = readResult(end, place);
    if (result.result === 'ok') return await endOf(session, result);
    const undone = await runUndo(session, undo, step);
    return await endOf(session, { ...result, message: `${result.message}; ${undone}`.slice(0, 3500) });
  } catch (error) {
    session.abandon();
    throw error;
  }
}

async function endOf(
  session: { end(): Promise<{ readonly stuck?: string }> },
  result: StepResult,
): Promise<StepResult> {
  const { stuck } = await session.end();
  if (stuck === undefined) return result;
  return { ...result, result: 'failed', message: `left processes that could not be killed: ${stuck}` };
}

/** Only the failed step's own: what the steps before it gave is still there. */
async function runUndo(
  session: { run(name: 'undo', way: 'sh', timeoutMs: number): Promise<PhaseEnd> },
  undo: string | undefined,
  step: ChainStep,
): Promise<string> {
  if (undo === undefined) return 'it has no undo';
  const end = await session.run('undo', 'sh', step.timeoutMs);
  if (end.kind === 'exited' && end.code === 0) return 'its undo succeeded';
  return `its undo ${describe(end)}`;
}

function readResult(end: PhaseEnd, place: Place): StepResult {
  if (end.kind === 'exited' && end.code === 0) return { result: 'ok', exitCode: 0, message: '' };
  const lines = place.takeLastLines();
  const message = lines === '' ? describe(end) : `${describe(end)}: ${lines}`;
  if (end.kind === 'timed_out') return { result: 'timed_out', message };
  if (end.kind === 'stopped') return { result: 'killed', message };
  return end.kind === 'exited'
    ? { result: 'failed', exitCode: end.code, message }
    : { result: 'failed', message };
}

/** The end of a phase in words. */
export function describe(end: PhaseEnd): string {
  switch (end.kind) {
    case 'exited':
      return `ended with exit code ${end.code}`;
    case 'signalled':
      return `was killed by ${end.signal}`;
    case 'never_started':
      return 'could not be started';
    case 'timed_out':
      return `was killed after ${Math.round(end.afterMs)} ms`;
    case 'stopped':
      return 'was stopped';
  }
}
