import { type Demand, demandKey, type Target } from '../domain/demand.js';
import { canonicalJson } from '../domain/digest.js';
import type { Id } from '../domain/id.js';
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

interface Asked {
  readonly test: PendingSubmission['tests'][number];
  readonly target: Target;
  readonly variants: PendingSubmission['variants'];
  readonly retryOf?: Id;
}

/** Every test on every target; or the runs that are to be repeated, one by one. */
function askedBy({ tests, targets, variants, repeats }: PendingSubmission): readonly Asked[] {
  if (repeats === undefined)
    return tests.flatMap((test) => targets.map((target) => ({ test, target, variants })));
  const byId = new Map(tests.map((test) => [test.id, test]));
  return repeats.flatMap((repeated) => {
    const test = byId.get(repeated.test);
    if (test === undefined) return [];
    return [{ test, target: repeated.target, variants: [repeated.variant], retryOf: repeated.run }];
  });
}

/** All that is asked for in every variant. */
function unfold(
  submission: PendingSubmission,
  world: World,
): { runs: NewRun[]; demands: Map<string, Demand> } {
  const demands = new Map<string, Demand>();
  const nevers = new Map<string, string | undefined>();
  const runs = askedBy(submission).flatMap(({ test, target, variants, retryOf }) => {
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
    return variants.map(
      (variant): NewRun => ({
        testId: test.id,
        testName: test.name,
        variant,
        variantKey: Object.keys(variant).length === 0 ? '' : canonicalJson(variant),
        target,
        requirementKey: test.requirementKey,
        demandKey: key,
        ...(never === undefined ? {} : { never }),
        ...(retryOf === undefined ? {} : { retryOf }),
      }),
    );
  });
  return { runs, demands };
}

function clean(target: Target): Target {
  return Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined));
}

/** The common set-up is part of every run. */
export function joined(requirement: string, common: string): string {
  return canonical(normal({ kind: 'all', of: [fromCanonical(requirement), fromCanonical(common)] }));
}
