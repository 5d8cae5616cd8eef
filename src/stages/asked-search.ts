import { showId } from '../domain/id.js';
import { chronicle } from '../store/chronicle.js';
import { askerOf } from '../store/hunting.js';
import type { Hunt } from '../store/hunts.js';
import type { Transaction } from '../store/store.js';
import type { World } from '../store/world.js';

/**
 * Where a person began a search that has ended, they and the admin are told what it found; true: that is all that
 * follows from it, since nobody is accused by a person's search unless an admin asked for that.
 */
export async function tellBeginner(
  tx: Transaction,
  hunt: Hunt,
  found: string,
  evidence: readonly string[],
  world: World,
): Promise<boolean> {
  const asker = await askerOf(tx, hunt.id);
  if (asker === undefined) return false;
  const { actor, consequences } = asker;
  const subject = showId('search', hunt.id);
  const title = `the search of ${actor} with ${hunt.testName}: ${found}`;
  for (const owner of new Set([actor, world.grid.admin]))
    await chronicle(tx, [
      { kind: 'culprit.told', subject, project: hunt.projectId, data: { owner, title, evidence } },
    ]);
  if (consequences) return false;
  const why = `${actor} began the search, and asked for no consequences`;
  const data = { what: 'hold anything back', found, why };
  await chronicle(tx, [{ kind: 'decision.not_acted', subject, project: hunt.projectId, data }]);
  return true;
}
