/** What a header of a tar archive says of the entry that follows it. */
export interface Head {
  /** '0' or NUL a file, '1' a second name, '2' a link, '5' a folder; L, K, x and g say something of others. */
  readonly type: string;
  readonly path: string;
  /** Where a link leads. */
  readonly to: string;
  readonly mode: number;
  readonly size: number;
}

/** Reads a block as a header (POSIX.1-1988, POSIX.1-2001 and GNU's); undefined: its sum is wrong, so it is none. */
export function readHead(block: Buffer): Head | undefined {
  const sum = block.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (numberAt(block, 148, 8) !== sum) return undefined;
  const type = String.fromCharCode(block[156] ?? 0);
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const name = asText(block.subarray(0, 100));
  const before = isPosix ? asText(block.subarray(345, 500)) : '';
  return {
    type,
    path: before === '' ? name : `${before}/${name}`,
    to: asText(block.subarray(157, 257)),
    mode: numberAt(block, 100, 8),
    // Links and folders have no bytes, whatever is said of them.
    size: '12345'.includes(type) ? 0 : numberAt(block, 124, 12),
  };
}

/** A text up to its NUL; bytes that are no UTF-8 show as U+FFFD. */
export function asText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}

/** Octal digits, or GNU's form for large ones: a set highest bit, and the number as it is. NaN: neither. */
function numberAt(block: Buffer, at: number, length: number): number {
  if (block[at] === 0x80)
    return block.subarray(at + 1, at + length).reduce((all, byte) => all * 256 + byte, 0);
  const text = block
    .toString('latin1', at, at + length)
    .replace(/\0.*$/s, '')
    .trim();
  return text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

/** Records of a pax header, `LENGTH KEY=VALUE` and an end of line each; undefined: they are damaged. */
export function recordsOf(bytes: Buffer): ReadonlyMap<string, string> | undefined {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const digits = /^([0-9]{1,9}) /.exec(bytes.toString('latin1', at, at + 10))?.[1];
    const length = Number(digits);
    const end = at + length;
    const record = bytes.toString('utf8', at + (digits?.length ?? 0) + 1, end - 1);
    const equals = record.indexOf('=');
    if (digits === undefined || end > bytes.length || bytes[end - 1] !== 0x0a || equals < 1) return undefined;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}
