import { quote } from '../wrapper.js';

/**
 * Shell text, for a session before anything of the test runs there, that lets the test's scripts tell where they compare
 * two values of which both are empty. In the session's own copy each plain comparison of variables is preceded by a
 * `case` on the same line, which does nothing but in that one event, and of which `set -x` shows nothing, as its stderr
 * is /dev/null: lines keep their numbers, and the shell its options, variables, functions and messages. A text that
 * could notice it is left as it is. `folder` is that of the definition in its tree.
 */
export function markComparisons(folder: string): string {
  return `(
d=\${0%/.probe.*}
home=
case $d in *[!A-Za-z0-9/._-]*) exit 0 ;; esac
[ -s "$d/.home" ] && IFS= read -r home <"$d/.home" && command -v awk >/dev/null && command -v touch >/dev/null || exit 0
own=${quote(folder)} own=$home\${own:+/$own}
own_scripts() {
  printf '%s\\n' "$d/test"
  find "$own" -maxdepth 4 -type f -size -200k -print 2>/dev/null | head -n 300
}
own_scripts | tr '\\n' '\\0' | xargs -0 grep -qE ${quote(NOTICES)} /dev/null && exit 0
# What they read from elsewhere in the tree, found by the names of its files.
own_scripts | tr '\\n' '\\0' | xargs -0 sed -nE ${quote(READS)} 2>/dev/null | sort -u | head -n 10 | while IFS= read -r name; do
  find "$home" -maxdepth 5 -type f -size -200k -name "$name" ! -path "$own/*" -print 2>/dev/null | head -n 3
done >"$d/.libraries"
scripts() { own_scripts; cat "$d/.libraries"; }
printf %s ${quote(MARKING)} >"$d/.marking"
printf '#!/bin/sh\\nd="%s"\\n' "$d" >"$d/.both-empty"
printf %s ${quote(BOTH_EMPTY)} >>"$d/.both-empty"
chmod 755 "$d/.both-empty"
: >"$d/.comparisons"
scripts | while IFS= read -r f; do
  IFS= read -r first 2>/dev/null <"$f" || continue
  steps= library=
  [ "$f" = "$d/test" ] && steps=1
  if grep -qxF -e "$f" "$d/.libraries"; then
    grep -qE ${quote(NOTICES)} "$f" && continue
    library=1
    case $first in '#!'*sh | '#!'*'sh -'*) ;; '#!'*) continue ;; *) first='#!/bin/sh' ;; esac
  fi
  case $f:$first in
    "$d/test:"* | *:'#!/bin/sh' | *:'#!/bin/sh -'* | *:'#! /bin/sh' | *:'#! /bin/sh -'* | *:'#!/bin/bash' | *:'#!/bin/bash -'*) ;;
    *:'#! /bin/bash' | *:'#! /bin/bash -'* | *:'#!/usr/bin/env sh' | *:'#!/usr/bin/env bash' | *:'#!/bin/dash'*) ;;
    *) continue ;;
  esac
  [ -w "$f" ] && [ -z "$(tail -c 1 "$f")" ] && ! sed ${quote(OWN_PLACE)} "$f" | grep -qE ${quote(READS_ITSELF)} || continue
  rm -f "$d/.new"
  from=$(wc -l <"$d/.comparisons")
  # Nothing is printed where its quotes do not come out even.
  awk -v steps="$steps" -v library="$library" -v told="$d/.new" -v from="$from" -v call="$d/.both-empty" -f "$d/.marking" "$f" "$f" >"$d/.marked" 2>/dev/null </dev/null || continue
  [ -s "$d/.new" ] && touch -r "$f" "$d/.marked" && cat "$d/.marked" >"$f" && cat "$d/.new" >>"$d/.comparisons" && touch -r "$d/.marked" "$f"
done
chmod 644 "$d/.comparisons"
rm -f "$d/.libraries" "$d/.marked" "$d/.marking" "$d/.new"
) </dev/null >/dev/null 2>&1
`;
}

/** In texts that show themselves, or more of what is run than `set -x` does, nothing is put before anything. */
const NOTICES = [
  '^#!.*sh[[:space:]]+-[a-zA-Z]*[vT]',
  '(^|[^A-Za-z0-9_.])(set|sh|bash|dash)[[:space:]]+([-+][a-zA-Z]+[[:space:]]+)*[-+][a-zA-Z]*[vT]',
  'verbose[[:space:]]*$|functrace|extdebug|PS4|XTRACEFD|BASH_COMMAND|SIGCHLD|[[:space:]]CHLD|[[:space:]]DEBUG',
  '(declare|typeset)[[:space:]]+-[a-zA-Z]*f|shellcheck[[:space:]]+[^a-z]|checkbashisms',
  'sum[[:space:]]+(-c|--check)|git[[:space:]]+(diff|status|stash)',
].join('|');

/** Gives the names of files that a shell reads. */
const READS = String.raw`s/^[[:space:]]*([.]|source)[[:space:]]+"?([^" ;|&]*\/)?([A-Za-z0-9_.-]+)"?[[:space:]]*(#.*)?$/\3/p`;

/** Takes away where a text asks for its own place, which is no reading of it. */
const OWN_PLACE = String.raw`s/\(dirname\|basename\|readlink -f\|realpath\|readlink\)  *\(-- \)*"*[$]{*\(0\|BASH_SOURCE\)//g`;
const READS_ITSELF = String.raw`(sed|awk|tail|head|grep|cat|cp|mv|install|source|sum|wc|cmp|diff|tar|ln|<|(^|[[:space:];&|])(\.|sh|bash|exec))[[:space:]][^;|&]*[$][{]?(0|BASH_SOURCE)`;

/** Tells of the comparison whose number it is given; a test that makes them by the thousand has said it. */
const BOTH_EMPTY = `IFS=' '
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
. "$d/.helper"
n=\${1%%[!0-9]*}
tell empty "$(sed -n "\${n}p" "$d/.comparisons")"
exit 0
`;

/**
 * An awk program that prints a shell script with each comparison marked, and writes them into the file `told`. It reads
 * no more of the shell's grammar than quotes, comments and here documents, to know what is no command.
 */
const MARKING = String.raw`
BEGIN {
  name = "([A-Za-z][A-Za-z0-9_]*|_[A-Za-z0-9_]+|[1-9])"
  cut = "[{]" name "(%%?|##?)[^{}$\"'\\\\" sprintf("%c", 96) "]*[}]"
  value = "[$](" name "|[{]" name "[}]|" cut ")"
  printing = "[$][(]([^()\"'\\\\" sprintf("%c", 96) "]|\"[^\"()\\\\" sprintf("%c", 96) "]*\"|'[^'()]*')*[)]"
  operand = "(\"([A-Za-z0-9_.:/-]|" value "|" printing ")*\"|" value ")"
  blanks = "[ \t]+"
  compared = "^(\\[|\\[\\[|test)" blanks operand blanks "(=|==|!=)" blanks operand
  assigned = "[A-Za-z_][A-Za-z0-9_]*=\"?([$]\\([^(]|" sprintf("%c", 96) ")"
  state = ""
}
function values(text,   found, one) {
  found = ""
  while (match(text, value)) {
    one = substr(text, RSTART + 1, RLENGTH - 1)
    # Of one that is not set the comparison itself is to complain.
    if (one ~ /[%#]/) { match(one, name); found = found "$" "{" substr(one, RSTART, RLENGTH) "+$" one "}"; match(text, value) }
    else { gsub(/[{}]/, "", one); found = found "$" "{" one "-}" }
    text = substr(text, RSTART + RLENGTH)
  }
  return found
}
function literals(text) { gsub(printing, "", text); gsub(value, "", text); gsub(/"/, "", text); return text }
# What prints is to be run once: its output is kept, by a way that neither looks at how it ends nor lets the shell do so.
function kept(name, side) { return (shell ~ /bash/ ? "declare " name "=" side : name "=" side " :") "; " }
# Sets both to what is empty where nothing was compared, nothing to what that is then, and first, then, to what comes before.
function sides_of(one, other, keep) {
  before = ""
  nothing = ""
  if (one !~ printing && other !~ printing) { both = values(one) values(other); return both != "" && values(one) != "" && values(other) != "" && values(one) != values(other) && is_printed(both) }
  # A library may be read by any shell, and what runs may be shown.
  if (!keep || shell == "" || one !~ /^"/ || other !~ /^"/ || (one other) ~ /[$][{]?[?_]/) return 0
  if ((one !~ printing && values(one) == "") || (other !~ printing && values(other) == "")) return 0
  before = kept("_ty_one", one) kept("_ty_other", other)
  nothing = literals(one) "/" literals(other)
  both = "$_ty_one/$_ty_other"
  return 1
}
# Behind a comparison: its end, or what else has to hold; who asks for empty values there has thought of them.
function closing_of(rest, bracket) {
  if (bracket == "") return match(rest, /^/)
  if (bracket == "[" && match(rest, /^[ \t]+\]/)) return 1
  if (bracket == "[[" && match(rest, /^[ \t]+\]\]/)) return 1
  if (bracket == "[" && match(rest, /^[ \t]+-[ao][ \t][^\]\[;&|<>()]*[ \t]\]/)) return substr(rest, 1, RLENGTH) !~ /[ \t]-[nz][ \t]/
  if (bracket == "[[" && match(rest, /^[ \t]+(&&|\|\|)[ \t][^\]\[;<>()]*[ \t]\]\]/)) return substr(rest, 1, RLENGTH) !~ /[ \t]-[nz][ \t]/
  return 0
}
# Whether a command may begin behind this: behind what parts commands, and words that commands follow.
function begins(before) {
  if (before ~ /=\([ \t]*$/) return 0
  while (1) {
    sub(/[ \t]+$/, "", before)
    if (before ~ /(^|[;&|()])$/) return 1
    if (before !~ /(^|[ \t;&|()])(if|elif|while|until|then|else|do|!|\{)$/) return 0
    sub(/(if|elif|while|until|then|else|do|!|\{)$/, "", before)
  }
}
# Sets whole to the comparison at the beginning of text; false where there is none that can be marked.
function comparison(text,   sides, first, second, rest, bracket) {
  if (!match(text, compared)) return 0
  whole = substr(text, 1, RLENGTH)
  rest = substr(text, RLENGTH + 1)
  bracket = whole ~ /^\[\[/ ? "[[" : whole ~ /^\[/ ? "[" : ""
  sides = whole
  sub(/^[a-z\[]+[ \t]+/, "", sides)
  match(sides, "^" operand)
  first = substr(sides, 1, RLENGTH)
  second = substr(sides, RLENGTH + 1)
  match(second, /^[ \t]+[!=]+[ \t]+/)
  operator = substr(second, 1, RLENGTH)
  second = substr(second, RLENGTH + 1)
  if (whole ~ /RANDOM/ || literals(first) != literals(second)) return 0
  if (!sides_of(first, second, !traces)) return 0
  if (!closing_of(rest, bracket)) return 0
  whole = whole substr(rest, 1, RLENGTH)
  changed = whole
  if (before != "") {
    sub(/^[a-z\[]+[ \t]+/, "", changed)
    changed = (bracket == "" ? "test" : bracket) " \"$_ty_one\"" operator "\"$_ty_other\"" substr(changed, length(sides) + 1)
  }
  rest = substr(rest, RLENGTH + 1)
  return rest ~ /^[ \t]*($|;|&&|\|\||\))/
}
# Whether one of them holds what a command has printed. That an option was not given is nothing that was measured.
function is_printed(both,   names, n) {
  n = split(both, names, /[^A-Za-z0-9_]+/)
  for (; n > 0; n--) if (names[n] ~ /^[1-9]$/ || names[n] in printed) return 1
  return 0
}
NR == FNR {
  if (NR == 1) shell = library ? "" : $0 ~ /^#!/ ? $0 : steps ? "sh" : ""
  if ($0 ~ /(^|[ \t;&|])set[ \t]+([-+][a-zA-Z]+[ \t]+)*[-+][a-zA-Z]*x|xtrace|(sh|dash|bash)[ \t]+-[a-zA-Z]*x/) traces = 1
  text = $0
  while (match(text, assigned)) {
    one = substr(text, RSTART, RLENGTH)
    sub(/=.*/, "", one)
    printed[one] = 1
    text = substr(text, RSTART + RLENGTH)
  }
  if (match($0, /(^|[ \t;|&(])(read|mapfile|readarray)[ \t]/)) {
    n = split(substr($0, RSTART + RLENGTH), words, /[^A-Za-z0-9_]+/)
    for (; n > 0; n--) printed[words[n]] = 1
  }
  next
}
function begin_document(text) {
  # Two on one line are too many.
  if (document != "" || !match(text, /^<<-?[ \t]*("[^"]*"|'[^']*'|[^ \t;&|)<>]+)/)) exit 1
  document = substr(text, 3, RLENGTH - 2)
  tabs = document ~ /^-/
  sub(/^-?[ \t]*/, "", document)
  gsub(/[\\'"]/, "", document)
  if (document == "") exit 1
}
{
  if (document != "") {
    line = $0
    if (tabs) sub(/^\t+/, "", line)
    if (line == document) document = ""
    print
    next
  }
  done = ""
  # Like what is done, without what is quoted.
  seen = continued ? seen : ""
  continued = 0
  count = length($0)
  for (i = 1; i <= count; i++) {
    c = substr($0, i, 1)
    if (state == "'") { if (c == "'") state = ""; done = done c; seen = seen "Q"; continue }
    if (c == "\\") { if (i == count && state == "") continued = 1; else seen = seen "Q"; done = done substr($0, i, 2); i++; continue }
    if (c == "\"") { state = state == "\"" ? "" : "\""; done = done c; seen = seen "Q"; continue }
    if (state == "\"") { done = done c; seen = seen "Q"; continue }
    # Of words that begin like this another rule tells the end.
    if (substr($0, i, 2) == "$'") exit 1
    if (c == "'") { state = "'"; done = done c; seen = seen "Q"; continue }
    if (c == "#" && (i == 1 || substr($0, i - 1, 1) ~ /[ \t;&|()]/)) { done = done substr($0, i); break }
    if (substr($0, i, 3) == "<<<") { done = done "<<<"; seen = seen "Q"; i += 2; continue }
    if (substr($0, i, 2) == "<<" && seen !~ /\(\([^)]*$/) {
      begin_document(substr($0, i))
      match(substr($0, i), /^<<-?[ \t]*("[^"]*"|'[^']*'|[^ \t;&|)<>]+)/)
      done = done substr($0, i, RLENGTH)
      seen = seen "Q"
      i += RLENGTH - 1
      continue
    }
    if ((c == "[" || substr($0, i, 5) ~ /^test[ \t]/) && begins(seen) && comparison(substr($0, i))) {
      number++
      print whole >told
      done = done "{ " before "{ case \"" both "\" in (\"" nothing "\") " call " " (from + number) " </dev/null >/dev/null || : ;; esac; } 2>/dev/null; " changed "; }"
      seen = seen "Q"
      i += length(whole) - 1
      continue
    }
    done = done c
    seen = seen c
  }
  print done
}
END { if (state != "" || document != "") exit 1 }
`;
