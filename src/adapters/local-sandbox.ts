/** A command line that makes a sandbox and runs a command in it; fd 3 is its status channel. */
export interface Sandbox {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Record<string, string>;
}

/** What a sandbox is to be like. */
export interface SandboxPlan {
  readonly network: boolean;
  readonly uid: number;
  /** Folders that must not be seen; absolute, without links. */
  readonly masked: readonly string[];
  /** A folder at the root that the test's user is to own; bubblewrap, whose root is read-only, cannot make one. */
  readonly folder?: string | undefined;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const HOME = '/run/home';

/** Runs `$1` as the last thing: says `ready`, and afterwards what the shell says of its end and the exit code. */
function runLast(start: string): string {
  return `
exec 4>&2 2>&3
echo ready >&3
/bin/sh -c 'exec 2>&4 3>&- 4>&-; exec ${start} /bin/sh -c "$1"' sh "$1"
echo "exit $?" >&3
exit 0
`;
}

/** The variables a test starts with: none of ours, as over ssh, and the language. */
function cleanEnvironment(extra: Record<string, string>): Record<string, string> {
  const language = Object.entries(process.env).filter(([name]) => /^(LANG|LC_[A-Z]+|TZ)$/.test(name));
  const kept = language.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    PATH,
    SHELL: '/bin/sh',
    USER: 'testyard',
    LOGNAME: 'testyard',
    ...Object.fromEntries(kept),
    ...extra,
  };
}

/** File systems that are views of the kernel, or that the sandbox makes itself. */
const KERNEL_FILE_SYSTEMS = new Set(
  (
    'proc sysfs devtmpfs devpts cgroup cgroup2 securityfs debugfs tracefs mqueue hugetlbfs bpf pstore configfs ' +
    'fusectl autofs rpc_pipefs nsfs binfmt_misc efivarfs selinuxfs'
  ).split(' '),
);
const MADE_HERE = ['/proc', '/sys', '/dev', '/run', '/tmp', '/var/tmp', '/var/run'];

/** Mount points below the root that a throw-away view must take along, outermost first. */
export function submounts(mountinfo: string): readonly { readonly at: string; readonly readOnly: boolean }[] {
  const found = new Map<string, boolean>();
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const at = (before.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_all, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const type = after.split(' ')[0] ?? '';
    if (at === '' || at === '/' || KERNEL_FILE_SYSTEMS.has(type)) continue;
    if (MADE_HERE.some((folder) => at === folder || at.startsWith(`${folder}/`))) continue;
    found.set(at, type === 'squashfs' || type === 'iso9660' || type.startsWith('fuse'));
  }
  return [...found].map(([at, readOnly]) => ({ at, readOnly })).sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** The sandbox that root can make. */
export function namespaces(plan: SandboxPlan, mountinfo: string, command: string): Sandbox {
  const unshare = [
    '--mount',
    '--pid',
    '--ipc',
    '--uts',
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
  ];
  const net = plan.network ? [] : ['--net'];
  const script = setUp(plan, mountinfo) + runLast(dropTo(plan.uid));
  return {
    program: 'setpriv',
    // Should this process be killed, the sandbox goes with it.
    args: [
      '--pdeathsig',
      'KILL',
      'unshare',
      ...unshare,
      ...net,
      '/bin/sh',
      '-c',
      script,
      'testyard',
      command,
    ],
    environment: cleanEnvironment({ HOME }),
  };
}

function dropTo(uid: number): string {
  return `setpriv --reuid=${uid} --regid=${uid} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all --`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Shell text that builds the view and enters it. Everything is written into a tmpfs that only this mount
 * namespace knows, so that it is gone with it. /sys is read-only, /dev holds what every program expects.
 */
function setUp(plan: SandboxPlan, mountinfo: string): string {
  const below = submounts(mountinfo).map(({ at, readOnly }, index) => submount(at, readOnly, index));
  const masks = plan.masked.map((folder) => {
    const inside = quote(`r${folder}`);
    return `[ ! -e ${inside} ] || mount -t tmpfs -o mode=000,ro,size=4k none ${inside} || fail ${quote(folder)}`;
  });
  // The name servers' file is often a link into /run, which is fresh.
  const names = plan.network
    ? 'if [ -L /etc/resolv.conf ] && [ -e /etc/resolv.conf ]; then rm -f r/etc/resolv.conf; cp /etc/resolv.conf r/etc/resolv.conf; fi'
    : '{ ip link set lo up || ifconfig lo up || busybox ip link set lo up; } 2>/dev/null || fail "loopback (install iproute2)"';
  return `
fail() { echo "$1" >&3; exit 1; }
umask 022
exec 5>&2 2>&3
mount -t tmpfs -o mode=755 none /tmp && cd /tmp && mkdir u w r || fail 'a place for the view'
mount -t overlay -o lowerdir=/,upperdir=u,workdir=w none r || fail 'an overlay over /'
${below.join('\n')}
printf '%s\\n' 'none /tmp/r/proc proc nosuid,nodev,noexec 0 0' 'none /tmp/r/sys sysfs ro,nosuid,nodev,noexec 0 0' \\
  'none /tmp/r/dev tmpfs mode=755,nosuid 0 0' 'none /tmp/r/dev/pts devpts x-mount.mkdir,newinstance,ptmxmode=666,mode=620 0 0' \\
  'none /tmp/r/dev/shm tmpfs x-mount.mkdir,mode=1777,nosuid,nodev 0 0' 'none /tmp/r/tmp tmpfs mode=1777,nosuid,nodev 0 0' \\
  'none /tmp/r/var/tmp tmpfs mode=1777,nosuid,nodev 0 0' 'none /tmp/r/run tmpfs mode=755,nosuid,nodev 0 0' >table
mount -a -T table || fail 'the fresh file systems'
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fd /dev/stdin /dev/stdout /dev/stderr r/dev/ || fail /dev
ln -s pts/ptmx r/dev/ptmx
${masks.join('\n')}
${names}
printf 'testyard:x:%s:%s::%s:/bin/sh\\n' ${plan.uid} ${plan.uid} ${HOME} >>r/etc/passwd
mkdir -m 700 r/run/home r/run/old && chown ${plan.uid}:${plan.uid} r/run/home || fail HOME
${plan.folder === undefined ? '' : ownFolder(plan.folder, plan.uid)}
cd r && pivot_root . run/old && cd / && umount -l /run/old && rmdir /run/old || fail 'entering the view'
cd ${HOME}
exec 2>&5 5>&-
`;
}

/** Made new in the throw-away root, over whatever this machine has there. */
function ownFolder(folder: string, uid: number): string {
  const inside = quote(`r${folder}`);
  return `rm -rf ${inside} && mkdir ${inside} && chown ${uid}:${uid} ${inside} || fail ${quote(folder)}`;
}

/** A disk mounted below the root gets a throw-away layer too; where that cannot be, it is read-only. */
function submount(at: string, readOnly: boolean, index: number): string {
  const [from, to] = [quote(at), quote(`r${at}`)];
  const bind = `{ mount --bind ${from} ${to} && mount -o remount,bind,ro ${to}; } || fail ${from}`;
  // A mount may be hidden by another one.
  if (readOnly) return `[ ! -e ${from} ] || ${bind}`;
  const options = `lowerdir=${at.replaceAll(/[\\:,]/g, '\\$&')},upperdir=u${index},workdir=w${index}`;
  return `if [ -d ${from} ]; then mkdir u${index} w${index}; mount -t overlay -o ${quote(options)} none ${to} 2>/dev/null || ${bind}; elif [ -e ${from} ]; then ${bind}; fi`;
}

/** The sandbox that anybody can make. */
export function bubblewrap(plan: SandboxPlan, home: string | undefined, command: string): Sandbox {
  const net = plan.network ? [] : ['--unshare-net'];
  const homes = home === undefined || home === '/' ? [] : ['--tmpfs', home];
  const inside = homes.length === 0 ? '/tmp' : (home as string);
  const masks = plan.masked.flatMap((folder) => ['--tmpfs', folder]);
  const fresh = ['/tmp', '/var/tmp', '/run'].flatMap((folder) => ['--tmpfs', folder]);
  const view = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', ...fresh, ...homes, ...masks];
  const apart = [
    '--die-with-parent',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    ...net,
    '--chdir',
    inside,
  ];
  return {
    program: 'bwrap',
    args: [
      ...apart,
      ...view,
      '--',
      '/bin/sh',
      '-c',
      runLast('setpriv --no-new-privs --'),
      'testyard',
      command,
    ],
    environment: cleanEnvironment({ HOME: inside }),
  };
}
