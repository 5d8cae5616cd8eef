import { type Bits, noBits, putBit, widened } from './bits.js';
import type { Place } from './dictionary.js';

/** A value that was asked for: where it stands, and where that is worth while which hosts stand below and up to it. */
export interface Cut {
  readonly place: Place;
  /** Its sets would have been of use before. */
  wasWanted: boolean;
  /** Hosts whose rank is below the place, and those whose rank is not above it. */
  sets?: { below: Bits; upTo: Bits };
}

/** By host: the rank of its value among all that are seen; negative: it has none. */
export type Ranks = Int16Array | Int32Array;

/** Gives a value its sets. */
export function drawCut(cut: Cut, ranks: Ranks): void {
  const sets = { below: noBits(ranks.length), upTo: noBits(ranks.length) };
  const { from, to } = cut.place;
  for (let host = 0; host < ranks.length; host++) {
    const rank = ranks[host] as number;
    if (rank < 0) continue;
    if (rank < from) putBit(sets.below, host, true);
    if (rank < to) putBit(sets.upTo, host, true);
  }
  cut.sets = sets;
}

/** A host's rank is another now; negative: it has none. */
export function moveInCut({ place, sets }: Cut, host: number, rank: number): void {
  if (sets === undefined) return;
  putBit(sets.below, host, rank >= 0 && rank < place.from);
  putBit(sets.upTo, host, rank >= 0 && rank < place.to);
}

/** Makes room for more hosts. */
export function widenCut(cut: Cut, hosts: number): void {
  if (cut.sets === undefined) return;
  cut.sets = { below: widened(cut.sets.below, hosts), upTo: widened(cut.sets.upTo, hosts) };
}
