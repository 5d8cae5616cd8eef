import type { ScriptAction } from '../../domain/step-action.js';
import type { ChainStep } from '../../protocol/messages.js';
import type { Place } from '../place.js';
import { artefactsOf } from './artefacts.js';
import type { HostWork } from './host-work.js';
import { failed, type StepResult } from './step-result.js';

/** Shell text of the admin's own. */
export function scriptWork(place: Place, step: ChainStep, { script }: ScriptAction): HostWork {
  return { script, files: artefactsOf(place, step) };
}

/** The same on this machine, which then is not the host: it is told which host it is for. */
export async function runHere(place: Place, step: ChainStep, { script }: ScriptAction): Promise<StepResult> {
  const { here } = place.hands;
  if (here === undefined) return failed('no step is carried out on this machine itself');
  const environment = { ...environmentOf(place, step), ...variablesOf(place, step) };
  const run = (text: string, stop?: AbortSignal) =>
    here.run({
      command: ['/bin/sh', '-c', text],
      environment,
      timeoutMs: step.timeoutMs,
      ...(stop === undefined ? {} : { stop }),
      onOutput: (bytes) => place.print(bytes),
    });
  const end = await run(script, place.stop);
  if (end.kind === 'exited' && end.code === 0) return { result: 'ok', exitCode: 0, message: '' };
  const lines = place.takeLastLines();
  const said = `${end.words}${lines === '' ? '' : `: ${lines}`}`;
  const undo = 'script' in step.undo ? await run(step.undo.script) : undefined;
  const isUndone = undo?.kind === 'exited' && undo.code === 0;
  const undone =
    undo === undefined ? 'it has no undo' : isUndone ? 'its undo succeeded' : `its undo ${undo.words}`;
  return {
    result: end.kind === 'timed_out' ? 'timed_out' : end.kind === 'stopped' ? 'killed' : 'failed',
    ...(end.kind === 'exited' ? { exitCode: end.code } : {}),
    message: `${said}; ${undone}`.slice(0, 3500),
  };
}

/** What every step finds in its environment. */
export function environmentOf(place: Place, step: ChainStep): Readonly<Record<string, string>> {
  return {
    TESTYARD_STEP: step.name,
    TESTYARD_RUN: place.assignment.run,
    TESTYARD_HOST: place.plan.host.name,
    TESTYARD_ATTEMPT: place.assignment.attempt,
  };
}

function variablesOf(place: Place, step: ChainStep): Readonly<Record<string, string>> {
  return Object.fromEntries(artefactsOf(place, step).map(({ variable, file }) => [variable, file]));
}
