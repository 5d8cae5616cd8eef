import { type Demand, demandKey, type Target } from '../domain/demand.js';
import { canonicalJson } from '../domain/digest.js';
import { fitsOf, why } from '../domain/plan/fit.js';
import { canonical, fromCanonical, normal } from '../domain/requirement.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import {
  ensureDemands,
  insertRuns,
  type NewRun,
  type PendingSubmission,
  pendingSubmissions,
} from '../store/unfolding.js';
import type { World } from '../store/world.js';

/** So many runs are made in one transaction, where more than one submission waits. */
const MOST_RUNS = 1000;

/** Submissions that are ready to be unfolded. */
export interface Unfolding {
  /** Makes their runs; it says all its statements together. */
  readonly unfold: (tx: Transaction) => Promise<unknown>;
  /** Others wait behind them. */
  readonly isPart: boolean;
}

const MOST_SUBMISSIONS = 50;

/**
 * Reads the oldest accepted submissions, to unfold them into runs; what nothing here could ever serve ends at
 * once, with the reason.
 */
export async function unfolding(store: Store, world: World): Promise<Unfolding> {
  let runs = 0;
  const all = await pendingSubmissions(store, MOST_SUBMISSIONS);
  const pending = all.filter(({ tests, variants, targets }, index) => {
    runs += tests.length * variants.length * targets.length;
    return index === 0 || runs <= MOST_RUNS;
  });
  const unfolded = pending.map((submission) => ({ submission, ...unfold(submission, world) }));
  const demands = new Map(unfolded.flatMap((one) => [...one.demands]));
  return {
    unfold: (tx) =>
      Promise.all([
        ensureDemands(tx, demands),
        ...unfolded.map(({ submission, runs }) => insertRuns(tx, submission, runs)),
        wake(tx, 'testyard_history'),
      ]),
    isPart: pending.length < all.length || all.length === MOST_SUBMISSIONS,
  };
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
