import { unfoldMatrix, VARIABLE, type Variant, whereInMatrix } from '../domain/submit/matrix.js';
import { unfold, within } from '../domain/submit/unfold.js';
import type { TestSpec } from '../domain/test.js';
import { Failure } from './failure.js';

/** The variants of a test, as a grid unfolds them from its matrix and from what was asked for on top. */
export function variantsOf(
  spec: TestSpec,
  given: readonly Variant[] | undefined,
  axes: Readonly<Record<string, readonly string[]>> | undefined,
): readonly Variant[] {
  const outer = given ?? [{}];
  for (const name of outer.flatMap(Object.keys))
    if (!VARIABLE.test(name)) throw new Failure(`--variant: '${name}' is no name for a variable`);
  const inner = axes === undefined ? { variants: [{}] } : unfoldMatrix({ axes });
  if ('problems' in inner) {
    const [first] = inner.problems;
    throw new Failure(`--matrix: ${whereInMatrix(first?.path ?? [])}: ${first?.message}`);
  }
  const { portions } = unfold(
    {
      tests: [spec],
      variants: within(outer, inner.variants),
      targets: [{}],
      purpose: 'test',
      wait: false,
      again: false,
    },
    (requirement) => requirement,
    // There is one place, which is asked when the test is about to start.
    () => ({ answer: NOBODY }),
  );
  const [portion] = portions;
  if (portion?.never !== undefined) throw new Failure(`${spec.name}: ${portion.never}`);
  return portion?.variants ?? [];
}

const NOBODY = { fits: [], laters: [], nevers: [] };
