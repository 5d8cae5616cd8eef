import type { Fact } from './fact.js';
import { isLack } from './lack.js';
import type { SeenCase } from './seen-case.js';

/**
 * Why a pass rests on nothing; undefined: it rests on something. `near` is what was observed between it and the case
 * before it, `all` what was observed at all.
 */
export function emptiness(one: SeenCase, near: readonly Fact[], all: readonly Fact[]): string | undefined {
  return measuredNothing(one, near, all) ?? comparedNothing(near) ?? ranNothing(near, all);
}

/** Whether a measurement's text is a number. */
export function isNumber(raw: string): boolean {
  return /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(raw.trim());
}

function measuredNothing(
  { name, measurement }: SeenCase,
  near: readonly Fact[],
  all: readonly Fact[],
): string | undefined {
  if (measurement === undefined) return undefined;
  const { raw, unit = '' } = measurement;
  if (raw.trim() === '') return `the measurement of case ${name} is empty`;
  if (raw.trim() === unit.trim()) return `the measurement of case ${name} is its unit, '${unit}'`;
  if (!isNumber(raw)) return `the measurement of case ${name} is '${raw}', no number`;
  const unplaced = all.filter(({ at }) => at === undefined);
  const isLine = [...near, ...unplaced].some(
    (fact) => fact.kind === 'line_number' && fact.number === Number(raw),
  );
  return isLine
    ? `the measurement of case ${name} is ${raw}, the number of the line of which a shell complains`
    : undefined;
}

function comparedNothing(near: readonly Fact[]): string | undefined {
  const empty = near.find((fact) => fact.kind === 'empty_comparison');
  return empty?.kind === 'empty_comparison' ? `both sides of '${empty.text}' were empty` : undefined;
}

/** What the test calls and what did not run; of the test as a whole, where it is not known for which case. */
function ranNothing(near: readonly Fact[], all: readonly Fact[]): string | undefined {
  for (const fact of all)
    if (fact.kind === 'does_nothing') return `the command ${fact.command} does nothing: ${fact.why}`;
    else if (fact.kind === 'never_executed') return neverExecuted(fact.commands);
  const wanted = all.some((fact) => fact.kind === 'package');
  for (const lack of near.filter(isLack))
    if (lack.kind === 'command' && (lack.sole || wanted)) return `the command ${lack.name} is not there`;
  return undefined;
}

function neverExecuted(commands: readonly string[]): string {
  const some = commands.slice(0, 4).join(', ');
  return commands.length === 1
    ? `the command ${some} was never executed`
    : `of the commands ${some}${commands.length > 4 ? ' and others' : ''} none was ever executed`;
}
