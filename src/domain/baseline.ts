import type { StepSpec } from './step.js';
import type { GitSource, PinnedPackage, StepAction } from './step-action.js';

/** Versions of components, by the component's name: `WATCH/PACKAGE`, or `WATCH` for a branch. */
export type Versions = Readonly<Record<string, string>>;

/** The components that a step takes its versions from. */
export function componentsOf({ action }: Pick<StepSpec, 'action'>): readonly string[] {
  const taken =
    action.kind === 'packages'
      ? action.install
      : action.kind === 'restore'
        ? [action]
        : action.kind === 'fetch' || action.kind === 'build'
          ? [action.git]
          : [];
  return taken.flatMap(({ component }) => component ?? []);
}

const versioned = new WeakMap<readonly StepSpec[], ReadonlyMap<string, StepSpec>>();

/** Those of the steps that take versions from components, by name; asked again with the same array the same answer. */
export function versionedSteps(steps: readonly StepSpec[]): ReadonlyMap<string, StepSpec> {
  const known = versioned.get(steps);
  if (known !== undefined) return known;
  const found = new Map(
    steps.flatMap((step) => (componentsOf(step).length > 0 ? [[step.name, step] as const] : [])),
  );
  versioned.set(steps, found);
  return found;
}

const resolved = new WeakMap<readonly StepSpec[], WeakMap<Versions, readonly StepSpec[]>>();

/**
 * Steps with what they take from components at these versions, where they say one; the very same steps where none is
 * concerned. Equal questions, asked with the same objects, get the same answer object.
 */
export function stepsAt(steps: readonly StepSpec[], versions: Versions | undefined): readonly StepSpec[] {
  if (versions === undefined) return steps;
  const known = resolved.get(steps) ?? new WeakMap<Versions, readonly StepSpec[]>();
  resolved.set(steps, known);
  const found = known.get(versions);
  if (found !== undefined) return found;
  const isConcerned = (step: StepSpec) => componentsOf(step).some((name) => versions[name] !== undefined);
  const at = steps.some(isConcerned)
    ? steps.map((step) => (isConcerned(step) ? { ...step, action: actionAt(step.action, versions) } : step))
    : steps;
  known.set(versions, at);
  return at;
}

function actionAt(action: StepAction, versions: Versions): StepAction {
  switch (action.kind) {
    case 'packages':
      return { ...action, install: action.install.map((one) => packageAt(one, versions)) };
    case 'restore': {
      const version = action.component === undefined ? undefined : versions[action.component];
      return version === undefined ? action : { ...action, version };
    }
    case 'fetch':
    case 'build':
      return { ...action, git: sourceAt(action.git, versions) };
    default:
      return action;
  }
}

function packageAt(one: PinnedPackage, versions: Versions): PinnedPackage {
  const version = one.component === undefined ? undefined : versions[one.component];
  return version === undefined ? one : { ...one, version };
}

function sourceAt(git: GitSource, versions: Versions): GitSource {
  const ref = git.component === undefined ? undefined : versions[git.component];
  return ref === undefined ? git : { ...git, ref };
}
