import type { Scheme } from '../tag.js';
import { date } from './date.js';
import { deb } from './deb.js';
import { kernel } from './kernel.js';
import { natural } from './natural.js';
import { type Order, quoted, type Reading } from './order.js';
import { rpm } from './rpm.js';
import { semver } from './semver.js';

const LONGEST = 200;
/** Texts that are remembered as they were read: the versions of a grid are compared over and over. */
const MOST_REMEMBERED = 5000;

/** The order of a scheme over texts: what the versions are in between is its own business. */
interface TextOrder {
  problem(text: string): string | undefined;
  compare(a: string, b: string): number | undefined;
  against(seen: string, wanted: string): number | undefined;
  canonical(text: string): string;
}

const ORDERS: Readonly<Record<Scheme, TextOrder>> = {
  deb: overTexts(deb),
  rpm: overTexts(rpm),
  semver: overTexts(semver),
  kernel: overTexts(kernel),
  date: overTexts(date),
  natural: overTexts(natural),
};

/**
 * Below 0, 0 or above 0, as `a` is older than, equal to or newer than `b`; undefined where one of them is no version
 * of the scheme. The order is total. What a requirement says of a host is `compareWithWanted`.
 */
export function compareVersions(scheme: Scheme, a: string, b: string): number | undefined {
  return ORDERS[scheme].compare(a, b);
}

/**
 * How what was seen stands to what a requirement names. As `compareVersions`, but where the wanted version of a
 * kernel says nothing of the builder's part, or that of an rpm package nothing of its release, that does not count.
 * Along the order of `compareVersions` it goes from below by equal to above.
 */
export function compareWithWanted(scheme: Scheme, seen: string, wanted: string): number | undefined {
  return ORDERS[scheme].against(seen, wanted);
}

/** What is wrong with the text as a version of the scheme and what would be right; undefined: it is one. */
export function versionProblem(scheme: Scheme, text: string): string | undefined {
  return ORDERS[scheme].problem(text);
}

/** One spelling of versions that are known to be equal; others, and what is no version, stay as they are written. */
export function canonicalVersion(scheme: Scheme, text: string): string {
  return ORDERS[scheme].canonical(text);
}

function overTexts<V>(order: Order<V>): TextOrder {
  const known = new Map<string, Reading<V>>();
  const read = (text: string): Reading<V> => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const why = textProblem(text);
    // What is no version may be long, and is not worth keeping.
    if (why !== undefined) return { ok: false, why };
    const reading = order.read(text);
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(text, reading);
    return reading;
  };
  const both = (a: string, b: string, compare: (a: V, b: V) => number) => {
    const [one, other] = [read(a), read(b)];
    return one.ok && other.ok ? compare(one.version, other.version) : undefined;
  };
  return {
    problem: (text) => {
      const reading = read(text);
      return reading.ok ? undefined : `${quoted(text)} is no ${order.name}: ${reading.why}`;
    },
    compare: (a, b) => both(a, b, order.compare),
    against: (seen, wanted) => both(seen, wanted, order.against ?? order.compare),
    canonical: (text) => {
      const reading = read(text);
      return reading.ok && order.canonical !== undefined ? order.canonical(reading.version) : text;
    },
  };
}

/** What no version of any scheme can be; asked first, so that nothing ever works on a text of megabytes. */
function textProblem(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (text.length > LONGEST) return `it has ${text.length} characters, and a version has at most ${LONGEST}`;
  const bad = /[^ -~]/u.exec(text)?.[0];
  if (bad !== undefined) return `it has a character that is not printable ASCII (${code(bad)})`;
  return text.trim() === text ? undefined : 'a space stands before or after it; leave that out';
}

function code(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
