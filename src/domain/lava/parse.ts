/** A pattern as this program can use it, or what is wrong with it, for whoever wrote it. */
export type CompiledPattern =
  | { readonly source: string; readonly flags: string }
  | { readonly problem: string };

/**
 * Reads a regular expression in Python's spelling, as a LAVA definition has it. What has another meaning or none in
 * JavaScript is a problem and no guess. It is applied to one line at a time.
 */
export function compilePattern(pattern: string): CompiledPattern {
  const { flags, rest } = leadingFlags(pattern);
  const foreign = /[^ims]/.exec(flags)?.[0];
  if (foreign !== undefined && !'au'.includes(foreign))
    return { problem: `the flag (?${foreign}) of Python is not known here; i, m and s are` };
  let source = '';
  for (let at = 0; at < rest.length; ) {
    const piece = translate(rest, at);
    if ('problem' in piece) return piece;
    source += piece.text;
    at += piece.length;
  }
  const used = [...new Set(flags.replace(/[^ims]/g, ''))].join('');
  try {
    new RegExp(source, used);
  } catch (error) {
    return { problem: `is no regular expression: ${(error as Error).message}` };
  }
  if (!/\(\?<test_case_id>/.test(source)) return { problem: 'has no group (?P<test_case_id>...)' };
  return { source, flags: used };
}

/** What one case is called in a line, by the groups of a pattern; undefined where a group is not there. */
export interface ParsedCase {
  readonly name: string;
  readonly result: string;
  readonly measurement: string;
  readonly units: string;
  readonly message: string;
}

/** What the groups of a pattern that matched say, with results put right as the definition asks. */
export function parsedCase(
  groups: Readonly<Record<string, string | undefined>>,
  fixups: Readonly<Record<string, string>>,
): ParsedCase {
  const result = groups['result'] ?? '';
  return {
    name: groups['test_case_id']?.trim() ?? '',
    result: Object.hasOwn(fixups, result) ? (fixups[result] ?? '') : result,
    measurement: groups['measurement'] ?? '',
    units: groups['units'] ?? '',
    message: groups['message'] ?? '',
  };
}

function leadingFlags(pattern: string): { readonly flags: string; readonly rest: string } {
  const match = /^(?:\(\?[a-zA-Z]+\))+/.exec(pattern)?.[0] ?? '';
  return { flags: match.replace(/[()?]/g, ''), rest: pattern.slice(match.length) };
}

type Piece = { readonly text: string; readonly length: number } | { readonly problem: string };

/** The piece that begins at `at`, in the other spelling. */
function translate(pattern: string, at: number): Piece {
  const rest = pattern.slice(at);
  if (rest.startsWith('\\')) return escaped(rest);
  if (rest.startsWith('[')) return characters(rest);
  if (rest.startsWith('(?')) return group(rest);
  // Between no number and two: JavaScript would look for the braces themselves.
  const open = /^\{,([0-9]+)\}/.exec(rest);
  if (open !== null) return { text: `{0,${open[1]}}`, length: open[0].length };
  const possessive = /^(?:[*+?]|\{[0-9,]+\})\+/.exec(rest);
  if (possessive !== null)
    return { problem: `'${possessive[0]}' never gives back what it took: not known here` };
  return { text: rest.charAt(0), length: 1 };
}

function escaped(rest: string): Piece {
  const letter = rest.charAt(1);
  if (letter === '') return { problem: 'ends with a backslash' };
  if (letter === 'A') return { text: '^', length: 2 };
  if (letter === 'Z') return { text: '$', length: 2 };
  if (letter === 'a') return { text: '\\x07', length: 2 };
  if ('NUpPkcC'.includes(letter)) return { problem: `'\\${letter}' is not known here` };
  return { text: rest.slice(0, 2), length: 2 };
}

/** A set of characters: a bracket that comes first is one of them. */
function characters(rest: string): Piece {
  const [head = '[', bracket] = /^\[\^?(\])?/.exec(rest) ?? [];
  const inside = /^(?:[^\\\]]|\\[\s\S])*\]/.exec(rest.slice(head.length));
  if (inside === null) return { problem: "a set of characters '[...' has no end" };
  const begin = bracket === undefined ? head : `${head.slice(0, -1)}\\]`;
  return { text: begin + inside[0], length: head.length + inside[0].length };
}

function group(rest: string): Piece {
  const named = /^\(\?P<([A-Za-z_][A-Za-z0-9_]*)>/.exec(rest);
  if (named !== null) return { text: `(?<${named[1]}>`, length: named[0].length };
  const again = /^\(\?P=([A-Za-z_][A-Za-z0-9_]*)\)/.exec(rest);
  if (again !== null) return { text: `\\k<${again[1]}>`, length: again[0].length };
  const comment = /^\(\?#[^)]*\)/.exec(rest);
  if (comment !== null) return { text: '', length: comment[0].length };
  const plain = /^\(\?(?::|=|!|<=|<!)/.exec(rest);
  if (plain !== null) return { text: plain[0], length: plain[0].length };
  return { problem: `'${rest.slice(0, 8)}' is not known here` };
}
