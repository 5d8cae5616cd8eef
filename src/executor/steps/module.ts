import type { ModuleAction } from '../../domain/step-action.js';
import { quote } from '../wrapper.js';
import { type HostWork, recordOf } from './host-work.js';

/** Loads a module with its parameters; one that is there with others is loaded anew. */
export function moduleWork(step: string, { module, parameters }: ModuleAction): HostWork {
  const args = parameters.map(quote).join(' ');
  const differs = parameters.map((one) => {
    const [name = '', ...rest] = one.split('=');
    return `same ${quote(name)} ${quote(rest.join('='))}`;
  });
  const agrees = ['true', ...differs].join(' && ');
  return {
    script: `set -u
${head(step, module)}# What a parameter shows need not be how it was said: Y is 1.
same() {
  [ -r "$at/parameters/$1" ] || return 0
  value=$(cat "$at/parameters/$1")
  case $value in Y) value=1 ;; N) value=0 ;; esac
  case $2 in [Yy]) wanted=1 ;; [Nn]) wanted=0 ;; *) wanted=$2 ;; esac
  [ "$value" = "$wanted" ]
}
if [ ! -e "$record/kept" ]; then
  rm -rf "$record"
  mkdir -p "$record"
  if [ -e "$at" ]; then echo loaded >"$record/before"; else echo absent >"$record/before"; fi
  : >"$record/kept"
fi
if [ -e "$at" ] && ! { ${agrees}; }; then modprobe -r "$module" || exit 1; fi
[ -e "$at" ] || modprobe "$module" ${args} || exit 1
[ -e "$at" ] || { echo "modprobe says that $module is loaded, and $at is not there"; exit 1; }
${agrees} || { echo "$module did not take its parameters:"; grep -s . "$at"/parameters/*; exit 1; }
`,
  };
}

/** Takes the module out again; what was loaded before is loaded anew, as the host does it. */
export function moduleUndo(step: string, { module }: ModuleAction): string {
  return `set -u
${head(step, module)}[ -e "$record/kept" ] || exit 0
if [ -e "$at" ]; then modprobe -r "$module" || exit 1; fi
if [ "$(cat "$record/before")" = loaded ]; then modprobe "$module" || exit 1; fi
rm -rf "$record"
`;
}

function head(step: string, module: string): string {
  return `module=${quote(module)} record=${quote(recordOf(step))}
at=/sys/module/$(printf %s "$module" | tr - _)
`;
}
