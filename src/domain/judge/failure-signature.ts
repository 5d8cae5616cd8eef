import { signatureOf } from '../recover/signature.js';

/** What a red left to be recognized by. */
export interface RedTrace {
  /** Cases in the order they were reported, with what the failed ones said. */
  readonly cases: readonly {
    readonly name: string;
    readonly result: 'pass' | 'fail' | 'skip';
    readonly message: string;
  }[];
  /** The end of the output as it was printed; '' where nothing was. */
  readonly tail: string;
  /** Why it is red: `exit 3`, `timed out after 5 s`. */
  readonly reason: string;
}

/** A line of its own between what a chain printed and what the test prints; without a chain there is none. */
export const TEST_BEGINS = '[testyard: test]';

const MOST_CASES = 10;
const LONGEST_NAME = 80;

/** Words by which programs say that something is wrong. */
const SAYS_WRONG =
  /error|fail|fatal|panic|oops|exception|traceback|assert|abort|segfault|segmentation|cannot|can't|could not|unable|denied|refused|no such|not found|timed? ?out|unexpected|expected|mismatch|not ok/i;

/**
 * What is the same of two failures of one test: `{case, case} error`. The cases are the names of the failed ones,
 * sorted, without repetition, at most 10, as they are: another failed case is another failure. The error is, as
 * `signatureOf` spells it, the first there is of: the last line of the output that speaks of something wrong; what
 * the first failed case said; the last line of the output; the verdict's reason. A red that did not end by itself
 * (out of time, killed, crashed) begins with that instead: what it printed last is chance.
 */
export function failureSignature({ cases, tail, reason }: RedTrace): string {
  const failed = cases.filter((one) => one.result === 'fail');
  const names = [...new Set(failed.map(({ name }) => caseName(name) || '_'))].sort();
  const shown = names.slice(0, MOST_CASES);
  if (names.length > MOST_CASES) shown.push(`and ${names.length - MOST_CASES} more`);
  return spelt(`{${shown.join(', ')}}`, errorOf(failed[0]?.message ?? '', tail, reason));
}

/**
 * A signature as a person may write it, spelt as ours are: one that was copied stays as it is, an error line that
 * was pasted loses its numbers, addresses and paths. Undefined where nothing is left to recognize anything by.
 */
export function readSignature(text: string): string | undefined {
  const line = plainLine(text);
  const [, cases = '', error = line] = /^\{([^{}]*)\} ?(.*)$/.exec(line) ?? [];
  const names = cases.split(',').flatMap((name) => (caseName(name) === '' ? [] : [caseName(name)]));
  const fixed = fixedSignature(error);
  return names.length === 0 && fixed === '' ? undefined : spelt(`{${names.join(', ')}}`, fixed);
}

function errorOf(said: string, tail: string, reason: string): string {
  if (!/^(exit |failed cases|the artefact lacks)/.test(reason)) return fixedSignature(reason);
  // What was printed while its host was brought to what it needs is not the test's own.
  const own = afterChain(tail);
  const lines = own.split(/[\r\n]+/).flatMap((line) => (plainLine(line) === '' ? [] : [plainLine(line)]));
  const wrong = lines.findLast((line) => SAYS_WRONG.test(line));
  const first = [wrong, plainLine(said), lines.at(-1), reason].find((one) => one !== undefined && one !== '');
  return fixedSignature(first ?? '');
}

function afterChain(tail: string): string {
  const at = tail.lastIndexOf(`${TEST_BEGINS}\n`);
  return at < 0 ? tail : tail.slice(at + TEST_BEGINS.length + 1);
}

function spelt(cases: string, error: string): string {
  return error === '' ? cases : `${cases} ${error}`;
}

/** `signatureOf` until nothing changes any more, so that a signature is its own signature. */
function fixedSignature(text: string): string {
  let before = plainLine(text);
  for (let turn = 0; turn < 20; turn++) {
    const next = plainLine(signatureOf(before));
    if (next === before) break;
    before = next;
  }
  return before;
}

/** Without what is no character of a line, and what colours one. */
function plainLine(text: string): string {
  return text
    .replace(/\p{Cc}\[[0-9;]*[A-Za-z]/gu, '')
    .replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ')
    .trim();
}

function caseName(name: string): string {
  return plainLine(plainLine(name).replace(/[{},]/g, '_').slice(0, LONGEST_NAME));
}
