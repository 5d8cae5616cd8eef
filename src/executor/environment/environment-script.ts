import { STANDARD_TAGS } from '../../domain/look/standard-tags.js';
import { lookScript } from '../look-script.js';

/** Begins a section of what the scripts print. */
export const SECTION = '== ';

const section = (name: string, body: string) => `printf '${SECTION}%s\\n' ${name}\n${body}\n`;

/** Settings are what can be written: the rest counts something, or is told elsewhere. */
const SYSCTLS = `( cd /proc/sys && {
  find kernel fs -maxdepth 2 -type f -perm -200 ! -name ns_last_pid -exec grep -s . /dev/null {} +
  find vm net/core net/ipv4 net/ipv6 -maxdepth 1 -type f -perm -200 -exec grep -s . /dev/null {} +
} 2>/dev/null )`;

/** What the firmware says of itself and of the machine; what names a single piece is the host's, not its state. */
const FIRMWARE = `[ -d /sys/class/dmi/id ] && for f in /sys/class/dmi/id/*; do
  case \${f##*/} in *serial* | *uuid* | *asset_tag* | modalias | uevent) continue ;; esac
  [ -f "$f" ] && printf '%s:' "\${f##*/}" && { [ -r "$f" ] && IFS= read -r line <"$f"; printf '%s\\n' "\${line:-}"; line=; }
done
[ -d /sys/firmware/efi ] && echo efi:`;

/** Names of what is plugged in: where these and the fingerprint are as they were, a full look would see the same. */
const DEVICES = `for f in /sys/bus/pci/devices/* /sys/bus/usb/devices/* /sys/block/* /sys/class/net/*; do printf '%s\\n' "$f"; done`;

/** Many words to a line: a line is cheaper than a word. */
const PACKAGES = `has() { command -v "$1" >/dev/null; }
{
  if has dpkg-query; then dpkg-query -W -f='\${db:Status-Abbrev}\${binary:Package}=\${Version}\\n' | sed -n 's/^ii *//p'
  elif has rpm; then rpm -qa --qf '%{NAME}.%{ARCH}=%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n'
  elif has pacman; then pacman -Q | tr ' ' '='
  elif has apk; then apk info -v
  fi
} 2>/dev/null | sort | tr '\\n' ' ' | fold -s -w 2000
echo`;

/** What changes without the fingerprint telling, and is cheap to look at; a last section says that all of it came. */
export const QUICK_SCRIPT = [
  section('sysctls', SYSCTLS),
  section('firmware', FIRMWARE),
  section('devices', DEVICES),
  section('done', ''),
].join('');

/** What is looked at again only where the fingerprint or what is plugged in has changed. */
export const FULL_SCRIPT = [
  section('look', `(\n${lookScript({ parts: partsOfLook(), commands: [] })})`),
  section('command-line', "tr -s ' ' '\\n' </proc/cmdline"),
  section('packages', PACKAGES),
  section('done', ''),
].join('');

function partsOfLook(): readonly string[] {
  const parts = STANDARD_TAGS.flatMap(({ source }) => (source.by === 'look' ? [source.part] : []));
  return [...new Set(parts)].filter((part) => part !== 'cmd');
}
