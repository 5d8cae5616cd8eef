import type { Conclusion, Question } from '../domain/culprit/question.js';
import { recordsAfter } from '../domain/culprit/records.js';
import type { Id } from '../domain/id.js';
import type { LinkedChange } from '../domain/intake/line.js';
import type { Predicate } from '../domain/intake/reading.js';
import { heldOn } from '../store/holding-back.js';
import { type Hunt, huntOf } from '../store/hunts.js';
import type { Transaction } from '../store/store.js';

/** Where on a line a search begins. */
export interface Beginning {
  readonly line: readonly LinkedChange[];
  /** The search that found what is held back and breaks the same: whether that has been mended is the question. */
  readonly since?: Id;
}

/** How likely it is, before any trial, that what is held back has not been mended. */
const UNMENDED = 0.8;

/**
 * What is known before any trial where a search asks whether what an earlier one found was mended: how the test deceives,
 * that one has seen; so a trial or two of the state it ended with show that it is as it was.
 */
export async function knownSince(
  tx: Transaction,
  since: Id,
): Promise<Pick<Question, 'environment' | 'flaky' | 'record' | 'brokenRecord'>> {
  const before = await huntOf(tx, since);
  const conclusion = before?.value.conclusion;
  const isFound = conclusion?.kind === 'culprit' || conclusion?.kind === 'several';
  const found = isFound ? Math.min(...conclusion.changes) : undefined;
  return {
    environment: UNMENDED,
    flaky: (1 - UNMENDED) / 4,
    ...(before !== undefined && found !== undefined && recordsAfter(before.value, found)),
  };
}

/** What is said where it has not. */
export const unmended = (component: string) => `${component} has not been mended since what is held back`;

/**
 * The commits of a branch cannot be put in without those before: what is held back of them is in every later state. So a
 * search begins where the last one for the same has ended, with a bad state; `not mended` where nothing has come since. Of
 * what was held back for something else each is in the line: it may break this as well.
 */
export async function beginningOf(
  tx: Transaction,
  line: readonly LinkedChange[],
  test: string,
  predicate: Predicate,
): Promise<Beginning | 'not mended'> {
  const commits = line.filter(({ kind }) => kind === 'git').map(({ id }) => id);
  const all = commits.length === 0 ? [] : await heldOn(tx, commits);
  if (all.length === 0) return { line };
  const same = all.findLast((one) => one.test === test && one.predicate === predicate);
  if (same === undefined) return { line: inserted(line, all, 0) };
  const from = Math.max(same.place, line.findIndex(({ id }) => id === same.head) + 1);
  const left = inserted(line, all.slice(all.indexOf(same) + 1), from);
  const [first, ...rest] = left;
  if (first === undefined) return 'not mended';
  const version = from > same.place ? same.headVersion : same.held.to;
  return { line: [{ ...first, from: version }, ...rest], since: same.search };
}

/** Runs in their order, but first those that are bad in a way for which nothing of the branch is held back yet. */
export async function newFirst<
  Run extends { readonly run: { readonly testName: string }; readonly is: unknown },
>(tx: Transaction, line: readonly LinkedChange[], runs: readonly Run[]): Promise<readonly Run[]> {
  const commits = line.filter(({ kind }) => kind === 'git').map(({ id }) => id);
  const held = commits.length === 0 ? [] : await heldOn(tx, commits);
  const isKnown = ({ run, is }: Run) => held.some((one) => one.test === run.testName && one.predicate === is);
  return [...runs].sort((a, b) => Number(isKnown(a)) - Number(isKnown(b)));
}

/** A line from a place on, with what is held back where it belongs. */
function inserted(
  line: readonly LinkedChange[],
  held: readonly { readonly held: LinkedChange; readonly place: number }[],
  from: number,
): readonly LinkedChange[] {
  return line
    .slice(from)
    .flatMap((change, n) => [
      ...held.filter(({ place }) => place === from + n).map((one) => one.held),
      change,
    ]);
}

/** Whether a search has found nothing but that what is held back on its branch is still not mended. */
export async function isUnmended(
  tx: Transaction,
  { line, parentId, partnerOf }: Hunt,
  conclusion: Conclusion,
): Promise<boolean> {
  if (line[0]?.kind !== 'git') return false;
  if (conclusion.kind === 'environment') return parentId !== null && partnerOf === null;
  if (conclusion.kind !== 'culprit' && conclusion.kind !== 'several') return false;
  const held = await heldOn(
    tx,
    line.map(({ id }) => id),
  );
  const found = conclusion.changes.flatMap((number) => line[number - 1]?.id ?? []);
  return found.some((id) => held.some((one) => one.held.id === id));
}
