import type { Layer } from './layer.js';
import { fromCanonical, tagsOf } from './requirement.js';

/** A provisioning step, as an admin declares it. */
export interface StepSpec {
  readonly name: string;
  readonly owner?: string;
  readonly layer: Layer;
  /** Tags that must hold before; by canonical requirement. */
  readonly needs: string;
  /** Tags that hold after, where the step tells the truth. */
  readonly gives: readonly string[];
  readonly action: StepAction;
  /** Shell text that takes it back, or the sentence why there is none. */
  readonly undo: { readonly script: string } | { readonly none: string };
  readonly timeoutMs: number;
  /** Expected cost in seconds of host time. */
  readonly costS: number;
}

/** What a step does. */
export type StepAction =
  /** Shell text run on the host. */
  | { readonly kind: 'script'; readonly script: string }
  /** The host's root file system is put back. */
  | { readonly kind: 'restore'; readonly image: string };

/** Tags that must hold before a step runs. */
export function needsOf(step: StepSpec): readonly string[] {
  return step.needs === '' ? [] : tagsOf(fromCanonical(step.needs));
}

/** True where a step puts a root file system back. */
export function isRestore(step: StepSpec): boolean {
  return step.action.kind === 'restore';
}
