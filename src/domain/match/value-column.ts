import type { Operator, Requirement, Truth } from '../requirement.js';
import type { Catalogue, Sighting, TagFacts, Value } from '../tag.js';
import { type Bits, lowestBit, noBits, putBit, widened } from './bits.js';
import { type Column, PresenceColumn, type Sets } from './column.js';
import { type Cut, drawCut, moveInCut, type Ranks, widenCut } from './cut.js';
import { ABSENT, Dictionary, type SeenValue } from './dictionary.js';
import { type Few, hostOf, inDoubt, mostFew } from './few.js';
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
  /** Ranks from this one. */
  readonly from: number;
  /** Up to but not with this one. */
  readonly to: number;
  /** The value that `from` is the place of; undefined: from the first rank on. */
  readonly low: Cut | undefined;
  /** The value that `to` is the place of; undefined: up to the last rank. */
  readonly high: Cut | undefined;
  /** The ranks outside are meant. */
  readonly outside: boolean;
  /** By -rank: 2 they hold, 1 they are not known to fail, 0 they fail. */
  readonly odd: Uint8Array;
  /** What it was made for. */
  readonly edition: number;
}

/** Values remembered per tag that were asked for: a queue asks for the same few again and again. */
const MOST_CUTS = 256;
/** Of a host that is not there. */
const NO_RANK = -2;
/** What every comparison says of absent and of unknown values. */
const PLAIN_ODD = Uint8Array.of(0, 0, 1);

/**
 * A tag with values over all hosts: every host has the number of what was seen there in a dictionary, whose readable
 * single values are kept in order. A comparison is then a range of ranks, found by binary search. Where few hosts are
 * left each is asked for its rank. A value that is asked of many hosts a second time gets the sets of the hosts below
 * it and up to it, so that a range is what lies between two sets. Sets for every value that a host has would do that
 * always, but a change would rewrite as many of them as it passes values. Hosts with several values, or with ones
 * that cannot be read, are asked of `holds`, once per distinct sighting.
 */
export class ValueColumn implements Column {
  private readonly presence: PresenceColumn;
  private numberOf: Int32Array;
  /** By host; good while the dictionary's edition is the one known here. */
  private ranks: Ranks;
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
    this.ranks = new Int16Array(hosts).fill(NO_RANK);
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
    this.takeRanks();
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
    // Where the dictionary has changed ranks and cuts are void.
    if (this.dictionary.edition !== this.dictionaryEdition) return;
    this.ranks[host] = rank;
    for (const cut of this.cuts.values()) moveInCut(cut, host, rank);
  }

  /** The readable values that some host has, in order; of those that compare equal the first seen. */
  seen(): readonly SeenValue[] {
    return this.dictionary.seen();
  }

  /** The one range that all of these admit together; undefined where they have none, or a value cannot be read. */
  range(parts: readonly RangePart[]): Range | undefined {
    this.freshen();
    let [from, to] = [0, this.dictionary.ranks];
    let [low, high]: [Cut | undefined, Cut | undefined] = [undefined, undefined];
    let outside = false;
    let odd: Uint8Array | undefined;
    let isFirst = true;
    for (const { asked, tests } of parts) {
      odd = bothOdd(odd, this.oddTruths(asked));
      for (const { operator, value } of tests) {
        if (this.value.kind === 'text' && operator !== '=' && operator !== '!=') return undefined;
        const cut = this.cutAt(value);
        if (cut === undefined || outside || (operator === '!=' && !isFirst)) return undefined;
        isFirst = false;
        outside = operator === '!=';
        const { place } = cut;
        const least = operator === '<' || operator === '<=' ? 0 : operator === '>' ? place.to : place.from;
        const most = operator === '>' || operator === '>=' ? to : operator === '<' ? place.from : place.to;
        if (least > from) [from, low] = [least, cut];
        if (most < to) [to, high] = [most, cut];
      }
    }
    return { from, to, low, high, outside, odd: odd ?? PLAIN_ODD, edition: this.edition };
  }

  /** Whether a range still means what it did. */
  isCurrent({ edition }: Range): boolean {
    return edition === this.edition && this.dictionary.edition === this.dictionaryEdition;
  }

  /** Whether `narrow` can be asked: the range's values have their sets. */
  isDrawn({ low, high }: Range): boolean {
    return (low === undefined || low.sets !== undefined) && (high === undefined || high.sets !== undefined);
  }

  /**
   * Writes down the hosts of these words of a set on which the range may hold; how many, or -1 where there are more than
   * `most` to be asked.
   */
  listed(range: Range, bits: Bits, words: Int32Array, count: number, into: Few, most: number): number {
    const { ranks } = this;
    const { from, to, odd } = range;
    const last = to - 1;
    const flip = range.outside ? 0 : 1;
    let asked = 0;
    let kept = 0;
    for (let n = 0; n < count; n++) {
      const word = words[n] as number;
      const first = word << 5;
      for (let left = bits[word] as number; left !== 0; left &= left - 1) {
        const host = first + lowestBit(left);
        const rank = ranks[host] as number;
        asked++;
        if (rank >= 0) {
          into[kept] = host;
          kept += (((rank - from) | (last - rank)) >>> 31) ^ flip;
        } else {
          const truth = odd[-rank] as number;
          if (truth > 0) into[kept++] = truth === 2 ? host : inDoubt(host);
        }
      }
      if (asked > most) return -1;
    }
    if (asked > mostFew(ranks.length)) for (const cut of [range.low, range.high]) this.draw(cut);
    return kept;
  }

  /** Leaves of the first `count` hosts those on which the range may hold; how many. */
  keep(range: Range, few: Few, count: number): number {
    const { ranks } = this;
    if (count > mostFew(ranks.length)) for (const cut of [range.low, range.high]) this.draw(cut);
    const { from, to, odd } = range;
    const flip = range.outside ? 0 : 1;
    let kept = 0;
    for (let n = 0; n < count; n++) {
      const entry = few[n] as number;
      const rank = ranks[hostOf(entry)] as number;
      if (rank >= 0) {
        // Whether it stays nobody can foresee, a processor neither: it is written down, and counted or not.
        few[kept] = entry;
        kept += (((rank - from) | (to - 1 - rank)) >>> 31) ^ flip;
      } else {
        const truth = odd[-rank] as number;
        if (truth > 0) few[kept++] = truth === 2 ? entry : inDoubt(entry);
      }
    }
    return kept;
  }

  /** Takes out of both sets the hosts on which the range fails, out of `yes` those of which it is unknown. */
  narrow(range: Range, yes: Bits, maybe: Bits): void {
    const { ranked } = this;
    const { maybe: present } = this.presence.there;
    const { low, high, outside } = range;
    const below = low === undefined ? undefined : boundary(low, range.from);
    const upTo = high === undefined ? ranked : boundary(high, range.to);
    const isPlain = range.odd === PLAIN_ODD;
    for (let word = 0; word < maybe.length; word++) {
      const all = maybe[word] as number;
      if (all === 0) continue;
      const placed = ranked[word] as number;
      let inside = upTo[word] as number;
      if (below !== undefined) inside &= ~(below[word] as number);
      if (outside) inside = placed & ~inside;
      let sure = all & inside;
      let open = all & ~placed;
      // Where every host has one readable value, none, or nobody knows, no host need be looked at by itself.
      if (isPlain) open &= present[word] as number;
      else {
        const met = this.oddOnes(range, word, open, 2);
        open = this.oddOnes(range, word, open, 1) & ~met;
        sure |= met;
      }
      maybe[word] = sure | open;
      yes[word] = (yes[word] as number) & sure;
    }
  }

  /** Of hosts of one word without a rank those of which the range is at least so true. */
  private oddOnes(range: Range, word: number, among: number, least: number): number {
    let found = 0;
    for (let left = among; left !== 0; left &= left - 1)
      if ((range.odd[-(this.ranks[(word << 5) + lowestBit(left)] as number)] as number) >= least)
        found |= left & -left;
    return found;
  }

  private cutAt(wanted: string): Cut | undefined {
    const known = this.cuts.get(wanted);
    if (known !== undefined) return known;
    const place = this.dictionary.placeOf(wanted);
    if (place === undefined) return undefined;
    if (this.cuts.size >= MOST_CUTS) this.forgetCuts();
    const cut: Cut = { place, wasWanted: false };
    this.cuts.set(wanted, cut);
    return cut;
  }

  /** Gives a value its sets from the second time on that they would have been of use. */
  private draw(cut: Cut | undefined): void {
    if (cut === undefined || cut.sets !== undefined) return;
    if (cut.wasWanted) drawCut(cut, this.ranks);
    cut.wasWanted = true;
  }

  private freshen(): void {
    if (this.dictionary.edition === this.dictionaryEdition) return;
    this.dictionary.freshen();
    this.dictionaryEdition = this.dictionary.edition;
    this.takeRanks();
    this.forgetCuts();
  }

  /** Half the room where it will do: who asks for ranks here and there waits for memory, not for arithmetic. */
  private takeRanks(): void {
    const { numberOf, dictionary } = this;
    const isSmall = Math.max(dictionary.ranks, dictionary.odd.length) < 2 ** 15;
    this.ranks = isSmall ? new Int16Array(numberOf.length) : new Int32Array(numberOf.length);
    for (let host = 0; host < numberOf.length; host++)
      this.ranks[host] = dictionary.rankOf[numberOf[host] as number] ?? NO_RANK;
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

/** What both say; several values need not be one and the same for both, so truths are joined sighting by sighting. */
function bothOdd(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
  return a === undefined || a === b ? b : a.map((truth, n) => Math.min(truth, b[n] ?? 0));
}

/** The hosts whose rank is below `rank`, which is one of the two ends of a value's place. */
function boundary({ place, sets }: Cut, rank: number): Bits {
  if (sets === undefined) throw new Error('sets that were not drawn are not asked for');
  return rank === place.from ? sets.below : sets.upTo;
}
