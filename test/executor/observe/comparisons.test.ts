import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { helperHead } from '../../../src/executor/helper-script.js';
import { markComparisons } from '../../../src/executor/observe/comparisons.js';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A session's folder with a script of the tree in it, its comparisons marked where `marked`. */
function laidOut(
  script: string,
  marked: boolean,
  steps = './t.sh\n',
  files: Readonly<Record<string, string>> = {},
) {
  const d = mkdtempSync(join(tmpdir(), 'testyard-compared-'));
  folders.push(d);
  const home = join(d, 'tree');
  mkdirSync(home);
  writeFileSync(join(home, 't.sh'), script, { mode: 0o755 });
  writeFileSync(join(home, 'lib.sh'), 'same() { [ "$1" = "$2" ] && echo same; }\n');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text);
  }
  const [own = ''] = Object.keys(files);
  writeFileSync(join(d, 'test'), steps);
  utimesSync(join(home, 't.sh'), 1000, 1000);
  writeFileSync(join(d, '.home'), `${home}\n`);
  // Into a file, where each must stand after the one before.
  writeFileSync(join(d, '.helper'), helperHead('k').replace('1<>', '>>'));
  writeFileSync(join(d, '.out'), '');
  writeFileSync(join(d, '.probe.1'), markComparisons(own === '' ? '' : dirname(own)));
  if (marked) spawnSync('sh', [join(d, '.probe.1')], { stdio: 'ignore' });
  return { d, home };
}

/** What it does, run by the shell of its first line, and what it was heard to compare. */
function run(script: string, marked: boolean) {
  const { d, home } = laidOut(script, marked);
  const done = spawnSync('/bin/sh', ['-c', 'exec ./t.sh "$@"', 'sh', 'one', 'two words', ''], {
    cwd: home,
    input: 'a line\nanother\n',
  });
  const heard = readFileSync(join(d, '.out'), 'latin1')
    .split('\n')
    .filter((line) => line.startsWith('TY-k-m:'))
    .map((line) => Buffer.from(line.slice(7), 'base64').toString().split('\0')[2]);
  const text = (bytes: Buffer) => bytes.toString('latin1').replace(/pid [0-9]+/g, 'pid');
  return { code: done.status, signal: done.signal, out: text(done.stdout), err: text(done.stderr), heard };
}

const EMPTY = '[ "$a" = "$b" ]';

/** Scripts that a careless hand would change, by what they are about. */
const table: Readonly<Record<string, string>> = {
  'an exit code': `${EMPTY}; exit 7`,
  'the code of the comparison': `${EMPTY}; echo $?; b=x; ${EMPTY}; echo $?`,
  'the code before it': `false; ${EMPTY}; echo $?; (exit 5); [ "$?" = "$b" ]; echo $?`,
  'set -e and a true one': `set -e; ${EMPTY}; echo on`,
  'set -e and a false one': `set -e\nb=x\n${EMPTY}\necho not reached`,
  'set -e in a list': `set -e\nb=x\n${EMPTY} && echo no\necho on\n${EMPTY} || false\necho not reached`,
  'set -e in a function': `set -e\nf() { b=x; ${EMPTY}; echo in; }\nif f; then echo yes; fi\nf\necho not reached`,
  'set -u and a name that is not set': `set -u\nb=\necho before\n${EMPTY}\necho not reached`,
  'a trap at the end': `trap 'echo bye $?' EXIT\n${EMPTY}\nb=x\n${EMPTY}`,
  'a trap with a comparison in it': `trap '${EMPTY} && echo bye' EXIT\necho on`,
  'its own name': `echo "$0" "$(basename "$0")"\n${EMPTY} && echo "$0: same"`,
  'arguments with blanks': `for x in "$@"; do echo "<$x>"; done\n[ "$3" = "$4" ] && echo same\necho $#`,
  'a here document': `cat <<EOF\n${EMPTY} $x\nit's\nEOF\n${EMPTY} && echo same`,
  'a here document with tabs and quotes': `if true; then\n\tcat <<-'E F'\n\t${EMPTY} "\n\tE F\nfi\n${EMPTY} && echo same`,
  'a here document with a word in quotes': `cat <<"END" | sort\n${EMPTY}\na\nEND\n${EMPTY} && echo same`,
  'a script that is written': `cat >x.sh <<'E'\n#!/bin/sh\n${EMPTY} && echo inner\nE\nsh ./x.sh; cat x.sh`,
  'a function with the name of ours': `both_empty() { echo mine; }\n${EMPTY} && both_empty`,
  'a function with the name of the test': `test() { echo mine "$@"; }\ntest "$a" = "$b"\ntest x`,
  'return at top level': `${EMPTY} && echo same\nreturn 3\necho after`,
  'exec at the end': `${EMPTY} && exec echo replaced\necho not reached`,
  'a job in the background': `( ${EMPTY}; exit 4 ) &\nwait $!\necho $?`,
  'jobs and their numbers': `sleep 0.01 &\np=$!\n${EMPTY} && [ "$p" = "$!" ] && echo same job\nwait`,
  'reading stdin': `read x\n${EMPTY} && read y\necho "$x,$y"`,
  'a loop over stdin': `while read -r x; do ${EMPTY} && echo "got $x"; done`,
  'a case': `case one in two) echo no ;; one) ${EMPTY} && echo same ;; *) echo no ;; esac`,
  'a case on its own text': `case '${EMPTY}' in "["*) echo text ;; esac`,
  'a library': `. ./lib.sh\nsame "$a" "$b"\nsame x x`,
  'a nested one': `echo '${EMPTY} && echo inner' >inner.sh\n. ./inner.sh\ncat inner.sh`,
  'an error of syntax': `echo before\n${EMPTY}\nif then\n`,
  'an error of syntax inside': `${EMPTY}\nfi\n`,
  'a word that does not end': `${EMPTY} && echo same\necho "never`,
  'a line number in a message': `echo\n${EMPTY}; no-such-command-here\n[ 1 -eq x ]\n${EMPTY}; echo $LINENO`,
  'an operand too many': `a='x y'\n[ $a = $b ]\necho $?`,
  'nothing but the operator': `[ $a = $b ]; echo $?; a=x; [ $a = $b ]; echo $?`,
  'unset -f': `f() { ${EMPTY} && echo f; }\nf; unset -f f; f`,
  'an alias of its own': `alias same='${EMPTY}'\nsame && echo yes`,
  'an alias of the bracket': `alias [='echo mine'\n${EMPTY}\n`,
  'a turned pipeline': `! ${EMPTY}; echo $?; if ! ${EMPTY}; then echo no; else echo yes; fi`,
  'a subshell': `( ${EMPTY} && exit 3 ); echo $?; x=$(${EMPTY} && echo in); echo "$x"`,
  'a subshell in quotes': `x="$( ${EMPTY} && echo "in it")"; echo "$x" "$(cd / && ${EMPTY} && pwd)"`,
  'back quotes': `x=\`${EMPTY} && echo in\`; echo $x`,
  'elif, while, until': `n=\nif false; then :; elif ${EMPTY}; then echo elif; fi\nwhile ${EMPTY}; do b=x; echo once; done\nuntil ${EMPTY}; do b=; done`,
  'a text in quotes': `echo '${EMPTY}; it' "; ${EMPTY.replaceAll('"', '')} ;" \\; ${EMPTY}`,
  'a text over lines': `echo '\n${EMPTY}\n' "\n[ x ]\n"\nsh -c '\na=; ${EMPTY} && echo child\n'`,
  'a comment': `# don't ${EMPTY}\n: # it's; ${EMPTY}\n${EMPTY} && echo same # "`,
  eval: `eval '${EMPTY} && echo same'; x='${EMPTY}'; eval "$x && echo again"`,
  'a line that goes on': `true && \\\n${EMPTY} && \\\n  echo same\necho \\\n${EMPTY}`,
  'a text that reads itself': `${EMPTY}; tail -n +2 "$0"; wc -c <$0`,
  'what set shows': `set -x\n${EMPTY}\necho on`,
  'what set shows of empty ones': `set -x\na=; b=\n${EMPTY} && echo same; set +x; ${EMPTY}; set -x; f() { ${EMPTY}; }; f`,
  'set -u and set -x': `set -ux\nb=\n${EMPTY}\necho not reached`,
  'a prompt of set -x': `PS4='+$(date +%Y) '; set -x\n${EMPTY}\n`,
  'what -v shows': `set -v\n${EMPTY}\necho on`,
  'options of the shell': `${EMPTY}; echo "$-"`,
  'variables of the shell': `set | grep -v _ | sort >one; ${EMPTY}; set | grep -v _ | sort >two; cmp one two && echo same`,
  'the environment': `env | sort >one; ${EMPTY}; env | sort >two; grep -v '^_=' one >x; grep -v '^_=' two >y; cmp x y && echo same`,
  'files that are open': `ls /proc/self/fd | wc -l; ${EMPTY} && ls /proc/self/fd | wc -l`,
  'odd separators and no globbing': `IFS=abc0123; set -f -C; ${EMPTY} && echo same; echo $IFS`,
  'no PATH': `PATH=\n${EMPTY} && echo same`,
  'output that is closed': `exec 2>&-\n${EMPTY} && echo same\nexec >&-\n${EMPTY}`,
  'literal parts': `[ "x$a" = "x$b" ] && echo x; [ "$a/1" = "$b/2" ] || echo other; [ "x$a" != "x$b" ]; echo $?`,
  'more of the same kind': `test "$a" = "$b" && echo t; test "$a" = "$b" -o x; echo $?; [ "$a" = "$b" -a x = y ]; echo $?`,
  redirections: `${EMPTY} >f && echo same; ls f; { ${EMPTY}; } 2>&1`,
  'what commands print': `[ "$(echo x)" = "$(echo x)" ] && echo same; [ "$(echo y >&2)" = "$(:)" ]; echo $?; [ "$(wc -l <"lib.sh")" = "$(wc -l '<f')" ] || echo differ`,
  'what commands print under set -e': `set -e\n[ "$(false; echo x)" = "$(echo x)" ] && echo same || echo differ\n[ "$(false)" = "$(:)" ]\necho on\n[ "$(false)" = "$(echo x)" ]\necho not reached`,
  'what commands print in a condition under set -e': `set -e\nif [ "$(false; echo x)" = "$(echo x)" ]; then echo same; else echo differ; fi; ! [ "$(exit 3)" = "$b" ] || echo none; echo $?`,
  'the code before what commands print': `(exit 5); [ "$(echo $?)" = "$(echo 5)" ]; echo $?; (exit 4); [ "$(:)" = "$b" ]; echo $?`,
  'commands that have an effect': `n=0; [ "$(echo a >>f; cat f)" = "$(echo b >>f)" ]; cat f; x() { echo x >>f; }; [ "$(x)" != "$(x)" ] || cat f`,
  'much that commands print': `[ "$(head -c 300000 /dev/zero | tr '\\0' x)" = "$(head -c 300000 /dev/zero | tr '\\0' x)" ] && echo same`,
  'what commands print under set -u': `set -u\n[ "$(echo "$nosuch")" = "$(:)" ]; echo $?\n[ "$nosuch$(:)" = "$(:)" ]\necho not reached`,
  'what commands print is shown': `set -x\n[ "$(:)" = "$(:)" ]\necho on`,
  'what commands print among texts': `[ "x$(:)" = "x$(:)" ] && echo x; [ "x$(:)" = "y$(:)" ] || echo other; [ "$(echo "a b")" = "a b" ] && echo lit; [ "$(echo '(')" = "$(echo ')')" ]; echo $?`,
  'more that has to hold': `[ "$a" = "$b" -a x = x ]; echo $?; [ "$a" = "$b" -o x = y ]; echo $?; [ "$a" = "$b" -a -z "$a" ] && echo empty; [ "$a" = "$b" -a "$(echo ])" = x ]; echo $?`,
  'what is cut': `p=a.b; [ "\${p%.*}" = "\${p#*.}" ]; echo $?; [ "\${a%.*}" = "\${b##*/}" ] && echo same; [ "\${p%%.*}" = a ] && echo a`,
  'what is cut under set -u': `set -u\n[ "\${nosuch%x}" = "\${b#x}" ]\necho not reached`,
  'what is cut with a brace or a quote': `p='a}b'; [ "\${p%'}'*}" = "\${a%x}" ]; echo $?; [ "\${p%\\}*}" = "\${a%x}" ]; echo $?`,
  'a pipe': `echo x | ${EMPTY} && echo same; ${EMPTY} | cat; echo $?`,
  'the arguments of a command': `echo if ${EMPTY}; echo then ${EMPTY}; printf '%s|' ! [ "$a" = "$b" ]`,
  'a signal': `${EMPTY} && kill -TERM $$\nsleep 1`,
  'carriage returns': `${EMPTY}\r\necho x\r\n`,
  shifts: `echo $((1<<2)); ${EMPTY} && echo same; echo $(( 8 << 1 ))`,
};

const bashTable: Readonly<Record<string, string>> = {
  'two brackets': '[[ "$a" == "$b" ]] && echo same; [[ $a = $b ]]; echo $?; [[ "$a" != "$b" ]]; echo $?',
  'two brackets under set -e': 'set -e\nb=x\n[[ "$a" == "$b" ]] || echo differ\n[[ "$a" == "$b" ]]\necho no',
  'two brackets with more':
    '[[ "$a" == "$b" && x == x ]] && echo same; [[ $a == $b || x == y ]]; echo $?; [[ "$(:)" == "$(:)" ]] && echo none; [[ "$(echo xy)" == x* ]] && echo fits; [[ "$(echo x)" == "$(echo "x")" ]]; echo $?',
  'what commands print in a function': `set -e\ntrap 'echo "err $LINENO"' ERR\nf() { [ "$(false)" = "$(echo x)" ] || echo differ; [ "$(false; echo x)" = "$(echo x)" ] && echo same; }\nf; declare -p _ty_one 2>/dev/null || echo none`,
  'a pattern': 'a=xy; b="x*"; [[ $a == $b ]] && echo fits; [[ $a == "$b" ]] || echo text',
  'a trap of errors': `trap 'echo "err $LINENO"' ERR\nb=x\n${EMPTY}\n[[ "$a" == "$b" ]]\n${EMPTY} || echo`,
  'a trap of errors in functions': `set -E\ntrap 'echo "err $LINENO $?"' ERR\nf() { b=x\n${EMPTY}\n}\nf\n`,
  'a trap before commands': `trap 'echo "at $BASH_COMMAND"' DEBUG\n${EMPTY}\n`,
  'the codes of a pipe': `true | false\n[[ "$a" == "$b" ]]; echo "\${PIPESTATUS[*]}"`,
  'return at top level': `${EMPTY} && echo same\nreturn 3\necho after`,
  'functions that are shown': `f() { ${EMPTY}; }\ndeclare -f f`,
  'a function of the bracket': `[() { echo mine; }\n${EMPTY}\n`,
  'an array': `x=( [ "$a" = "$b" ] )\necho "\${x[@]}" "\${#x[@]}"`,
  'a here string': `cat <<<"it's"; ${EMPTY} && echo same; cat <<< '['`,
  'a word of C': `x=$'it\\'s'; ${EMPTY} && echo "$x"; echo $'\\''`,
  'a child': `export -f f 2>/dev/null; f() { ${EMPTY} && echo f; }; export -f f; bash -c f`,
  'where it is called': `f() { ${EMPTY} && caller; echo "\${BASH_SOURCE[0]} $LINENO \${FUNCNAME[*]}"; }\nf`,
  arithmetic: `(( 1 << 2 )); ${EMPTY} && echo $(( 1 << 3 )); (( 0 )); echo $?`,
};

/** Those that show their own text are left alone. */
const firstLines = ['#!/bin/sh', '#!/bin/bash'];
const cases = [
  ...firstLines.flatMap((first) => Object.entries(table).map(([name, text]) => [first, name, text] as const)),
  ...Object.entries(bashTable).map(([name, text]) => ['#!/bin/bash', name, text] as const),
  ...[
    '#!/bin/sh -e',
    '#!/bin/sh -eu',
    '#!/bin/bash -e',
    '#!/bin/sh -x',
    '#!/bin/bash -ex',
    '#!/usr/bin/env bash',
  ].map(
    (first) =>
      [first, 'flags of the first line', `a=; b=\n${EMPTY}\necho on $-\nb=x\n${EMPTY}\necho no`] as const,
  ),
];

/** Its values are what commands print. */
const FROM_COMMANDS = 'true || a=$(:) c=`:`';

describe('the comparisons of a script that tell of themselves', () => {
  it.each(cases)('change nothing: %s: %s', (first, _name, text) => {
    const script = `${first}\n${FROM_COMMANDS}\n${text}\n`;
    const { heard: nothing, ...plain } = run(script, false);
    const { heard: _, ...marked } = run(script, true);
    expect(nothing).toEqual([]);
    expect(marked).toEqual(plain);
  });

  it.each([
    ['#!/bin/sh', `${EMPTY} && echo x`, [EMPTY]],
    ['#!/bin/sh -e', `if [ "x$a" != "x$b" ]; then :; fi`, ['[ "x$a" != "x$b" ]']],
    ['#!/bin/bash', '[[ "$a" == "$b" ]] && :; test $a = $b', ['[[ "$a" == "$b" ]]', 'test $a = $b']],
    ['#!/usr/bin/env bash', `f() { ${EMPTY}; }; f; x=$(f)`, [EMPTY, EMPTY]],
    ['#!/bin/sh -ex', EMPTY, [EMPTY]],
    ['#!/bin/bash', `set -x; ${EMPTY}`, [EMPTY]],
    ['#!/bin/sh', `b=x; ${EMPTY}; [ "$d" = "$b" ]; [ "$d" = "$e" ]; [ "$c" = "" ]; [ "$c" = x ]`, []],
    ['#!/bin/sh', `[ "$PWD/$a" = "$PWD/$b" ]; [ "$a" = "$a" ]`, []],
    [
      '#!/bin/sh',
      `[ "$(:)" = "$(:)" ] && echo x; [ "$(echo y)" = "$b" ]; [ "$(:)" = "$b" ]`,
      ['[ "$(:)" = "$(:)" ]', '[ "$(:)" = "$b" ]'],
    ],
    [
      '#!/bin/bash -e',
      `[[ "$(:)" == "$(false)" ]]; [ "x$(:)" != "x$b" ] || :`,
      ['[[ "$(:)" == "$(false)" ]]', '[ "x$(:)" != "x$b" ]'],
    ],
    ['#!/bin/sh', `test "$(:)" = "$(: "$0")" && echo x`, ['test "$(:)" = "$(: "$0")"']],
    [
      '#!/bin/sh',
      '[ "$a" = "$b" -a x = x ]; [ "$a" = "$b" -a -n "$a" ]; [ "$a" = "$b" -o x = y ]',
      ['[ "$a" = "$b" -a x = x ]', '[ "$a" = "$b" -o x = y ]'],
    ],
    ['#!/bin/bash', '[[ $a == $b && x == x ]]; [[ -n $a && $a == $b ]]', ['[[ $a == $b && x == x ]]']],
    [
      '#!/bin/sh',
      `[ "\${a%.*}" = "\${b##*/}" ]; p=x.y; [ "\${p%.*}" = "\${b#x}" ]`,
      [`[ "\${a%.*}" = "\${b##*/}" ]`],
    ],
    ['#!/usr/bin/env sh', 'while read -r x; do [ "$a" = "$b" ] && break; done', [EMPTY]],
  ])('%s: %s', (first, text, expected) => {
    expect(run(`${first}\n${FROM_COMMANDS}; ${text}\n`, true).heard).toEqual(expected);
  });

  it('leave the time and the mode of a file as they were', () => {
    const { home } = laidOut(`#!/bin/sh\nread a\n${EMPTY}\n`, true);
    const file = join(home, 't.sh');
    expect(readFileSync(file, 'utf8')).toContain('esac');
    expect(statSync(file).mtimeMs).toBe(1_000_000);
    expect(statSync(file).mode & 0o777).toBe(0o755);
  });

  it('are those of what is read from elsewhere in the tree as well, but for what prints', () => {
    const lib = 'a=$(:)\nsame() { [ "$1" = "$2" ]; }\nother() { [ "$(:)" = "$1" ]; }\n';
    const { home } = laidOut('#!/bin/sh\n', true, './t.sh\n', {
      'tests/net/t.sh': '#!/bin/sh\n. ../../lib/shared\nsame "$a" "$a"\n',
      'lib/shared': lib,
      'lib/not-read': lib,
    });
    const shared = readFileSync(join(home, 'lib/shared'), 'utf8');
    expect(shared).toMatch(/same\(\) \{ \{ .*both-empty 1 /);
    expect(shared).toContain('other() { [ "$(:)" = "$1" ]; }');
    expect(readFileSync(join(home, 'lib/not-read'), 'utf8')).toBe(lib);
  });

  it('are those of the steps as well', () => {
    const { d } = laidOut('', true, `a=$(:) b=''\nset -e\n${EMPTY} && echo x\n`);
    expect(readFileSync(join(d, 'test'), 'utf8')).toMatch(/both-empty 1 /);
  });
});
