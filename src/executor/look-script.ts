import { quote } from './wrapper.js';

/** The parts of the standard look, each a function of the script; and the programs asked for by name. */
export interface LookAsked {
  readonly parts: readonly string[];
  /** To be looked for in the search path. */
  readonly commands: readonly string[];
}

/**
 * POSIX shell text that looks at a Linux host and prints lines as `domain/look/lines.ts` reads them. It needs
 * /proc, grep and stat; sed for built-in modules; and installs nothing. What there is of a part the shell lists
 * itself, and all files of a part are read by one grep: so a look takes about one process for each part, whatever
 * the host has in it, and a file that cannot be read takes no other with it.
 *
 * A part that was looked through ends with `PART<TAB>done`; without it, what the part did not show is unknown.
 * Everything is read below `$root`, and paths are printed from there on.
 */
const SCRIPT = `
LC_ALL=C
export LC_ALL
unset CDPATH
cd "$root" && root=$PWD || exit 1
[ "$root" = / ] && root=

# A line of the script's own.
word() {
  printf %s "$part"
  printf '\\t%s' "$@"
  printf '\\n'
}

# All of these paths that a pattern has found, if it found any.
each() { [ -e "$1" ] && printf "$part\\tis\\t%s\\n" "$@"; }

# Lines of files that have a pattern. A file that is not there or cannot be read is passed over; a grep that died or
# is not installed is not.
lines() {
  grep -s -E "$@" /dev/null
  [ $? -le 2 ]
}
text() { lines '' "$@"; }

# The first line of a file, in first.
first_of() {
  first=
  { IFS= read -r first <"$1"; } 2>/dev/null
}

# Where the device called $1 really is, whose folder is $2.
where() {
  at=
  cd -P "$2" 2>/dev/null && at=$PWD
  cd "$root/" || exit 1
  word at "$1" "$at"
}

cpu_flags() { lines -m 1 '^(flags|[Ff]eatures)[[:space:]]*:' proc/cpuinfo; }

look_kernel() {
  [ -r proc/sys/kernel/osrelease ] || return
  [ -r proc/sys/kernel/arch ] || word arch "$(uname -m)"
  text proc/sys/kernel/ostype proc/sys/kernel/osrelease proc/sys/kernel/arch proc/sys/kernel/random/boot_id
}

look_distro() {
  f=etc/os-release
  [ -r "$f" ] || f=usr/lib/os-release
  lines '^(ID|VERSION_ID)=' "$f"
}

look_cpu() {
  [ -r proc/cpuinfo ] || return
  cpu_flags || return
  if [ -r sys/devices/system/cpu/online ]; then
    text sys/devices/system/cpu/online
  else
    word count "$(grep -c '^processor' proc/cpuinfo)"
  fi
}

look_memory() {
  [ -r proc/meminfo ] || return
  set -- sys/devices/system/memory/memory[0-9]*
  [ -e "$1" ] && word blocks $#
  lines '^(MemTotal|SwapTotal):' proc/meminfo && text sys/devices/system/memory/block_size_bytes
}

look_disk() {
  [ -d sys/block ] || return
  set --
  for f in sys/block/*; do
    name=\${f##*/}
    case $name in sr* | fd* | nvme*c*n* | mmcblk*boot* | mmcblk*rpmb) continue ;; esac
    [ -e "$f/device" ] || continue
    where "$name" "$f"
    first_of "$f/dev"
    word number "$name" "$first"
    set -- "$@" "$f/size" "$f/queue/rotational" "$f/device/model" "$f/device/serial" "$f/serial" "run/udev/data/b$first"
    [ -r "$f/device/vpd_pg80" ] || continue
    # Two bytes that are no null, then the serial number. A length of ten is a line break to a shell.
    { IFS= read -r head && IFS= read -r rest; } <"$f/device/vpd_pg80"
    case $head in ?) serial=$rest ;; *) serial=\${head#??} ;; esac
    word serial "$name" "$serial"
  done
  text "$@"
}

look_pci() {
  [ -d sys/bus ] || return
  each sys/bus/pci/devices/*
  text sys/bus/pci/devices/*/uevent
}

look_usb() {
  [ -d sys/bus ] || return
  each sys/bus/usb/devices/*
  text sys/bus/usb/devices/*/uevent sys/bus/usb/devices/*/serial
}

look_nic() {
  [ -d sys/class/net ] || return
  set --
  for f in sys/class/net/*; do
    [ -e "$f/device" ] || continue
    where "\${f##*/}" "$f/device"
    set -- "$@" "$f/speed" "$f/address" "$f/operstate" "$f/device/uevent" "$f/device/../uevent"
  done
  text "$@"
}

look_virtual() {
  [ -e .dockerenv ] && word container docker
  [ -e run/.containerenv ] && word container podman
  [ -d proc/device-tree/hypervisor ] && word hypervisor
  # The numbers that a kernel gives its first namespaces never change.
  stat -L -c 'virtual\tinode\t%n\t%i' proc/self/ns/user proc/self/ns/uts proc/self/ns/ipc proc/self/ns/cgroup 2>/dev/null
  [ $? -le 2 ] && cpu_flags && text proc/sys/kernel/osrelease sys/class/dmi/id/sys_vendor \\
    sys/class/dmi/id/product_name sys/hypervisor/type run/systemd/container && [ -r proc/cpuinfo ] && [ -d sys/class ]
}

look_firmware() {
  [ -d sys/firmware ] || return
  [ -d sys/firmware/efi ] && word efi
  [ -r proc/sys/kernel/arch ] || word arch "$(uname -m)"
  text proc/sys/kernel/arch sys/class/dmi/id/bios_version
}

look_dmi() {
  [ -d sys/class ] || return
  for f in sys/class/dmi/id/*; do
    [ -e "$f" ] && ! [ -r "$f" ] && word closed "$f"
  done
  text sys/class/dmi/id/sys_vendor sys/class/dmi/id/product_name sys/class/dmi/id/board_name \\
    sys/class/dmi/id/product_serial
}

look_module() {
  each sys/module/*
  text proc/modules || return
  [ -d sys/module ] || [ -r proc/modules ] || return
  first_of proc/sys/kernel/osrelease
  f=lib/modules/$first/modules.builtin
  [ -n "$first" ] && [ -r "$f" ] && sed -n 's|^.*/\\(.*\\)\\.ko.*$|module\tis\t\\1|p' "$f"
}

look_system() {
  [ -r proc/self/status ] || return
  [ -d run/systemd/system ] && word systemd
  [ -r dev/kvm ] && [ -w dev/kvm ] && word kvm
  [ -e dev/loop-control ] && word loop-device
  first_of proc/net/if_inet6
  [ -n "$first" ] && word ipv6
  lines '^Uid:' proc/self/status && text proc/self/uid_map
}

look() {
  for part in "$@"; do
    word begin
    "look_$part" && word done
  done
}

programs() {
  part=cmd
  word begin
  set -f
  for name in "$@"; do
    found=no
    IFS=:
    for f in $PATH; do
      case $f in /*) [ -f ".$f/$name" ] && [ -x ".$f/$name" ] && found=yes && break ;; esac
    done
    unset IFS
    word "$found" "$name"
  done
  word done
}
`;

/** Whether the look has this part; a grid that is newer than this executor may ask for others. */
export function hasPart(part: string): boolean {
  return /^[a-z]+$/.test(part) && SCRIPT.includes(`\nlook_${part}() {`);
}

/**
 * The script that looks at what is asked for; `root` is the host's own root folder but for a tree prepared in its
 * place. Throws where a part is none or a program's name can be none: names of tags are not that wrong.
 */
export function lookScript(asked: LookAsked, root = '/'): string {
  const { parts, commands } = asked;
  const noPart = parts.find((part) => !hasPart(part));
  if (noPart !== undefined) throw new Error(`the standard look has no part '${noPart}'`);
  const noName = commands.find((name) => !/^[A-Za-z0-9._:+-]+$/.test(name));
  if (noName !== undefined) throw new Error(`'${noName}' is no name of a program`);
  const calls = [
    ...(parts.length > 0 ? [`look ${parts.join(' ')}`] : []),
    ...(commands.length > 0 ? [`programs ${commands.map(quote).join(' ')}`] : []),
  ];
  return `root=${quote(root)}\n${SCRIPT}\n${calls.join('\n')}\n`;
}
