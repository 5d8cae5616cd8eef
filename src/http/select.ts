import type { z } from 'zod';
import type { Id } from '../domain/id.js';
import { nearest } from '../domain/requirement.js';
import type { Sql } from '../store/store.js';
import { type FoundTest, readLabels, selectTests } from '../store/test.js';
import type { Selection } from './contract.js';
import type { Mistake } from './problem.js';

/** So many labels are named to somebody who knows none of them. */
const LABELS_SHOWN = 50;

/**
 * The tests that were selected by their labels. A label that no test has is refused, in `without` as well: whoever
 * misspells `destructive` there must not get what it was meant to keep away.
 */
export async function findSelected(
  sql: Sql,
  projectId: Id,
  selection: z.output<typeof Selection> | undefined,
): Promise<{ readonly tests: readonly FoundTest[]; readonly mistakes: readonly Mistake[] }> {
  if (selection === undefined) return { tests: [], mistakes: [] };
  const labels = await readLabels(sql, projectId);
  const known = new Set(labels);
  const there = labels.length === 0 ? 'its tests have no labels' : `its labels are ${listOf(labels)}`;
  const mistakes = (['with', 'without'] as const).flatMap((side) =>
    selection[side].flatMap((label, index): Mistake[] => {
      if (known.has(label)) return [];
      const near = nearest(label, labels);
      const hint = near === undefined ? there : `did you mean '${near}'? ${there}`;
      const message = `no test of the inventory has the label '${label}': ${hint}`;
      return [{ where: `select.${side}[${index}]`, message }];
    }),
  );
  if (mistakes.length > 0) return { tests: [], mistakes };
  const tests = await selectTests(sql, projectId, selection);
  if (tests.length > 0) return { tests, mistakes };
  const wanted = [...selection.with, ...selection.without.map((label) => `not ${label}`)].join(' and ');
  return {
    tests,
    mistakes: [{ where: 'select', message: `no test of the inventory has ${wanted}: ${there}` }],
  };
}

function listOf(labels: readonly string[]): string {
  const more = labels.length - LABELS_SHOWN;
  return labels.slice(0, LABELS_SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
