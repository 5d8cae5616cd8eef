import type { RestoreAction } from '../../domain/step-action.js';
import type { ChainStep } from '../../protocol/messages.js';
import { Ending, type Place } from '../place.js';
import { failed, type StepResult } from './step-result.js';

/** Puts the host's root file system back; what the catalogue knows of the image is made or checked before. */
export async function restore(
  place: Place,
  step: ChainStep,
  { image, spec, component, version = '' }: RestoreAction,
): Promise<StepResult> {
  const { host } = place.plan;
  const { hands } = place;
  if (host.restore === undefined) return failed(`no way to restore host '${host.name}' is declared`);
  if (component !== undefined && spec === undefined)
    return failed(
      `nobody knows image '${image}' as it was at version ${version.slice(0, 12)} of ${component}`,
    );
  const onOutput = (bytes: Uint8Array) => place.print(Buffer.from(bytes));
  const kept =
    spec === undefined
      ? undefined
      : await hands.images.prepare({
          ...{ image: spec, timeoutMs: step.timeoutMs, stop: place.stop, onOutput },
          keeps: component !== undefined,
        });
  if (kept !== undefined && !kept.ok) return failed(kept.message);
  place.checkStop();
  // The host goes away under whatever is connected to it.
  hands.connections.drop(place.seat);
  const result = await hands.images.restore({
    host: host.name,
    restore: host.restore,
    image,
    ...(kept === undefined ? {} : { path: kept.path }),
    attempt: place.assignment.attempt,
    timeoutMs: step.timeoutMs,
    onOutput,
  });
  if (!result.ok) {
    if (result.kind === 'refused') throw new Ending({ kind: 'fenced', message: result.message });
    return { result: result.kind === 'timeout' ? 'timed_out' : 'failed', message: result.message };
  }
  await place.reconnect();
  return { result: 'ok', message: '' };
}
