/** What a test says itself of when it is broken: where more than `bad` of `of` runs in a row fail. */
export interface BrokenRule {
  readonly bad: number;
  readonly of: number;
}

/** More runs than these need not be had before anything is said. */
export const MOST_RUNS = 64;

/** A rule as it is written, `9/10`; undefined where it is none. */
export function readBrokenRule(text: string): BrokenRule | undefined {
  const [, bad = '', of = ''] = /^([0-9]{1,2})\/([0-9]{1,2})$/.exec(text) ?? [];
  const rule = { bad: Number(bad), of: Number(of) };
  return of !== '' && rule.bad < rule.of && rule.of <= MOST_RUNS ? rule : undefined;
}

/** Whether the last of these runs are a broken test, by its rule; the newest last. */
export function isBrokenBy({ bad, of }: BrokenRule, failed: readonly boolean[]): boolean {
  return failed.length >= of && failed.slice(-of).filter(Boolean).length > bad;
}
