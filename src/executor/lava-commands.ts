/**
 * The helpers that LAVA definitions call, by name, each to be put behind `helperHead`: POSIX shell text that can `tell` the
 * executor something. Their names and what they are given is LAVA's; a case is recorded and never ends the script.
 */
export const LAVA_COMMANDS: Readonly<Record<string, string>> = {
  'lava-test-case': `usage() { echo 'usage: lava-test-case NAME --shell COMMAND... | NAME --result pass|fail|skip|unknown [--measurement VALUE] [--units UNIT] [--output FILE]' >&2; exit 1; }
[ $# -ge 2 ] || usage
name=$1 result= value= unit= output=
shift
if [ "$1" = --shell ]; then
  shift
  [ $# -gt 0 ] || usage
  tell lava-start "$name"
  # One word is a whole command line, split at blanks.
  if [ $# = 1 ]; then $1; else "$@"; fi && result=pass || result=fail
  tell lava-end "$name"
else
  while [ $# -ge 2 ]; do
    case $1 in
      --result) result=$2 ;;
      --measurement) value=$2 ;;
      --units) unit=$2 ;;
      --output) output=$2 ;;
      *) usage ;;
    esac
    shift 2
  done
  [ $# = 0 ] && [ -n "$result" ] || usage
  if [ -n "$output" ]; then
    tell lava-start "$name"
    cat "$output"
    tell lava-end "$name"
  fi
fi
tell lava-case "$name" "$result" "$value" "$unit"
exit 0
`,
  'lava-test-set': `usage() { echo 'usage: lava-test-set start NAME | stop [NAME]' >&2; exit 1; }
case \${1-} in
  start) [ $# -ge 2 ] || usage; tell lava-set "$2" ;;
  stop) tell lava-set '' ;;
  *) usage ;;
esac
`,
  'lava-install-packages': `[ $# -gt 0 ] || { echo 'usage: lava-install-packages NAME...' >&2; exit 1; }
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -q -y "$@" || { apt-get update -q && apt-get install -q -y "$@"; }
elif command -v dnf >/dev/null; then dnf install -y "$@"
elif command -v yum >/dev/null; then yum install -y "$@"
elif command -v zypper >/dev/null; then zypper --non-interactive install "$@"
elif command -v apk >/dev/null; then apk add "$@"
elif command -v opkg >/dev/null; then opkg update && opkg install "$@"
elif command -v pacman >/dev/null; then pacman -Sy --noconfirm "$@"
else
  echo 'lava-install-packages: this host has no package manager that is known' >&2
  exit 1
fi
`,
};
