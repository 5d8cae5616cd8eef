import type { Fingerprint } from '../domain/host.js';
import { type Dirties, type Layer, lowest } from '../domain/layer.js';
import type { Teardown } from '../domain/outcome.js';
import { changedLayer, changedParts } from './fingerprint.js';

/** What is known about an attempt when it is asked what it changed. */
export interface Traces {
  readonly local: boolean;
  readonly declared?: Dirties | undefined;
  readonly uid?: number | undefined;
  /** The lowest layer to which a step has brought what is no other's environment. */
  readonly ofItsMoment?: Layer | undefined;
  /** The setup or the test has started. */
  readonly touched: boolean;
  readonly killed?: string | undefined;
  readonly teardown: Teardown;
  readonly before?: Fingerprint | undefined;
  readonly after?: Fingerprint | undefined;
}

/** The lowest layer that an attempt changed or must be taken to have changed, and what says so. */
export function dirtiedBy(traces: Traces): { readonly layer: Layer; readonly why: string } | undefined {
  // A throw-away root leaves nothing, and what has not started has changed nothing.
  if (traces.local) return undefined;
  const found: { readonly layer: Layer; readonly why: string }[] = traces.touched ? byTest(traces) : [];
  if (traces.ofItsMoment !== undefined)
    found.push({ layer: traces.ofItsMoment, why: "what a step brought is this submission's alone" });
  const layer = found.reduce<Layer | undefined>((low, one) => lowest(low, one.layer), undefined);
  if (layer === undefined) return undefined;
  const why = found.filter((one) => one.layer === layer).map((one) => one.why);
  return { layer, why: why.join('; ') };
}

function byTest(traces: Traces): { readonly layer: Layer; readonly why: string }[] {
  const found: { readonly layer: Layer; readonly why: string }[] = [];
  const declared = traces.declared ?? (traces.uid === 0 ? 'packages' : 'use');
  const says = traces.declared === undefined ? 'nothing else is declared' : 'the test declares it';
  if (declared !== 'nothing') found.push({ layer: declared, why: says });
  if (traces.before && traces.after) {
    const parts = changedParts(traces.before, traces.after);
    const layer = changedLayer(parts);
    if (layer) found.push({ layer, why: `changed on the host: ${parts.join(', ')}` });
  }
  if (traces.killed !== undefined) found.push({ layer: 'boot', why: traces.killed });
  if (traces.teardown === 'failed' || traces.teardown === 'timed_out') {
    found.push({ layer: 'boot', why: 'the teardown failed' });
  }
  return found;
}
