/**
 * The helper `testyard-case`, which a test calls to say how a named part of it went. It writes one line of at
 * most PIPE_BUF bytes, so that lines of several callers never mix, and waits for the word of the executor. The
 * lines before this text set `d` to the session's folder.
 */
export function caseCommand(key: string): string {
  return `usage() { echo 'usage: testyard-case NAME pass|fail|skip [--measurement VALUE [UNIT]] [--message TEXT]' >&2; exit 2; }
[ $# -ge 2 ] || usage
name=$1 result=$2 value= unit= message=
shift 2
case $result in pass | fail | skip) ;; *) usage ;; esac
[ -n "$name" ] || usage
while [ $# -gt 0 ]; do
  case $1 in
    --measurement)
      [ $# -ge 2 ] || usage
      value=$2
      shift 2
      case \${1-} in --* | '') ;; *) unit=$1; shift ;; esac ;;
    --message) [ $# -ge 2 ] || usage; message=$2; shift 2 ;;
    *) usage ;;
  esac
done
if [ \${#name} -gt 1500 ] || [ \${#value} -gt 200 ] || [ \${#unit} -gt 50 ]; then
  echo "testyard-case: the name, value or unit is too long" >&2
  exit 1
fi
id=$$.$(printf '%s\\0' "$name" "$result" "$value" "$unit" "$message" | cksum | cut -d' ' -f1)
answer=$d/ack/$id
mkfifo -m 600 "$answer" || { echo 'testyard-case: no way back from the grid could be made' >&2; exit 1; }
exec 3<>"$answer"
payload=$(printf '%s\\0' "$name" "$result" "$value" "$unit" "$(printf '%.1000s' "$message")" | base64 | tr -d '\\n')
( trap 'kill $s 2>/dev/null; exit' TERM; sleep 10 3<&- & s=$!; wait $s; echo 'no answer came within 10 seconds' >&3 ) </dev/null >/dev/null 2>&1 &
timer=$!
printf '%s %s %s\\n' '${key}' "$id" "$payload" 1<>"$d/.signals"
IFS= read -r word <&3
kill "$timer" 2>/dev/null
rm -f "$answer"
[ "$word" = ok ] && exit 0
echo "testyard-case: not recorded: $word" >&2
exit 1
`;
}
