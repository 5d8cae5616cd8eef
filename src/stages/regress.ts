import { openSearch } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import { lineBetween } from '../domain/intake/between.js';
import { dependsOn, isOfTest } from '../domain/intake/head.js';
import { type LinkedChange, mayMend } from '../domain/intake/line.js';
import { pastOf } from '../store/hunting.js';
import { beginHunt, failureRecord, regressions } from '../store/seeking.js';
import type { Transaction } from '../store/store.js';
import type { World } from '../store/world.js';

/** The share of the grid that searches have which no watch says it for. */
const SHARE = 0.25;

/**
 * Looks for what broke a test that passed before the baseline moved and fails now: what breaks it only now and then may
 * have held when it was tried. How many searches were begun.
 */
export async function regress(tx: Transaction, world: World): Promise<number> {
  let begun = 0;
  for (const { projectId, run, testId, testName, requirement, signature, changes } of await regressions(tx)) {
    const moved = changes.filter(
      (change) =>
        isOfTest(change, testName) || dependsOn(requirement, new Set([change.component]), world.steps),
    );
    const line = await commitByCommit(tx, projectId, moved);
    if (line.length === 0) continue;
    const record = await failureRecord(tx, projectId, testName);
    const value = openSearch({
      kind: 'line',
      changes: line.length,
      mends: mayMend(line),
      ...(record === undefined ? {} : { record }),
    });
    const why = `${showId('run', run)} of ${testName} failed, which passed before ${line.length} changes went into the baseline`;
    const hunt = {
      projectId,
      intakeId: null,
      testId,
      predicate: 'fails',
      signature: signature ?? '',
    } as const;
    const rest = { line, beside: {}, partnerOf: null, parentId: null, value, share: SHARE };
    await beginHunt(tx, { ...hunt, ...rest }, 'testyard', why);
    begun++;
  }
  return begun;
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
