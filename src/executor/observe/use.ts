/** A line of the test's own text in which a word stands. */
export interface TextLine {
  readonly file: string;
  readonly number: number;
  readonly text: string;
  /** Some of the lines after it, without comments; none where they are not known. */
  readonly after: readonly string[];
}

/**
 * What a test's text does with a command. `needed`: it calls it, and what comes of that counts; `asked`: it asks whether
 * it is there, and goes the one way or the other; `tolerated`: its failure changes nothing; `none`: nowhere called.
 */
export type Use = 'needed' | 'asked' | 'tolerated' | 'none';

/** Words that only report; what they say after a failure changes nothing. */
const REPORTS = '(?:true|:|echo|printf|info_msg|warn_msg|warning|warn|info|log|logger|dmesg)';
const TOLERATED = new RegExp(`\\|\\|\\s*${REPORTS}(?:\\s|;|\\)|\\}|$)`);
/** What a line does besides that ends a test or tells a case. */
const ACTS = /\b(?:exit|return|die|error|fail\w*|report_\w+|error_msg|error_fatal|abort|lava-test-\w+)\b/i;
const SILENT = /(?:2>>?|&>>?)\s*\/dev\/null|>\s*\/dev\/null\s+2>&1/;
const ASKS = '(?:command\\s+-[vV]|which|type(?:\\s+-[a-zA-Z]+)?|hash|whereis)';

/**
 * What a test's text as a whole does with `name`. Who asks for it, and only then calls it, does not need it, unless
 * something is done about it where it is not there.
 */
export function useOf(name: string, lines: readonly TextLine[], readers: ReadonlySet<string>): Use {
  const uses = lines.map((line) => ({ use: useInLine(name, line, readers), asks: asksFor(name, line.text) }));
  if (uses.some(({ use, asks }) => use === 'needed' && asks)) return 'needed';
  for (const use of ['asked', 'needed', 'tolerated'] as const)
    if (uses.some((one) => one.use === use)) return use;
  return 'none';
}

/**
 * What one line of shell does with the command `name`. `readers`: functions of the test that look at how the command
 * before them ended.
 */
export function useInLine(
  name: string,
  { text, after }: Pick<TextLine, 'text' | 'after'>,
  readers: ReadonlySet<string>,
): Use {
  const word = escaped(name);
  if (new RegExp(`^#!(?:\\S*/)?env\\s+(?:-\\S+\\s+)*${word}(?:\\s|$)`).test(text)) return 'needed';
  const line = withoutComment(text);
  if (!new RegExp(`(?:^|[^A-Za-z0-9_./-])${word}(?![A-Za-z0-9_-])`).test(line)) return 'none';
  if (/^\s*(?:echo|printf|info_msg|warn_msg|error_msg)\b/.test(line) && !isWrittenTo(word, line))
    return 'none';
  if (asksFor(name, text)) {
    if (asksInVain(line) && !isReplaced(after)) return 'needed';
    return isAlone(line) ? 'tolerated' : 'asked';
  }
  if (isKept(line.replace(new RegExp(`>>?\\s*["']?${word}["']?`), ''))) return 'needed';
  if (TOLERATED.test(line) && !ACTS.test(afterOr(line))) return 'tolerated';
  return isLetFail(line) && !looksBack(after[0] ?? '', readers) ? 'tolerated' : 'needed';
}

/** Whether a condition is the call of `name`: `if fio; then`. */
export function isCondition(name: string, { text }: Pick<TextLine, 'text'>): boolean {
  return new RegExp(`^\\s*(?:if|elif)\\s+(?:!\\s+)?${escaped(name)}(?![A-Za-z0-9_-])`).test(text);
}

/** Words behind which a command stands, with options and values of their own. */
const STARTS = '(?:then|do|else|if|elif|while|until|time|exec|env|eval|sudo|nohup|command|xargs|--shell|!)';
const STARTS_WITH =
  '(?:timeout|nice|ionice|chrt|taskset|stdbuf|strace|xargs|sudo|env)(?:\\s+-?[A-Za-z0-9=.,_-]+)*?';
const TAKES = '(?:sh|bash|dash|perl|python[0-9.]*|ruby|node|busybox|source|\\.|cp|mv|ln|cat)';

/** Whether a line calls `name` where a command stands. */
export function isCalled(name: string, { text }: Pick<TextLine, 'text'>): boolean {
  const before = `(?:^|[;&|({\`]|(?:^|\\s)${STARTS}\\s|(?:^|[\\s;&|(])${STARTS_WITH}\\s)\\s*["']?`;
  return (
    new RegExp(
      `${before}(?:[A-Za-z_][A-Za-z0-9_]*=\\S*\\s+)*(?:[\\w./-]*/)?${escaped(name)}(?![A-Za-z0-9_./=+(-])`,
    ).test(withoutComment(text)) || isCommandLine(name, withoutComment(text))
  );
}

/** `run "fio --all"`, `cmd='/usr/bin/fio -v'`: a text in quotes that begins with it, with options or paths behind it. */
function isCommandLine(name: string, line: string): boolean {
  if (new RegExp(`^\\s*(?:${REPORTS}|\\w*_msg|report_\\w+)\\b`).test(line)) return false;
  return new RegExp(`["'](?:[\\w./-]*/)?${escaped(name)}\\s+(?:-|/|\\./)`).test(line);
}

/** Whether a line gives the file of `name` to something that may run it in another way. */
export function isTaken(name: string, { text }: Pick<TextLine, 'text'>): boolean {
  const file = `["']?(?:[\\w./-]*/)?${escaped(name)}(?![A-Za-z0-9_=+-])`;
  const line = withoutComment(text);
  return (
    new RegExp(`(?:^|[\\s;&|(])${TAKES}\\s+(?:-\\S+\\s+)*${file}`).test(line) ||
    new RegExp(`(?:\\$\\(|\`)\\s*${ASKS}\\s+${file}`).test(line)
  );
}

/** A comparison of files that is only shown: another command follows that does not look at how it ended. */
export function isShown({ text, after }: Pick<TextLine, 'text' | 'after'>): boolean {
  const [next] = after;
  if (next === undefined || !/^\s*(?:diff|cmp)\s/.test(text)) return false;
  if (/\|\||&&|[|;>`]|\$\(/.test(withoutComment(text))) return false;
  return (
    !/^\s*(?:\}|\)|fi|done|esac|;;|else|elif|return|exit|[A-Za-z_]+=\$\?)/.test(next) && !/\$\{?\?/.test(next)
  );
}

/** What it prints goes where somebody may read it: a file, a variable, another command. */
function isKept(line: string): boolean {
  const rest = line.replace(/\|\|.*$/, '').replace(/(?:[0-9&]?>>?\s*(?:\/dev\/null|&[0-9]))/g, '');
  return /\$\((?!\()|`|>|(?:^|[^|])\|(?!\|)/.test(rest);
}

/** `echo 1 >/sys/module/x`. */
function isWrittenTo(word: string, line: string): boolean {
  return new RegExp(`>\\s*["']?${word}`).test(line);
}

function asksFor(name: string, text: string): boolean {
  return new RegExp(`\\b${ASKS}\\s+["']?${escaped(name)}(?![A-Za-z0-9_-])`).test(withoutComment(text));
}

/** A question whose answer goes nowhere. */
function isAlone(line: string): boolean {
  return !/\|\||&&|\bif\b|\bwhile\b|\buntil\b|\$\(|`|[^|]\|[^|]|;/.test(line);
}

/** `command -v x || exit`, `if ! which x`: where it is not there, something is done about it. */
function asksInVain(line: string): boolean {
  if (/\bif\s+!\s/.test(line) || /^\s*!\s/.test(line)) return true;
  // What is done may stand in the lines below.
  return line.includes('||') && (ACTS.test(afterOr(line)) || /^\s*\{?\s*\\?\s*$/.test(afterOr(line)));
}

/** Where it is not there something else is put in its place: the branch sets a variable, and gives up nothing. */
function isReplaced(after: readonly string[]): boolean {
  const end = after.findIndex((line) => /^\s*(?:fi|else|elif|\})\b/.test(line) || /^\s*\}/.test(line));
  const branch = after.slice(0, end === -1 ? after.length : end);
  return (
    branch.some((line) => /^\s*[A-Za-z_][A-Za-z0-9_]*=/.test(line)) && !branch.some((line) => ACTS.test(line))
  );
}

/** Nobody looks at how it ends, and what it complains of is thrown away: it may fail. */
function isLetFail(line: string): boolean {
  return SILENT.test(line) && !/\|\||&&|\bif\b|\bwhile\b|\buntil\b|!\s/.test(line);
}

/** `[ $? -eq 0 ]`, `verdict_of NAME`: how the line before ended is looked at. */
function looksBack(line: string, readers: ReadonlySet<string>): boolean {
  return /\$\{?\?/.test(line) || readers.has(/^\s*([A-Za-z_][A-Za-z0-9_]*)/.exec(line)?.[1] ?? '');
}

function afterOr(line: string): string {
  return line.slice(line.indexOf('||') + 2);
}

function withoutComment(line: string): string {
  return line.replace(/(^|\s)#.*$/, '$1');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
