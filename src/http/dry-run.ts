import { type AskedTest, countRuns, type Portion, type Unfolded } from '../domain/submit/unfold.js';
import type { SubmissionPlan } from './contract.js';

/** What a submission would come to, test by test in the order asked. */
export function planView<Test extends AskedTest>(
  tests: readonly Test[],
  { portions, leftOut }: Unfolded<Test>,
): SubmissionPlan {
  const byTest = new Map<Test, Portion<Test>[]>();
  for (const portion of portions) {
    const mine = byTest.get(portion.test);
    if (mine === undefined) byTest.set(portion.test, [portion]);
    else mine.push(portion);
  }
  return {
    runs: countRuns(portions),
    tests: tests.map((test) => {
      const mine = byTest.get(test) ?? [];
      return {
        test: test.name,
        variants: mine[0]?.variants.length ?? 0,
        runs: countRuns(mine),
        notCompatible: nevers(mine),
      };
    }),
    leftOut: leftOut.map((left) => ({ ...left, names: [...left.names], tests: [...left.tests] })),
  };
}

/** Runs that nothing could ever serve, those with the same reason together. */
function nevers(portions: readonly Portion<unknown>[]): SubmissionPlan['tests'][number]['notCompatible'] {
  const reasons = new Map<string, { runs: number; reason: string; waits: boolean }>();
  for (const { never, waits = false, variants } of portions) {
    if (never === undefined) continue;
    const key = `${waits} ${never}`;
    const runs = (reasons.get(key)?.runs ?? 0) + variants.length;
    reasons.set(key, { runs, reason: never, waits });
  }
  return [...reasons.values()];
}
