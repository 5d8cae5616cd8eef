import { leastProvisioning } from './provision-exact.js';
import { TracedGrid } from './provision-grid.js';
import { rollRun, type TracedRun } from './provision-trace.js';
import { dice } from './report.js';

/** Small enough for an exact solver: so many runs that come at once, on hosts that have done something before. */
const SMALL = { runs: 8, hosts: 3, environments: 4, images: 2, load: 1 };

/** What ours cost over so many small instances, and what the least would have been that is done as early. */
export async function againstLeast(
  url: string,
  instances: number,
  seed: number,
): Promise<{ readonly oursS: number; readonly leastS: number }> {
  const roll = dice(seed);
  let number = 0;
  const some = (many: number) => Array.from({ length: many }, () => rollRun(SMALL, roll, number++));
  const all = Array.from({ length: instances }, () => ({
    before: some(SMALL.hosts),
    runs: some(SMALL.runs),
  }));
  const grid = await TracedGrid.open(
    url,
    all.flatMap(({ before, runs }) => [...before, ...runs]),
    SMALL.hosts,
  );
  const hosts = [...grid.sim.hosts.keys()].sort();
  let oursS = 0;
  let leastS = 0;
  for (const { before, runs } of all) {
    const hostOf = (run: TracedRun) => hosts[before.indexOf(run)];
    await grid.carryOut(before, hostOf);
    const { provisioningS, makespanS } = await grid.carryOut(runs);
    oursS += provisioningS;
    leastS += await leastProvisioning(before, runs, Math.ceil(makespanS) + runs.length);
  }
  await grid.sim.close();
  return { oursS, leastS };
}
