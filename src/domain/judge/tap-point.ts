/** A case as it was printed; a subtest's are named after it: `net / ping`. */
export interface TapCase {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip';
  readonly message: string;
}

/** Characters of a case's name, and of what is said of it; as many as the helper takes. */
export const LONGEST_NAME = 500;

const POINT = /^(not )?ok(?=\s|$)\s*([0-9]{1,9}(?=\s|$))?\s*(?:- ?)?/;
/** An unescaped `#` that begins a directive. */
const DIRECTIVE = /(?:^|\s)#\s*(SKIP(?=\S*)|(?:TODO|XFAIL|XPASS|TIMEOUT|ERROR)(?![\w-]))\S*\s*/i;

/**
 * Reads a line `ok 3 - name # SKIP why`; undefined where it is none. A failure that is expected (TODO, XFAIL) is a
 * skip: it says nothing about what is under test. XPASS is one the other way round, and passes.
 */
export function pointOf(text: string): TapCase | undefined {
  const head = POINT.exec(text);
  if (head === null) return undefined;
  const rest = hidden(text.slice(head[0].length));
  const directive = DIRECTIVE.exec(rest);
  const said = directive === null ? rest : rest.slice(0, directive.index);
  const after = directive === null ? '' : rest.slice(directive.index + directive[0].length).trim();
  const word = directive?.[1]?.toUpperCase();
  const isOk = head[1] === undefined;
  // kselftest writes `ok 3 # SKIP name`.
  const name = shown(said.trim()) || shown(after) || head[2] || 'unnamed';
  return { name: name.slice(0, LONGEST_NAME), ...resultOf(isOk, word, shown(after).slice(0, LONGEST_NAME)) };
}

function resultOf(isOk: boolean, word: string | undefined, why: string): Pick<TapCase, 'result' | 'message'> {
  const message = why === '' || word === 'SKIP' ? why : `${word}: ${why}`;
  const said = why === '' && word !== undefined && word !== 'SKIP' ? word : message;
  if (word === 'SKIP') return { result: 'skip', message: why };
  if (isOk && word === 'XFAIL') return { result: 'skip', message: said };
  if (isOk) return { result: 'pass', message: said };
  return { result: word === 'TODO' || word === 'XFAIL' ? 'skip' : 'fail', message: said };
}

const ESCAPED_BACKSLASH = '\ue000';
const ESCAPED_HASH = '\ue001';

/** `\\` and `\#` are characters of the name; what takes their place stands in no line that is read. */
function hidden(text: string): string {
  return text
    .replace(/[\ue000\ue001]/g, ' ')
    .replaceAll('\\\\', ESCAPED_BACKSLASH)
    .replaceAll('\\#', ESCAPED_HASH);
}

function shown(text: string): string {
  return text.replaceAll(ESCAPED_BACKSLASH, '\\').replaceAll(ESCAPED_HASH, '#');
}
