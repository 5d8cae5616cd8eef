/** What can be written as YAML: texts, lists, and maps, whose undefined values are left out. */
export type Written =
  | string
  | readonly Written[]
  | ReadonlyMap<string, Written>
  | { readonly [key: string]: Written | undefined };

/** Reads back as itself without quotes. */
const PLAIN = /^[A-Za-z0-9_./~][A-Za-z0-9_./+<>=@()& -]*(?<! )$/;
/** What a literal block keeps as it is. */
const BLOCK = /^(?=[!-~])[\t\n\x20-\x7e\u00a1-\u02ff\u0370-\u1fff\u3040-\ud7ff\u{10000}-\u{1ffff}]*[!-~]\n$/u;
/** Would be seen by nobody, or by YAML as something else. */
const ODD = /["\\]|[^\x20-\x7e\u00a1-\u02ff\u0370-\u1fff\u3040-\ud7ff]/gu;

/** Writes a YAML document that reads back as the same texts, short lists in one line. */
export function printYaml(root: { readonly [key: string]: Written | undefined }): string {
  const lines = entriesOf(root).flatMap(([key, value]) => entry(key, value, ''));
  return `${lines.join('\n')}\n`;
}

function entriesOf(map: ReadonlyMap<string, Written> | { readonly [key: string]: Written | undefined }) {
  const all = map instanceof Map ? [...map] : Object.entries(map);
  return all.flatMap(([key, value]): [string, Written][] => (value === undefined ? [] : [[key, value]]));
}

function entry(key: string, value: Written, indent: string): readonly string[] {
  const head = `${indent}${scalar(key)}:`;
  if (typeof value === 'string') {
    if (!BLOCK.test(value)) return [`${head} ${scalar(value)}`];
    const lines = value.slice(0, -1).split('\n');
    return [`${head} |`, ...lines.map((line) => (line === '' ? '' : `${indent}  ${line}`))];
  }
  if (Array.isArray(value)) {
    const flat = flow(value);
    if (flat.length < 90 || value.length === 0) return [`${head} ${flat}`];
    return [head, ...(value as readonly Written[]).map((item) => `${indent}  - ${flow(item)}`)];
  }
  const entries = entriesOf(value as ReadonlyMap<string, Written>);
  const flat = flow(value);
  const isSmall = indent !== '' && flat.length < 160 && !flat.includes('\\n');
  if (entries.length === 0 || isSmall) return [`${head} ${flat}`];
  return [head, ...entries.flatMap(([name, inner]) => entry(name, inner, `${indent}  `))];
}

function flow(value: Written): string {
  if (typeof value === 'string') return scalar(value);
  if (Array.isArray(value)) return `[${(value as readonly Written[]).map(flow).join(', ')}]`;
  const entries = entriesOf(value as ReadonlyMap<string, Written>);
  return `{${entries.map(([key, inner]) => `${scalar(key)}: ${flow(inner)}`).join(', ')}}`;
}

function scalar(text: string): string {
  if (PLAIN.test(text) && text.length < 200) return text;
  const inside = text.replaceAll(ODD, (char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    if (char === '\n') return '\\n';
    if (char === '\t') return '\\t';
    const code = char.codePointAt(0) ?? 0;
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${inside}"`;
}
