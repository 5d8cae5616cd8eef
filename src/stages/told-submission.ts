import type { Id } from '../domain/id.js';
import { compareNights, type Morning } from '../domain/judge/morning.js';
import type { ToldSubmission } from '../domain/tell/news.js';
import { nightBefore, nightRuns, redSince } from '../store/night.js';
import type { Sql } from '../store/store.js';
import { findSubmission } from '../store/submission.js';

/** A submission that has ended, compared with the one of the same name before it, for a letter. */
export async function toldSubmission(sql: Sql, id: Id): Promise<ToldSubmission | undefined> {
  const submission = await findSubmission(sql, 'all', id);
  if (submission === undefined) return undefined;
  const before = submission.name === '' ? undefined : await nightBefore(sql, id);
  const [now, past] = await Promise.all([
    nightRuns(sql, id),
    before === undefined ? [] : nightRuns(sql, before),
  ]);
  const reds = now.filter(({ verdict }) => verdict === 'failed').map(({ run }) => run.slice(1));
  const { counts, ...morning } = compareNights(now, past, await redSince(sql, reds));
  const { passed, failed, skipped, none, held } = counts;
  return {
    ...{ id: `s${id}`, name: submission.name, counts: { passed, failed, skipped, none, held } },
    ...(before === undefined ? {} : { before: `s${before}` }),
    lists: LISTS.map(([key, title]) => ({ title, items: morning[key] })),
  };
}

const LISTS: readonly (readonly [keyof Omit<Morning, 'counts'>, string])[] = [
  ['new', 'New red'],
  ['still', 'Still red'],
  ['fixed', 'Fixed'],
  ['noVerdict', 'Without a verdict'],
  ['testedNothing', 'Passed on nothing'],
  ['leftOut', 'Red before, and not known now'],
];
