import type { Exit } from '../outcome.js';
import type { TestSpec } from '../test.js';
import { emptiness } from './empty.js';
import type { Fact, Lack } from './fact.js';
import { isLack, lackKey, lacksText, type PlacedLack, tagOf } from './lack.js';
import type { SeenCase } from './seen-case.js';

/** All that is asked about a test to say what its cases are worth. */
export interface Observation {
  readonly spec: Pick<TestSpec, 'underTest' | 'lava'>;
  /** In the order in which they were reported. */
  readonly cases: readonly SeenCase[];
  /** How the test ended; undefined: it ran out of time. */
  readonly exit: Exit | undefined;
  readonly observed: readonly Fact[];
}

/** What a case is worth, whatever the test said of it. */
export type Worth =
  | { readonly is: 'pass' | 'fail' | 'skip' | 'unknown' }
  /** It failed, or could not tell, for want of these. */
  | { readonly is: 'could_not_run'; readonly lacks: readonly Lack[] }
  /** It passed, and that rests on nothing. */
  | { readonly is: 'tested_nothing'; readonly why: string };

/** What all that was seen of a test comes to. */
export interface Attribution {
  /** One for each case, in the order in which they were given. */
  readonly cases: readonly Worth[];
  /** What an end that is no good one is worth; undefined: it ended with exit 0 or skipped itself. */
  readonly end: Worth | undefined;
  /** All that kept something from being run, without repetition. */
  readonly lacks: readonly Lack[];
}

/**
 * Says what every case is worth, in the order in which they were told. What failed with a lack between its predecessor
 * and itself could not run, nor what failed right after such a case: a script that lost its footing goes on failing. A
 * lack that stood before a case that then passed is harmless, and excuses nothing anywhere, but for a command for want of
 * which something failed before, and whose missing may be why the case passed. A bad end counts as the last case. Commands
 * that are under test are never an excuse.
 */
export function attribute({ spec, cases, exit, observed }: Observation): Attribution {
  const told = inOrder(cases);
  const excuses = excusesOf(told, observed, new Set(spec.underTest));
  const worth = new Map<number, Worth>();
  let before: readonly Lack[] = [];
  let from = -1;
  for (const { one, index, at } of told) {
    const lacks = between(excuses, from, at);
    if (one.result === 'fail' || one.result === 'unknown') {
      before = lacks.length > 0 ? lacks : before;
      worth.set(index, before.length > 0 ? { is: 'could_not_run', lacks: before } : { is: one.result });
    } else if (one.result === 'pass') {
      const why = emptiness(one, placedBetween(observed, from, at), observed);
      // One that rests on nothing shows no footing that was found again.
      if (why === undefined) before = lacks.filter((lack) => decides(lack) && before.some(isSameAs(lack)));
      else if (lacks.length > 0) before = lacks;
      worth.set(index, why === undefined ? { is: 'pass' } : { is: 'tested_nothing', why });
    } else {
      // What was left out says nothing; what was missing before it may still be what the next one lacked.
      before = lacks.length > 0 ? lacks : before;
      worth.set(index, { is: 'skip' });
    }
    from = at;
  }
  const last = between(excuses, from, Number.POSITIVE_INFINITY);
  const end = isGood(exit) ? undefined : endOf(last.length > 0 ? last : exit === undefined ? [] : before);
  const all = cases.map((one, index): Worth => worth.get(index) ?? { is: one.result });
  return { cases: all, end, lacks: lacksOf([...all, ...(end === undefined ? [] : [end])]) };
}

/** What is to be said of a case beside its own result, where that is not the whole truth. */
export interface Judged {
  readonly is: 'could_not_run' | 'tested_nothing';
  readonly why: string;
  /** The tags that would have kept it from a host where it could not run. */
  readonly tags: readonly string[];
}

/** See `Judged`; undefined: it is what the test said. */
export function judgedOf(worth: Worth | undefined): Judged | undefined {
  if (worth?.is === 'tested_nothing') return { is: worth.is, why: worth.why, tags: [] };
  if (worth?.is !== 'could_not_run') return undefined;
  const tags = [...new Set(worth.lacks.flatMap((lack) => tagOf(lack) ?? []))];
  return { is: worth.is, why: `for want of ${lacksText(worth.lacks)}`, tags };
}

interface Told {
  readonly one: SeenCase;
  readonly index: number;
  readonly at: number;
}

/** By where they were told; one of which that is not known stands where its predecessor does. */
function inOrder(cases: readonly SeenCase[]): readonly Told[] {
  let last = 0;
  const placed = cases.map((one, index) => {
    last = one.at ?? last;
    return { one, index, at: last };
  });
  return placed.sort((a, b) => a.at - b.at || a.index - b.index);
}

/** The lacks that may be what something failed for. */
function excusesOf(
  told: readonly Told[],
  observed: readonly Fact[],
  underTest: ReadonlySet<string>,
): readonly PlacedLack[] {
  const lacks = observed.filter(isLack).filter((lack) => !isUnderTest(lack, underTest));
  const harmless = new Set<string>();
  const harmful = new Set<string>();
  let from = -1;
  for (const { one, at } of told) {
    const near = placedBetween(observed, from, at);
    const passed = one.result === 'pass' && emptiness(one, near, observed) === undefined;
    for (const lack of near.filter(isLack))
      if (one.result === 'fail' || one.result === 'unknown') harmful.add(lackKey(lack));
      else if (passed && !(decides(lack) && harmful.has(lackKey(lack)))) harmless.add(lackKey(lack));
    from = at;
  }
  return lacks.filter((lack) => !harmless.has(lackKey(lack)));
}

/** Whether what follows may be so because it was missing. */
function decides(lack: Lack): boolean {
  return lack.kind === 'command' && lack.decides === true;
}

function isSameAs(lack: Lack): (other: Lack) => boolean {
  return (other) => lackKey(other) === lackKey(lack);
}

function isUnderTest(lack: Lack, underTest: ReadonlySet<string>): boolean {
  if (lack.kind !== 'command') return false;
  return underTest.has(lack.name) || underTest.has(lack.name.slice(lack.name.lastIndexOf('/') + 1));
}

/** Of a lack without a place nobody knows that it did not stand there. */
function between(lacks: readonly PlacedLack[], from: number, to: number): readonly Lack[] {
  return lacks.filter(({ at }) => at === undefined || (at > from && at <= to)).map(withoutPlace);
}

function placedBetween(facts: readonly Fact[], from: number, to: number): readonly Fact[] {
  return facts.filter(({ at }) => at !== undefined && at > from && at <= to);
}

function withoutPlace({ at: _, ...lack }: PlacedLack): Lack {
  return lack;
}

function isGood(exit: Exit | undefined): boolean {
  return exit?.kind === 'exited' && (exit.code === 0 || exit.code === 77);
}

function endOf(lacks: readonly Lack[]): Worth {
  return lacks.length > 0 ? { is: 'could_not_run', lacks } : { is: 'fail' };
}

function lacksOf(all: readonly Worth[]): readonly Lack[] {
  const byKey = new Map<string, Lack>();
  for (const one of all)
    if (one.is === 'could_not_run') for (const lack of one.lacks) byKey.set(lackKey(lack), lack);
  return [...byKey.values()];
}
