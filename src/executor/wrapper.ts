/**
 * The POSIX shell text that runs on a host for the length of one session. It assumes a POSIX shell, /proc, and
 * mkdir, mkfifo, base64, cat, head, tail, grep, stat, rm, chmod of coreutils or busybox; `unshare` and `setsid` of
 * util-linux are used when they are there.
 *
 * stdin: one greeting line, one payload, then commands. Nothing may follow the payload before `ready` came
 * back, because a `head` that reads ahead would swallow it. stdout: what the phases print with the marks of helpers
 * between it, and after each phase a trailer with the nonce. stderr: lines `TY <nonce> ...`; anything else there is noise.
 *
 * Modes: `ns` gives setup, test and teardown one pid namespace whose end is the end of all of them; its mount
 * namespace is private only because /proc must show that pid namespace, everything else is the host's own.
 * Mounts made in it end with it. `plain` (steps, whose mounts must stay, and hosts without `unshare`) finds
 * processes by session and by the marker in their environment. `sandbox` is `local`, where everything that can
 * be seen is this session's own.
 *
 * The namespace's first process only waits for the main loop: so it reaps orphans, which a shell that reads
 * would not, and survives a test that kills every process it can see.
 */
export const WRAPPER = `
say() { printf 'TY %s %s\\n' "$nonce" "$*" >&2; }
nap() { sleep 0.02 2>/dev/null || sleep 1; }

fingerprint() {
  {
    printf 'TY %s fingerprint\\n' "$nonce"
    grep -s . /proc/sys/kernel/random/boot_id /proc/cmdline /proc/modules \\
      /proc/sys/kernel/core_pattern /proc/sys/kernel/panic /proc/sys/kernel/panic_on_oops /proc/sys/kernel/sysrq \\
      /proc/sys/kernel/randomize_va_space /proc/sys/kernel/dmesg_restrict /proc/sys/kernel/kptr_restrict \\
      /proc/sys/kernel/perf_event_paranoid /proc/sys/kernel/sched_rt_runtime_us /proc/sys/kernel/hung_task_timeout_secs \\
      /proc/sys/kernel/nmi_watchdog /proc/sys/fs/suid_dumpable /proc/sys/vm/swappiness \\
      /proc/sys/vm/overcommit_memory /proc/sys/vm/nr_hugepages /proc/sys/vm/panic_on_oom /proc/sys/vm/dirty_ratio \\
      /proc/sys/net/ipv4/ip_forward /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/tcp_congestion_control
    stat -c 'PKG %n %s %y' /var/lib/dpkg/status /var/lib/rpm/Packages /var/lib/rpm/Packages.db \\
      /var/lib/rpm/rpmdb.sqlite /usr/lib/sysimage/rpm/rpmdb.sqlite /lib/apk/db/installed 2>/dev/null
    printf 'TY %s fingerprint_end\\n' "$nonce"
  } >&2
}

# Sets pid, state, sid and start of the process whose /proc folder is $1; false where there is none.
look_at() {
  line=
  IFS= read -r line 2>/dev/null <"$1/stat" || return 1
  set -- $line
  pid=$1
  # The name may hold blanks and brackets; what counts comes after the last one.
  set -- \${line##*) }
  state=$1 sid=$4 start=\${20}
}

# Sets found to the processes of this seat that are not the wrapper's own.
scan() {
  found=
  if [ "$mode" = ns ] || [ "$mode" = sandbox ]; then
    for f in /proc/[0-9]*; do
      case \${f#/proc/} in 1 | $$ | $own | $cat | $outer) continue ;; esac
      look_at "$f" 2>/dev/null || continue
      case $state in Z | X) ;; *) found="$found $pid" ;; esac
    done
    return
  fi
  grep -slzxF "TESTYARD_SEAT=$TESTYARD_SEAT" /proc/[0-9]*/environ >"$hits" 2>/dev/null
  self=
  while IFS= read -r f; do
    f=\${f#/proc/} f=\${f%/environ}
    case $f in $$) self=yes ;; $cat) ;; *) found="$found $f" ;; esac
  done <"$hits"
  # A grep that cannot look into such files did not even find us.
  if [ -z "$self" ]; then
    found=
    for f in /proc/[0-9]*; do
      case \${f#/proc/} in $$ | $cat) continue ;; esac
      tr '\\0' '\\n' 2>/dev/null <"$f/environ" | grep -qxF "TESTYARD_SEAT=$TESTYARD_SEAT" && found="$found \${f#/proc/}"
    done
  fi
  for f in \${sids:+/proc/[0-9]*}; do
    look_at "$f" 2>/dev/null || continue
    case $state in Z | X) continue ;; esac
    case " $sids " in *" $sid "*) found="$found $pid" ;; esac
  done
}

# Kills until nothing is left; false, with what is left in found, where that cannot be shown.
clean() {
  round=0
  while scan; [ -n "$found" ]; do
    round=$((round + 1))
    [ $round -gt 150 ] && return 1
    kill -9 $found 2>/dev/null
    [ $round -gt 3 ] && nap
  done
  return 0
}

# True while the first process of the namespace of an earlier session lives; its end is the end of all in it.
init_lives() { look_at "/proc/$init" 2>/dev/null && [ "$start" = "$init_start" ] && case $state in Z | X) false ;; esac; }

end_earlier() {
  init= init_start= round=0
  [ -s "$folder/init" ] && IFS=' ' read -r init init_start <"$folder/init"
  if [ -n "$init" ]; then
    while init_lives; do
      round=$((round + 1))
      if [ $round -gt 150 ]; then found=$init; return 1; fi
      kill -9 "$init" 2>/dev/null
      [ $round -gt 3 ] && nap
    done
  fi
  clean
}

# Removes a working folder and other files. What was mounted in the folder and left there must not be emptied with it.
remove() {
  while read -r dev at rest; do
    case $at in "$1"/*) umount -l "$at" 2>/dev/null || { say "mounted $at"; return 1; } ;; esac
  done </proc/mounts
  rm -rf "$@"
}

# Text of the process that becomes the phase's own. The trap (or, in bash, the line after) runs only where exec failed.
launch='
exec 2>&1
IFS= read -r work <"$1/.home" && cd "$work" || exit 125
# The environment belongs to the test: nothing of ours stands in a variable beside it.
. "$1/.env"
PATH=$1/bin:$PATH TMPDIR=$1/tmp
export PATH TMPDIR
printf "%s\\n" $$ >"$1/.leader"
[ "$3" = sh ] && exec /bin/sh "$1/$2"
[ -n "\${BASH_VERSION:-}" ] && shopt -s execfail
trap "printf x >\\"\\$1/.noexec.\\$4\\"" EXIT
exec "$1/$2"
printf x >"$1/.noexec.$4"
exit 126
'

phase() {
  n=$1
  shift
  printf '%s\\n' "$n" >"$d/.phase"
  (
    { $setsid /bin/sh -c "$launch" testyard "$d" "$1" "$2" "$n" </dev/null; code=$?; } 2>"$d/.message"
    text= how=exited
    IFS= read -r text <"$d/.message"
    # Shells say by which signal a command died, and nothing for an exit code above 128.
    [ $code -gt 128 ] && [ -n "$text" ] && how=signalled
    [ -e "$d/.noexec.$n" ] && how=noexec
    end_phase "$how $code"
  ) &
  jobs="$jobs $!"
}

# The trailer goes the way of the output, so that all output before it has come when it has.
end_phase() {
  : >"$d/.phase"
  printf 'TY-%s-%s\\n' "$nonce" "$n"
  say "ended $n $1"
}

stop_phase() {
  if [ "$mode" = ns ]; then kill -9 -1; elif [ -s "$d/.leader" ]; then
    IFS= read -r leader <"$d/.leader"
    [ -n "$setsid" ] && sids="$sids $leader"
  fi
  if clean; then
    wait $jobs 2>/dev/null
    jobs=
    end_phase "killed 137"
  else
    say "stuck$found"
  fi
}

probes() {
  i=$1
  while [ -e "$d/.probe.$i" ]; do
    # What was thought of later is carried out by whoever is asked for it, and not by who comes along.
    [ -e "$d/.thought.$i" ] && [ "$i" != "$1" ] && break
    out=/dev/null
    [ -e "$d/.told.$i" ] && out=$d/.told.$i
    ( cd "$d/work"; exec $setsid /bin/sh "$d/.probe.$i" ) </dev/null >"$out" 2>/dev/null
    a=$?
    # Told when it has ended, so that nothing comes between its lines; no more than anybody reads.
    if [ "$out" != /dev/null ]; then
      { printf 'TY %s told %s\\n' "$nonce" "$i"; head -c 4000000 "$out"; printf '\\nTY %s told_end\\n' "$nonce"; } >&2
    fi
    say "probe $i $a"
    i=$((i + 1))
  done
  say probed
}

check() {
  absent=
  for name in "$@"; do
    ( set -- "$d" "$name"; IFS= read -r work <"$1/.home"; cd "$work"; . "$1/.env"; PATH=$1/bin:$PATH; command -v "$2" || [ -x "./$2" ] ) >/dev/null 2>&1 || absent="$absent $name"
  done
  say "missing$absent"
}

main() {
  IFS=' ' read -r own rest </proc/self/stat
  jobs=
  while IFS=' ' read -r word a b; do
    case $word in
      # A probe that was thought of only now; the number of none that is being carried out.
      think) : >"$d/.thought.$a"; : >"$d/.told.$a"; printf %s "$b" | base64 -d >"$d/.probe.$a" ;;
      probe) n=$b; probes "$a" & jobs="$jobs $!" ;;
      go) phase "$a" $b ;;
      kill) stop_phase ;;
      check) check $a $b ;;
      ack) case $a in '' | *[!A-Za-z0-9.]*) ;; *) [ -p "$d/ack/$a" ] && printf '%s\\n' "$b" 1<>"$d/ack/$a" ;; esac ;;
      end) break ;;
    esac
  done
  return 0
}

if [ "$1" = inner ]; then
  # /proc still shows the host's numbers here, by which later sessions can find us.
  look_at /proc/self
  . ./.vars
  mode=ns cat= outer= own=
  printf '%s %s\\n' "$pid" "$start" >"$folder/init"
  # What is mounted below /proc is a fact of the host: it goes along.
  below=
  while read -r dev at rest; do case $at in /proc/*) below="$below $at" ;; esac; done </proc/mounts
  if [ -n "$below" ]; then
    mkdir .proc && mount -t proc proc .proc || exit 1
    for at in $below; do mount --rbind "$at" ".proc\${at#/proc}" 2>/dev/null; done
    mount --move .proc /proc || exit 1
  else
    mount -t proc proc /proc || exit 1
  fi
  : >.vars
  : >.inner
  say "ready ns"
  until ( main ); do
    # Something in the namespace killed the main loop; that is the end of the phase, not of the session.
    kill -9 -1
    IFS= read -r n <"$d/.phase" && end_phase 'signalled 137'
  done
  exit 0
fi

if [ "$1" = session ]; then
  . ./.vars
  cat <.out & cat=$!
  exec >.out
  say "user $uid"
  fingerprint
  if [ "$mode" = auto ] && [ "$uid" = 0 ] && command -v unshare >/dev/null; then
    unshare --mount --pid --fork --kill-child /bin/sh ./.wrapper inner
  fi
  if [ ! -e .inner ]; then
    [ "$mode" = sandbox ] || mode=plain
    : >.vars
    say "ready $mode"
    main
    [ -s .leader ] && IFS= read -r leader <.leader && [ -n "$setsid" ] && sids="$sids $leader"
    clean || say "stuck$found"
  fi
  exec >/dev/null
  wait $cat
  cat=
  cd /
  fingerprint
  [ -z "$lava" ] || remove "$lava"
  if [ "$mode" = sandbox ]; then rm -rf "$d"; else remove "$d" "$folder/work.$attempt" "$hits" "$folder/init"; fi
  say done
  exit 0
fi

IFS=' ' read -r nonce mode key scripts test || exit 210
seat=$TESTYARD_SEAT attempt=$TESTYARD_ATTEMPT
cat= sids= own= outer=$$ n=0 uid= lava=
while read -r word a rest; do case $word in Uid:) uid=$a; break ;; esac; done </proc/self/status
umask 022

base=
for t in "\${TMPDIR:-/tmp}" /tmp /var/tmp "\${HOME:-/}"; do
  while read -r dev at type options rest; do
    [ "$at" = "$t" ] && case ,$options, in *,noexec,*) t= ;; esac
  done </proc/mounts
  [ -n "$t" ] && [ -w "$t" ] && base=$t && break
done
d=$base/testyard-$attempt-$key
if [ "$mode" = sandbox ]; then
  folder=$d hits=$d/.hits
else
  folder=
  for f in "\${HOME:-/nonexistent}/.testyard" "/var/tmp/testyard-$uid"; do
    [ -d "$f/$seat" ] || ( umask 077; mkdir -p "$f/$seat" ) 2>/dev/null
    if [ -O "$f/$seat" ] && printf '' 2>/dev/null >"$f/$seat/attempt.$attempt"; then folder=$f/$seat; break; fi
  done
  [ -n "$folder" ] || { say 'broken no folder for the fence can be written'; exit 213; }
  hits=$folder/hits.$$
  # One file per attempt: making one cannot lower what another has made, in whatever order they come.
  old=
  for f in "$folder"/attempt.*; do
    a=\${f##*.}
    if [ "$a" -gt "$attempt" ]; then say "fenced $a"; exit 211; fi
    [ "$a" -lt "$attempt" ] && old="$old $f"
  done
  if ! end_earlier; then say "unclean$found"; exit 212; fi
  for f in "$folder"/work.*; do
    # The folders of a session that was cut off.
    [ -e "$f" ] || continue
    a= b=
    { IFS= read -r a; IFS= read -r b; } <"$f"
    [ -n "$a" ] && remove "$a" && { [ -z "$b" ] || remove "$b"; } && old="$old $f"
  done
  [ -n "$old" ] && rm -f $old "$folder"/hits.*
  printf '%s\\n' "$d" >"$folder/work.$attempt"
fi
{ mkdir -m 711 "$d" && mkdir "$d/bin" "$d/work" && mkdir -m 1777 "$d/tmp" "$d/ack" "$d/attached" && mkfifo -m 666 "$d/.out" && printf '%s\\n' "$d/work" >"$d/.home" &&
  head -c $((scripts + test)) >"$d/.all" && head -c "$scripts" <"$d/.all" >"$d/.scripts" &&
  tail -c +$((scripts + 1)) <"$d/.all" >"$d/test" && . "$d/.scripts" && chmod 755 "$d/test" "$d/bin"/*; } || { say "broken the working folder $d cannot be made"; rm -rf "$d"; exit 213; }
setsid=$(command -v setsid)
( umask 077; printf "nonce='%s' mode='%s' d='%s' key='%s' folder='%s' hits='%s' setsid='%s' uid='%s' attempt='%s' lava='%s' n=0 sids= own= outer=%s\\n" \\
  "$nonce" "$mode" "$d" "$key" "$folder" "$hits" "$setsid" "$uid" "$attempt" "$lava" $$ >"$d/.vars" )
# From a file, so that a test that looks for a word on all command lines does not find it on ours.
printf '%s\\n' "$2" >"$d/.wrapper" && cd "$d" && exec /bin/sh ./.wrapper session
`;

/** What marks every process of a session, and whose work it is. */
export interface Mark {
  /** Id of the host and number of the seat: `7.1`. */
  readonly seat: string;
  readonly attempt: string;
}

/** `text` as one word of a shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Where the scripts of LAVA definitions look for what is theirs. */
export function lavaFolder({ attempt }: Mark): string {
  return `/lava-${attempt}`;
}

/** The command that starts a session; the marker is in the environment from the wrapper's very start. */
export function wrapperCommand(mark: Mark): string {
  if (!/^[0-9]+\.[0-9]+$/.test(mark.seat) || !/^[0-9]+$/.test(mark.attempt)) {
    throw new Error(`no mark for processes: seat '${mark.seat}', attempt '${mark.attempt}'`);
  }
  const marks = `TESTYARD_SEAT=${mark.seat} TESTYARD_ATTEMPT=${mark.attempt}`;
  return `exec env ${marks} /bin/sh -c 'eval "$2"' testyard outer ${quote(WRAPPER)}`;
}
