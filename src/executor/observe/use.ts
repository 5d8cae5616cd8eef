/** A line of the test's own text in which a word stands. */
export interface TextLine {
  readonly file: string;
  readonly number: number;
  readonly text: string;
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
const SILENT =
  /(?:>\s*\/dev\/null\s+2>\s*(?:&1|\/dev\/null)|&>\s*\/dev\/null|2>\s*\/dev\/null\s+>\s*\/dev\/null)/;
const ASKS = '(?:command\\s+-[vV]|which|type(?:\\s+-[a-zA-Z]+)?|hash|whereis)';

/**
 * What a test's text as a whole does with `name`. Who asks for it, and only then calls it, does not need it, unless
 * something is done about it where it is not there.
 */
export function useOf(name: string, lines: readonly TextLine[]): Use {
  const uses = lines.map((line) => ({ use: useInLine(name, line.text), asks: asksFor(name, line.text) }));
  if (uses.some(({ use, asks }) => use === 'needed' && asks)) return 'needed';
  for (const use of ['asked', 'needed', 'tolerated'] as const)
    if (uses.some((one) => one.use === use)) return use;
  return 'none';
}

/** What one line of shell does with the command `name`. */
export function useInLine(name: string, text: string): Use {
  const line = withoutComment(text);
  const word = escaped(name);
  if (!new RegExp(`(?:^|[^A-Za-z0-9_./-])${word}(?![A-Za-z0-9_-])`).test(line)) return 'none';
  if (/^\s*(?:echo|printf|info_msg|warn_msg|error_msg)\b/.test(line)) return 'none';
  if (asksFor(name, text)) {
    if (asksInVain(line)) return 'needed';
    return isAlone(line) ? 'tolerated' : 'asked';
  }
  if (TOLERATED.test(line) && !ACTS.test(afterOr(line))) return 'tolerated';
  if (isDiscarded(line)) return 'tolerated';
  return 'needed';
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

/** Nobody looks at what it prints, nor at how it ends. */
function isDiscarded(line: string): boolean {
  return SILENT.test(line) && !/\|\||&&|\bif\b|\bwhile\b|\buntil\b|\$\(|`|\|\s/.test(line);
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
