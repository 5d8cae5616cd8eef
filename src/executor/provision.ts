import { type Layer, lowest } from '../domain/layer.js';
import type { Outcome } from '../domain/outcome.js';
import { isOfItsMoment } from '../domain/step.js';
import type { ChainStep } from '../protocol/messages.js';
import { Ending, type Place } from './place.js';
import type { PhaseEnd } from './session.js';
import { type BuildWork, buildWork } from './steps/build.js';
import { copyWork } from './steps/copy.js';
import { fetchWork } from './steps/fetch.js';
import type { HostWork, Told } from './steps/host-work.js';
import { moduleWork } from './steps/module.js';
import { packagesWork } from './steps/packages.js';
import { reboot } from './steps/reboot.js';
import { restore } from './steps/restore.js';
import { environmentOf, runHere, scriptWork } from './steps/script.js';
import { failed, type StepResult } from './steps/step-result.js';
import { undoText } from './steps/undo-text.js';

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
    if (isOfItsMoment(step)) place.ofItsMoment = lowest(place.ofItsMoment, layer);
    place.print(Buffer.from(`[testyard: step ${name}]\n`));
    place.takeLastLines();
    const began = monotonicMs();
    const ended = (result: StepResult) =>
      place.emit({ kind: 'step_ended', role, seq, durationMs: monotonicMs() - began, ...result });
    try {
      const { resource, refused, ...result } = await act(place, step);
      ended(result);
      if (result.result === 'ok') continue;
      throw new Ending(chainFailed(step, { ...result, result: result.result, resource, refused }));
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
    const message = `not done: step '${step.name}' ${why}`;
    throw new Ending(chainFailed(step, { result: 'failed', message }));
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

function chainFailed(step: ChainStep, { result, message, resource, refused }: Failure): Outcome {
  const { name, layer } = step;
  const named = { ...(resource !== undefined && { resource }), ...(refused && { refused }) };
  return { kind: 'chain_failed', step: name, layer: layer satisfies Layer, result, message, ...named };
}

type Failure = Pick<StepResult, 'message' | 'resource' | 'refused'> & {
  readonly result: Exclude<StepResult['result'], 'ok'>;
};

/** Each kind of step is carried out by a file of its name. */
async function act(place: Place, step: ChainStep): Promise<StepResult> {
  const { action } = step;
  switch (action.kind) {
    case 'restore':
      return await restore(place, step, action);
    case 'reboot':
      return await reboot(place, step, action);
    case 'script':
      if (action.on === 'grid') return await runHere(place, step, action);
      return await runThere(place, step, scriptWork(place, step, action));
    case 'packages':
      return await runBrought(place, step, await packagesWork(place, step, action));
    case 'module':
      return await runThere(place, step, moduleWork(step.name, action));
    case 'copy':
      return await runThere(place, step, copyWork(place, step, action));
    case 'fetch':
      return await runBrought(place, step, await fetchWork(place, step, action));
    case 'build':
      return await runBrought(place, step, await buildWork(place, step, action));
    default:
      throw new Error(`this executor is older than the grid: it knows no step that is a ${kindOf(action)}`);
  }
}

function kindOf(action: never): string {
  return (action as { readonly kind: string }).kind;
}

async function runBrought(place: Place, step: ChainStep, work: BuildWork | Told): Promise<StepResult> {
  place.checkStop();
  if ('why' in work) return failed(work.why, work.resource);
  try {
    const result = await runThere(place, step, work);
    if (result.result === 'ok') await work.keepBuilt?.();
    return result;
  } finally {
    await work.letGo();
  }
}

async function runThere(place: Place, step: ChainStep, work: HostWork): Promise<StepResult> {
  const undo = undoText(step);
  const session = await place.session('step', {
    test: Buffer.alloc(0),
    step: work.script,
    ...(undo === undefined ? {} : { undo }),
    ...(work.files === undefined ? {} : { files: work.files }),
    probes: [],
    environment: environmentOf(place, step),
  });
  try {
    const end = await session.run('step', 'sh', step.timeoutMs, place.stop);
    const result = readResult(end, place, work);
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

function readResult(end: PhaseEnd, place: Place, work: HostWork): StepResult {
  if (end.kind === 'exited' && end.code === 0) return { result: 'ok', exitCode: 0, message: '' };
  const lines = place.takeLastLines();
  const told = end.kind === 'exited' ? work.told?.(end.code) : undefined;
  const how = told?.why ?? describe(end);
  const message = lines === '' ? how : `${how}: ${lines}`;
  const { why: _, ...known } = told ?? { why: '' };
  if (end.kind === 'timed_out') return { result: 'timed_out', message };
  if (end.kind === 'stopped') return { result: 'killed', message };
  return end.kind === 'exited'
    ? { result: 'failed', exitCode: end.code, message, ...known }
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
