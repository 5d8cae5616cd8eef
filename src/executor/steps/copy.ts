import type { CopyAction } from '../../domain/step-action.js';
import type { ChainStep } from '../../protocol/messages.js';
import type { Place } from '../place.js';
import { quote } from '../wrapper.js';
import { artefact } from './artefacts.js';
import { type HostWork, recordOf } from './host-work.js';

/** Puts a file into its place in one move, and keeps what was there. */
export function copyWork(place: Place, step: ChainStep, { to, mode, what }: CopyAction): HostWork {
  const brought = 'artefact' in what ? artefact(place, step, what.artefact) : undefined;
  const base64 =
    'text' in what ? Buffer.from(what.text).toString('base64') : 'bytes' in what ? what.bytes : '';
  const write =
    brought === undefined
      ? `base64 -d >"$new" <<'END'\n${wrapped(base64)}END\n`
      : `cat "$${brought.variable}" >"$new"\n`;
  return {
    script: `set -eu
${keepBefore(step.name, to)}
new=$to.testyard-new
mkdir -p "$(dirname "$to")"
rm -rf "$new"
${write}chmod ${mode} "$new"
# A folder there would take it in.
if [ -d "$to" ] && [ ! -L "$to" ]; then rm -rf "$to"; fi
mv -f "$new" "$to"
`,
    ...(brought === undefined ? {} : { files: [brought] }),
  };
}

/** Shell text that keeps what is at a place, the first time, and which folders above it are not there yet. */
export function keepBefore(step: string, to: string): string {
  return `to=${quote(to)} record=${quote(recordOf(step))}
if [ ! -e "$record/kept" ]; then
  rm -rf "$record"
  mkdir -p "$record"
  if [ -e "$to" ] || [ -L "$to" ]; then cp -a "$to" "$record/before"; fi
  above=$(dirname "$to") made=
  while [ ! -d "$above" ]; do made=$above above=$(dirname "$above"); done
  if [ -n "$made" ]; then printf %s "$made" >"$record/made"; fi
  : >"$record/kept"
fi`;
}

/** Shell text that puts back what was at a place, once, and takes away the folders that were made for it unless others use them. */
export function putBack(step: string, to: string): string {
  return `set -eu
to=${quote(to)} record=${quote(recordOf(step))}
rm -rf "$to.testyard-new"
[ -e "$record/kept" ] || { rm -rf "$record"; exit 0; }
rm -rf "$to"
if [ -e "$record/before" ] || [ -L "$record/before" ]; then cp -a "$record/before" "$to.testyard-new"; mv "$to.testyard-new" "$to"; fi
if [ -e "$record/made" ]; then
  made=$(cat "$record/made") above=$(dirname "$to")
  while rmdir "$above" 2>/dev/null && [ "$above" != "$made" ]; do above=$(dirname "$above"); done
fi
rm -rf "$record"
`;
}

function wrapped(base64: string): string {
  return base64.replace(/(.{1,76})/g, '$1\n');
}
