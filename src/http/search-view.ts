import type { Cause } from '../domain/culprit/question.js';
import { expectedTrials, likeliest } from '../domain/culprit/search.js';
import type { LinkedChange } from '../domain/intake/line.js';
import type { SearchRow } from '../store/searches.js';
import type { SearchView } from './contract.js';

/** The likeliest causes are shown until they hold so much. */
const SHOWN = 0.95;
const MOST_CAUSES = 20;

/** A search as people see it. */
export function searchView(row: SearchRow): SearchView {
  const { id, project, intake, test, predicate, partnerOf, actor, consequences, value, closedAt, why } = row;
  return {
    ...{ id: `q${id}`, project, test, predicate, actor, consequences, why },
    ...(intake === null ? {} : { intake }),
    ...(partnerOf === null ? {} : { partnerOf: `c${partnerOf}` }),
    openedAt: row.openedAt.toISOString(),
    ...(closedAt === null ? {} : { closedAt: closedAt.toISOString() }),
    phase: value.phase,
    changes: row.line.length,
    spent: value.spent,
    expected: expectedTrials(value),
    pending: closedAt === null ? value.pending.length : 0,
    likeliest: likeliest(value, SHOWN)
      .slice(0, MOST_CAUSES)
      .map((cause) => causeView(cause, row.line)),
    ...(value.conclusion === undefined ? {} : { conclusion: conclusionView(row) }),
  };
}

/** A change of a line, as people see it. */
export function lineChange({ id, component, from, to }: LinkedChange) {
  return { id: `c${id}`, component, ...(from === undefined ? {} : { from }), to };
}

function causeView({ kind, changes, probability }: Cause, line: readonly LinkedChange[]) {
  return { kind, changes: named(changes, line), probability };
}

function named(numbers: readonly number[], line: readonly LinkedChange[]) {
  return numbers.flatMap((number) => line[number - 1] ?? []).map(lineChange);
}

function conclusionView({ value: { conclusion }, line }: SearchRow): SearchView['conclusion'] {
  if (conclusion === undefined) return undefined;
  const { kind } = conclusion;
  switch (kind) {
    case 'culprit':
    case 'several':
      return { kind, probability: conclusion.probability, changes: named(conclusion.changes, line) };
    case 'environment':
      return { kind, probability: conclusion.probability, changes: [] };
    case 'flaky':
      return { kind, probability: conclusion.probability, rate: conclusion.rate, changes: [] };
    case 'smallest set':
    case 'stopped':
      return {
        kind,
        changes: named(
          conclusion.causes.flatMap(({ changes }) => changes),
          line,
        ),
      };
  }
}
