import { LAYERS, type Layer } from './layer.js';
import { fromCanonical, type Requirement } from './requirement.js';
import { pinnedCommit, type StepAction } from './step-action.js';

/** A provisioning step, as an admin declares it. */
export interface StepSpec {
  readonly name: string;
  readonly owner?: string;
  readonly layer: Layer;
  /** What must hold before; a requirement in canonical spelling. */
  readonly needs: string;
  /** What holds after, where the step tells the truth: each `tag`, or `tag = value` in canonical spelling. */
  readonly gives: readonly string[];
  /** Layers above its own that are unknown after it; undefined: all of them. */
  readonly destroys?: readonly Layer[];
  /** Names of the resources that it needs. */
  readonly uses?: readonly string[];
  readonly action: StepAction;
  /** Names of artefacts of the submission that it works with. */
  readonly artefacts?: readonly string[];
  /** It leaves its whole layer as it says, whatever was there and above: what tests have changed there is gone too. */
  readonly clears?: boolean;
  readonly undo: Undo;
  readonly timeoutMs: number;
  /** Expected cost in seconds of host time. */
  readonly costS: number;
}

/** What takes a step back. */
export type Undo =
  /** Shell text. */
  | { readonly script: string }
  /** What steps of its kind take back by themselves. */
  | { readonly own: true }
  /** The sentence why nothing does. */
  | { readonly none: string };

/** A tag that a step gives. */
export interface Given {
  readonly tag: string;
  /** Undefined where the step says only that it is there. */
  readonly value?: string;
}

/** What must hold before a step runs. */
export function needsOf(step: StepSpec): Requirement {
  return fromCanonical(step.needs);
}

/** What an item of `gives` says; throws where it is neither `tag` nor `tag = value`. */
export function givenBy(item: string): Given {
  const said = fromCanonical(item);
  if (said.kind === 'tag') return { tag: said.name };
  if (said.kind === 'compare' && said.operator === '=') return { tag: said.name, value: said.value };
  throw new Error(`a step gives 'tag' or 'tag = value', not '${item}'`);
}

/** Whether a step, or what is left of one, gives a tag, whatever its value. */
export function doesGive(step: { readonly gives: readonly string[] }, tag: string): boolean {
  return step.gives.some((item) => givenBy(item).tag === tag);
}

/** Whether two steps give a tag differently: what then counts is which of them ran last. */
export function disagree(one: StepSpec, other: StepSpec): boolean {
  return one.gives.some((item) => doesGive(other, givenBy(item).tag) && !other.gives.includes(item));
}

/** True where a step puts a root file system back. */
export function isRestore(step: StepSpec): boolean {
  return step.action.kind === 'restore';
}

/** The versions of packages that a step puts in, each `name version`. */
export function versionsIn({ action }: StepSpec): readonly string[] {
  if (action.kind !== 'packages') return [];
  return action.install.flatMap(({ name, version }) => (version === undefined ? [] : [`${name} ${version}`]));
}

/** True where a step takes away whatever else its own layer had. */
export function clearsItsLayer(step: StepSpec): boolean {
  return isRestore(step) || step.action.kind === 'reboot' || step.clears === true;
}

/** The layers above its own that are unknown after a step; what clears its layer leaves nothing above it as it was. */
export function destroyedLayers(step: StepSpec): readonly Layer[] {
  const above = LAYERS.slice(LAYERS.indexOf(step.layer) + 1);
  return clearsItsLayer(step) ? above : (step.destroys ?? above);
}

/**
 * True where what a step does is not said by the inventory alone: it works with artefacts of a submission, or with what
 * a branch is just then. What it leaves is of use to nobody else.
 */
export function isOfItsMoment({ artefacts, action }: StepSpec): boolean {
  if (artefacts !== undefined) return true;
  return (action.kind === 'fetch' || action.kind === 'build') && pinnedCommit(action.git) === undefined;
}

/** Whether a step puts this image onto a host. */
export function doesRestore(step: StepSpec, image: string): boolean {
  return step.action.kind === 'restore' && step.action.image === image;
}
