import { componentsOf } from '../domain/baseline.js';
import type { Question } from '../domain/culprit/question.js';
import type { Id } from '../domain/id.js';
import type { LinkedChange } from '../domain/intake/line.js';
import { scoresOf, switchingOf } from '../domain/intake/scores.js';
import type { StepSpec } from '../domain/step.js';
import { harmOf, whatItTakes } from '../store/known-before.js';
import type { Transaction } from '../store/store.js';

/** What is known of a question before any trial: which changes are likelier, and what a switch of a host costs. */
export async function knownBefore(
  tx: Transaction,
  test: Id,
  line: readonly LinkedChange[],
  steps: readonly StepSpec[],
): Promise<Pick<Question, 'scores' | 'switching'>> {
  const components = new Set(line.map(({ component }) => component));
  const taking = steps.filter((step) => componentsOf(step).some((one) => components.has(one)));
  const { requirement, runS, stepS } = await whatItTakes(
    tx,
    test,
    taking.map(({ name }) => name),
  );
  const switchS = taking.reduce((sum, { name, costS }) => sum + (stepS[name] ?? costS), 0);
  const past = await harmOf(tx, [...new Set(line.map(({ componentId }) => componentId))]);
  const scores = scoresOf(line, requirement, steps, past);
  const switching = switchingOf(switchS, runS ?? undefined);
  return { ...(scores && { scores }), ...(switching !== undefined && { switching }) };
}
