import type { Guidance, Outcome, Question, Trial } from './question.js';
import { asked, guided, openSearch, type Search, told } from './search.js';

/** What happened to a search; written down in order, it makes the search again. */
export type Happening =
  /** Trials were begun. */
  | { readonly asked: readonly Trial[] }
  /** This trial came to something. */
  | { readonly told: number; readonly outcome: Outcome }
  /** A person said something. */
  | { readonly guided: Guidance };

/** The search after one more thing has happened to it. */
export function happened(search: Search, one: Happening): Search {
  if ('asked' in one) return asked(search, one.asked);
  if ('guided' in one) return guided(search, one.guided);
  return told(search, { trial: one.told, outcome: one.outcome });
}

/** The search to which all this happened. */
export function replayed(question: Question, happenings: readonly Happening[]): Search {
  return happenings.reduce(happened, openSearch(question));
}
