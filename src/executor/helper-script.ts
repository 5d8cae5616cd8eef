import { LARGEST_ATTACHMENT_BYTES } from '../protocol/messages.js';

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
 * the output it was told. `tell WORD...` goes on at once; `ask WORD...` waits for the executor's word, in `$word`;
 * `signal WORD...` waits where somebody on the grid's side acts upon it. `attach FILE TYPE CASE` hands a copy of a file over.
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
signal() {
  if [ -e "$d/.handled" ]; then ask "$@"; else tell "$@"; fi
}
attach() {
  case $2 in
    '') t=application/octet-stream; case $1 in *.txt | *.log) t=text/plain ;; *.csv) t=text/csv ;; *.json) t=application/json ;; *.xml) t=application/xml ;; *.png) t=image/png ;; esac ;;
    *) t=$2 ;;
  esac
  [ -f "$1" ] && [ -r "$1" ] || say_no "no file '$1' can be read"
  size=$(wc -c <"$1") && [ "$size" -le ${LARGEST_ATTACHMENT_BYTES} ] || say_no "'$1' has more than ${LARGEST_ATTACHMENT_BYTES} bytes"
  copy=$$.$(printf %s "$1" | cksum | cut -d' ' -f1)
  cp -- "$1" "$d/attached/$copy" && chmod 644 "$d/attached/$copy" || say_no "'$1' cannot be copied"
  ask attach "$copy" "$1" "$t" "$3"
  [ "$word" = ok ] || say_no "not attached: $word"
}
`;
}
