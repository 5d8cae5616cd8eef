import type { Versions } from '../domain/baseline.js';
import { openSearch } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import { lineBetween } from '../domain/intake/between.js';
import { dependsOn, isOfTest } from '../domain/intake/head.js';
import { type LinkedChange, mayMend } from '../domain/intake/line.js';
import type { Predicate } from '../domain/intake/reading.js';
import type { StepSpec } from '../domain/step.js';
import { readChanges } from '../store/changing.js';
import { giveConsequences, pastOf, type RunWithVersions, trustedIn } from '../store/hunting.js';
import { beginHunt } from '../store/hunts.js';
import { watchOf } from '../store/intakes.js';
import { failureRecord } from '../store/known-before.js';
import { type Transaction, wake } from '../store/store.js';
import { knownBefore } from './known-before.js';

/** What a person wants to have searched. */
export interface WantedSearch {
  readonly projectId: Id;
  readonly test: { readonly id: Id; readonly name: string; readonly requirement: string };
  /** Between two runs, or between versions by component. */
  readonly between:
    | { readonly good: RunWithVersions; readonly bad: RunWithVersions }
    | { readonly from: Versions; readonly to: Versions };
  /** What is bad; undefined: what the bad run shows, else that the test fails. */
  readonly predicate?: Predicate | undefined;
  readonly consequences: boolean;
  readonly actor: string;
  readonly why: string;
}

/** A mistake of whoever wants a search: which part of it, and what would be right. */
export interface WrongSearch {
  readonly where: string;
  readonly message: string;
}

/** The share of the grid that a search has where no watch says. */
const SHARE = 0.25;

/** Begins a search that a person wants; gives its id, or what is wrong. */
export async function startSearch(
  tx: Transaction,
  wanted: WantedSearch,
  steps: readonly StepSpec[],
): Promise<{ readonly id: Id } | { readonly wrong: readonly WrongSearch[] }> {
  const { projectId, test, between, consequences, actor } = wanted;
  const seen = 'bad' in between ? seenIn(between) : { predicate: 'fails' as const, signature: '' };
  const predicate = wanted.predicate ?? seen.predicate;
  if (predicate === undefined)
    return wrong(
      'bad',
      'it shows nothing bad: it neither failed nor lost its host; say predicate, or name another',
    );
  const made = await lineOf(tx, wanted, steps);
  if ('wrong' in made) return made;
  const { line, beside } = made;
  const moved = consequences ? await movedOn(tx, projectId, line) : undefined;
  if (moved !== undefined) return wrong('consequences', moved);
  if (line.length === 0)
    return wrong(
      'bad' in between ? 'bad' : 'to',
      `nothing that ${test.name} depends on has changed between the two: compare them with testyard diff`,
    );
  const record = predicate === 'fails' ? await failureRecord(tx, projectId, test.name) : undefined;
  const value = openSearch({
    kind: 'line',
    changes: line.length,
    mends: mayMend(line),
    ...(await knownBefore(tx, test.id, line, steps)),
    predicate: predicate === 'lost' ? 'lost' : 'fails',
    ...(record === undefined ? {} : { record }),
  });
  const signature = predicate === 'fails' ? seen.signature : '';
  const hunt = { projectId, intakeId: null, testId: test.id, predicate, signature, line, beside, value };
  const why = [`${actor} asked which of ${line.length} changes it is`, saidOf(between), wanted.why];
  const id = await beginHunt(
    tx,
    { ...hunt, partnerOf: null, parentId: null, share: await shareOf(tx, line) },
    actor,
    why.filter((part) => part !== '').join(': '),
  );
  if (consequences) await giveConsequences(tx, id);
  await wake(tx, 'testyard_scheduler', 'testyard_history');
  return { id };
}

/** What was found is put back to the version before: only where the baseline still has it that is right. */
async function movedOn(
  tx: Transaction,
  project: Id,
  line: readonly LinkedChange[],
): Promise<string | undefined> {
  const trusted = await trustedIn(tx, project);
  const ends = new Map(line.map(({ component, to }) => [component, to]));
  for (const [component, end] of ends)
    if (trusted[component] !== end)
      return `${component} is at ${trusted[component] ?? 'nothing'} in the baseline, not at ${end}: search up to that, or without consequences`;
  return undefined;
}

function wrong(where: string, message: string) {
  return { wrong: [{ where, message }] };
}

function saidOf(between: WantedSearch['between']): string {
  if ('from' in between) return '';
  return `${showId('run', between.good.id)} was good, ${showId('run', between.bad.id)} is bad`;
}

/** What is bad about the bad run, where its own end says it. */
function seenIn({ bad }: { readonly bad: RunWithVersions }) {
  const predicate =
    bad.verdict === 'failed' ? 'fails' : bad.outcome === 'host_lost' ? ('lost' as const) : undefined;
  return { predicate, signature: bad.signature ?? '' } as const;
}

async function lineOf(
  tx: Transaction,
  { projectId, test, between }: WantedSearch,
  steps: readonly StepSpec[],
) {
  const isBetweenRuns = 'bad' in between;
  const trusted = isBetweenRuns ? {} : await trustedIn(tx, projectId);
  const [from, to] = isBetweenRuns
    ? [between.good.versions, between.bad.versions]
    : [
        { ...trusted, ...between.from },
        { ...trusted, ...between.to },
      ];
  // Of what two runs had, only that counts which their hosts are brought to; what a person names counts.
  const isConcerned = (component: string) =>
    !isBetweenRuns ||
    isOfTest({ kind: 'test', component }, test.name) ||
    dependsOn(test.requirement, new Set([component]), steps);
  const concerned = (versions: Versions) =>
    Object.fromEntries(Object.entries(versions).filter(([component]) => isConcerned(component)));
  const [begin, end] = [concerned(from), concerned(to)];
  const differing = Object.keys(end).filter((component) => begin[component] !== end[component]);
  const between_ = lineBetween(begin, end, await pastOf(tx, projectId, differing));
  if (!('wrong' in between_)) return between_;
  const field = isBetweenRuns ? 'bad' : 'to';
  return {
    wrong: between_.wrong.map(({ component, message }) => ({
      where: isBetweenRuns ? field : `${field}.${component}`,
      message: `${component}: ${message}`,
    })),
  };
}

/** The share of the grid that a search along a line has: what the watch of its first change says. */
export async function shareOf(tx: Transaction, [first]: readonly LinkedChange[]): Promise<number> {
  const [change] = await readChanges(tx, first === undefined ? [] : [first.id]);
  const watch = change === undefined ? undefined : await watchOf(tx, change.watch);
  return watch?.share ?? SHARE;
}
