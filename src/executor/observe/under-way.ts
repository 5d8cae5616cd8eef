import { type Call, readCall, WATCHED_TOOLS } from './calls.js';

/**
 * Shell text that tells, while a phase still runs, of the processes that it waits for: a line each with number, that of its
 * parent, program and arguments, and before them the addresses of this host. Who has left the phase's own tree (a
 * daemon) is waited for by nobody.
 */
export const UNDER_WAY = `d=\${0%/.probe.*}
IFS= read -r leader <"$d/.leader" || exit 0
awk '/32 host LOCAL/ { print "own\\t" last } { last = $2 }' /proc/net/fib_trie 2>/dev/null | sort -u | head -n 50
printf 'own\\t%s\\n' "$(uname -n)"
pairs=
for f in /proc/[0-9]*; do
  line=
  IFS= read -r line 2>/dev/null <"$f/stat" || continue
  set -- \${line##*) }
  pairs="$pairs \${f#/proc/}:$2"
done
tree=" $leader " grown=yes
while [ -n "$grown" ]; do
  grown=
  for p in $pairs; do
    case $tree in *" \${p%:*} "*) continue ;; esac
    case $tree in *" \${p#*:} "*) tree="$tree\${p%:*} " grown=yes ;; esac
  done
done
for p in $pairs; do
  case $tree in *" \${p%:*} "*) ;; *) continue ;; esac
  f=/proc/\${p%:*}
  printf 'process\\t%s\\t%s\\t%s\\t%s\\n' "\${p%:*}" "\${p#*:}" "$(readlink "$f/exe" 2>/dev/null)" "$(tr '\\0\\t\\n' '\\1  ' 2>/dev/null <"$f/cmdline" | head -c 1000)"
done
`;

interface Process {
  readonly pid: string;
  readonly parent: string;
  readonly program: string;
  readonly args: readonly string[];
}

/** What may stand between a test and the tool it waits for: shells, interpreters of its scripts, what starts others. */
const STARTERS =
  /^(?:da|ba|a)?sh$|^(?:busybox|perl|python[0-9.]*|make|timeout|env|sudo|su|nice|ionice|nohup|setsid|stdbuf|xargs|time|chrt|taskset)$/;
/** What only passes on what others print, or waits for nothing but time. */
const PASSES_ON = new Set(
  'tee cat tar sed grep awk mawk gawk gzip bzip2 xz zstd tail head tr sort cut sleep logger'.split(' '),
);
const TOOLS: ReadonlySet<string> = new Set(WATCHED_TOOLS);

/**
 * The call of set-up that a phase waits for; undefined: there is none, or it waits for something else as well. A tool that
 * is a script by another's name is not taken for the tool.
 */
export function underWay(told: readonly string[]): Call | undefined {
  const rows = told.map((line) => line.split('\t'));
  const own = new Set(rows.flatMap(([word, name]) => (word === 'own' && name ? [name] : [])));
  const processes = rows.flatMap(([word, pid = '', parent = '', exe = '', args = '']) =>
    word === 'process' ? [{ pid, parent, program: baseOf(exe), args: args.split('\u0001') }] : [],
  );
  const calls = processes.flatMap((process) => {
    const call = callOf(process);
    return call === undefined || isOwn(call, own) ? [] : [{ process, call }];
  });
  const [first] = calls;
  if (first === undefined) return undefined;
  const roots = new Set(calls.map(({ process }) => process.pid));
  const waiting = new Set([...roots].flatMap((pid) => above(pid, processes)));
  const isOfTools = processes.some((one) => waiting.has(one.pid) && !roots.has(one.pid) && !isOfTest(one));
  const isElse = processes.some((process) => {
    if (waiting.has(process.pid) || above(process.pid, processes).some((pid) => roots.has(pid))) return false;
    return !PASSES_ON.has(process.program) && !isFork(process, waiting, processes);
  });
  return isElse || isOfTools ? undefined : first.call;
}

function callOf({ program, args: [first = '', second = '', ...rest] }: Process): Call | undefined {
  const name = baseOf(first);
  if (program === 'dpkg') return readDpkg([second, ...rest]);
  if (/^python/.test(program) && TOOLS.has(baseOf(second))) return read(baseOf(second), rest);
  const isTool = TOOLS.has(name) && (program === name || program === 'busybox' || program === `${name}.real`);
  return isTool
    ? read(
        name,
        [second, ...rest].filter((word) => word !== ''),
      )
    : undefined;
}

function read(tool: string, args: readonly string[]): Call | undefined {
  const call = readCall(tool, args);
  if (call !== undefined)
    return call.of === 'install' || call.of === 'fetch' || call.of === 'refresh' ? call : undefined;
  const verb = args.find((arg) => ['fetch', 'pull', 'submodule', 'clone', 'ls-remote'].includes(arg));
  return tool === 'git' && verb !== undefined
    ? { of: 'fetch', from: `the remote of git ${verb}` }
    : undefined;
}

/** `dpkg -i fio_3.1_amd64.deb`. */
function readDpkg(args: readonly string[]): Call | undefined {
  if (!args.some((arg) => /^(?:-i|--install|--unpack|--configure)$/.test(arg))) return undefined;
  const names = args
    .filter((arg) => !arg.startsWith('-') && arg !== '')
    .map((arg) => baseOf(arg).replace(/_.*/, ''));
  return { of: 'install', manager: 'dpkg', names: names.length === 0 ? ['all that was unpacked'] : names };
}

/** What this host itself serves is no network. */
function isOwn(call: Call, own: ReadonlySet<string>): boolean {
  if (call.of !== 'fetch') return false;
  const host = call.from
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/[/?#].*$/, '')
    .replace(/^.*@/, '')
    .replace(/:[0-9]+$/, '');
  return own.has(host) || /^(?:localhost(?:\..*)?|127\..*|\[::1\]|0\.0\.0\.0)$/.test(host);
}

/** A process and those above it. */
function above(pid: string, processes: readonly Process[]): readonly string[] {
  const chain: string[] = [];
  for (let at: string | undefined = pid; at !== undefined && !chain.includes(at); ) {
    chain.push(at);
    at = processes.find((one) => one.pid === at)?.parent;
  }
  return chain;
}

/** The test's own scripts, and what they start others with; what lies in the system's folders is a tool of its own. */
function isOfTest({ program, args: [, ...args] }: Process): boolean {
  const script = args.find((arg) => !arg.startsWith('-')) ?? '';
  const isInterpreter = /^(?:da|ba|a)?sh$|^(?:busybox|perl|python[0-9.]*)$/.test(program);
  return STARTERS.test(program) && !(isInterpreter && /^\/(?:usr|s?bin|lib|opt)\//.test(script));
}

/** A shell that split off one that waits: a side of a pipe, or what counts the time. */
function isFork(
  { args, program }: Process,
  waiting: ReadonlySet<string>,
  processes: readonly Process[],
): boolean {
  return processes.some(
    (one) => waiting.has(one.pid) && one.program === program && one.args.join(' ') === args.join(' '),
  );
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
