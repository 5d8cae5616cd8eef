/** A true defect in a tool under test: what is put in the place of its program, which lies at `real`. */
export interface Defect {
  readonly name: string;
  /** A shell script without its first line. */
  readonly script: (tool: string, real: string) => string;
  /** The test's own limit passes. */
  readonly hangs?: boolean;
}

/** Nothing but the digits is other than it should be. */
const WRONG_DIGITS = `perl -pe 's/(\\d)/($1 + 3) % 10/ge'`;
/** What measures is a thousand times too good or too bad; a latency is raised, a speed is lowered. */
const WRONG_MEASURES = `perl -pe 's{(Max:|Avg:|Min:)\\s*(\\d+)}{$1 . ($2 * 1000 + 9_000_000)}ge; s{([\\d.]+)(?= (?:Mbits|numbers|ops|lines)/sec)}{sprintf "%.3f", $1 / 1e7}ge; s{ratio ([\\d.]+)}{"ratio " . $1 / 1000}ge'`;

/** One bit of the newest file that the tool was given is turned. */
const DAMAGE = `for path; do
  [ -d "$path" ] && path=$(ls -t "$path"/* 2>/dev/null | head -n 1)
  [ -f "$path" ] && [ -s "$path" ] && last=$path
done
[ -n "$last" ] && perl -e 'open F, "+<", $ARGV[0]; seek F, -2, 2; read F, $b, 1; seek F, -2, 2; print F chr(ord($b) ^ 1)' "$last"`;

/** The defects of the set that the engine was built with. */
export const DEFECTS: readonly Defect[] = [
  { name: 'exit_code', script: (_, real) => `${real} "$@"\nexit 3` },
  {
    name: 'wrong_output',
    script: (_, real) =>
      `${real} "$@" >/tmp/said.$$; e=$?\n${WRONG_DIGITS} </tmp/said.$$\nrm /tmp/said.$$\nexit $e`,
  },
  { name: 'crash', script: (_, real) => `${real} "$@" | head -c 7\nkill -SEGV $$` },
  { name: 'abort', script: (tool) => `echo '${tool}: assertion failed: state.ready' >&2\nkill -ABRT $$` },
  { name: 'hang', script: () => 'while :; do sleep 1000; done', hangs: true },
  {
    name: 'wrong_measure',
    script: (_, real) =>
      `${real} "$@" >/tmp/said.$$; e=$?\n${WRONG_MEASURES} </tmp/said.$$\nrm /tmp/said.$$\nexit $e`,
  },
  { name: 'corrupt_file', script: (_, real) => `${real} "$@"; e=$?\n${DAMAGE}\nexit $e` },
  {
    name: 'truncated',
    script: (_, real) =>
      `${real} "$@" >/tmp/said.$$; e=$?\nhead -c $(($(wc -c </tmp/said.$$) / 3)) /tmp/said.$$\nrm /tmp/said.$$\nexit $e`,
  },
  { name: 'says_not_found', script: (tool) => `echo 'sh: 1: ${tool}: not found' >&2\nexit 1` },
  {
    name: 'says_no_space',
    script: (tool) => `echo '${tool}: write error: No space left on device' >&2\nexit 1`,
  },
  {
    name: 'says_no_file',
    script: (tool) => `echo '${tool}: cannot open /dev/null: No such file or directory' >&2\nexit 1`,
  },
  {
    name: 'says_no_network',
    script: (tool) => `echo '${tool}: mirror: Temporary failure in name resolution' >&2\nexit 4`,
  },
  {
    name: 'says_no_module',
    script: (tool) => `echo '${tool}: modprobe: FATAL: Module loop not found' >&2\nexit 1`,
  },
  { name: 'returns_127', script: () => 'exit 127' },
  {
    name: 'own_permission',
    script: (tool) => `: >/tmp/${tool}.part.$$\nchmod 644 /tmp/${tool}.part.$$\n/tmp/${tool}.part.$$ "$@"`,
  },
  { name: 'out_of_memory', script: () => `ulimit -v 60000\nperl -e '$kept .= "leak" x 1e6 while 1'\nexit 1` },
  {
    name: 'with_noise',
    script: (_, real) =>
      `modprobe no-such-module-here 2>/dev/null\nfancyplot --version 2>/dev/null\n${real} "$@" | ${WRONG_DIGITS}\nexit 4`,
  },
];

/** Defects of another hand, for a set that the engine was not built with. */
export const HELD_DEFECTS: readonly Defect[] = [
  { name: 'killed', script: (_, real) => `${real} "$@" | head -n 1\nkill -KILL $$` },
  { name: 'to_stderr', script: (_, real) => `${real} "$@" >&2\nexit 1` },
  { name: 'nan', script: (_, real) => `${real} "$@" | perl -pe 's/\\d+(\\.\\d+)?/nan/g'\nexit 5` },
  { name: 'babble', script: () => `head -c 300 /dev/urandom | od -An -c\nexit 9` },
  {
    name: 'traceback',
    script: (tool) =>
      `printf 'Traceback (most recent call last):\\n  in ${tool}\\nModuleNotFoundError: No module named core\\n' >&2\nexit 1`,
  },
  { name: 'says_busy', script: (tool) => `echo '${tool}: Device or resource busy' >&2\nexit 16` },
  { name: 'returns_126', script: (tool) => `echo '${tool}: Permission denied' >&2\nexit 126` },
  { name: 'one_line_less', script: (_, real) => `${real} "$@" | sed '$d'\nexit 2` },
  {
    name: 'wrong_name',
    script: (_, real) => `${real} "$@"\nfor path; do [ -f "$path" ] && mv "$path" "$path.tmp"; done\nexit 1`,
  },
  {
    name: 'says_unreachable',
    script: (tool) => `echo '${tool}: connect: Network is unreachable' >&2\nexit 101`,
  },
  { name: 'says_no_package', script: (tool) => `echo 'E: Unable to locate package ${tool}' >&2\nexit 100` },
  { name: 'deadlock', script: () => "perl -e 'pipe R, W; sysread R, $b, 1'", hangs: true },
  {
    name: 'after_optional',
    script: (tool, real) =>
      `command -v ${tool}-turbo >/dev/null || true\n${tool}-turbo "$@" 2>/dev/null || ${real} "$@" | tr 0-9 1-90\nexit 1`,
  },
];
