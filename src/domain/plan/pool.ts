import type { Demand } from '../demand.js';
import type { HostFacts } from '../host.js';

/** Why a host's pool takes no work of the demand's project; undefined where it does. What the grid gives itself goes everywhere. */
export function shutByPool(demand: Demand, { pool, poolProjects }: HostFacts): string | undefined {
  const own = demand.purpose === 'canary' || demand.purpose === 'recovery';
  if (own || poolProjects === undefined || poolProjects.includes(demand.project ?? '')) return undefined;
  if (poolProjects.length === 0) return `pool ${pool} is for no project`;
  const word = poolProjects.length === 1 ? 'project' : 'projects';
  return `pool ${pool} is for ${word} ${poolProjects.join(', ')} only`;
}
