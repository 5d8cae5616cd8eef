/** A pattern as it can be used here, or what is wrong with it. */
export type ReadPattern =
  | { readonly ok: true; readonly expression: RegExp }
  | { readonly ok: false; readonly message: string };

/** A pattern is tried on every line that a test prints. */
const LONGEST = 2000;

/** Groups by which a pattern tells a case. */
const GROUPS = ['test_case_id', 'result', 'measurement', 'units', 'message'];

/** Makes a regular expression in the spelling of Python one of ours; applied line by line. */
export function readPattern(pattern: string): ReadPattern {
  if (pattern.length > LONGEST)
    return { ok: false, message: `the pattern is longer than ${LONGEST} characters` };
  const inline = /^\(\?([aimsuxL]+)\)/.exec(pattern);
  const letters = inline?.[1] ?? '';
  if (/[xL]/.test(letters))
    return { ok: false, message: `'(?${letters})' is not understood here: write the pattern out` };
  const body = inline === null ? pattern : pattern.slice(inline[0].length);
  const translated = translate(body);
  if ('wrong' in translated) return { ok: false, message: translated.wrong };
  const named = [...translated.text.matchAll(/\(\?<([A-Za-z_]\w*)>/g)].map((match) => match[1] ?? '');
  const strange = named.find((name) => !GROUPS.includes(name));
  try {
    const flags = `${letters.includes('i') ? 'i' : ''}${letters.includes('s') ? 's' : ''}m`;
    const expression = new RegExp(translated.text, flags);
    if (strange !== undefined && !named.includes('test_case_id') && !named.includes('result'))
      return { ok: false, message: `a pattern's groups are ${GROUPS.join(', ')}; '${strange}' is none` };
    if (!named.includes('result') && !named.includes('measurement'))
      return {
        ok: false,
        message:
          "the pattern tells no result: it needs a group '(?P<result>...)', or one for the measurement",
      };
    return { ok: true, expression };
  } catch (error) {
    return { ok: false, message: `the pattern is no regular expression: ${reasonOf(error)}` };
  }
}

/** What Python spells otherwise; inside a class of characters nothing is. */
function translate(pattern: string): { readonly text: string } | { readonly wrong: string } {
  let text = '';
  let isClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const rest = pattern.slice(at);
    const one = pattern[at] ?? '';
    const pair = /^\\([\s\S])/.exec(rest);
    if (pair !== null) {
      text += escaped(pair[1] ?? '', isClass);
      at++;
    } else if (isClass) {
      // A bracket inside a class is a plain one in both, and a class ends at the first that closes.
      if (one === ']') isClass = false;
      text += one;
    } else if (one === '[') {
      isClass = true;
      // In Python a bracket that closes stands for itself where a class begins.
      const start = /^\[(\^?)(\]?)/.exec(rest);
      text += `[${start?.[1] ?? ''}${start?.[2] === ']' ? '\\]' : ''}`;
      at += (start?.[0].length ?? 1) - 1;
    } else if (rest.startsWith('(?P<')) {
      text += '(?<';
      at += 3;
    } else if (/^\(\?P=\w+\)/.test(rest)) {
      const name = /^\(\?P=(\w+)\)/.exec(rest)?.[1] ?? '';
      text += `\\k<${name}>`;
      at += name.length + 4;
    } else if (/^\(\?(?:[aiLmsux-]+[:)]|#|\()/.test(rest))
      return { wrong: `'${rest.slice(0, 5)}' is not understood here: write the pattern without it` };
    else text += one;
  }
  return { text };
}

function escaped(letter: string, isClass: boolean): string {
  if (!isClass && letter === 'A') return '^';
  if (!isClass && letter === 'Z') return '$';
  return `\\${letter}`;
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^Invalid regular expression: (?:\/[\s\S]*\/[a-z]*: )?/, '').slice(0, 200);
}
