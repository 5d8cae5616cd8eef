import { unknownKey } from './source-fields.js';
import {
  type FileProblem,
  type Position,
  readYaml,
  type Source,
  type SourceEntry,
  shown,
  unusable,
} from './yaml-source.js';

/** What a test can say in either form, as YAML spells it. */
export const TEST_KEYS = [
  'name',
  'owner',
  'requires',
  'prefer',
  'labels',
  'timeout',
  'setup_timeout',
  'teardown_timeout',
  'dirties',
  'cases',
  'output',
  'commands',
  'under_test',
  'network',
  'broken',
  'environment',
  'handlers',
];

/** How a comment spells a key. */
export function headerKey(key: string): string {
  return key === 'environment' ? 'env' : key.replaceAll('_', '-');
}

const COMMENT = /^\s*(?:#|\/\/|--|;+)/;
const DECLARATION = /^\s*(?:#|\/\/|--|;+)\s*testyard:\s*/;
/** `# Testyard: requires: root`, `# testyard requires: root`: meant for us, and silently ignored it would be a lie. */
const ALMOST = new RegExp(
  `^\\s*(?:#|//|--|;+)\\s*testyard[\\s:]+(?:${TEST_KEYS.map(headerKey).join('|')})\\s*[:=]`,
  'i',
);
/** May stand on several lines. */
const LISTS = new Set(['requires', 'prefer', 'labels', 'cases', 'commands', 'under_test', 'handlers']);

/** A line longer than that is not written by hand, and each item is read by itself. */
const MAX_ITEMS = 500;
/** Have maps among their items, in one line: `{any: [kvm, root]}`. */
const FORMULAS = new Set(['requires', 'prefer']);

/** What the comments at the top of an executable say. */
export interface Header {
  readonly entries: readonly SourceEntry[];
  readonly problems: readonly FileProblem[];
}

/** Reads the `testyard:` comment lines before the first line of program; a binary has none. */
export function readHeader(bytes: Uint8Array): Header {
  const isScript = bytes[0] === 0x23 && bytes[1] === 0x21;
  if (!isScript && bytes.subarray(0, 8192).includes(0)) return { entries: [], problems: [] };
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  const problems: FileProblem[] = [];
  const wrong = (at: Position, message: string) => problems.push({ ...at, message });
  const start = interpreterProblem(isScript, lines[0] ?? '');
  if (start !== undefined) wrong({ line: 1, column: 1 }, start);

  const entries = new Map<string, SourceEntry>();
  let inHeader = true;
  for (const [index, line] of lines.entries()) {
    inHeader &&= line.trim() === '' || COMMENT.test(line);
    const before = DECLARATION.exec(line)?.[0];
    if (before === undefined) {
      if (inHeader && ALMOST.test(line))
        wrong(
          { line: index + 1, column: 1 },
          `'${shown(line.trim())}' would not count: write '# testyard: key: value'`,
        );
      continue;
    }
    const at = { line: index + 1, column: before.length + 1 };
    if (!inHeader) {
      // Only what is unmistakably ours: a program may print such words.
      if (ALMOST.test(line))
        wrong(at, 'this stands after the first line of the program and would not count: move it up');
      continue;
    }
    const flaw = declare(entries, line.slice(before.length).trimEnd(), at);
    if (flaw !== undefined) wrong(flaw.at, flaw.message);
    if (problems.length > 50) break;
  }
  return { entries: [...entries.values()], problems };
}

/** What is wrong with a declaration, and where. */
interface Misread {
  readonly at: Position;
  readonly message: string;
}

function declare(entries: Map<string, SourceEntry>, declared: string, at: Position): Misread | undefined {
  const colon = declared.indexOf(':');
  if (colon < 0) return { at, message: `'${shown(declared)}' is no declaration: write 'key: value'` };
  const spelled = declared.slice(0, colon).trim();
  const key = TEST_KEYS.find((candidate) => headerKey(candidate) === spelled);
  if (key === undefined) return { at, message: unknownKey(spelled, TEST_KEYS.map(headerKey)) };
  const rest = declared.slice(colon + 1);
  const value = rest.trimStart();
  const valueAt = { line: at.line, column: at.column + colon + 1 + (rest.length - value.length) };
  if (value === '') return { at, message: `'${spelled}' is empty: write a value, or leave the line out` };
  const flaw = unusable(value);
  if (flaw !== undefined) return { at: valueAt, message: flaw };
  const before = entries.get(key);
  if (key === 'environment') return declareVariable(entries, before, value, at, valueAt);
  const read: Source | Misread = LISTS.has(key)
    ? items(value, valueAt, FORMULAS.has(key))
    : { kind: 'text', text: value, at: valueAt };
  if ('message' in read) return read;
  if (before === undefined) entries.set(key, { key, at, value: read });
  else if (before.value.kind === 'list' && read.kind === 'list')
    entries.set(key, {
      ...before,
      value: { ...before.value, items: [...before.value.items, ...read.items] },
    });
  else return { at, message: `'${spelled}' stands twice: first in line ${before.at.line}` };
  return undefined;
}

function declareVariable(
  entries: Map<string, SourceEntry>,
  before: SourceEntry | undefined,
  value: string,
  at: Position,
  valueAt: Position,
): Misread | undefined {
  const equals = value.indexOf('=');
  if (equals < 1) return { at: valueAt, message: `'${shown(value)}' sets nothing: write env: NAME=value` };
  const name = value.slice(0, equals);
  const others = before?.value.kind === 'map' ? before.value.entries : [];
  const first = others.find(({ key }) => key === name);
  if (first !== undefined)
    return { at: valueAt, message: `'${shown(name)}' stands twice: first in line ${first.at.line}` };
  const text: Source = {
    kind: 'text',
    text: value.slice(equals + 1),
    at: { line: valueAt.line, column: valueAt.column + equals + 1 },
  };
  const all = [...others, { key: name, at: valueAt, value: text }];
  entries.set('environment', {
    key: 'environment',
    at,
    value: { kind: 'map', entries: all, at: before?.value.at ?? valueAt },
  });
  return undefined;
}

/** The items between commas; in formulas those within brackets and quotes divide nothing. */
function items(value: string, at: Position, isFormula: boolean): Source | Misread {
  const found: Source[] = [];
  let column = at.column;
  const parts = isFormula ? pieces(value) : value.split(',');
  if (parts.length > MAX_ITEMS)
    return { at, message: `${parts.length} items in one line; at most ${MAX_ITEMS} are taken` };
  for (const part of parts) {
    const text = part.trim();
    const here = { line: at.line, column: column + part.length - part.trimStart().length };
    column += part.length + 1;
    if (!isFormula || !text.startsWith('{')) {
      found.push({ kind: 'text', text, at: here });
      continue;
    }
    const yaml = readYaml(text);
    if (!yaml.ok) {
      const [flaw] = yaml.problems;
      const inside = { line: here.line, column: here.column + (flaw?.column ?? 1) - 1 };
      return { at: inside, message: flaw?.message ?? 'not understood' };
    }
    found.push(moved(yaml.root, here));
  }
  return { kind: 'list', items: found, at };
}

/** The parts of a text between those commas that stand outside of brackets and double quotes. */
function pieces(text: string): readonly string[] {
  const parts: string[] = [];
  let begin = 0;
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quoted && char === '\\') at += 1;
    else if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if ('{[('.includes(char)) depth += 1;
    else if ('}])'.includes(char)) depth -= 1;
    else if (char === ',' && depth <= 0) {
      parts.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return [...parts, text.slice(begin)];
}

/** The same as if it had been read where it stands in the file: a comment is one line. */
function moved(source: Source, from: Position): Source {
  const at = { line: from.line, column: from.column + source.at.column - 1 };
  switch (source.kind) {
    case 'text':
      return { ...source, at };
    case 'list':
      return { ...source, items: source.items.map((item) => moved(item, from)), at };
    case 'map':
      return {
        ...source,
        at,
        entries: source.entries.map((entry) => ({
          ...entry,
          at: { line: from.line, column: from.column + entry.at.column - 1 },
          value: moved(entry.value, from),
        })),
      };
  }
}

function interpreterProblem(isScript: boolean, firstLine: string): string | undefined {
  if (firstLine.startsWith('\ufeff#!'))
    return 'a byte order mark stands before the #!: save the file without it';
  if (!isScript) return 'nothing says what runs this file: begin it with a line such as #!/bin/sh';
  if (firstLine.endsWith('\r'))
    return 'this line ends with a carriage return, which would be part of the interpreter: use Unix line ends';
  if (firstLine.slice(2).trim() === '') return 'no interpreter after the #!: write for example #!/bin/sh';
  return undefined;
}
