import { quote } from '../wrapper.js';
import { WATCHED_TOOLS } from './calls.js';
import { WATCHER } from './watcher.js';

/**
 * Shell text that sets up the watch, asked of a session before anything of the test runs there: a stand-in for each tool
 * of set-up, which tells what it is called with and then becomes the tool, and the watcher of commands that are
 * not there, where this session has mounts of its own. Prints `watched` where that one works.
 */
export const START_SCRIPT = `d=\${0%/.probe.*}
printf '#!/bin/sh\\n_ty="%s"\\n' "$d" >"$d/.stand-in"
printf %s ${quote(standIn())} >>"$d/.stand-in"
chmod 755 "$d/.stand-in"
printf %s ${quote(standIns())} >"$d/.stand-ins"
( . "$d/.stand-ins" )
chmod 644 "$d/.helper" "$d/.stand-ins"
[ -e "$d/.inner" ] && [ "$(id -u)" = 0 ] && command -v perl >/dev/null && command -v mount >/dev/null || exit 0
printf %s ${quote(WATCHER)} >"$d/.watcher"
head=$(sed -n "s/^ *printf '\\(TY-[^-]*-m:\\)%s.*/\\1/p" "$d/.helper" | head -n 1)
[ -n "$head" ] || exit 0
perl "$d/.watcher" "$d" "$head" "$d/gone" </dev/null >"$d/.watching" 2>/dev/null &
i=0
while [ $i -lt 60 ] && [ ! -s "$d/.watching" ] && kill -0 $! 2>/dev/null; do sleep 0.05 2>/dev/null || sleep 1; i=$((i + 1)); done
[ -s "$d/.watching" ] || exit 0
printf 'PATH=$PATH:"%s"\\nexport PATH\\n' "$d/gone" >>"$d/.env"
echo watched
`;

/** A tool's stand-in: whatever is looked at, given or killed is the tool itself, which takes its place. */
function standIn(): string {
  return `(
  d=$_ty
  . "$d/.helper"
  case \${0##*/} in
    diff | cmp)
      while [ $# -gt 2 ]; do shift; done
      [ -f "$1" ] && [ -f "$2" ] && [ ! -s "$1" ] && [ ! -s "$2" ] && tell empty "\${0##*/} $1 $2" "$1" "$2" ;;
    *) tell called "\${0##*/}" "$@" ;;
  esac
) </dev/null >/dev/null 2>&1
_ty_home=$_ty
[ -n "\${IFS+x}" ] && _ty_ifs=$IFS || unset _ty_ifs
set -f
IFS=:
for _ty_p in $PATH; do
  [ -e "\${_ty_p:-.}/../.stand-in" ] && continue
  if [ -f "\${_ty_p:-.}/\${0##*/}" ] && [ -x "\${_ty_p:-.}/\${0##*/}" ]; then
    [ -n "\${_ty_ifs+x}" ] && IFS=$_ty_ifs || unset IFS
    _ty=\${_ty_p:-.}/\${0##*/}
    case \${0##*/} in
      apt-get | apt | aptitude | yum | dnf | microdnf | zypper | apk | opkg)
        # What it installs may be a tool of set-up itself.
        trap 'kill -TERM $_ty_child 2>/dev/null' TERM INT HUP
        "$_ty" "$@" <&0 &
        _ty_child=$!
        wait $_ty_child
        _ty_code=$?
        ( d=\${_ty_home}; . "$d/.stand-ins" ) </dev/null >/dev/null 2>&1
        exit $_ty_code ;;
    esac
    exec "$_ty" "$@"
  fi
done
printf 'sh: 1: %s: not found\\n' "\${0##*/}" >&2
exit 127
`;
}

/** Makes the stand-ins of the tools that are there. */
function standIns(): string {
  // Our own questions must not look like the test's, whatever it has put behind the watched folder.
  return `case :$PATH: in *":$d/gone:"*)
  PATH=:$PATH:
  PATH=\${PATH%%":$d/gone:"*}:\${PATH#*":$d/gone:"}
  PATH=\${PATH#:} PATH=\${PATH%:} ;;
esac
for t in ${WATCHED_TOOLS.join(' ')} diff cmp; do
  [ -e "$d/bin/$t" ] && continue
  command -v "$t" >/dev/null 2>&1 && cp "$d/.stand-in" "$d/bin/$t"
done
`;
}
