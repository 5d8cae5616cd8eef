import { type Demand, demandKey, type Target } from '../domain/demand.js';
import { canonicalJson } from '../domain/digest.js';
import { fitsOf, why } from '../domain/plan/fit.js';
import { canonical, fromCanonical, normal } from '../domain/requirement.js';
import { decide } from '../store/leader.js';
import type { Store } from '../store/store.js';
import { wake } from '../store/store.js';
import {
  ensureDemands,
  insertRuns,
  type NewRun,
  type PendingSubmission,
  pendingSubmissions,
} from '../store/unfolding.js';
import type { World } from '../store/world.js';

/** Unfolds accepted submissions into runs; what nothing here could ever serve ends at once, with the reason. */
export async function submit(store: Store, epoch: string, world: World): Promise<number> {
  const pending = await pendingSubmissions(store, 50);
  for (const submission of pending) {
    const { runs, demands } = unfold(submission, world);
    await decide(store, epoch, async (tx) => {
      await Promise.all([ensureDemands(tx, demands), insertRuns(tx, submission, runs)]);
      await wake(tx, 'testyard_history');
    });
  }
  return pending.length;
}

/** Every test in every variant on every target. */
function unfold(
  submission: PendingSubmission,
  world: World,
): { runs: NewRun[]; demands: Map<string, Demand> } {
  const demands = new Map<string, Demand>();
  const nevers = new Map<string, string | undefined>();
  const runs = submission.tests.flatMap((test) =>
    submission.targets.flatMap((target) => {
      const demand: Demand = {
        requirement:
          submission.purpose === 'test' ? joined(test.requirement, world.grid.defaultRequirement) : '',
        target: clean(target),
        purpose: submission.purpose,
        fresh: false,
        avoid: [],
      };
      const key = demandKey(demand);
      if (!nevers.has(key)) {
        const answer = why(
          fitsOf(demand, world.hosts, world.steps, world.incidents),
          world.hosts.length,
          'busy',
        );
        nevers.set(key, answer.kind === 'never' ? answer.reason : undefined);
      }
      const never = nevers.get(key);
      if (never === undefined) demands.set(key, demand);
      return submission.variants.map(
        (variant): NewRun => ({
          testId: test.id,
          testName: test.name,
          variant,
          variantKey: Object.keys(variant).length === 0 ? '' : canonicalJson(variant),
          target,
          requirementKey: test.requirementKey,
          demandKey: key,
          ...(never === undefined ? {} : { never }),
        }),
      );
    }),
  );
  return { runs, demands };
}

function clean(target: Target): Target {
  return Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined));
}

/** The common set-up is part of every run. */
export function joined(requirement: string, common: string): string {
  return canonical(normal({ kind: 'all', of: [fromCanonical(requirement), fromCanonical(common)] }));
}
