import type { Demand } from '../domain/demand.js';
import { canonicalJson } from '../domain/digest.js';
import { fitsOf, why } from '../domain/plan/fit.js';
import { joined } from '../domain/submit/joined.js';
import { type Asked, type AskedTest, type Unfolded, unfold } from '../domain/submit/unfold.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import {
  ensureDemands,
  insertRuns,
  type NewRun,
  type PendingSubmission,
  pendingSubmissions,
  type Repeated,
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

/** The oldest accepted submissions, as far as one go takes them. */
export function readPending(store: Store): Promise<PendingSubmission[]> {
  return pendingSubmissions(store, MOST_SUBMISSIONS);
}

/**
 * Reads the oldest accepted submissions, to unfold them into runs; what nothing here could ever serve ends at
 * once, with the reason.
 */
export async function unfolding(
  store: Store,
  world: World,
  reading: Promise<PendingSubmission[]> = readPending(store),
): Promise<Unfolding> {
  let runs = 0;
  const all = await reading;
  const pending = all.filter(({ tests, variants, targets, repeats }, index) => {
    runs += repeats?.length ?? tests.length * variants.length * targets.length;
    return index === 0 || runs <= MOST_RUNS;
  });
  const unfolded = pending.map((submission) => ({ submission, ...unfoldIn(world, asked(submission)) }));
  const demands = new Map(
    unfolded.flatMap(({ portions }) =>
      portions.flatMap(({ never, waits, demand, demandKey }): [string, Demand][] =>
        never === undefined || waits ? [[demandKey, demand]] : [],
      ),
    ),
  );
  return {
    unfold: (tx) =>
      Promise.all([
        ensureDemands(tx, demands),
        ...unfolded.map(({ submission, portions, leftOut }) =>
          insertRuns(tx, submission, portions.flatMap(runsOf), leftOut),
        ),
        wake(tx, 'testyard_history'),
      ]),
    isPart: pending.length < all.length || all.length === MOST_SUBMISSIONS,
  };
}

/** What a submission would come to in this world. */
export function unfoldIn<Test extends AskedTest>(world: World, submission: Asked<Test>): Unfolded<Test> {
  const { hosts, steps, incidents, grid, catalogue } = world;
  return unfold(
    submission,
    (requirement) =>
      submission.purpose === 'test' || submission.purpose === 'trial'
        ? joined(requirement, grid.defaultRequirement, catalogue)
        : '',
    (demand) => {
      const answer = fitsOf(demand, hosts, steps, incidents);
      const said = why(answer, hosts.length, 'busy');
      return said.kind === 'never' ? { answer, never: said.reason } : { answer };
    },
  );
}

function asked(submission: PendingSubmission): Asked<PendingSubmission['tests'][number]> {
  const { tests, variants, params, targets, purpose, project, wait, retryOf, repeats, versions } = submission;
  const own = purpose === 'canary' || purpose === 'recovery';
  return {
    tests,
    variants,
    params,
    targets,
    purpose,
    wait,
    again: retryOf !== undefined,
    ...(own ? {} : { project }),
    ...(versions === undefined ? {} : { versions }),
    ...(repeats === undefined ? {} : { repeats: repeatsOf(submission, repeats) }),
  };
}

function repeatsOf({ tests }: PendingSubmission, repeats: readonly Repeated[]) {
  const byId = new Map(tests.map((test) => [test.id, test]));
  return repeats.flatMap(({ run, test: id, variant, target }) => {
    const test = byId.get(id);
    return test === undefined ? [] : [{ run, test, variant, target }];
  });
}

function runsOf(portion: Unfolded<PendingSubmission['tests'][number]>['portions'][number]): NewRun[] {
  const { test, target, demandKey, variants, never, waits, retryOf } = portion;
  return variants.map((variant) => ({
    testId: test.id,
    testName: test.name,
    variant,
    variantKey: Object.keys(variant).length === 0 ? '' : canonicalJson(variant),
    target,
    requirementKey: test.requirementKey,
    demandKey,
    ...(never === undefined || waits ? {} : { never }),
    ...(retryOf === undefined ? {} : { retryOf }),
  }));
}
