import type { Operator, Requirement, Truth } from '../requirement.js';
import type { Catalogue, Sighting, TagFacts, Value } from '../tag.js';
import { type Bits, noBits, putBit, widened } from './bits.js';
import { type Column, PresenceColumn, type Sets } from './column.js';
import { type Cut, drawCut, moveInCut, widenCut } from './cut.js';
import { ABSENT, Dictionary, type SeenValue } from './dictionary.js';
import { holds } from './holds.js';

/** Comparisons that one and the same value must meet, and the requirement that says so. */
export interface RangePart {
  readonly asked: Requirement;
  readonly tests: readonly Comparison[];
}

interface Comparison {
  readonly operator: Operator;
  readonly value: string;
}

/** The ranks that comparisons admit, and what they say where there is no rank. */
export interface Range {
  readonly from: number;
  readonly to: number;
  /** Undefined: from the first rank on. */
  readonly low?: Bits | undefined;
  /** Undefined: up to the last rank. */
  readonly high?: Bits | undefined;
  /** `low` and `high` are there where they are needed. */
  readonly isDrawn: boolean;
  /** The ranks outside are meant. */
  readonly outside: boolean;
  /** By -rank: 2 they hold, 1 they are not known to fail, 0 they fail. */
  readonly odd: Uint8Array;
  /** What it was made for. */
  readonly edition: number;
}

/** Values remembered per tag that were asked for: a queue asks for the same few again and again. */
const MOST_CUTS = 256;
/** What every comparison says of absent and of unknown values. */
const PLAIN_ODD = Uint8Array.of(0, 0, 1);

/**
 * A tag with values over all hosts: every host has the number of what was seen there in a dictionary, whose readable
 * single values are kept in order. A comparison is then a range of ranks, found by binary search. A value that is
 * asked for twice gets the sets of the hosts below it and up to it, so that a range is what lies between two sets;
 * with others the hosts that are left are asked for their rank one by one. Sets for every value that a host has
 * would do the first always, but a change would rewrite as many of them as it passes values. Hosts with several
 * values, or with ones that cannot be read, are asked of `holds`, once per distinct sighting.
 */
export class ValueColumn implements Column {
  private readonly presence: PresenceColumn;
  private numberOf: Int32Array;
  private dictionary: Dictionary;
  private ranked: Bits;
  private cuts = new Map<string, Cut>();
  /** Another one whenever ranges must be found again. */
  private edition = 0;
  private dictionaryEdition = 0;

  constructor(
    private readonly tag: string,
    private readonly value: Value,
    private readonly catalogue: Catalogue,
    hosts: number,
  ) {
    this.presence = new PresenceColumn(tag, hosts);
    this.numberOf = new Int32Array(hosts).fill(-1);
    this.dictionary = new Dictionary(value);
    this.ranked = noBits(hosts);
  }

  get there(): Sets {
    return this.presence.there;
  }

  widen(hosts: number): void {
    this.presence.widen(hosts);
    const wider = new Int32Array(hosts).fill(-1);
    wider.set(this.numberOf);
    this.numberOf = wider;
    this.ranked = widened(this.ranked, hosts);
    for (const cut of this.cuts.values()) widenCut(cut, hosts);
    this.edition++;
  }

  put(host: number, facts: TagFacts): void {
    const sighting = facts(this.tag);
    const before = this.numberOf[host] as number;
    const after = this.dictionary.enter(sighting);
    if (before >= 0) this.dictionary.leave(before);
    if (after === before) return;
    this.presence.mark(host, sighting.presence);
    this.numberOf[host] = after;
    if (this.dictionary.isMostlyDead) this.renumber();
    const rank = this.dictionary.rankOf[this.numberOf[host]] as number;
    putBit(this.ranked, host, rank >= 0);
    // Where the dictionary has changed the cuts are void.
    if (this.dictionary.edition !== this.dictionaryEdition) return;
    for (const cut of this.cuts.values()) moveInCut(cut, host, rank);
  }

  /** The readable values that some host has, in order; of those that compare equal the first seen. */
  seen(): readonly SeenValue[] {
    return this.dictionary.seen();
  }

  /** The one range that all of these admit together; undefined where they have none, or a value cannot be read. */
  range(parts: readonly RangePart[]): Range | undefined {
    this.freshen();
    let all: Range | undefined;
    for (const { asked, tests } of parts) {
      const odd = this.oddTruths(asked);
      for (const { operator, value } of tests) {
        if (this.value.kind === 'text' && operator !== '=' && operator !== '!=') return undefined;
        const cut = this.cutAt(value);
        if (cut === undefined) return undefined;
        const one = this.rangeOf(operator, cut, odd);
        if (all !== undefined && (all.outside || one.outside)) return undefined;
        all = all === undefined ? one : common(all, one);
      }
    }
    return all;
  }

  /** Whether a range still means what it did. */
  isCurrent({ edition }: Range): boolean {
    return edition === this.edition && this.dictionary.edition === this.dictionaryEdition;
  }

  /** Takes out of both sets the hosts on which the range fails, out of `yes` those of which it is unknown. */
  narrow(range: Range, yes: Bits, maybe: Bits): void {
    if (!range.isDrawn) this.narrowOneByOne(range, yes, maybe);
    else if (range.odd === PLAIN_ODD) this.narrowPlainly(range, yes, maybe);
    else this.narrowBySets(range, yes, maybe);
  }

  /** Where every host has one readable value, none, or nobody knows: no host need be looked at by itself. */
  private narrowPlainly({ low, high, outside }: Range, yes: Bits, maybe: Bits): void {
    const { ranked } = this;
    const { maybe: open } = this.presence.there;
    for (let word = 0; word < maybe.length; word++) {
      const all = maybe[word] as number;
      if (all === 0) continue;
      const placed = ranked[word] as number;
      let inside = high === undefined ? placed : (high[word] as number);
      if (low !== undefined) inside &= ~(low[word] as number);
      if (outside) inside = placed & ~inside;
      const sure = all & inside;
      maybe[word] = sure | (all & ~placed & (open[word] as number));
      yes[word] = (yes[word] as number) & sure;
    }
  }

  private narrowBySets(range: Range, yes: Bits, maybe: Bits): void {
    const { ranked } = this;
    const { low, high, outside } = range;
    for (let word = 0; word < maybe.length; word++) {
      const all = maybe[word] as number;
      if (all === 0) continue;
      const placed = ranked[word] as number;
      let inside = high === undefined ? placed : (high[word] as number);
      if (low !== undefined) inside &= ~(low[word] as number);
      if (outside) inside = placed & ~inside;
      let sure = all & inside;
      let open = 0;
      for (let left = all & ~placed; left !== 0; left &= left - 1) {
        const bit = left & -left;
        const truth = this.oddTruth(range, (word << 5) + 31 - Math.clz32(bit));
        if (truth === 2) sure |= bit;
        else if (truth === 1) open |= bit;
      }
      maybe[word] = sure | open;
      yes[word] = (yes[word] as number) & sure;
    }
  }

  private narrowOneByOne(range: Range, yes: Bits, maybe: Bits): void {
    const { numberOf } = this;
    const { rankOf } = this.dictionary;
    const { from, to, outside, odd } = range;
    for (let word = 0; word < maybe.length; word++) {
      let sure = 0;
      let open = 0;
      for (let left = maybe[word] as number; left !== 0; left &= left - 1) {
        const bit = left & -left;
        const rank = rankOf[numberOf[(word << 5) + 31 - Math.clz32(bit)] as number] as number;
        if (rank >= 0) {
          if ((rank >= from && rank < to) !== outside) sure |= bit;
        } else {
          const truth = odd[-rank] as number;
          if (truth === 2) sure |= bit;
          else if (truth === 1) open |= bit;
        }
      }
      maybe[word] = sure | open;
      yes[word] = (yes[word] as number) & sure;
    }
  }

  private oddTruth({ odd }: Range, host: number): number {
    return odd[-(this.dictionary.rankOf[this.numberOf[host] as number] as number)] as number;
  }

  private rangeOf(operator: Operator, { place, sets }: Cut, odd: Uint8Array): Range {
    const { edition } = this;
    const isDrawn = sets !== undefined;
    const { ranks } = this.dictionary;
    const low = operator === '>' ? sets?.upTo : sets?.below;
    const high = operator === '<' ? sets?.below : sets?.upTo;
    switch (operator) {
      case '>=':
        return { from: place.from, to: ranks, low, high: undefined, isDrawn, outside: false, odd, edition };
      case '>':
        return { from: place.to, to: ranks, low, high: undefined, isDrawn, outside: false, odd, edition };
      case '<':
        return { from: 0, to: place.from, low: undefined, high, isDrawn, outside: false, odd, edition };
      case '<=':
        return { from: 0, to: place.to, low: undefined, high, isDrawn, outside: false, odd, edition };
      case '=':
        return { from: place.from, to: place.to, low, high, isDrawn, outside: false, odd, edition };
      case '!=':
        return { from: place.from, to: place.to, low, high, isDrawn, outside: true, odd, edition };
    }
  }

  private cutAt(wanted: string): Cut | undefined {
    const known = this.cuts.get(wanted);
    if (known !== undefined) {
      if (++known.times === 2) drawCut(known, this.numberOf, this.dictionary.rankOf);
      return known;
    }
    const place = this.dictionary.placeOf(wanted);
    if (place === undefined) return undefined;
    if (this.cuts.size >= MOST_CUTS) this.forgetCuts();
    const cut = { place, times: 1 };
    this.cuts.set(wanted, cut);
    return cut;
  }

  private freshen(): void {
    if (this.dictionary.edition === this.dictionaryEdition) return;
    this.dictionary.freshen();
    this.dictionaryEdition = this.dictionary.edition;
    this.forgetCuts();
  }

  /** Ranges that were found before hold sets that are not kept up to date any more. */
  private forgetCuts(): void {
    this.cuts = new Map();
    this.edition++;
  }

  private oddTruths(asked: Requirement): Uint8Array {
    const { odd } = this.dictionary;
    if (odd.length === PLAIN_ODD.length - 1) return PLAIN_ODD;
    const truths = new Uint8Array(odd.length + 1);
    odd.forEach((sighting, n) => {
      truths[n + 1] = asNumber(holds(asked, this.alone(sighting), this.catalogue));
    });
    return truths;
  }

  /** Facts of an imaginary host of which nothing but this tag is known. */
  private alone(sighting: Sighting): TagFacts {
    return (tag) => (tag === this.tag ? sighting : { presence: 'unknown' });
  }

  /** Leaves out of the dictionary what no host has any more. */
  private renumber(): void {
    const before = this.dictionary;
    this.dictionary = new Dictionary(this.value);
    this.dictionaryEdition = -1;
    for (let host = 0; host < this.numberOf.length; host++) {
      const number = this.numberOf[host] as number;
      if (number >= ABSENT) this.numberOf[host] = this.dictionary.enter(before.sighting(number));
    }
  }
}

/** A truth as the sets keep it: 2 yes, 1 unknown, 0 no. */
export function asNumber(truth: Truth): 0 | 1 | 2 {
  return truth === 'yes' ? 2 : truth === 'unknown' ? 1 : 0;
}

/** What both ranges admit; several values need not be one and the same for both, so truths are joined host by host. */
function common(a: Range, b: Range): Range {
  return {
    from: Math.max(a.from, b.from),
    to: Math.min(a.to, b.to),
    low: a.low === undefined || (b.low !== undefined && b.from > a.from) ? b.low : a.low,
    high: a.high === undefined || (b.high !== undefined && b.to < a.to) ? b.high : a.high,
    isDrawn: a.isDrawn && b.isDrawn,
    outside: false,
    odd: a.odd === b.odd ? a.odd : a.odd.map((truth, n) => Math.min(truth, b.odd[n] ?? 0)),
    edition: a.edition,
  };
}
