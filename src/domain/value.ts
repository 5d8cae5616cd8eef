import { canonicalQuantity, compareQuantities, readQuantity } from './quantity.js';
import type { Operator, Truth } from './requirement.js';
import type { Value } from './tag.js';
import { canonicalVersion, compareVersions, compareWithWanted, versionProblem } from './version/compare.js';
import { quoted } from './version/order.js';

const LONGEST_TEXT = 1000;

/**
 * Below 0, 0 or above 0; undefined where one of them cannot be read, and for two different texts, which have no
 * order. Of versions this is the order of the scheme: whether a host meets a requirement is for `matches` to say.
 */
export function compareValues(value: Value, a: string, b: string): number | undefined {
  switch (value.kind) {
    case 'version':
      return compareVersions(value.scheme, a, b);
    case 'quantity':
      return compareQuantities(value.unit, a, b);
    case 'text':
      return a === b && textProblem(a) === undefined ? 0 : undefined;
  }
}

/**
 * How what was seen stands to what a requirement names: as `compareValues`, but what a wanted version does not say
 * does not count (`compareWithWanted`). For one wanted value it goes from below by equal to above along the order of
 * `compareValues`: an index finds its bounds by binary search.
 */
export function compareSeen(value: Value, seen: string, wanted: string): number | undefined {
  return value.kind === 'version'
    ? compareWithWanted(value.scheme, seen, wanted)
    : compareValues(value, seen, wanted);
}

/** What is wrong with the text as such a value and what would be right; undefined: it is one. */
export function valueProblem(value: Value, text: string): string | undefined {
  switch (value.kind) {
    case 'version':
      return versionProblem(value.scheme, text);
    case 'quantity': {
      const reading = readQuantity(text, value.unit);
      return reading.ok ? undefined : reading.message;
    }
    case 'text':
      return textProblem(text);
  }
}

/** Why values of this kind cannot be compared so, and how they can; undefined: they can. */
export function operatorProblem(value: Value, operator: Operator): string | undefined {
  if (value.kind !== 'text' || operator === '=' || operator === '!=') return undefined;
  return `'${operator}' needs an order, and text has none: write = or !=`;
}

/** One spelling of values that are known to be equal; others, and what cannot be read, stay as they are written. */
export function canonicalValue(value: Value, text: string): string {
  switch (value.kind) {
    case 'version':
      return canonicalVersion(value.scheme, text);
    case 'quantity':
      return canonicalQuantity(text, value.unit);
    case 'text':
      return text;
  }
}

/** Whether what was seen is what is wanted; unknown where one of them cannot be read. */
export function matches(value: Value, operator: Operator, seen: string, wanted: string): Truth {
  if (value.kind === 'text') return textMatches(operator, seen, wanted);
  const order = compareSeen(value, seen, wanted);
  return order === undefined ? 'unknown' : truth(holds(operator, order));
}

function textMatches(operator: Operator, seen: string, wanted: string): Truth {
  if (textProblem(seen) !== undefined || textProblem(wanted) !== undefined) return 'unknown';
  if (operator === '=') return truth(seen === wanted);
  return operator === '!=' ? truth(seen !== wanted) : 'unknown';
}

function holds(operator: Operator, order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
  }
}

function truth(holds: boolean): Truth {
  return holds ? 'yes' : 'no';
}

function textProblem(text: string): string | undefined {
  if (text === '') return 'the text is empty: write what it should be';
  if (text.length > LONGEST_TEXT)
    return `${quoted(text)} has ${text.length} characters, and a text has at most ${LONGEST_TEXT}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
  if (/[\x00-\x1f\x7f]/.test(text))
    return `${quoted(text)} has a line break or another control character in it: write it as one line`;
  return text.trim() === text ? undefined : `${quoted(text)} has a space before or after it: leave that out`;
}
