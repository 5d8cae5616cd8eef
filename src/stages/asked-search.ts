import type { Conclusion } from '../domain/culprit/question.js';
import { showId } from '../domain/id.js';
import type { LinkedChange } from '../domain/intake/line.js';
import { type BaselineMove, moveBaseline, readChanges, setChangeState } from '../store/changing.js';
import { chronicle } from '../store/chronicle.js';
import { beginnerOf } from '../store/hunting.js';
import { accuse, type Hunt, pinComponent } from '../store/seeking.js';
import type { Transaction } from '../store/store.js';
import type { World } from '../store/world.js';

/**
 * A search that a person began has ended: its beginner and the admin are told. Only where an admin asked for
 * consequences is what it found held back, and its owner told.
 */
export async function answerAsked(
  tx: Transaction,
  hunt: Hunt,
  conclusion: Conclusion,
  found: string,
  evidence: readonly string[],
  world: World,
): Promise<void> {
  const { actor, consequences } = await beginnerOf(tx, hunt.id);
  const isFound = conclusion.kind === 'culprit' || conclusion.kind === 'several';
  const title = `the search of ${actor} with ${hunt.testName}: ${found}`;
  const owners =
    consequences && isFound ? await holdBack(tx, hunt, changesOf(hunt, conclusion.changes), found) : [];
  for (const owner of new Set([...owners, actor, world.grid.admin]))
    await chronicle(tx, [
      {
        ...{ kind: 'culprit.told', subject: showId('search', hunt.id), project: hunt.projectId },
        data: { owner, title, evidence },
      },
    ]);
  if (isFound && !consequences) {
    const what = `hold ${changesOf(hunt, conclusion.changes)
      .map(({ component }) => component)
      .join(', ')} back`;
    const data = { what, found, why: 'a person began the search, and asked for no consequences' };
    const subject = showId('search', hunt.id);
    await chronicle(tx, [{ kind: 'decision.not_acted', subject, project: hunt.projectId, data }]);
  }
}

function changesOf({ line }: Hunt, numbers: readonly number[]): readonly LinkedChange[] {
  return numbers.flatMap((number) => line[number - 1] ?? []);
}

/** Back to the version before, where a later one is trusted; gives whose changes they are. */
async function holdBack(
  tx: Transaction,
  { id: searchId, projectId }: Hunt,
  held: readonly LinkedChange[],
  why: string,
): Promise<readonly string[]> {
  const ids = held.map(({ id }) => id);
  const known = await readChanges(tx, ids);
  const moves = held.flatMap(({ componentId, from, to }): readonly BaselineMove[] => {
    const now = known.find((change) => change.componentId === componentId)?.baseline;
    return from !== undefined && now === to ? [{ component: componentId, version: from }] : [];
  });
  await moveBaseline(tx, moves, `held back: ${why}`);
  await setChangeState(tx, ids, 'blamed', why);
  for (const { componentId, component, from, id: changeId } of held)
    if (from !== undefined)
      await pinComponent(
        tx,
        { componentId, version: from, changeId, searchId, component, projectId },
        [],
        why,
      );
  const owners: string[] = [];
  for (const { id, owner } of known)
    if (owner !== null && (await accuse(tx, searchId, id, owner))) owners.push(owner);
  return owners;
}
