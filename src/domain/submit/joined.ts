import { canonical, clausesOf, fromCanonical, normal } from '../requirement.js';
import type { Catalogue } from '../tag.js';
import { contradicts } from './contradiction.js';

/**
 * The requirement of a run: the test's own, and of the grid's common set-up all clauses that do not contradict it. What
 * cannot be seen to contradict stays, and whoever matches says then that no host can serve both.
 */
export function joined(requirement: string, common: string, catalogue: Catalogue): string {
  const own = fromCanonical(requirement);
  const fits = clausesOf(fromCanonical(common)).filter(
    (clause) => !clausesOf(own).some((mine) => contradicts(mine, clause, catalogue)),
  );
  return canonical(normal({ kind: 'all', of: [own, ...fits] }));
}
