import { excludeEachOther } from '../language/range.js';
import { canonical, clausesOf, fromCanonical, normal, type Requirement } from '../requirement.js';
import type { Catalogue } from '../tag.js';

/**
 * The requirement of a run: the test's own, and of the grid's common set-up all clauses that do not contradict it. A
 * clause contradicts where a clause of the test says its opposite, or asks the same tag for values that exclude each
 * other; what goes deeper is left to whoever matches, who says then that no host can serve both.
 */
export function joined(requirement: string, common: string, catalogue: Catalogue): string {
  const own = fromCanonical(requirement);
  const fits = clausesOf(fromCanonical(common)).filter(
    (clause) => !clausesOf(own).some((mine) => contradicts(mine, clause, catalogue)),
  );
  return canonical(normal({ kind: 'all', of: [own, ...fits] }));
}

function contradicts(mine: Requirement, common: Requirement, catalogue: Catalogue): boolean {
  if (canonical(normal({ kind: 'not', of: mine })) === canonical(normal(common))) return true;
  if (mine.kind !== 'compare' || common.kind !== 'compare' || mine.name !== common.name) return false;
  const spec = catalogue.find(mine.name);
  if (spec === undefined || spec.kind === 'flag' || spec.kind === 'device') return false;
  return excludeEachOther(spec, mine, common);
}
