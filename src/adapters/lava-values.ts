import type { Position, Source, SourceEntry } from './yaml-source.js';

/** A value that YAML 1.1 cannot read, though it looks like one of its kinds. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
  constructor(
    message: string,
    readonly at: Position,
  ) {
    super(message);
  }
}

/**
 * A value as LAVA writes it into a script: read by the rules of YAML 1.1 and printed as Python prints it, so that
 * `yes` is `True`, `1.10` is `1.1` and `010` is `8`. What stands in quotes stays as it is.
 */
export function rendered(source: Source): string {
  if (source.kind !== 'text') return literal(source);
  return source.isPlain ? plain(source.text, source.at).printed : source.text;
}

/** Whether a value is left out, or is the nothing of YAML. */
export function isNothing(source: Source | undefined): boolean {
  return (
    source === undefined || (source.kind === 'text' && source.isPlain === true && NULL.test(source.text))
  );
}

/** The entries of a map, with those that are merged into it by `<<` before its own. */
export function entriesOf(map: Source & { readonly kind: 'map' }): readonly SourceEntry[] {
  const merged = map.entries.flatMap(({ key, value }) => (key === '<<' ? mergedIn(value) : []));
  const own = map.entries.filter(({ key }) => key !== '<<');
  return [...new Map([...merged, ...own].map((entry) => [entry.key, entry])).values()];
}

function mergedIn(value: Source): readonly SourceEntry[] {
  if (value.kind === 'map') return entriesOf(value);
  // Of several the first counts most.
  return value.kind === 'list' ? [...value.items].reverse().flatMap(mergedIn) : [];
}

/** A text without quotes: what Python makes of it, and whether it is still a text. */
interface Plain {
  readonly printed: string;
  readonly isText: boolean;
}

// The forms of values in YAML 1.1, as its readers in Python know them.
const NULL = /^(?:~|null|Null|NULL|)$/;
const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const INTEGER =
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$/;
const INFINITE = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(?:nan|NaN|NAN)$/;
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const MOMENT =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?(?:[ \t]*(?:(Z)|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?$/;

function plain(text: string, at: Position): Plain {
  const value = (printed: string): Plain => ({ printed, isText: false });
  if (NULL.test(text)) return value('None');
  if (TRUE.test(text)) return value('True');
  if (FALSE.test(text)) return value('False');
  if (FLOAT.test(text)) return value(printedFloat(float(text.replaceAll('_', ''))));
  if (INTEGER.test(text)) return value(integer(text.replaceAll('_', ''), at).toString());
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return value(infinite[1] === '-' ? '-inf' : 'inf');
  if (NOT_A_NUMBER.test(text)) return value('nan');
  const time = DATE.test(text) ? printedDate(text, at) : printedMoment(text, at);
  return time === undefined ? { printed: text, isText: true } : value(time);
}

function integer(text: string, at: Position): bigint {
  const [, sign, digits = ''] = /^([-+]?)(.*)$/.exec(text) ?? [];
  if (/^0[bx]?$/.test(digits) && digits !== '0')
    throw new Unreadable(`'${text}' is no number: put it in quotes`, at);
  const isOctal = /^0[0-7]+$/.test(digits);
  const size = digits.includes(':')
    ? digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n)
    : BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  return sign === '-' ? -size : size;
}

function float(text: string): number {
  const [, sign, digits = ''] = /^([-+]?)(.*)$/.exec(text) ?? [];
  const size = digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return sign === '-' ? -size : size;
}

/** The shortest digits that read back as the same number, as Python writes them. */
function printedFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const shown = exponent < 0 ? value.toFixed(Math.max(0, decimals(digits) - exponent)) : String(value);
  return shown.includes('.') ? shown : `${shown}.0`;
}

function decimals(digits: string): number {
  return digits.split('.')[1]?.length ?? 0;
}

function printedDate(text: string, at: Position): string {
  const [, year, month, day] = DATE.exec(text) ?? [];
  if (!isDay(Number(year), Number(month), Number(day)))
    throw new Unreadable(`'${text}' is no day of the calendar: put it in quotes if it is none`, at);
  return text;
}

function printedMoment(text: string, at: Position): string | undefined {
  const match = MOMENT.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', zulu, sign, zoneHour, zoneMinute] = match;
  const isThere =
    isDay(Number(year), Number(month), Number(day)) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) < 60;
  if (!isThere)
    throw new Unreadable(`'${text}' is no moment of the calendar: put it in quotes if it is none`, at);
  const two = (part: string | undefined) => (part ?? '0').padStart(2, '0');
  const micro = fraction.slice(0, 6).padEnd(6, '0');
  const zone =
    zulu === undefined && sign === undefined ? '' : `${sign ?? '+'}${two(zoneHour)}:${two(zoneMinute)}`;
  const tail = micro === '000000' ? '' : `.${micro}`;
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${minute}:${second}${tail}${zone.replace('-00:00', '+00:00')}`;
}

function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  return year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month > 0;
}

/** A value inside a list or map, as Python writes it there: texts in quotes. */
function literal(source: Source): string {
  if (source.kind === 'list') return `[${source.items.map(literal).join(', ')}]`;
  if (source.kind === 'map') {
    const pairs = entriesOf(source).map(({ key, value }) => `${quoted(key)}: ${literal(value)}`);
    return `{${pairs.join(', ')}}`;
  }
  if (!source.isPlain) return quoted(source.text);
  const { printed, isText } = plain(source.text, source.at);
  return isText ? quoted(printed) : printed;
}

function quoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = [...text].map((one) => {
    if (one === '\\' || one === mark) return `\\${one}`;
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[one];
    if (short !== undefined) return short;
    return /\p{Cc}/u.test(one) ? `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}` : one;
  });
  return `${mark}${inner.join('')}${mark}`;
}
