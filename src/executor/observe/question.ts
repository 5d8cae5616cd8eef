import { SYSTEMD } from '../../domain/judge/lack.js';
import { quote } from '../wrapper.js';
import type { Hint } from './hints.js';
import { listersOf } from './listers.js';

/** What the host is asked about hints, each name once and in the order in which they came up. */
export interface Asked {
  readonly commands: readonly string[];
  readonly paths: readonly string[];
  readonly packages: readonly string[];
  /** Packages that were asked for, those of the definition included. */
  readonly wanted: readonly string[];
  readonly modules: readonly string[];
  /** Folders of the kernel that hold an entry for each piece of a kind. */
  readonly listed: readonly string[];
  readonly urls: readonly string[];
  /** The repositories of packages are asked for. */
  readonly repositories: boolean;
  /** Names of files that were compared while they were empty. */
  readonly files: readonly string[];
  /** Commands that are declared to be under test. */
  readonly underTest: readonly string[];
}

/** More names of a kind than this are not asked for. */
const MOST = 60;
const PLAIN = /^[A-Za-z0-9_./+:@%,=~-]+$/;

/** All that is to be asked for. */
export function askedOf(
  hints: readonly Hint[],
  deps: readonly string[],
  underTest: readonly string[],
): Asked {
  const of = (read: (hint: Hint) => readonly string[]) =>
    [...new Set(hints.flatMap(read))]
      .filter((name) => PLAIN.test(name) && !name.startsWith('-'))
      .slice(0, MOST);
  const repositories = hints.some((hint) => hint.of === 'called' && hint.call.of === 'refresh');
  const packages = of((hint) => (hint.of === 'called' && hint.call.of === 'install' ? hint.call.names : []));
  return {
    packages,
    repositories,
    underTest: underTest.filter((name) => PLAIN.test(name) && !name.startsWith('-')),
    wanted: [...new Set([...packages, ...deps.filter((name) => PLAIN.test(name) && !name.startsWith('-'))])],
    files: of((hint) => (hint.of === 'empty' ? hint.files.map((file) => file.replace(/^.*\//, '')) : [])),
    commands: of((hint) => (hint.of === 'command' || hint.of === 'sought' ? [hint.name] : [])),
    paths: of((hint) => (hint.of === 'path' || hint.of === 'asked-path' ? [hint.path] : [])),
    modules: of((hint) => (hint.of === 'called' && hint.call.of === 'load' ? hint.call.modules : [])),
    listed: of((hint) => (hint.of === 'called' && hint.call.of === 'list' ? [hint.call.path] : [])),
    urls: [
      ...new Set(
        hints.flatMap((hint) => (hint.of === 'called' && hint.call.of === 'fetch' ? [hint.call.from] : [])),
      ),
    ].slice(0, 10),
  };
}

/**
 * Shell text that asks the host itself, after the test has ended: which of the commands, paths, packages and modules are
 * not there, where there is no room, whence nothing can be fetched, and which lines of the test's text name them. One
 * finding a line, fields parted by tabs. `folder` is that of the definition in its tree.
 */
export function questionOf(asked: Asked, folder: string): string {
  const words = (names: readonly string[]) => names.map(quote).join(' ');
  const plain = asked.commands.map((name) => name.slice(name.lastIndexOf('/') + 1));
  const all = [
    ...asked.files,
    ...asked.commands,
    ...plain,
    ...asked.paths.flatMap(namesOf),
    ...asked.packages,
    ...asked.modules,
    ...asked.listed.flatMap(listersOf),
  ];
  const named = [...new Set(all)].filter((name) => name !== '');
  const sought = named.map((name) => `-e ${quote(name)}`).join(' ');
  const parts = [
    HEAD,
    asked.wanted.length + asked.underTest.length === 0 ? '' : KNOW_RUNS,
    asked.commands.length === 0 ? '' : `for n in ${words(asked.commands)}; do no_command "$n"; done`,
    asked.paths.length === 0
      ? ''
      : `for n in ${words(asked.paths)}; do is_device "$n" || say path "$n"; done`,
    asked.packages.length === 0 ? '' : `for n in ${words(asked.packages)}; do no_package "$n"; done`,
    asked.modules.length === 0 ? '' : `for n in ${words(asked.modules)}; do no_module "$n"; done`,
    asked.listed.length === 0
      ? ''
      : `for n in ${words(asked.listed)}; do ls -A "$n" 2>/dev/null | grep -q . || say none "$n"; done`,
    asked.urls.length === 0 ? '' : `for n in ${words(asked.urls)}; do no_fetch "$n"; done`,
    asked.repositories ? 'no_repository' : '',
    'rooms',
    `own=${quote(folder)} own=$home\${own:+/$own}`,
    sought === '' ? '' : `texts | xargs -0 grep -nF -A 4 ${sought} /dev/null 2>/dev/null | head -c 600000`,
    'named_devices',
    asked.wanted.length === 0 ? '' : `brought ${words(asked.wanted)}`,
    idleOf(asked),
    TELLS,
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

/** By what a text names a path: of interfaces and what belongs to the kernel that runs only by the end of it. */
export function namesOf(path: string): readonly string[] {
  const end = path.lastIndexOf('/');
  if (path === SYSTEMD)
    return ['systemctl', 'timedatectl', 'hostnamectl', 'localectl', 'systemd-analyze', 'journalctl'];
  if (path.startsWith('/sys/class/net/')) return [path.slice(end + 1)];
  return [path.startsWith('/lib/modules/') ? path.slice(end) : path];
}

/** Which commands that are there never ran: those that are declared to be under test, or those that it had installed. */
function idleOf({ underTest, wanted }: Asked): string {
  if (underTest.length > 0) return `idle tested ${underTest.map(quote).join(' ')}`;
  return wanted.length === 0 ? '' : `idle called $(programs_of ${wanted.map(quote).join(' ')})`;
}

/** Before anything is asked that runs programs of its own: which have run. */
const KNOW_RUNS = `if [ -s "$d/.watching" ]; then
  : >"$d/.tell-runs"
  i=0
  read -r on watcher <"$d/.watching"
  while [ $i -lt 60 ] && [ ! -e "$d/.runs" ] && kill -0 "$watcher" 2>/dev/null; do sleep 0.05 2>/dev/null || sleep 1; i=$((i + 1)); done
fi`;

/** Words of the questions. A command that is started by hand is asked for by hand. */
const HEAD = `d=\${0%/.probe.*}
home=
[ -s "$d/.home" ] && IFS= read -r home <"$d/.home"
home=\${home:-$d/work}
cd "$home" || exit 1
. "$d/.env"
PATH=$d/bin:$PATH
export PATH
say() { printf '%s\\t%s\\t%s\\n' "$1" "$2" "$3"; }
no_command() {
  case $1 in
    /*) file=$1 ;;
    */*) return ;;
    *) file=$(command -v "$1" 2>/dev/null) || { say command "$1"; return; } ;;
  esac
  case $file in /*) [ -x "$file" ] && { no_interpreter "$file" "$1"; return; }; say command "$1" ;; esac
}
# What its first line asks for is not there: it cannot be started, though it is there.
no_interpreter() {
  [ "$(head -c 2 "$1" 2>/dev/null | tr -d '\\0')" = '#!' ] || return
  IFS= read -r head <"$1" || return
  head=\${head#??}
  read -r by args <<END
$head
END
  case $by in /*) [ -e "$by" ] || say stopped "$2" "$by" ;; esac
}
# A node is a device where a driver stands behind it; nothing is opened to find that out.
is_device() {
  [ -e "$1" ] || return 1
  kind=char list=/Character/,/Block/
  [ -b "$1" ] && kind=block list='/Block/,$'
  [ -c "$1" ] || [ -b "$1" ] || return 0
  set -- $(stat -L -c '%t %T' "$1" 2>/dev/null)
  [ $# = 2 ] || return 0
  major=$((0x$1)) minor=$((0x$2))
  [ ! -d /sys/dev/$kind ] || [ -e /sys/dev/$kind/$major:$minor ] && return 0
  sed -n "$list p" /proc/devices | grep -q "^ *$major "
}
is_installed() {
  if command -v dpkg-query >/dev/null; then
    dpkg-query -W -f '\${db:Status-Status} \${Package}\\n' "$1" 2>/dev/null | grep -q '^installed ' && return 0
    # A virtual package is there when something provides it.
    dpkg-query -W -f '\${db:Status-Status} \${Provides}, \\n' 2>/dev/null | grep '^installed ' | grep -qE "[ ,]$(printf %s "$1" | sed 's/[.+]/\\\\&/g')( \\(|,)" && return 0
    # Taken away again by the test itself.
    grep -qsE " installed $(printf %s "$1" | sed 's/[.+]/\\\\&/g')(:| )" /var/log/dpkg.log && return 0
  fi
  command -v rpm >/dev/null && rpm -q --whatprovides "$1" >/dev/null 2>&1 && return 0
  command -v apk >/dev/null && apk info -e "$1" >/dev/null 2>&1 && return 0
  command -v opkg >/dev/null && opkg status "$1" 2>/dev/null | grep -q '^Status:.* installed' && return 0
  command -v pip3 >/dev/null && timeout 20 pip3 show -q "$1" >/dev/null 2>&1
}
no_package() {
  is_installed "$1" && return
  why=failed
  if [ "$uid" != 0 ]; then why=not_root
  elif command -v apt-cache >/dev/null; then
    if ! apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; then
      why=unknown
      ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || why=unreachable
    elif ! can_fetch "$1"; then why=unreachable
    fi
  fi
  say package "$1" "$why"
}
can_fetch() {
  url=$(apt-get install --print-uris -qq -y --no-install-recommends "$1" 2>/dev/null | sed -n "s/^'\\([^']*\\)'.*/\\1/p" | head -n 1)
  case $url in http*) reach_by_apt "$url" ;; esac
}
no_repository() {
  command -v apt-get >/dev/null || return
  for n in $(apt-get update --print-uris 2>/dev/null | sed -n "s/^'\\(https*:[^']*\\/InRelease\\)'.*/\\1/p" | sort -u | head -n 6); do
    reach_by_apt "$n" && is_offered "$n" || say repository "$n" "$why"
  done
}
# Whether a repository gives what it says of itself; one that says nothing may still have packages. apt goes its own way.
is_offered() {
  for name in InRelease Release Packages Packages.gz Packages.xz; do
    answer=$(timeout 10 /usr/lib/apt/apt-helper -o Acquire::Retries=0 download-file "\${1%/*}/$name" "$d/.offered" 2>&1) && { rm -f "$d/.offered"; return 0; }
    code=$(printf '%s\\n' "$answer" | sed -n 's/^ *\\([45][0-9][0-9]\\) .*/\\1/p' | head -n 1)
    why="HTTP $code"
    case $code in '') return 0 ;; 404) ;; *) return 1 ;; esac
  done
  return 1
}
uid=$(id -u)
no_module() {
  name=$(printf %s "$1" | tr - _)
  [ -d "/sys/module/$name" ] && return
  release=$(uname -r)
  for f in "/lib/modules/$release/modules.builtin" "/lib/modules/$release/modules.builtin.alias.bin"; do
    [ -e "$f" ] && tr - _ <"$f" | grep -q "/$name\\.ko" && return
  done
  # What can be loaded was there; that it is loaded no more is the test's own doing.
  if command -v modinfo >/dev/null; then modinfo "$1" >/dev/null 2>&1 && return
  elif [ -e "/lib/modules/$release/modules.dep" ]; then tr - _ <"/lib/modules/$release/modules.dep" | grep -q "/$name\\.ko" && return
  fi
  say module "$1"
}
# The same of where apt has to go, which may be a proxy that knows other names than this host.
reach_by_apt() {
  proxy= at_host=
  eval "$(apt-config shell proxy Acquire::http::Proxy at_host "Acquire::http::Proxy::$(host_of "$1")" 2>/dev/null)"
  case \${at_host:-$proxy} in '' | DIRECT) reach "$1" ;; *) reach "\${at_host:-$proxy}" ;; esac
}
host_of() { set -- "\${1#*://}"; set -- "\${1%%/*}"; set -- "\${1##*@}"; printf %s "\${1%:*}"; }
# Sets why; true where something answers there. What is this host itself is no network.
reach() {
  host=\${1#*://} host=\${host%%/*} host=\${host##*@}
  port=80
  case $1 in https:*) port=443 ;; ftp:*) port=21 ;; git:*) port=9418 ;; ssh:*) port=22 ;; esac
  case $host in *:[0-9]*) port=\${host##*:} host=\${host%:*} ;; esac
  case $host in localhost | localhost.* | 127.* | '[::1]') return 0 ;; esac
  address=$host
  case $host in
    *[!0-9.]*)
      address=$(timeout 5 getent hosts "$host" | { read -r a rest; printf %s "$a"; })
      [ -n "$address" ] || { why='no such name'; return 1; } ;;
  esac
  if command -v ip >/dev/null; then
    case $(ip route get "$address" 2>&1) in
      local\\ *) return 0 ;;
      *unreachable* | *RTNETLINK*) why='no network'; return 1 ;;
    esac
  fi
  why='nothing answers there'
  if command -v perl >/dev/null; then
    timeout 5 perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 6) && connect(S, sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) or exit 1' "$address" "$port"
  elif command -v bash >/dev/null; then timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null
  else return 0
  fi
}
no_fetch() {
  case $1 in *://*) url=$1 ;; *) url=http://$1 ;; esac
  if ! reach "$url"; then say fetch "$1" "$why"; return; fi
  case $host in localhost | localhost.* | 127.* | '[::1]') return ;; esac
  case $url in http*) ;; *) return ;; esac
  code=
  if command -v curl >/dev/null; then code=$(timeout 8 curl -sIL -o /dev/null -w '%{http_code}' "$url" 2>/dev/null); fi
  case $code in [1-5][0-9][0-9]) ;; *) command -v wget >/dev/null && code=$(timeout 8 wget -q -S --spider "$url" 2>&1 | sed -n 's/^ *HTTP[^ ]* \\([0-9]*\\).*/\\1/p' | tail -n 1) ;; esac
  case $code,$url in
    [1-5][0-9][0-9],*) ;;
    # Neither of them is there, or none of those that can be asked.
    *,http:*) command -v perl >/dev/null && code=$(timeout 8 perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 6) && connect(S, sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) or exit 1; my ($at) = $ARGV[2] =~ m{^http://[^/]*(/.*)}; syswrite S, "HEAD " . ($at // "/") . " HTTP/1.0\\r\\nHost: $ARGV[3]\\r\\n\\r\\n"; my $said = <S>; print $1 if $said =~ m{^HTTP/\\S+ (\\d+)}' "$address" "$port" "$url" "$host" 2>/dev/null) ;;
  esac
  case $code in 40[0349] | 410 | 5??) say fetch "$1" "HTTP $code" ;; esac
}
# Where nothing more can be written, though it could be.
rooms() {
  while read -r dev at type options rest; do
    case ,$options, in *,ro,*) continue ;; esac
    case $at in *\\\\*) continue ;; esac
    df -Pk "$at" 2>/dev/null | { read -r head; read -r dev all used room rest && case $all in *[!0-9]* | '' | 0) ;; *) [ "$room" -lt 64 ] && say full "$at" ;; esac; }
  done </proc/mounts
}
# The test's own text: what lies beside its definition, its steps, and what it may share with others of its tree.
texts() {
  own_texts
  [ "$own" = "$home" ] || find "$home" -maxdepth 5 -type f -size -200k ! -newer "$d/test" \\( -path '*/lib/*' -o -path '*/utils/*' \\) -print 2>/dev/null | head -n 100 | tr '\\n' '\\0'
}
own_texts() {
  printf '%s\\0' "$d/test"
  [ -e "$d/setup" ] && printf '%s\\0' "$d/setup"
  find "$own" -maxdepth 4 -type f -size -200k ! -newer "$d/test" ! -name '*.md' ! -name '*.yaml' -print 2>/dev/null | head -n 300 | tr '\\n' '\\0'
}
# Devices that the test's own text names.
named_devices() {
  for n in $(own_texts | xargs -0 grep -ohE '/dev/[A-Za-z][A-Za-z0-9_/-]*' /dev/null 2>/dev/null | sort -u | head -n 40); do
    case $n in /dev/tcp* | /dev/udp* | */) continue ;; esac
    is_device "$n" && continue
    say path "$n"
    say named "$n"
    own_texts | xargs -0 grep -nF -A 4 -e "$n" /dev/null 2>/dev/null | head -n 60
  done
}
# A program that has no command in it, or is \`true\` by another name.
hollow() {
  if cmp -s "$1" "$(command -v /bin/true || command -v /usr/bin/true)"; then say hollow "\${1##*/}" "it is the program true"
  elif [ "$(head -c 2 "$1")" = '#!' ] && ! tail -n +2 "$1" | head -c 20000 | tr ';' '\\n' | grep -qvE '^[[:space:]]*(#.*|:|true|exit|exit 0|return 0|set -[a-z]+)?[[:space:]]*$'; then
    say hollow "\${1##*/}" "there is no command in it"
  elif is_mute "$1" --version && is_mute "$1" --help; then say hollow "\${1##*/}" "it says nothing, even when asked for its help"
  fi
}
# Whatever a program is, it says how it is called, or complains of being called so; one that does neither does nothing.
is_mute() { said=$(cd "$d" && timeout -k 1 2 "$1" "$2" </dev/null 2>&1 | head -c 1 | od -An -c; exit 0) && [ -z "$said" ] && ( cd "$d" && timeout -k 1 2 "$1" "$2" </dev/null >/dev/null 2>&1 ); }
programs_of() {
  for n in "$@"; do
    { dpkg-query -L "$n" 2>/dev/null || rpm -ql "$n" 2>/dev/null; } | grep -E '^(/[A-Za-z0-9_./+:@-]*)?/s?bin/[^/]+$'
  done
}
# The same, where none of these programs has run, nor anything of their names: those that the test's text names.
idle() {
  [ -s "$d/.runs" ] || return
  why=$1
  shift
  idle=
  rooms=$(sed -n 's/^=//p' "$d/.runs" | tr '\\n' '\\0' | xargs -0 stat -L -c %m 2>/dev/null)
  for n in "$@"; do
    f=$(command -v "$n") && f=$(readlink -f "$f") && [ -f "$f" ] && [ -x "$f" ] || continue
    for m in "\${n##*/}" "\${f##*/}"; do grep -v '^=' "$d/.runs" | sed 's|.*/||' | grep -qxF -e "$m" && return; done
    # Where nobody watched, nothing is known.
    printf '%s\\n' "$rooms" | grep -qxF -e "$(stat -L -c %m "$f" 2>/dev/null)" || return
    idle="$idle $n"
  done
  for n in $idle; do
    if [ "$why" = called ]; then
      own_texts | xargs -0 grep -qwF -e "\${n##*/}" 2>/dev/null || continue
      own_texts | xargs -0 grep -nwF -A 4 -e "\${n##*/}" /dev/null 2>/dev/null | head -n 100
    fi
    say idle "\${n##*/}" "$why"
  done
}
# Of the packages that the test asked for: the first of their programs that is there and that its text names.
brought() {
  for n in "$@"; do
    dpkg-query -L "$n" 2>/dev/null | grep -E '/s?bin/[^/]+$' | while IFS= read -r f; do
      [ -e "$f" ] || say lost "\${f##*/}"
      [ -x "$f" ] && own_texts | xargs -0 grep -qwF -e "\${f##*/}" 2>/dev/null || continue
      stopped=$(no_interpreter "$f" "\${f##*/}")
      if [ -n "$stopped" ]; then
        printf '%s\\n' "$stopped"
        own_texts | xargs -0 grep -nF -A 4 -e "\${f##*/}" /dev/null 2>/dev/null | head -n 60
      else say brought "\${f##*/}" && hollow "$f"
      fi
    done
  done
}`;

/** Which of the test's scripts tell of cases. */
const TELLS = `texts | xargs -0 grep -lE 'lava-test-case|report_(pass|fail)|LAVA_SIGNAL_TESTCASE|add_metric|check_return|run_test_case' /dev/null 2>/dev/null | while IFS= read -r f; do
  case $f in "$own"/*) say tells "\${f#"$home"/}" ;; esac
done
texts | xargs -0 grep -lE 'check_root|id -r?u|EUID|whoami' /dev/null 2>/dev/null | head -n 1 | while IFS= read -r f; do say asks-root "$f"; done
texts | xargs -0 awk '{ line = $0; sub(/^[ \\t]+/, "", line) } line == "" || line ~ /^#/ || line ~ /^local [A-Za-z_ ]+$/ { next } line ~ /^(function +)?[A-Za-z_][A-Za-z0-9_]* *(\\(\\))? *[{(]?/ && (line ~ /^[A-Za-z_][A-Za-z0-9_]* *\\(\\)/ || line ~ /^function /) { f = line; sub(/^function +/, "", f); sub(/[^A-Za-z0-9_].*/, "", f); n = 0 } f != "" { n++; if (line ~ /\\$[{]?[?]/) { print "reads\\t" f; f = "" } else if (n > 1 && line !~ /^\\[ *"?\\$#/) f = "" }' 2>/dev/null
texts | xargs -0 grep -qE '[!=]=? *(""|'"''"')( |\\]|;|$)|(""|'"''"') *[!=]=? |-z |"x?\\$[A-Za-z_{}]+" *[!=]=? *"?x"?( |\\])' 2>/dev/null && say compares-nothing 1
own_texts | xargs -0 grep -lE '^#!.*sh +-[a-z]*e|^[[:space:]]*set +(-o +errexit|-[a-z]*e)' /dev/null 2>/dev/null | while IFS= read -r f; do say errexit "$f"; done
say uid "$uid"
`;

/** Shell text that gives the complaints in what the test wrote into files, a line each. */
export const LOGS = `d=\${0%/.probe.*}
home=
[ -s "$d/.home" ] && IFS= read -r home <"$d/.home"
find "\${home:-$d/work}" "$d/tmp" -maxdepth 6 -type f -size -4000k -newer "$d/test" -print 2>/dev/null | head -n 300 | tr '\\n' '\\0' |
  xargs -0 grep -hE ': not found$|command not found$|required file not found$|bad interpreter: |No space left on device|No such (file or directory|device)' /dev/null 2>/dev/null | head -n 1000 | cut -c 1-500
`;
