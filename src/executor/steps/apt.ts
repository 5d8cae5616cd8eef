import type { Repository } from '../../domain/repository.js';
import type { PackagesAction, PinnedPackage } from '../../domain/step-action.js';
import { quote } from '../wrapper.js';
import { asked, type BroughtPackages } from './candidates.js';
import { recordOf } from './host-work.js';
import { PACKAGE_CODES as CODE, FIRST_REPOSITORY } from './package-codes.js';

/**
 * Shell text that brings packages into the wanted state by apt. What is installed, held and asked for by hand is noted
 * before, the first time; exit codes tell whose failure it is.
 */
export function aptDo(step: string, action: PackagesAction, brought: BroughtPackages): string {
  const { install, remove, hold, unhold, from } = action;
  // Where apt may fetch nothing it does not find a package that is a file; all else has been fetched by then.
  const mode = brought.files.length + brought.candidates.size > 0 ? '' : '--no-download ';
  const files = brought.files.map((variable) => `"$${variable}"`);
  const words = [
    ...install.map((one) => asked(one, brought, pinned)),
    ...files,
    ...remove.map((name) => quote(`${name}-`)),
  ];
  const names = install
    .filter(({ version, file }) => version !== undefined && file === undefined)
    .map(pinned);
  return `${head(step)}
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || exit ${CODE.noManager}
if [ ! -e "$record/kept" ]; then
  rm -rf "$record"
  mkdir -p "$record"
  installed >"$record/installed" && apt-mark showhold >"$record/held" && apt-mark showauto >"$record/auto" || exit ${CODE.broken}
  : >"$record/kept"
fi
mended
${from.map(putSource).join('')}${unhold.length > 0 ? `apt-mark unhold ${unhold.map(quote).join(' ')} || exit ${CODE.noVersion}\n` : ''}set -- ${words.join(' ')}
if [ $# -gt 0 ]; then
  if ! try apt -s install "$@"; then
    # What it depends on may be newer in the host's own sources than the host knows.
    ${from.length > 0 ? 'own=0' : 'own=1'}
    try update || own=$?
    if ! try apt -s install "$@"; then
      apt -s install "$@"
      [ $own -gt 1 ] && exit ${CODE.ownSources}
      ${names.length > 0 ? `for one in ${names.map(quote).join(' ')}; do\n        offered "$one" || { echo "$one is not there; there is:"; apt-cache madison "\${one%%=*}"; exit ${CODE.noVersion}; }\n      done` : ':'}
      for one in ${[...install.filter(({ file }) => file === undefined).map(({ name }) => name), ...remove].map(quote).join(' ') || '""'}; do
        [ -z "$one" ] || [ -n "$(apt-cache showpkg "$one" 2>/dev/null)" ] || { echo "$one is not there in any version"; exit ${CODE.noVersion}; }
      done
      exit ${CODE.conflict}
    fi
  fi
  if ! try apt --download-only install "$@"; then
    blame_missing "$@"
    exit ${CODE.ownSources}
  fi
  try apt ${mode}install "$@" || exit ${CODE.broken}
fi
${hold.length > 0 ? `apt-mark hold ${hold.map(quote).join(' ')} || exit ${CODE.noVersion}\n` : ''}${checks(install)}exit 0
`;
}

/** Shell text that makes packages, versions, holds and sources what they were before the step; again it does nothing. */
export function aptUndo(step: string): string {
  return `${head(step)}
if [ -e "$record/kept" ]; then
  mended
  apt-mark showhold >"$record/held.now"
  while IFS= read -r name; do grep -qxF "$name" "$record/held" || apt-mark unhold "$name"; done <"$record/held.now"
  installed >"$record/now"
  set --
  while IFS=' ' read -r name version; do set -- "$@" "$name=$version"; done <<END
$(comm -13 "$record/now" "$record/installed")
END
  [ "\${1-}" = '=' ] && shift
  while IFS=' ' read -r name version; do
    [ -z "$name" ] || grep -q "^$name " "$record/installed" || set -- "$@" "$name-"
  done <<END
$(present)
END
  if [ $# -gt 0 ]; then try apt --purge install "$@" || { try update; try apt --purge install "$@"; } || exit ${CODE.broken}; fi
  while IFS= read -r name; do apt-mark hold "$name" || exit ${CODE.broken}; done <"$record/held"
  apt-mark showauto >"$record/auto.now"
  comm -13 "$record/auto.now" "$record/auto" | xargs -r apt-mark auto
  comm -23 "$record/auto.now" "$record/auto" | xargs -r apt-mark manual
  installed >"$record/now"
  if ! cmp -s "$record/now" "$record/installed"; then
    echo 'this is not what was installed before (<) but (>):'
    comm -3 "$record/installed" "$record/now"
    exit ${CODE.otherwise}
  fi
fi
rm -f /etc/apt/sources.list.d/testyard-"$step"-*.sources
rm -rf "$record"
exit 0
`;
}

/** What both directions stand on. */
function head(step: string): string {
  return `export DEBIAN_FRONTEND=noninteractive LC_ALL=C NEEDRESTART_MODE=a APT_LISTCHANGES_FRONTEND=none
step=${quote(step)} record=${quote(recordOf(step))}
apt() {
  apt-get -q -y -o DPkg::Lock::Timeout=-1 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \\
    --no-install-recommends --allow-downgrades --allow-change-held-packages "$@"
}
update() { apt-get -q --error-on=any -o APT::Get::List-Cleanup=0 "$@" update; }
installed() { dpkg-query -W -f '\${db:Status-Status} \${binary:Package} \${Version}\\n' | sed -n 's/^installed //p' | sort; }
# Those too that stopped half way.
present() { dpkg-query -W -f '\${db:Status-Status} \${binary:Package} \${Version}\\n' | sed -n '/^not-installed \\|^config-files /!s/^[^ ]* //p'; }
offered() { apt-cache madison "\${1%%=*}" | cut -d "|" -f 2 | tr -d " " | grep -qxF "\${1#*=}"; }
# Whether somebody else works with packages; the kernel knows who holds which file.
locked() {
  for file in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
    [ -e "$file" ] && grep -q ":$(stat -c %i "$file") " /proc/locks && return 0
  done
  return 1
}
# Whoever came first may finish; the step's own time limit is the end of the wait.
try() {
  while :; do
    if locked; then
      echo 'somebody else works with packages: waiting'
      while locked; do sleep 0.2; done
    fi
    if "$@"; then return 0; else code=$?; fi
    locked || return $code
  done
}
# What was cut off is finished, as far as it can be.
mended() { try dpkg --configure -a && { [ -z "$(dpkg --audit)" ] || try apt -f install; }; }
# Of the archives that did not come, the first one's repository.
blame_missing() {
  apt --print-uris install "$@" >"$record/uris" 2>/dev/null
  for list in /etc/apt/sources.list.d/testyard-"$step"-*.sources; do
    [ -e "$list" ] || continue
    url=$(sed -n 's/^URIs: //p' "$list")
    grep -qF "'\${url%/}/" "$record/uris" && { list=\${list%.sources}; exit \${list##*-}; }
  done
}
`;
}

/** A file of its own for each repository, with the key in it; its name ends in the exit code that names it. */
function putSource(repository: Repository, index: number): string {
  const code = FIRST_REPOSITORY + index;
  const { url, suite = 'stable', components = ['main'], key } = repository;
  // In deb822 a line of a longer text begins with a blank, and an empty one is a dot.
  const signed =
    key === undefined
      ? 'Trusted: yes'
      : `Signed-By:\n${key
          .trim()
          .split('\n')
          .map((line) => ` ${line.trim() === '' ? '.' : line.trim()}`)
          .join('\n')}`;
  const where = suite.endsWith('/')
    ? `Suites: ${suite}`
    : `Suites: ${suite}\nComponents: ${components.join(' ')}`;
  return `list=/etc/apt/sources.list.d/testyard-"$step"-${code}.sources
cat >"$list" <<'END' || exit ${CODE.broken}
Types: deb
URIs: ${url}
${where}
${signed}
END
# This one alone: another that does not answer is not its fault.
try update -o Dir::Etc::sourcelist="$list" -o Dir::Etc::sourceparts=- || exit ${code}
`;
}

function pinned({ name, version }: PinnedPackage): string {
  return version === undefined ? name : `${name}=${version}`;
}

/** Where a version is asked for, that it is there now. */
function checks(install: readonly PinnedPackage[]): string {
  return install
    .map(({ name, version }) =>
      version === undefined
        ? `[ "$(dpkg-query -W -f '\${db:Status-Status}' ${quote(name)})" = installed ] || exit ${CODE.otherwise}\n`
        : `[ "$(dpkg-query -W -f '\${Version}' ${quote(name)})" = ${quote(version)} ] || exit ${CODE.otherwise}\n`,
    )
    .join('');
}
