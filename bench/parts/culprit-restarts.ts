import { type Happening, happened, replayed } from '../../src/domain/culprit/journal.js';
import type { FreeHost, Guidance, Outcome, Question, Trial } from '../../src/domain/culprit/question.js';
import { likeliest, nextTrials, openSearch, type Search } from '../../src/domain/culprit/search.js';

/** What a resumed search does otherwise than the one that was killed. */
export interface Differences {
  readonly kills: number;
  /** Places at which it believes, or ends with, something else. */
  readonly answers: number;
  /** Trials that it asks for though they were asked for already, or that the other would not have asked for. */
  readonly trials: number;
}

/** Plays a search; after all that happens it is killed and made again, from what was written and from JSON. */
export function playKilled(
  question: Question,
  outcome: (trial: Trial) => Outcome,
  guidance: readonly Guidance[],
  hosts: readonly FreeHost[],
  roll: () => number,
): Differences {
  let search = openSearch(question);
  const written: Happening[] = [];
  let [kills, answers, trials] = [0, 0, 0];
  const happens = (one: Happening) => {
    search = happened(search, one);
    written.push(one);
    kills++;
    for (const again of [
      replayed(structuredClone(question), JSON.parse(JSON.stringify(written)) as Happening[]),
      JSON.parse(JSON.stringify(search)) as Search,
    ]) {
      if (answerOf(again) !== answerOf(search)) answers++;
      trials += needless(again, search, hosts);
    }
  };
  for (const one of guidance) happens({ guided: one });
  while (search.phase !== 'done') {
    const idle = hosts.filter(({ name }) => search.pending.every(({ host }) => host !== name));
    const asking = nextTrials(search, idle);
    if (asking.length > 0) happens({ asked: asking });
    // Answers come one by one and in any order.
    const one = search.pending[Math.floor(roll() * search.pending.length)];
    if (one === undefined) throw new Error('a search that asks for nothing has not ended');
    happens({ told: one.id, outcome: outcome(one) });
  }
  return { kills, answers, trials };
}

function answerOf(search: Search): string {
  return JSON.stringify([search.phase, likeliest(search, 0.99), search.conclusion, search.spent]);
}

function needless(again: Search, search: Search, hosts: readonly FreeHost[]): number {
  const idle = hosts.filter(({ name }) => search.pending.every(({ host }) => host !== name));
  const [wanted, wants] = [nextTrials(search, idle), nextTrials(again, idle)].map((all) =>
    all.map((trial) => JSON.stringify(trial)),
  );
  const known = new Set(search.pending.map(({ id }) => id));
  const twice = again.pending.filter(({ id }) => !known.has(id)).length;
  return twice + (wants ?? []).filter((trial) => !wanted?.includes(trial)).length;
}
