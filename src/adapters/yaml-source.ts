import { createRequire } from 'node:module';
import type { CST, Document, Node } from 'yaml';
import { isUnclosed, movedRight } from './lava-quotes.js';

/** A place in a text file, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A mistake in a file, and where it is. */
export interface FileProblem {
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}

/** A value as it was written: `6.10` stays `6.10`, since nothing is parsed as a number, date or boolean. */
export type Source =
  /** `isPlain`: it stood there without quotes; told where a file of others is read. */
  | { readonly kind: 'text'; readonly text: string; readonly at: Position; readonly isPlain?: true }
  | { readonly kind: 'list'; readonly items: readonly Source[]; readonly at: Position }
  | { readonly kind: 'map'; readonly entries: readonly SourceEntry[]; readonly at: Position };

/** One key of a map with its value. */
export interface SourceEntry {
  readonly key: string;
  readonly at: Position;
  readonly value: Source;
}

/** What came of reading a YAML text. */
export type YamlResult =
  | { readonly ok: true; readonly root: Source }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** The parser recurses natively and would abort the whole process on `[[[[...`; nobody writes so deep by hand. */
const MAX_DEPTH = 64;
/** Lexical elements; a script in a block scalar is a single one. Bounds the time a hostile file takes. */
const MAX_LEXEMES = 60_000;
/** Values after aliases are expanded; ten nested levels of ten aliases would be ten thousand millions. */
const MAX_VALUES = 20_000;
const MAX_PROBLEMS = 50;
/** Each time the file is read from its beginning. */
const MOST_MENDED = 100;
/** What the package's lexer says before a scalar without quotes, which may begin with one nevertheless. */
const SCALAR_FOLLOWS = '\u001f';

const require = createRequire(import.meta.url);
/** Loaded when there is YAML to read: most test files are scripts, and `testyard run` is to be quick. */
const yamlPackage = (): typeof import('yaml') => require('yaml');
type LineCounter = import('yaml').LineCounter;

/** Whose file it is: in one that was written for another program a key may stand twice, as it may there. */
export type YamlOrigin = 'ours' | 'others';

/**
 * Reads one YAML document into source texts with positions; never throws, and takes bounded time and memory. `mended`
 * counts how often something was put right in it.
 */
export function readYaml(text: string, origin: YamlOrigin = 'ours', mended = 0): YamlResult {
  const { Composer, Lexer, LineCounter, Parser } = yamlPackage();
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let [lexemes, before] = [0, ''];
  for (const lexeme of new Lexer().lex(text)) {
    if (origin === 'others' && before !== SCALAR_FOLLOWS && mended < MOST_MENDED && isUnclosed(lexeme)) {
      const looser = movedRight(text, parser.offset);
      if (looser !== undefined && looser !== text) return readYaml(looser, origin, mended + 1);
    }
    before = lexeme;
    for (const token of parser.next(lexeme)) tokens.push(token);
    lexemes += 1;
    if (parser.stack.length > MAX_DEPTH) return refused(lines, parser.offset, 'nested too deeply');
    if (lexemes > MAX_LEXEMES) return refused(lines, parser.offset, 'too many YAML elements for one file');
  }
  for (const token of parser.end()) tokens.push(token);

  const options = { schema: 'failsafe', uniqueKeys: false, prettyErrors: false } as const;
  const documents = [...new Composer(options).compose(tokens, true, text.length)];
  const [document, second] = documents;
  if (document === undefined) return refused(lines, 0, 'the file is empty');
  if (second !== undefined) return refused(lines, second.range[0], 'one document per file: a second begins');
  const flaws = [...document.errors, ...document.warnings];
  if (flaws.length > 0) {
    const problems = flaws.slice(0, MAX_PROBLEMS).map((flaw) => ({
      ...position(lines, flaw.pos[0]),
      message: flaw.code === 'TAG_RESOLVE_FAILED' ? tagHint(text.slice(...flaw.pos)) : readable(flaw.message),
    }));
    return { ok: false, problems };
  }
  return convert(document, lines, origin);
}

function convert(document: Document.Parsed, lines: LineCounter, origin: YamlOrigin): YamlResult {
  const { isAlias, isMap, isScalar, isSeq } = yamlPackage();
  const problems: FileProblem[] = [];
  let values = 0;
  const problem = (node: { range?: readonly number[] | null | undefined }, message: string) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ ...position(lines, node.range?.[0] ?? 0), message });
    return undefined;
  };
  // The package's own resolve searches the whole document for every alias.
  const anchors = new Map<string, Node>();
  const walk = (node: Node, depth: number): Source | undefined => {
    values += 1;
    if (values > MAX_VALUES) return undefined;
    // An alias inside its own anchor ends here.
    if (depth > MAX_DEPTH) return problem(node, 'nested too deeply, or an alias that contains itself');
    const at = position(lines, node.range?.[0] ?? 0);
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined)
        return problem(node, `the anchor '&${shown(node.source)}' is nowhere before this`);
      return walk(target, depth + 1);
    }
    if ((isScalar(node) || isSeq(node) || isMap(node)) && node.anchor !== undefined) {
      const first = anchors.get(node.anchor);
      if (first !== undefined && first !== node)
        return problem(node, `the anchor '&${shown(node.anchor)}' stands twice`);
      anchors.set(node.anchor, node);
    }
    if (isScalar(node)) {
      const text = node.source ?? '';
      const flaw = unusable(text);
      if (flaw !== undefined) return problem(node, flaw);
      const isPlain = origin === 'others' && node.type === 'PLAIN' && node.tag === undefined;
      return isPlain ? { kind: 'text', text, at, isPlain } : { kind: 'text', text, at };
    }
    if (isSeq<Node>(node)) {
      const items = node.items.flatMap((item) => walk(item, depth + 1) ?? []);
      return { kind: 'list', items, at };
    }
    if (!isMap<Node, Node | null>(node)) return problem(node, 'not understood');
    const entries = new Map<string, SourceEntry>();
    for (const pair of node.items) {
      const key = pair.key;
      if (!isScalar(key) || key.source === undefined || key.source === '') {
        problem(key ?? node, 'a key is a word');
        continue;
      }
      const first = entries.get(key.source);
      const keyAt = position(lines, key.range?.[0] ?? 0);
      if (first !== undefined && origin === 'ours')
        problem(key, `'${shown(key.source)}' stands twice: first in line ${first.at.line}`);
      const value: Source | undefined =
        pair.value === null ? nothing(keyAt, origin) : walk(pair.value, depth + 1);
      if (value !== undefined) entries.set(key.source, { key: key.source, at: keyAt, value });
    }
    return { kind: 'map', entries: [...entries.values()], at };
  };
  const contents = document.contents;
  const root = contents === null ? undefined : walk(contents as Node, 0);
  if (values > MAX_VALUES)
    return refused(lines, 0, `more than ${MAX_VALUES} values once the aliases are expanded`);
  if (root === undefined || problems.length > 0)
    return {
      ok: false,
      problems: problems.length > 0 ? problems : [{ message: 'the file is empty', line: 1, column: 1 }],
    };
  return { ok: true, root };
}

/** A key without a value. */
function nothing(at: Position, origin: YamlOrigin): Source {
  return origin === 'ours' ? { kind: 'text', text: '', at } : { kind: 'text', text: '', at, isPlain: true };
}

/** Why a text cannot be used at all, or undefined: neither PostgreSQL nor a command line takes such texts. */
export function unusable(text: string): string | undefined {
  if (text.includes('\0')) return 'a NUL character cannot stand in a text';
  if (/\p{Surrogate}/u.test(text)) return 'half of a surrogate pair is no character';
  return undefined;
}

/** The text of a UTF-8 file, or where it stops being UTF-8. */
export function decodeUtf8(bytes: Uint8Array): { readonly text: string } | { readonly problem: FileProblem } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    const lenient = new TextDecoder('utf-8').decode(bytes);
    const before = lenient.slice(0, Math.max(0, lenient.indexOf('\ufffd'))).split('\n');
    return {
      problem: {
        message: 'this is not UTF-8 text',
        line: before.length,
        column: (before.at(-1)?.length ?? 0) + 1,
      },
    };
  }
}

function tagHint(tag: string): string {
  if (tag.startsWith('!!') || tag === '!')
    return `'${shown(tag)}' is not used here: values are read as they are written`;
  return `'${shown(tag)}' is a YAML tag; to say that a tag must be absent write 'not ${shown(tag.slice(1))}'`;
}

/** The yaml package ends its sentences in all ways, and some quote what was read. */
function readable(message: string): string {
  return shown(message.replaceAll('\n', ' ').trim());
}

/** What somebody wrote, safe to print and short. */
export function shown(text: string): string {
  // Neither what steers a terminal nor what is not seen, such as marks that turn the direction of reading.
  const safe = text.slice(0, 1000).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return safe.length > 200 ? `${safe.slice(0, 197)}...` : safe;
}

function refused(lines: LineCounter, offset: number, message: string): YamlResult {
  return { ok: false, problems: [{ ...position(lines, offset), message }] };
}

function position(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
