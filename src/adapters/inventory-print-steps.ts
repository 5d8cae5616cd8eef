import type { ImageSpec } from '../domain/image.js';
import type { RepositorySpec } from '../domain/repository.js';
import type { StepSpec } from '../domain/step.js';
import { type GitSource, pinnedCommit, type StepAction } from '../domain/step-action.js';
import type { Written } from './yaml-print.js';

type Fields = Record<string, Written | undefined>;

/** What a step does, as it is written down. */
export function actionFields(action: StepAction): Fields {
  switch (action.kind) {
    case 'script':
      return { script: action.script, on: action.on };
    case 'restore':
      return {
        restore:
          action.component === undefined
            ? action.image
            : { image: action.image, watch: action.component.split('/')[0] },
      };
    case 'packages': {
      const { by, install, remove, hold, unhold, files, from, root } = action;
      const pinned = install.map(({ name, version }) =>
        version === undefined ? name : `${name} = ${version}`,
      );
      const sources = from.map(({ resource }) => resource);
      const lists = { install: pinned, remove, hold, unhold, files, from: sources };
      const said = Object.entries(lists).filter(([, list]) => list.length > 0);
      const watch = install.find(({ component }) => component !== undefined)?.component?.split('/')[0];
      return { packages: { by, ...Object.fromEntries(said), root, watch } };
    }
    case 'fetch':
      return { fetch: { ...gitFields(action.git), into: action.into } };
    case 'build':
      return {
        build: { ...gitFields(action.git), on: action.on, into: action.into, recipe: action.recipe },
      };
    case 'module': {
      const { module, parameters } = action;
      return { module: { name: module, parameters: parameters.length === 0 ? undefined : parameters } };
    }
    case 'reboot':
      return { reboot: { command: action.command } };
    case 'copy': {
      const { to, mode, what } = action;
      if ('bytes' in what) return { copy: { file: what.file, to, mode } };
      return { copy: { ...what, to, mode } };
    }
  }
}

function gitFields(git: GitSource): Fields {
  const { url, ref, submodules, from, component } = git;
  return {
    git: url,
    [pinnedCommit(git) === undefined ? 'branch' : 'commit']: ref,
    submodules: submodules ? 'yes' : undefined,
    from,
    watch: component,
  };
}

/** The files that steps copy, where they lie. */
export function copiedFiles(steps: readonly StepSpec[]): readonly (readonly [string, Uint8Array])[] {
  return steps.flatMap(({ action }) =>
    action.kind === 'copy' && 'bytes' in action.what
      ? [[`files/${action.what.file}`, Buffer.from(action.what.bytes, 'base64')] as const]
      : [],
  );
}

/** An image, as it is written down. */
export function imageFields({ meaning, owner, tags, source }: ImageSpec): Fields {
  const whence =
    source.kind === 'file'
      ? { file: source.path, digest: source.digest }
      : {
          base: source.base?.name,
          timeout: `${Math.round(source.timeoutMs / 1000)}s`,
          recipe: source.recipe,
        };
  return { meaning, owner, tags: tags.length === 0 ? undefined : tags, ...whence };
}

/** A repository of packages, as it is written down. */
export function repositoryFields({ kind, url, suite, components, key }: RepositorySpec): Fields {
  return { kind, url, suite, components, ...(key === undefined ? { unsigned: 'yes' } : { key }) };
}
