/** The signs a value is compared with, as they are written; in the order in which a spelling lists them. */
export const SIGNS = ['=', '!=', '>', '>=', '<', '<='] as const;

/** One of the signs. */
export type Sign = (typeof SIGNS)[number];

/** A piece of a requirement's text; `at` counts its characters from 0. */
export type Token =
  /** A word as it stands, or what stood in double quotes. */
  | { readonly kind: 'word'; readonly text: string; readonly quoted: boolean; readonly at: number }
  | { readonly kind: 'sign'; readonly text: Sign; readonly at: number }
  | { readonly kind: '(' | ')' | '&' | '|' | '@'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number };

/** Thrown inside the language only, and caught at its border: what is wrong with a text, and where in it. */
export class Refused extends Error {
  constructor(
    readonly at: number,
    message: string,
  ) {
    super(message);
  }
}

const SPACE = /\s/u;
/** What ends a word that is not in quotes. */
const WORD_END = /[\s()&|@=<>!"]/u;
/** Controls, halves of pairs, marks that cannot be seen, code points without a character. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;
const PLAIN = /^[A-Za-z0-9_.:+~^%/,*#-]+$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '"': '"', '\\': '\\' };

/** Cuts a text into tokens, the last of which is the end; throws Refused. */
export function tokens(text: string): readonly Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = charAt(text, at);
    if (SPACE.test(char)) {
      at += char.length;
      continue;
    }
    const [token, end] = tokenAt(text, at, char);
    found.push(token);
    at = end;
  }
  found.push({ kind: 'end', text: '', at });
  return found;
}

function tokenAt(text: string, at: number, char: string): readonly [Token, number] {
  switch (char) {
    case '&':
    case '|':
      if (text[at + 1] === char) throw new Refused(at, `'${char}${char}' is written '${char}'`);
      return [{ kind: char, text: char, at }, at + 1];
    case '(':
    case ')':
    case '@':
      return [{ kind: char, text: char, at }, at + 1];
    case '"':
      return quoted(text, at);
    case '=':
    case '!':
    case '<':
    case '>':
      return sign(text, at);
    case "'":
      throw new Refused(at, 'a value with spaces or odd characters stands in double quotes: "like this"');
    default:
      return word(text, at);
  }
}

const MISSPELT: Readonly<Record<string, Sign>> = { '==': '=', '=>': '>=', '=<': '<=', '<>': '!=' };

function sign(text: string, at: number): readonly [Token, number] {
  const two = text.slice(at, at + 2);
  const meant = MISSPELT[two];
  if (meant !== undefined) throw new Refused(at, `'${two}' is written '${meant}'`);
  const found = SIGNS.find((one) => one === two) ?? SIGNS.find((one) => one === two.charAt(0));
  if (found === undefined)
    throw new Refused(at, "'!' is not understood: write 'not x' for the contrary of x");
  return [{ kind: 'sign', text: found, at }, at + found.length];
}

function word(text: string, at: number): readonly [Token, number] {
  let end = at;
  while (end < text.length) {
    const char = charAt(text, end);
    if (WORD_END.test(char)) break;
    refuseUnseen(char, end);
    end += char.length;
  }
  return [{ kind: 'word', text: text.slice(at, end), quoted: false, at }, end];
}

function quoted(text: string, at: number): readonly [Token, number] {
  let value = '';
  let here = at + 1;
  while (here < text.length) {
    const char = charAt(text, here);
    if (char === '"') return [{ kind: 'word', text: value, quoted: true, at }, here + 1];
    if (char === '\\') {
      const [meant, end] = escaped(text, here);
      value += meant;
      here = end;
    } else {
      refuseUnseen(char, here);
      value += char;
      here += char.length;
    }
  }
  throw new Refused(at, 'the quotes that begin here are never closed');
}

function escaped(text: string, at: number): readonly [string, number] {
  const short = ESCAPES[text[at + 1] ?? ''];
  if (short !== undefined) return [short, at + 2];
  const [whole, hex = ''] = /^\\u\{([0-9a-fA-F]{1,6})\}/.exec(text.slice(at, at + 11)) ?? [];
  const code = Number.parseInt(hex, 16);
  if (whole === undefined || code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    throw new Refused(
      at,
      'after a backslash comes one of \\" \\\\ \\n \\t \\u{hexadecimal code of a character}',
    );
  return [String.fromCodePoint(code), at + whole.length];
}

function refuseUnseen(char: string, at: number): void {
  if (UNSEEN.test(char)) throw new Refused(at, `the character ${codeOf(char)} cannot stand in a requirement`);
}

function charAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0);
}

function codeOf(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** A word as it is written so that it reads back: in double quotes where it must be. */
export function spelled(text: string): string {
  if (PLAIN.test(text) && text !== 'x') return text;
  const inside = text.replaceAll(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    if (char === '\n') return '\\n';
    if (char === '\t') return '\\t';
    return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return `"${inside}"`;
}

/** A piece of somebody's text, short and without anything that could play tricks where it is shown. */
export function shown(text: string): string {
  const safe = text.slice(0, 61).replaceAll(/[^\x20-\x7e]/g, '?');
  return safe.length > 60 ? `${safe.slice(0, 57)}...` : safe;
}
