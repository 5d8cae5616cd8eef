import { nearest } from '../requirement.js';
import type { LavaDefinition } from './definition.js';

/** Why a value for a parameter would change nothing in any of these tests, or undefined; of other tests nothing is said. */
export function wrongParam(
  name: string,
  tests: Iterable<LavaDefinition['params'] | undefined>,
): string | undefined {
  const known = new Set<string>();
  let definitions = 0;
  for (const params of tests) {
    if (params === undefined) continue;
    definitions++;
    for (const param of Object.keys(params)) known.add(param);
  }
  if (known.has(name)) return undefined;
  if (definitions === 0)
    return `'${name}': none of the tests is a LAVA definition, which alone have parameters; a variant sets variables`;
  const whose = definitions === 1 ? 'the definition has no parameter' : 'no definition has a parameter';
  const near = nearest(name, known);
  if (near !== undefined) return `${whose} '${name}': did you mean '${near}'?`;
  const names = [...known].sort();
  const some = names.slice(0, 20).join(', ') + (names.length > 20 ? ', ...' : '');
  return `${whose} '${name}'${some === '' ? '' : `; there are ${some}`}`;
}

/** The variants of a test with these values in each; nothing said is one that says nothing. */
export function withParams(
  variants: readonly Readonly<Record<string, string>>[] | undefined,
  params: Readonly<Record<string, string>>,
): readonly Readonly<Record<string, string>>[] {
  return (variants ?? [{}]).map((variant) => ({ ...variant, ...params }));
}

/** Those of the values that are for parameters of this test; undefined: none is. */
export function ownParams(
  given: Readonly<Record<string, string>> | undefined,
  params: LavaDefinition['params'] | undefined,
): Readonly<Record<string, string>> | undefined {
  const own = Object.entries(given ?? {}).filter(([name]) => Object.hasOwn(params ?? {}, name));
  return own.length === 0 ? undefined : Object.fromEntries(own);
}
