import type { Demand } from '../domain/demand.js';
import { canonicalJson } from '../domain/digest.js';
import { fitsOf, why } from '../domain/plan/fit.js';
import { canonical, fromCanonical, normal } from '../domain/requirement.js';
import { type Asked, type AskedTest, type Unfolded, unfold } from '../domain/submit/unfold.js';
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
    const { portions, leftOut } = unfoldIn(world, asked(submission));
    const demands = new Map<string, Demand>();
    for (const { never, waits, demand, demandKey } of portions)
      if (never === undefined || waits) demands.set(demandKey, demand);
    const runs = portions.flatMap(runsOf);
    await decide(store, epoch, async (tx) => {
      await Promise.all([ensureDemands(tx, demands), insertRuns(tx, submission, runs, leftOut)]);
      await wake(tx, 'testyard_history');
    });
  }
  return pending.length;
}

/** What a submission would come to in this world. */
export function unfoldIn<Test extends AskedTest>(world: World, submission: Asked<Test>): Unfolded<Test> {
  const { hosts, steps, incidents, grid } = world;
  return unfold(
    submission,
    (requirement) => (submission.purpose === 'test' ? joined(requirement, grid.defaultRequirement) : ''),
    (demand) => {
      const answer = fitsOf(demand, hosts, steps, incidents);
      const said = why(answer, hosts.length, 'busy');
      return said.kind === 'never' ? { answer, never: said.reason } : { answer };
    },
  );
}

function asked({
  tests,
  variants,
  targets,
  purpose,
  project,
  wait,
  retryOf,
}: PendingSubmission): Asked<PendingSubmission['tests'][number]> {
  const own = purpose === 'canary' || purpose === 'recovery';
  const again = retryOf !== undefined;
  return { tests, variants, targets, purpose, wait, again, ...(own ? {} : { project }) };
}

function runsOf(portion: Unfolded<PendingSubmission['tests'][number]>['portions'][number]): NewRun[] {
  const { test, target, demandKey, variants, never, waits } = portion;
  return variants.map((variant) => ({
    testId: test.id,
    testName: test.name,
    variant,
    variantKey: Object.keys(variant).length === 0 ? '' : canonicalJson(variant),
    target,
    requirementKey: test.requirementKey,
    demandKey,
    ...(never === undefined || waits ? {} : { never }),
  }));
}

/** The common set-up is part of every run. */
export function joined(requirement: string, common: string): string {
  return canonical(normal({ kind: 'all', of: [fromCanonical(requirement), fromCanonical(common)] }));
}
