import type { Arrival } from '../domain/change.js';
import type { WatchSpec } from '../domain/watch.js';

/** What is known of a watched place already. */
export interface KnownPlace {
  /** The last version seen of each component, by its name. */
  readonly versions: ReadonlyMap<string, string>;
  /** How the place looked then; undefined: it was never read as it is declared now. */
  readonly mark?: string;
}

/** What came of a look at a watched place. */
export type Look =
  /** `isAll`: whatever is not listed is there no more. Of one component the arrivals are in their order. */
  | {
      readonly kind: 'read';
      readonly arrivals: readonly Arrival[];
      readonly isAll: boolean;
      /** The next look at a place with the same mark need not read it. */
      readonly mark?: string;
    }
  /** It looks as the mark says. */
  | { readonly kind: 'as_before' }
  /** It cannot be read, or what it says cannot be believed; no change is to be seen in that. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** Looks at places where new versions arrive. */
export abstract class Arrivals {
  abstract look(watch: WatchSpec, known: KnownPlace, signal: AbortSignal): Promise<Look>;
}
