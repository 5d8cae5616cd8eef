import type { PackagesAction, PinnedPackage } from '../../domain/step-action.js';
import { quote } from '../wrapper.js';
import { asked, type BroughtPackages } from './candidates.js';
import { recordOf } from './host-work.js';
import { PACKAGE_CODES as CODE, FIRST_REPOSITORY } from './package-codes.js';

/** The same as by apt, by dnf: in the host itself, or below a folder of it. It waits for another dnf by itself. */
export function dnfDo(step: string, action: PackagesAction, brought: BroughtPackages): string {
  const { install, remove, hold, unhold, from } = action;
  const offered = install.filter(({ file }) => file === undefined);
  const names = offered.map(pinned).map(quote).join(' ');
  const words = install.map((one) => asked(one, brought, pinned)).join(' ');
  const files = brought.files.map((variable) => `"$${variable}"`).join(' ');
  const downloads = from.length > 0 ? FIRST_REPOSITORY : CODE.ownSources;
  return `${head(step, action)}
command -v dnf >/dev/null && [ "$(id -u)" = 0 ] || exit ${CODE.noManager}
mkdir -p "$record/repos" || exit ${CODE.broken}
if [ ! -e "$record/kept" ]; then
  installed >"$record/installed" && keys >"$record/keys" || exit ${CODE.broken}
  cat "$holds" 2>/dev/null >"$record/holds"
  : >"$record/kept"
fi
${from.map((_, index) => putSource(step, action, index)).join('')}${each(unhold, 'unhold')}for one in ${names}; do
  is_there "$one" || [ -n "$(dnf -q repoquery "$one" 2>/dev/null)" ] || {
    echo "$one is not there; there is:"
    dnf -q repoquery --showduplicates "\${one%%-[0-9]*}"
    exit ${CODE.noVersion}
  }
done
set -- ${words} ${files}
if [ $# -gt 0 ]; then
  if ! dnf install --allowerasing --downloadonly "$@"; then
    # Where they go together it can say what it would do, and what failed was to fetch them.
    dnf --assumeno --allowerasing install "$@" 2>/dev/null | grep -q '^Install \\|^Upgrade \\|^Downgrade ' && exit ${downloads}
    exit ${CODE.conflict}
  fi
  dnf -C --allowerasing install "$@" || exit ${CODE.broken}
fi
${downgrades(install, brought)}${remove.length > 0 ? `dnf -C remove ${remove.map(quote).join(' ')} || exit ${CODE.broken}\n` : ''}${each(hold, 'hold')}${checks(install)}exit 0
`;
}

/** Makes packages, keys and holds what they were before the step. */
export function dnfUndo(step: string, action: PackagesAction): string {
  return `${head(step, action)}
[ -e "$record/kept" ] || { rm -rf "$record"; exit 0; }
if [ -s "$record/holds" ]; then cp "$record/holds" "$holds"; else rm -f "$holds"; fi
installed >"$record/now"
# Names of what was not there, and name-version of what is there no more.
away=$(cut -d ' ' -f 1 "$record/now" | while IFS= read -r name; do
  grep -q "^$name " "$record/installed" || printf '%s\\n' "$name"; done)
come=$(comm -13 "$record/now" "$record/installed" | tr ' ' '-')
[ -z "$away" ] || dnf -C remove $away || exit ${CODE.broken}
# What belongs together goes together; it says that all is well where it did nothing, too.
[ -z "$come" ] || dnf --allowerasing install $come || dnf --allowerasing downgrade $come
for one in $come; do
  is_there "$one" || dnf --allowerasing downgrade "$one" && is_there "$one" || dnf --allowerasing upgrade "$one" || exit ${CODE.broken}
done
for key in $(keys | comm -23 - "$record/keys"); do rpm --root "$root" -e "$key"; done
installed >"$record/now"
if ! cmp -s "$record/now" "$record/installed"; then
  echo 'this is not what was installed before (<) but (>):'
  comm -3 "$record/installed" "$record/now"
  exit ${CODE.otherwise}
fi
rm -rf "$record"
exit 0
`;
}

/** What is kept lies below the folder that is changed; dnf puts that folder before the path of its cache itself. */
function head(step: string, { root = '/' }: PackagesAction): string {
  return `export LC_ALL=C
root=${quote(root)} within=${quote(recordOf(step))}
record=\${root%/}$within holds=\${root%/}/etc/dnf/testyard-holds
repos=$record/repos
[ "$root" = / ] && repos=$repos,/etc/yum.repos.d
dnf() {
  held=
  [ -s "$holds" ] && held=--exclude=$(paste -sd , "$holds")
  command dnf --setopt=cachedir="$within/cache" --setopt=reposdir="$repos" --setopt=keepcache=1 \\
    --setopt=install_weak_deps=False --installroot="$root" --releasever=1 -y $held "$@"
}
packages() { rpm --root "$root" -qa --qf "$1\\n" | sort; }
installed() { packages '%{NAME} %{VERSION}-%{RELEASE}' | grep -v '^gpg-pubkey ' || :; }
keys() { packages '%{NAME}-%{VERSION}-%{RELEASE}' | grep '^gpg-pubkey-' || :; }
is_there() { rpm --root "$root" -q "$1" >/dev/null 2>&1; }
hold() { mkdir -p "\${holds%/*}"; grep -qxF "$1" "$holds" 2>/dev/null || printf '%s\\n' "$1" >>"$holds"; }
unhold() { [ ! -e "$holds" ] || { grep -vxF "$1" "$holds" >"$holds.new"; mv "$holds.new" "$holds"; }; }
`;
}

function each(names: readonly string[], word: 'hold' | 'unhold'): string {
  return names.map((name) => `${word} ${quote(name)}\n`).join('');
}

/** A file of its own for each repository, which is asked alone: another that does not answer is not its fault. */
function putSource(step: string, { from }: PackagesAction, index: number): string {
  const one = from[index];
  if (one === undefined) return '';
  const code = FIRST_REPOSITORY + index;
  const id = `testyard-${step}-${code}`;
  const check =
    one.key === undefined
      ? 'gpgcheck=0'
      : `gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file://$record/repos/${id}.key`;
  const key = one.key === undefined ? '' : `cat >"$record/repos/${id}.key" <<'END'\n${one.key.trim()}\nEND\n`;
  return `${key}cat >"$record/repos/${id}.repo" <<END || exit ${CODE.broken}
[${id}]
name=${id}
baseurl=${one.url}
enabled=1
skip_if_unavailable=0
${check}
END
dnf --disablerepo='*' --enablerepo=${id} --refresh makecache || exit ${code}
`;
}

function pinned({ name, version }: PinnedPackage): string {
  return version === undefined ? name : `${name}-${version}`;
}

/** An older version than is there is put in by a word of its own. */
function downgrades(install: readonly PinnedPackage[], brought: BroughtPackages): string {
  return install
    .filter(({ version }) => version !== undefined)
    .map((one) => {
      const word = asked(one, brought, pinned);
      return `is_there ${quote(pinned(one))} || dnf downgrade --allowerasing ${word} || exit ${CODE.broken}\n`;
    })
    .join('');
}

function checks(install: readonly PinnedPackage[]): string {
  return install.map((one) => `is_there ${quote(pinned(one))} || exit ${CODE.otherwise}\n`).join('');
}
