/** The helper `testyard-attach`, by which a test leaves a file; to be put behind `helperHead`. */
export const ATTACH_COMMAND = `usage() { echo 'usage: testyard-attach FILE [--case NAME] [--type MEDIA/TYPE]' >&2; exit 2; }
[ $# -ge 1 ] || usage
file=$1 case= type=
shift
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in --case) case=$2 ;; --type) type=$2 ;; *) usage ;; esac
  shift 2
done
attach "$file" "$type" "$case"
`;

/** The helper `testyard-signal`, by which a test tells handlers something, and waits; to be put behind `helperHead`. */
export const SIGNAL_COMMAND = `usage() { echo 'usage: testyard-signal case-start NAME | case-end NAME | SIGNAL [WORD...]' >&2; exit 2; }
[ $# -ge 1 ] || usage
case $1 in case-start | case-end) [ $# = 2 ] || usage ;; esac
ask signal "$@"
[ "$word" = ok ] || say_no "$word"
`;

/** The helper `testyard-case`, which a test calls to say how a named part of it went; to be put behind `helperHead`. */
export const CASE_COMMAND = `usage() { echo 'usage: testyard-case NAME pass|fail|skip [--measurement VALUE [UNIT]] [--message TEXT]' >&2; exit 2; }
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
ask case "$name" "$result" "$value" "$unit" "$(printf '%.1000s' "$message")"
[ "$word" = ok ] && exit 0
echo "testyard-case: not recorded: $word" >&2
exit 1
`;
