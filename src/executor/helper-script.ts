/** Lines longer than PIPE_BUF could mix with others. */
const PIPE_BUF = 4096;

/** What a line of a helper begins with in the output stream; the key is the session's. */
export function markHead(key: string): string {
  return `TY-${key}-m:`;
}

/** The longest text of a mark, head and end of line not counted. */
export const LONGEST_MARK = PIPE_BUF;

/**
 * What every helper begins with that can tell the executor something, in POSIX shell. It puts one line of at most
 * PIPE_BUF bytes into the output stream, so that lines of several callers never mix and everybody sees where in
 * the output it was told. `tell WORD...` goes on at once; `ask WORD...` waits for the executor's word, in `$word`.
 * Before it stands what sets `d` to the session's folder.
 */
export function helperHead(key: string): string {
  return `self=\${0##*/}
say_no() { printf '%s: %s\\n' "$self" "$1" >&2; exit 1; }
mark() {
  text=$(printf '%s\\0' "$@" | base64 | tr -d '\\n')
  [ \${#text} -lt ${PIPE_BUF - 100} ] || say_no 'what was said is too long'
  printf '${markHead(key)}%s\\n' "$text" 1<>"$d/.out"
}
tell() { mark '' "$@"; }
ask() {
  id=$$.$(printf '%s\\0' "$@" | cksum | cut -d' ' -f1)
  answer=$d/ack/$id
  mkfifo -m 600 "$answer" || say_no 'no way back from the grid could be made'
  exec 3<>"$answer"
  ( trap 'kill $s 2>/dev/null; exit' TERM; sleep 10 3<&- & s=$!; wait $s; echo 'no answer came within 10 seconds' >&3 ) </dev/null >/dev/null 2>&1 &
  timer=$!
  mark "$id" "$@"
  IFS= read -r word <&3
  kill "$timer" 2>/dev/null
  rm -f "$answer"
}
`;
}
