import type { StepSpec } from '../../domain/step.js';
import { aptUndo } from './apt.js';
import { putBack } from './copy.js';
import { dnfUndo } from './dnf.js';
import { moduleUndo } from './module.js';

/** Shell text that takes a step back on its host, from whatever point; undefined: nothing does. */
export function undoText({ name, undo, action }: StepSpec): string | undefined {
  if ('script' in undo) return undo.script;
  if ('none' in undo) return undefined;
  switch (action.kind) {
    case 'packages':
      return action.by === 'apt' ? aptUndo(name) : dnfUndo(name, action);
    case 'fetch':
    case 'build':
      return putBack(name, action.into);
    case 'copy':
      return putBack(name, action.to);
    case 'module':
      return moduleUndo(name, action);
    default:
      return undefined;
  }
}
