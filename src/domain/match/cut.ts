import { type Bits, noBits, putBit, widened } from './bits.js';
import type { Place } from './dictionary.js';

/** A value that was asked for: where it stands, and from the second time on which hosts stand below and up to it. */
export interface Cut {
  readonly place: Place;
  times: number;
  /** Hosts whose rank is below the place, and those whose rank is not above it. */
  sets?: { below: Bits; upTo: Bits };
}

/** The set of the hosts of these ranks: by number of the sighting, and its rank. */
export function drawCut(cut: Cut, numberOf: Int32Array, rankOf: Int32Array): void {
  const sets = { below: noBits(numberOf.length), upTo: noBits(numberOf.length) };
  const { from, to } = cut.place;
  for (let host = 0; host < numberOf.length; host++) {
    const number = numberOf[host] as number;
    const rank = number < 0 ? -1 : (rankOf[number] as number);
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
