import { versionedSteps } from '../domain/baseline.js';
import { openSearch } from '../domain/culprit/search.js';
import { showId } from '../domain/id.js';
import { beginHunt, type Hunt, wasSought } from '../store/hunts.js';
import { changeIntake, type Intake } from '../store/intakes.js';
import type { Transaction } from '../store/store.js';
import { lastBroken } from '../store/trials.js';
import type { World } from '../store/world.js';

/**
 * A host that dies while something is put in may look as if it could not be: where the search for the one has come to
 * nothing and the other was seen too, that is searched for, once; true where it is.
 */
export async function seekOther(
  tx: Transaction,
  hunt: Hunt,
  intake: Intake | undefined,
  world: World,
): Promise<boolean> {
  if (intake === undefined || hunt.predicate === 'fails') return false;
  const other = otherOf(hunt.predicate);
  const isSeen = intake.seen.some(({ is }) => is === other) || (await isInTrials(tx, hunt, other, world));
  if (!isSeen || !(await mayAskOther(tx, hunt))) return false;
  const { changes, mends } = hunt.value.question;
  const value = openSearch({
    kind: 'line',
    changes,
    ...(mends === undefined ? {} : { mends }),
    predicate: other === 'lost' ? 'lost' : 'fails',
  });
  const what = other === 'lost' ? 'takes its host down' : 'cannot be put in';
  const why = `${showId('search', hunt.id)} came to nothing: whether one of them ${what}`;
  await beginHunt(tx, { ...hunt, predicate: other, parentId: null, value }, 'testyard', why);
  await changeIntake(tx, intake, { state: 'searching' }, why);
  return true;
}

/** Whether the other question was not asked yet of the same changes, and may be. */
export async function mayAskOther(tx: Transaction, { intakeId, line, predicate }: Hunt): Promise<boolean> {
  if (intakeId === null || predicate === 'fails') return false;
  return !(await wasSought(tx, intakeId, line, otherOf(predicate)));
}

function otherOf(predicate: 'refused' | 'lost'): 'refused' | 'lost' {
  return predicate === 'lost' ? 'refused' : 'lost';
}

/** Whether trials of a search have shown what it did not search for. */
async function isInTrials(
  tx: Transaction,
  hunt: Hunt,
  other: 'refused' | 'lost',
  world: World,
): Promise<boolean> {
  if (other === 'lost') return new Set(hunt.value.tallies.flatMap(({ lost }) => lost)).size >= 2;
  const step = (await lastBroken(tx, hunt.id))?.tried.step;
  return step !== undefined && versionedSteps(world.steps).has(step);
}
