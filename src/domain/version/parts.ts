const TILDE = 0x7e;
const RUNS = /[0-9]+|[^0-9]+/g;

/**
 * A version as alternating parts: text, number, text, number ...; the first is text, '' where it begins with a
 * digit. Numbers have no leading zeros: 0 is ''.
 */
export function partsOf(text: string): readonly string[] {
  const runs = text.match(RUNS) ?? [];
  const from = isDigit(text, 0) ? [''] : [];
  return [...from, ...runs.map((run) => (isDigit(run, 0) ? withoutZeros(run) : run))];
}

/** Compares part by part, as Debian policy (5.6.12) orders versions: `~` before the end, then letters, then the rest. */
export function compareParts(a: readonly string[], b: readonly string[]): number {
  const most = Math.max(a.length, b.length);
  for (let i = 0; i < most; i++) {
    const [x, y] = [a[i] ?? '', b[i] ?? ''];
    const order = i % 2 === 0 ? compareText(x, y) : compareNumbers(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

/** Compares numbers of any length, written without leading zeros. */
export function compareNumbers(a: string, b: string): number {
  return a.length - b.length || byLetter(a, b);
}

/** Compares code by code. */
export function byLetter(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A number as `compareNumbers` wants it. */
export function withoutZeros(digits: string): string {
  return digits.startsWith('0') ? digits.replace(/^0+/, '') : digits;
}

function compareText(a: string, b: string): number {
  const most = Math.max(a.length, b.length);
  for (let i = 0; i < most; i++) {
    const order = weight(a, i) - weight(b, i);
    if (order !== 0) return order;
  }
  return 0;
}

function weight(text: string, at: number): number {
  if (at >= text.length) return 0;
  const code = text.charCodeAt(at);
  if (code === TILDE) return -1;
  return isLetter(code) ? code : code + 256;
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isDigit(text: string, at: number): boolean {
  const character = text[at];
  return character !== undefined && character >= '0' && character <= '9';
}
