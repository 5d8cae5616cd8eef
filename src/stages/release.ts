import { type Demand, demandKey } from '../domain/demand.js';
import { joined } from '../domain/submit/joined.js';
import { closeIncident } from '../store/blaming.js';
import { decide } from '../store/leader.js';
import { changedTests, heldBy, pointAt } from '../store/releasing.js';
import { type Store, wake } from '../store/store.js';
import { ensureDemands } from '../store/unfolding.js';
import type { World } from '../store/world.js';

/** Runs that were held because of their test's own setup go on, with the new version, once the test has changed. */
export async function releaseChanged(store: Store, epoch: string, world: World): Promise<number> {
  return decide(store, epoch, async (tx) => {
    const changed = await changedTests(tx);
    for (const test of changed) {
      const demands = new Map<string, Demand>();
      const runs = (await heldBy(tx, test.incident)).map(({ runId, demanded }) => {
        const requirement = joined(test.requirement, world.grid.defaultRequirement, world.catalogue);
        const demand: Demand = { ...demanded, requirement, fresh: false, avoid: [] };
        demands.set(demandKey(demand), demand);
        return { runId, demand: demandKey(demand) };
      });
      await ensureDemands(tx, demands);
      await pointAt(tx, test, runs);
      await closeIncident(tx, test.incident, 'a new version of the test has come');
    }
    if (changed.length > 0) await wake(tx, 'testyard_history');
    return changed.length;
  });
}
