import type { RebootAction } from '../../domain/step-action.js';
import { ShellError } from '../../ports/shell.js';
import type { ChainStep } from '../../protocol/messages.js';
import type { Place } from '../place.js';
import { SessionRefused } from '../session.js';
import { pause } from '../timing.js';
import { failed, type StepResult } from './step-result.js';

/** Boots the host anew: it has done so when it answers with another boot id, whatever else it said. */
export async function reboot(place: Place, step: ChainStep, { command }: RebootAction): Promise<StepResult> {
  const { timing, limits } = place.hands;
  const deadline = timing.monotonicMs() + step.timeoutMs;
  const refused = await order(place, step, command);
  if (refused.why !== undefined) return failed(refused.why);
  const { before } = refused;
  if (before === undefined || before === '')
    return failed('the host tells no boot id: nothing could show that it booted');
  for (let why = 'it did not go down'; ; ) {
    place.checkStop();
    place.dropConnection();
    try {
      const now = await bootId(place);
      if (now !== '' && now !== before) {
        place.print(Buffer.from(`[testyard: booted, ${before} is now ${now}]\n`));
        return { result: 'ok', message: '' };
      }
      why = 'it answers with the same boot id as before';
    } catch (error) {
      if (!(error instanceof ShellError || error instanceof SessionRefused)) throw error;
      why = error.message;
    }
    if (timing.monotonicMs() >= deadline)
      return { result: 'timed_out', message: `the host did not boot: ${why}` };
    await pause(timing, limits.retryMs, place.stop);
  }
}

/** Tells the host to reboot. It may be gone before it can answer; a refusal is an exit code. */
async function order(
  place: Place,
  step: ChainStep,
  command: string,
): Promise<{ readonly before?: string; readonly why?: string }> {
  const bundle = {
    test: Buffer.alloc(0),
    step: command,
    probes: [],
    environment: { TESTYARD_STEP: step.name },
  };
  const session = await place.session('step', bundle);
  const before = session.fingerprint?.boot ?? '';
  try {
    const end = await session.run('step', 'sh', step.timeoutMs, place.stop);
    if (end.kind === 'exited' && end.code !== 0) {
      await session.end();
      return { why: `'${command}' ended with exit code ${end.code}: ${place.takeLastLines()}` };
    }
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
  }
  session.abandon();
  return { before };
}

async function bootId(place: Place): Promise<string> {
  const session = await place.session('step', { test: Buffer.alloc(0), probes: [], environment: {} });
  const { fingerprint } = await session.end();
  return fingerprint?.boot ?? session.fingerprint?.boot ?? '';
}
