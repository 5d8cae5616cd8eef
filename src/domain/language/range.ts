import type { AttributeTest, Operator } from '../requirement.js';
import type { Value } from '../tag.js';
import { compareValues, matches } from '../value.js';

const TURNED: Readonly<Record<Operator, Operator>> = {
  '=': '=',
  '!=': '!=',
  '>': '<',
  '>=': '<=',
  '<': '>',
  '<=': '>=',
};

type Test = Pick<AttributeTest, 'operator' | 'value'>;

/**
 * Whether no single value can pass both tests. Two values may be compared one way round only (5.10.0-8 as seen is
 * 5.10.0 as wanted, not the other way), so both ways must say no: in doubt it is possible.
 */
export function excludeEachOther(value: Value, a: Test, b: Test): boolean {
  if (!meet(a.operator, b.operator)) return false;
  const no = (seen: string, { operator, value: wanted }: Test) =>
    matches(value, operator, seen, wanted) === 'no';
  if (a.operator === '=' || b.operator === '=') {
    const [fixed, other] = a.operator === '=' ? [a, b] : [b, a];
    const turned = { operator: TURNED[other.operator], value: fixed.value };
    return no(fixed.value, other) && no(other.value, turned);
  }
  const strict = a.operator.length === 1 || b.operator.length === 1;
  if (strict && compareValues(value, a.value, b.value) === 0) return true;
  return no(a.value, b) && no(b.value, a);
}

/** Whether tests with these operators could ever be at odds: bounds of one direction never are. */
function meet(a: Operator, b: Operator): boolean {
  if (a === '=' || b === '=') return true;
  return a !== '!=' && b !== '!=' && a.charAt(0) !== b.charAt(0);
}
