import { quoted } from './version/order.js';

/** An exact amount, in the base unit of its tag: a ratio in lowest terms. */
export interface Quantity {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** An amount, or what is wrong with its text and what would be right. */
export type QuantityReading =
  | { readonly ok: true; readonly value: Quantity }
  | { readonly ok: false; readonly message: string };

/** How one multiple of a unit is written, and how much of the unit it is. */
interface Multiple {
  readonly symbol: string;
  /** Read as the same, never written. */
  readonly also: readonly string[];
  readonly is: Quantity;
}

/** The multiples of a unit, the largest first. */
interface Notation {
  readonly multiples: readonly Multiple[];
  readonly bySymbol: ReadonlyMap<string, Quantity>;
  /** An amount as it should be written, for messages. */
  readonly like: string;
}

const LONGEST = 60;
const WRITTEN = /^([0-9]+)(?:\.([0-9]+))? *([A-Za-z%°µμΩ].*)?$/;
const LARGE = ['k', 'M', 'G', 'T', 'P', 'E'] as const;

const NOTATIONS: ReadonlyMap<string, Notation> = new Map([
  ['B', notation('16GiB', [...bytes(), multiple('B')])],
  [
    'bit/s',
    notation('10Gbit/s', [...thousands('bit/s', (p) => [`${p}bit`, `${p}bps`, `${p}b/s`]), bitRate()]),
  ],
  ['Hz', notation('3.2GHz', [...thousands('Hz'), multiple('Hz')])],
  ['W', notation('250W', [...thousands('W'), multiple('W'), multiple('mW', 1n, 1000n)])],
  ['s', notation('90s', times())],
]);

/**
 * Reads an amount such as `16GiB`, `2.5 Gbit/s` or, of the unit '', `8`: digits, a fraction after '.', its unit.
 * Symbols are as SI and IEC 80000-13 have them, letter case too. The unit must be there, and what could be two
 * things (`16G`: of 1000 or of 1024?) is refused, so that nobody is silently given another size than was meant.
 * A unit that is not one of `B`, `bit/s`, `Hz`, `W`, `s` and '' has no multiples.
 */
export function readQuantity(text: string, unit: string): QuantityReading {
  const written = text.length <= LONGEST ? WRITTEN.exec(text) : null;
  const { bySymbol, like } = notationOf(unit);
  if (written === null) {
    const right = unit === '' ? 'a whole number' : `digits, a fraction after '.', and the unit`;
    return refused(`${quoted(text)} is no quantity: write ${right}, as in ${like}`);
  }
  const [, whole = '', fraction = '', symbol = ''] = written;
  if (unit === '' && (fraction !== '' || symbol !== ''))
    return refused(`${quoted(text)} is no count: write a whole number without a unit, as in ${like}`);
  const is = bySymbol.get(symbol);
  if (is === undefined) return refused(unitProblem(text, unit, symbol));
  const number = BigInt(whole + fraction);
  return {
    ok: true,
    value: lowest(number * is.numerator, 10n ** BigInt(fraction.length) * is.denominator),
  };
}

/** Below 0, 0 or above 0, exactly; undefined where one of them is no quantity of the unit. */
export function compareQuantities(unit: string, a: string, b: string): number | undefined {
  const [one, other] = [readQuantity(a, unit), readQuantity(b, unit)];
  if (!one.ok || !other.ok) return undefined;
  const left = one.value.numerator * other.value.denominator;
  const right = other.value.numerator * one.value.denominator;
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * The one spelling of equal quantities: the fewest digits without a fraction, the largest multiple of those; where
 * there is none, a fraction of the unit itself. What is no quantity stays as it is written.
 */
export function canonicalQuantity(text: string, unit: string): string {
  const reading = readQuantity(text, unit);
  if (!reading.ok) return text;
  const { value } = reading;
  if (value.numerator === 0n) return `0${unit}`;
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const { symbol, is } of notationOf(unit).multiples) {
    const count = lowest(value.numerator * is.denominator, value.denominator * is.numerator);
    const digits = count.numerator.toString();
    if (count.denominator !== 1n || digits.length >= fewest) continue;
    best = `${digits}${symbol}`;
    fewest = digits.length;
  }
  return best ?? `${decimal(value)}${unit}`;
}

function unitProblem(text: string, unit: string, symbol: string): string {
  const { multiples, like } = notationOf(unit);
  const number = text.slice(0, text.length - symbol.length).trimEnd();
  const meant = multiples.filter((one) => couldMean(symbol, one.symbol));
  if (meant.length > 0) {
    const right = meant.map((one) => `${quoted(number + one.symbol)}`).join(' or ');
    return `${quoted(text)} does not say which unit it means: write ${right}`;
  }
  const all = multiples.map((one) => one.symbol).join(' ');
  const wrong = symbol === '' ? 'it has no unit' : `${quoted(symbol)} is no unit of it`;
  return `${quoted(text)} is no quantity in ${unit}: ${wrong}; write one of ${all}, as in ${like}`;
}

/** A lone prefix, or a symbol in other letter case; of bytes also what leaves out the `i`. */
function couldMean(symbol: string, right: string): boolean {
  const [asked, full] = [symbol.toLowerCase(), right.toLowerCase()];
  if (asked.length === 1) return full.startsWith(asked);
  return asked === full || asked === full.replace('i', '');
}

function notationOf(unit: string): Notation {
  return NOTATIONS.get(unit) ?? notation(`8${unit}`, [multiple(unit)]);
}

function notation(like: string, multiples: readonly Multiple[]): Notation {
  const spellings = multiples.flatMap(({ symbol, also, is }) =>
    [symbol, ...also].map((spelling) => [spelling, is] as const),
  );
  return { multiples, bySymbol: new Map(spellings), like };
}

function multiple(symbol: string, numerator = 1n, denominator = 1n, also: readonly string[] = []): Multiple {
  return { symbol, also, is: { numerator, denominator } };
}

function thousands(unit: string, also: (prefix: string) => readonly string[] = () => []): Multiple[] {
  return LARGE.map((prefix, i) =>
    multiple(prefix + unit, 1000n ** BigInt(i + 1), 1n, also(prefix)),
  ).toReversed();
}

/** Of 1024 (`Gi` is how Kubernetes writes it) and of 1000, the larger of each pair first. */
function bytes(): Multiple[] {
  return LARGE.flatMap((prefix, i) => {
    const binary = `${prefix.toUpperCase()}i`;
    return [
      multiple(`${prefix}B`, 1000n ** BigInt(i + 1)),
      multiple(`${binary}B`, 1024n ** BigInt(i + 1), 1n, [binary]),
    ];
  }).toReversed();
}

function bitRate(): Multiple {
  return multiple('bit/s', 1n, 1n, ['bit', 'bps', 'b/s']);
}

function times(): Multiple[] {
  return [
    multiple('d', 86_400n),
    multiple('h', 3_600n),
    multiple('min', 60n),
    multiple('s'),
    multiple('ms', 1n, 1000n),
    multiple('us', 1n, 1000_000n, ['µs', 'μs']),
    multiple('ns', 1n, 1000_000_000n),
  ];
}

function refused(message: string): QuantityReading {
  return { ok: false, message };
}

/** Euclid's algorithm; amounts are never negative. */
function lowest(numerator: bigint, denominator: bigint): Quantity {
  let [a, b] = [numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}

/** As a fraction with '.': it ends, because every multiple is a whole number or a whole part of a power of ten. */
function decimal({ numerator, denominator }: Quantity): string {
  let places = 0;
  while ((numerator * 10n ** BigInt(places)) % denominator !== 0n) places++;
  const digits = ((numerator * 10n ** BigInt(places)) / denominator).toString().padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}
