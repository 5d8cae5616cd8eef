/** What is on record of a step on hosts of one type: sums in which older ones count less and less. */
export interface Experience {
  readonly tried: number;
  readonly worked: number;
  /** Of those that worked, together. */
  readonly seconds: number;
}

/** What is declared counts as so many tries that worked. */
const DECLARED_TRIES = 2;

/**
 * What a step is expected to cost, in seconds: what it took, over the share of tries that worked, for one that fails
 * is tried again.
 */
export function expectedCostS(declaredS: number, { tried, worked, seconds }: Experience): number {
  const takesS = (declaredS * DECLARED_TRIES + seconds) / (DECLARED_TRIES + worked);
  return (takesS * (DECLARED_TRIES + tried)) / (DECLARED_TRIES + worked);
}

/** Less of a difference than this, as a share, is no news: what is planned by should not change with every try. */
const NEWS = 0.15;

/** Whether costs differ from those that were planned by so far that they should be taken in. */
export function isNews(known: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): boolean {
  if (known.size !== now.size) return true;
  return [...now].some(([step, costS]) => {
    const before = known.get(step);
    return before === undefined || Math.abs(costS - before) > NEWS * Math.max(before, 1);
  });
}
