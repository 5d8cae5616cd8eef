/**
 * The hosts that are left of a conjunction, one by one: to ask these costs less than to go over whole sets once they
 * are few. An entry is a host's number, or the complement of it where not all is known to hold there.
 */
export type Few = Int32Array;

/** The host of an entry. */
export function hostOf(entry: number): number {
  return entry ^ (entry >> 31);
}

/** The entry of the same host where not all is known to hold. */
export function inDoubt(entry: number): number {
  return entry < 0 ? entry : ~entry;
}

/** Of so many hosts as a set has room for these are few: a set asks 32 at once, in the time of some two. */
export function mostFew(room: number): number {
  return room >>> 4;
}
