import { openSearch } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import { lineBetween } from '../domain/intake/between.js';
import { dependsOn, isOfTest } from '../domain/intake/head.js';
import { type LinkedChange, mayMend } from '../domain/intake/line.js';
import { type LookBack, lookBack } from '../domain/intake/look-back.js';
import { pastOf } from '../store/hunting.js';
import { beginHunt } from '../store/hunts.js';
import { failureRecord } from '../store/known-before.js';
import { movedBetween, ordinaryRuns, type Red, takeReds } from '../store/new-reds.js';
import type { Transaction } from '../store/store.js';
import type { World } from '../store/world.js';
import { knownBefore } from './known-before.js';
import { shareOf } from './start-search.js';

/**
 * Looks for what broke a test that held before the baseline moved: it passed and fails now, or fails more often. What breaks
 * it only now and then may have held when it was tried. How many searches were begun.
 */
export async function regress(tx: Transaction, world: World): Promise<number> {
  let begun = 0;
  for (const red of await takeReds(tx)) {
    const runs = await ordinaryRuns(tx, red);
    const failed = runs.map((run) => run.failed);
    for (const back of lookBack(failed, red.broken ?? undefined)) {
      const [from, to] = [runs[back.after], runs.at(-1)];
      if (from === undefined || to === undefined) continue;
      const moved = await movedBetween(tx, red.projectId, from.createdAt, to.createdAt);
      const line = await commitByCommit(
        tx,
        red.projectId,
        moved.filter(
          (change) =>
            isOfTest(change, red.testName) ||
            dependsOn(red.requirement, new Set([change.component]), world.steps),
        ),
      );
      if (line.length === 0) continue;
      await seekIn(tx, red, line, back, world);
      begun++;
      break;
    }
  }
  return begun;
}

async function seekIn(
  tx: Transaction,
  { projectId, testId, testName, run, signature, broken }: Red,
  line: readonly LinkedChange[],
  { isRate, record }: LookBack,
  { steps }: World,
): Promise<void> {
  // How often it failed before it began to fail more often, the runs of the time before tell alone.
  const known = isRate ? record : ((await failureRecord(tx, projectId, testName)) ?? record);
  const value = openSearch({
    kind: 'line',
    changes: line.length,
    mends: mayMend(line),
    ...(await knownBefore(tx, testId, line, steps)),
    ...(known.runs > 0 && { record: known }),
    ...(broken !== null && { rule: broken }),
  });
  const came = `before ${line.length} changes went into the baseline`;
  const why = isRate
    ? `${testName} fails more often than ${came}, up to ${showId('run', run)}`
    : `${showId('run', run)} of ${testName} failed, which passed ${came}`;
  // Where only their number tells, every failure counts.
  const hunt = {
    projectId,
    intakeId: null,
    testId,
    predicate: 'fails',
    signature: isRate ? '' : (signature ?? ''),
  } as const;
  const rest = { line, beside: {}, partnerOf: null, parentId: null, value, share: await shareOf(tx, line) };
  await beginHunt(tx, { ...hunt, ...rest }, 'testyard', why);
}

/** The baseline of a branch moves by many commits at a time: each of them may be it. */
async function commitByCommit(
  tx: Transaction,
  project: Id,
  moved: readonly LinkedChange[],
): Promise<readonly LinkedChange[]> {
  const line: LinkedChange[] = [];
  for (const change of moved) {
    const { kind, component, from, to } = change;
    const between =
      kind !== 'git' || from === undefined
        ? undefined
        : lineBetween({ [component]: from }, { [component]: to }, await pastOf(tx, project, [component]));
    line.push(
      ...(between !== undefined && 'line' in between && between.line.length > 0 ? between.line : [change]),
    );
  }
  return line;
}
