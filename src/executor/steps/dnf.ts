import type { PackagesAction, PinnedPackage } from '../../domain/step-action.js';
import { quote } from '../wrapper.js';
import { recordOf } from './host-work.js';
import { PACKAGE_CODES as CODE, FIRST_REPOSITORY } from './package-codes.js';

/** The same as by apt, by dnf: in the host itself, or below a folder of it. */
export function dnfDo(step: string, action: PackagesAction, artefacts: readonly string[]): string {
  const { install, remove, hold, unhold, from } = action;
  const words = [...install.map(pinned).map(quote), ...artefacts.map((variable) => `"$${variable}"`)];
  const probes = from.map(
    (_, index) =>
      `try dnf --disablerepo='*' --enablerepo=${repositoryId(step, index)} --refresh makecache || exit ${FIRST_REPOSITORY + index}\n`,
  );
  return `${head(step, action)}
command -v dnf >/dev/null && [ "$(id -u)" = 0 ] || exit ${CODE.noManager}
mkdir -p "$record/repos" "$record/cache" "$root"
if [ ! -e "$record/kept" ]; then
  installed >"$record/installed" || exit ${CODE.broken}
  cat "$locks" 2>/dev/null >"$record/locks"
  : >"$record/kept"
fi
${from.map((_, index) => putSource(step, action, index)).join('')}${probes.join('')}${unhold.map((name) => `unhold ${quote(name)}\n`).join('')}set -- ${words.join(' ')}
for one in ${install.map(pinned).map(quote).join(' ') || '""'}; do
  [ -z "$one" ] || is_there "$one" || [ -n "$(dnf -q repoquery "$one" 2>/dev/null)" ] ||
    { echo "$one is not there; there is:"; dnf -q repoquery --showduplicates "\${one%%-[0-9]*}"; exit ${CODE.noVersion}; }
done
if [ $# -gt 0 ]; then
  if ! try dnf install --downloadonly "$@"; then
    # Without a way to the packages it would say the same as where they do not go together: it is asked with none to fetch.
    dnf --assumeno install "$@" >"$record/plan" 2>&1
    grep -q '^Install\\|^Upgrade\\|^Downgrade' "$record/plan" && exit ${from.length > 0 ? FIRST_REPOSITORY : CODE.ownSources}
    exit ${CODE.conflict}
  fi
  try dnf -C install "$@" || exit ${CODE.broken}
fi
${downgrades(install)}${remove.length > 0 ? `try dnf -C remove ${remove.map(quote).join(' ')} || exit ${CODE.broken}\n` : ''}${hold.map((name) => `hold ${quote(name)}\n`).join('')}${checks(install)}exit 0
`;
}

/** Makes packages and holds what they were before the step. */
export function dnfUndo(step: string, action: PackagesAction): string {
  return `${head(step, action)}
if [ -e "$record/kept" ]; then
  cp "$record/locks" "$locks" 2>/dev/null
  installed >"$record/now"
  comm -23 "$record/now" "$record/installed" | cut -d ' ' -f 1 | sort -u >"$record/go"
  comm -13 "$record/now" "$record/installed" | while IFS=' ' read -r name version; do
    printf '%s-%s\\n' "$name" "$version"
  done >"$record/come"
  while IFS= read -r name; do
    cut -d ' ' -f 1 "$record/installed" | grep -qxF "$name" || printf '%s\\n' "$name"
  done <"$record/go" >"$record/away"
  if [ -s "$record/come" ]; then
    xargs rpm --root "$root" -q >/dev/null 2>&1 <"$record/come" || try dnf_list downgrade "$record/come" || try dnf_list install "$record/come" || exit ${CODE.broken}
  fi
  if [ -s "$record/away" ]; then try dnf_list remove "$record/away" || exit ${CODE.broken}; fi
  installed >"$record/now"
  if ! cmp -s "$record/now" "$record/installed"; then
    echo 'this is not what was installed before (<) but (>):'
    comm -3 "$record/installed" "$record/now"
    exit ${CODE.otherwise}
  fi
  [ -s "$record/locks" ] || rm -f "$locks"
fi
rm -rf "$record"
exit 0
`;
}

function head(step: string, { root = '/' }: PackagesAction): string {
  return `export LC_ALL=C
step=${quote(step)} record=${quote(recordOf(step))} root=${quote(root)}
locks=$root/etc/dnf/testyard-holds
dnf() {
  set -- --setopt=cachedir="$record/cache" --setopt=reposdir="$record/repos\${own:+,$own}" --setopt=keepcache=1 \\
    --setopt=install_weak_deps=False --installroot="$root" --releasever=/ -y "$@"
  if [ -s "$locks" ]; then set -- --exclude="$(paste -sd, "$locks")" "$@"; fi
  command dnf "$@"
}
own=
[ "$root" = / ] && own=/etc/yum.repos.d
dnf_list() { xargs -a "$2" env true; set -- "$1" $(cat "$2"); dnf "$@"; }
installed() { rpm --root "$root" -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' | sort; }
is_there() { rpm --root "$root" -q "$1" >/dev/null 2>&1; }
hold() { mkdir -p "$root/etc/dnf"; grep -qxF "$1" "$locks" 2>/dev/null || printf '%s\\n' "$1" >>"$locks"; }
unhold() { [ ! -e "$locks" ] || { grep -vxF "$1" "$locks" >"$locks.new"; mv "$locks.new" "$locks"; }; }
try() { "$@"; }
`;
}

function repositoryId(step: string, index: number): string {
  return `testyard-${step}-${FIRST_REPOSITORY + index}`;
}

function putSource(step: string, { from }: PackagesAction, index: number): string {
  const one = from[index];
  if (one === undefined) return '';
  const id = repositoryId(step, index);
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
${check}
END
`;
}

function pinned({ name, version }: PinnedPackage): string {
  return version === undefined ? name : `${name}-${version}`;
}

/** An older version than is there is put in by a word of its own. */
function downgrades(install: readonly PinnedPackage[]): string {
  return install
    .flatMap((one) => (one.version === undefined ? [] : [quote(pinned(one))]))
    .map((one) => `is_there ${one} || try dnf downgrade ${one} || exit ${CODE.broken}\n`)
    .join('');
}

function checks(install: readonly PinnedPackage[]): string {
  return install.map((one) => `is_there ${quote(pinned(one))} || exit ${CODE.otherwise}\n`).join('');
}
