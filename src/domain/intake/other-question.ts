import type { Conclusion } from '../culprit/question.js';
import { killing, likeliest, type Search } from '../culprit/search.js';
import type { Predicate } from './reading.js';

/** States that could not be put in, in a search in which no host was ever lost: then hosts are not lost by it. */
const ENOUGH_REFUSED = 4;
/** The share that the causes hold which are said of a search that is ended early. */
const HOLDS = 0.9;

/**
 * The end of a search whose trials show that it asks for the wrong thing, `lost` for `refused` or the other way round; each
 * trial more would cost a host. Undefined: it goes on.
 */
export function endForOther(search: Search, predicate: Predicate): Conclusion | undefined {
  if (search.phase === 'done' || predicate === 'fails' || !isOther(search, predicate)) return undefined;
  return { kind: 'smallest set', causes: likeliest(search, HOLDS) };
}

function isOther(search: Search, predicate: 'refused' | 'lost'): boolean {
  const { tallies } = search;
  const sum = (of: (one: (typeof tallies)[number]) => number) =>
    tallies.reduce((all, one) => all + of(one), 0);
  const bad = sum((one) => one.bad);
  if (predicate === 'lost') return bad === 0 && sum(({ refused }) => refused) >= ENOUGH_REFUSED;
  return killing(search).length > 0 && sum(({ lost }) => lost.length) > bad;
}
