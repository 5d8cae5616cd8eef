/** Addresses of an interface, or of all; a small host without tools can at least say those of its only one. */
const ADDRESSES = `addresses() {
  if command -v ip >/dev/null; then ip -4 -o addr show \${1:+dev "$1"} 2>/dev/null | sed -n 's|.* inet \\([0-9.]*\\).*|\\1|p'
  elif command -v ifconfig >/dev/null; then ifconfig \${1:-} 2>/dev/null | sed -n 's|.*inet \\(addr:\\)\\{0,1\\}\\([0-9.]*\\).*|\\2|p'
  else
    only=
    for f in /sys/class/net/*; do [ "\${f##*/}" = lo ] || only="$only\${f##*/}"; done
    [ "\${1:-$only}" = "$only" ] && hostname -I | tr ' ' '\\n' | grep '[.]'
  fi
}`;

/** Where a process that was started is noted. */
const BACKGROUND = `case $1 in *[!A-Za-z0-9._-]*) say_no "'$1' is no name: letters, digits, dot, dash, underscore" ;; esac
at=$d/tmp/.background.$1`;

const BETWEEN_PLACES = `tell places "$self $(printf '%.300s' "$*")"
say_no 'needs several places: this test runs on one host'
`;

/**
 * The helpers that LAVA definitions call, by name, each to be put behind `helperHead`: POSIX shell text that can `tell` the
 * executor something. Their names and what they are given is LAVA's; a case is recorded and never ends the script.
 */
export const LAVA_COMMANDS: Readonly<Record<string, string>> = {
  'lava-test-case': `usage() { echo 'usage: lava-test-case NAME --shell COMMAND... | NAME --result pass|fail|skip|unknown [--measurement VALUE] [--units UNIT] [--output FILE]' >&2; exit 1; }
[ $# -ge 2 ] || usage
# What is longer would not get through, and a case is never lost for its length.
name=$(printf '%.500s' "$1") result= value= unit= output=
shift
if [ "$1" = --shell ]; then
  shift
  [ $# -gt 0 ] || usage
  signal lava-start "$name"
  # One word is a whole command line, split at blanks.
  if [ $# = 1 ]; then $1; else "$@"; fi && result=pass || result=fail
  signal lava-end "$name"
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
    signal lava-start "$name"
    cat "$output"
    signal lava-end "$name"
  fi
fi
tell lava-case "$name" "$(printf '%.200s' "$result")" "$(printf '%.200s' "$value")" "$(printf '%.50s' "$unit")"
exit 0
`,
  'lava-test-set': `usage() { echo 'usage: lava-test-set start NAME | stop [NAME]' >&2; exit 1; }
case \${1-} in
  start) [ $# -ge 2 ] || usage; tell lava-set "$(printf '%.500s' "$2")" ;;
  stop) tell lava-set '' ;;
  *) usage ;;
esac
`,
  'lava-test-case-attach': `[ $# = 2 ] || [ $# = 3 ] || { echo 'usage: lava-test-case-attach CASE FILE [MEDIA/TYPE]' >&2; exit 1; }
attach "$2" "\${3-}" "$1"
`,
  'lava-test-run-attach': `[ $# = 1 ] || [ $# = 2 ] || { echo 'usage: lava-test-run-attach FILE [MEDIA/TYPE]' >&2; exit 1; }
attach "$1" "\${2-}" ''
`,
  'lava-test-reference': `usage() { echo 'usage: lava-test-reference NAME --result pass|fail|skip|unknown --reference URL' >&2; exit 1; }
[ $# -ge 1 ] || usage
name=$1 result=unknown url=
shift
while [ $# -ge 2 ]; do
  case $1 in --result) result=$2 ;; --reference) url=$2 ;; *) usage ;; esac
  shift 2
done
[ $# = 0 ] && [ -n "$url" ] || usage
tell lava-reference "$(printf '%.500s' "$name")" "$(printf '%.200s' "$result")" "$(printf '%.1000s' "$url")"
`,
  // The shell that runs the steps ends by 99 when it hears USR1; what it waits for is ended so that it hears it.
  'lava-test-raise': `message=$(printf '%.1000s' "$*")
tell lava-raise "$message"
printf 'lava-test-raise: %s\\n' "$message" >&2
IFS= read -r leader <"$d/.leader" || exit 1
kill -USR1 "$leader" 2>/dev/null || exit 1
p=$PPID
while [ "$p" != "$leader" ] && [ "$p" -gt 1 ]; do
  line=
  IFS= read -r line 2>/dev/null <"/proc/$p/stat" || break
  kill -9 "$p" 2>/dev/null
  set -- \${line##*) }
  p=$2
done
exit 1
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
  'lava-remove-packages': `[ $# -gt 0 ] || { echo 'usage: lava-remove-packages NAME...' >&2; exit 1; }
if command -v apt-get >/dev/null; then DEBIAN_FRONTEND=noninteractive apt-get remove -q -y "$@"
elif command -v dnf >/dev/null; then dnf remove -y "$@"
elif command -v yum >/dev/null; then yum remove -y "$@"
elif command -v zypper >/dev/null; then zypper --non-interactive remove "$@"
elif command -v apk >/dev/null; then apk del "$@"
elif command -v opkg >/dev/null; then opkg remove "$@"
elif command -v pacman >/dev/null; then pacman -R --noconfirm "$@"
else
  echo 'lava-remove-packages: this host has no package manager that is known' >&2
  exit 1
fi
`,
  'lava-installed-packages': `if command -v dpkg-query >/dev/null; then dpkg-query -W -f '\${package}|\${version}\\n'
elif command -v rpm >/dev/null; then rpm -qa --qf '%{NAME}|%{VERSION}-%{RELEASE}\\n'
elif command -v apk >/dev/null; then apk info -v
elif command -v opkg >/dev/null; then opkg list-installed | sed 's/ - /|/'
fi
`,
  'lava-os-build': `[ -r /etc/os-release ] && . /etc/os-release
[ -n "\${PRETTY_NAME-}" ] || PRETTY_NAME=$(uname -sr)
printf '%s\\n' "$PRETTY_NAME"
`,
  'lava-echo-ipv4': `[ $# = 1 ] || { echo 'usage: lava-echo-ipv4 INTERFACE' >&2; exit 1; }
${ADDRESSES}
found=$(addresses "$1" | head -n 1)
[ -n "$found" ] || { echo "lava-echo-ipv4: '$1' has no IPv4 address" >&2; exit 1; }
printf '%s\\n' "$found"
`,
  'lava-target-ip': `${ADDRESSES}
found=$(addresses | grep -v '^127\\.' | head -n 1)
[ -n "$found" ] || { echo 'lava-target-ip: this host has no IPv4 address' >&2; exit 1; }
printf '%s\\n' "$found"
`,
  'lava-target-mac': `for f in /sys/class/net/*; do
  [ "\${f##*/}" != lo ] && IFS= read -r mac 2>/dev/null <"$f/address" && [ -n "$mac" ] && printf '%s\\n' "$mac" && exit 0
done
echo 'lava-target-mac: this host has no network interface' >&2
exit 1
`,
  'lava-background-process-start': `usage() { echo 'usage: lava-background-process-start NAME --cmd COMMAND...' >&2; exit 1; }
[ $# -ge 3 ] && [ "$2" = --cmd ] || usage
${BACKGROUND}
shift 2
if [ $# = 1 ]; then $1; else "$@"; fi >"$at.log" 2>&1 </dev/null &
printf '%s\\n' $! >"$at"
`,
  'lava-background-process-stop': `[ $# -ge 1 ] || { echo 'usage: lava-background-process-stop NAME' >&2; exit 1; }
${BACKGROUND}
[ -r "$at" ] && IFS= read -r p <"$at" || { echo "lava-background-process-stop: '$1' was not started" >&2; exit 1; }
rm -f "$at"
kill "$p" 2>/dev/null || echo "lava-background-process-stop: '$1' had ended before" >&2
cat "$at.log"
`,
  // One host is one place, and says so; what wants another place cannot be had.
  'lava-self': `printf '%s\\n' "\${TESTYARD_HOST-}"\n`,
  'lava-role': `printf '%s\\n' "\${TESTYARD_ROLE-}"\n`,
  'lava-group': `printf '%s\\t%s\\n' "\${TESTYARD_HOST-}" "\${TESTYARD_ROLE-}"\n`,
  ...Object.fromEntries(
    ['send', 'wait', 'wait-all', 'sync', 'network', 'vland-self', 'vland-names', 'vland-tags'].map((name) => [
      `lava-${name}`,
      BETWEEN_PLACES,
    ]),
  ),
};
