import type { Catalogue, TagFacts } from '../tag.js';
import { type Bits, lowestBit, meet } from './bits.js';
import type { Sets } from './column.js';
import { type Few, hostOf, mostFew } from './few.js';
import { holds } from './holds.js';
import type { Program, RangeProgram } from './program.js';
import { asNumber, type Range } from './value-column.js';

/**
 * Asks programs of sets of hosts. Every part is asked only of the hosts that the parts before it left open, so that
 * what is dear is asked of few.
 */
export class Matcher {
  /** Sets to work with that nobody uses at the moment. */
  private spare: Bits[] = [];
  private few: Few = new Int32Array(0);
  private words = new Int32Array(0);
  /** Words of a set up to the last in which a host is, a multiple of 4: room is kept for more. */
  used = 0;

  constructor(
    private readonly factsOf: (host: number) => TagFacts,
    private readonly catalogue: Catalogue,
  ) {}

  /** Writes both sets, each a part of `within`. */
  match(program: Program, within: Bits, yes: Bits, maybe: Bits): void {
    switch (program.kind) {
      case 'there':
      case 'device':
        both(within, setsOf(program), yes, maybe);
        break;
      case 'range':
        this.matchRanges([], [program], within, yes, maybe);
        break;
      case 'unknown':
        yes.fill(0);
        maybe.set(within);
        break;
      case 'each':
        this.askEach(program, within, yes, maybe);
        break;
      case 'all':
        this.matchAll(program, within, yes, maybe);
        break;
      case 'any':
        this.matchAny(program.of, within, yes, maybe);
        break;
      case 'not':
        this.match(program.of, within, yes, maybe);
        for (let word = 0; word < within.length; word++) {
          const open = within[word] as number;
          const held = yes[word] as number;
          yes[word] = open & ~(maybe[word] as number);
          maybe[word] = open & ~held;
        }
    }
  }

  private matchAll(
    { sets, ranges, others }: Extract<Program, { kind: 'all' }>,
    within: Bits,
    yes: Bits,
    maybe: Bits,
  ): void {
    const asked: Sets[] = [];
    for (const one of sets) asked.push(setsOf(one));
    this.matchRanges(asked, ranges, within, yes, maybe);
    if (others.length === 0) return;
    const [thenYes, thenMaybe] = [this.take(within.length), this.take(within.length)];
    for (const other of others) {
      this.match(other, maybe, thenYes, thenMaybe);
      narrowBoth({ yes: thenYes, maybe: thenMaybe }, yes, maybe);
    }
    this.spare.push(thenYes, thenMaybe);
  }

  /** First who may be left at all; ranges are then asked of those one by one, or, where they are many, by sets. */
  private matchRanges(
    sets: readonly Sets[],
    ranges: readonly RangeProgram[],
    within: Bits,
    yes: Bits,
    maybe: Bits,
  ): void {
    const words = this.narrowMaybe(sets, within, maybe);
    if (ranges.length > 0 && this.askFew(sets, ranges, yes, maybe, words)) return;
    narrowYes(sets, maybe, yes);
    for (const range of ranges) range.column.narrow(current(range), yes, maybe);
  }

  /** Writes the hosts on which none of these is known to fail, into `words` which words have some; how many. */
  private narrowMaybe(sets: readonly Sets[], within: Bits, maybe: Bits): number {
    if (this.words.length <= maybe.length) {
      this.words = new Int32Array(maybe.length + 1);
      this.few = new Int32Array(maybe.length * 32);
    }
    let [done, count] = [0, 0];
    let among = within;
    // Three in one go: that is the usual requirement.
    do {
      const b = sets[done]?.maybe ?? among;
      const c = sets[done + 1]?.maybe ?? among;
      const d = sets[done + 2]?.maybe ?? among;
      count = meet(among, b, c, d, maybe, this.words, this.used);
      among = maybe;
      done += 3;
    } while (done < sets.length);
    maybe.fill(0, this.used);
    return count;
  }

  /** Asks ranges of the hosts of these words one by one; false where sets are the cheaper way, and there are some. */
  private askFew(
    sets: readonly Sets[],
    ranges: readonly RangeProgram[],
    yes: Bits,
    maybe: Bits,
    words: number,
  ): boolean {
    const { few } = this;
    const hosts = maybe.length * 32;
    let isDrawn = true;
    for (const range of ranges) isDrawn = range.column.isDrawn(current(range)) && isDrawn;
    const most = isDrawn ? mostFew(hosts) : hosts;
    const first = narrowest(ranges);
    let count = first.column.listed(first.range, maybe, this.words, words, few, most);
    if (count < 0) return false;
    for (const range of ranges) if (range !== first) count = range.column.keep(range.range, few, count);
    yes.fill(0);
    maybe.fill(0);
    for (let n = 0; n < count; n++) {
      const host = hostOf(few[n] as number);
      const [word, bit] = [host >>> 5, 1 << (host & 31)];
      maybe[word] = (maybe[word] as number) | bit;
      if ((few[n] as number) >= 0) yes[word] = (yes[word] as number) | (bit & wordOf(sets, word));
    }
    return true;
  }

  private matchAny(of: readonly Program[], within: Bits, yes: Bits, maybe: Bits): void {
    const left = this.take(within.length);
    const [alsoYes, alsoMaybe] = [this.take(within.length), this.take(within.length)];
    left.set(within);
    yes.fill(0);
    maybe.fill(0);
    for (const program of of) {
      this.match(program, left, alsoYes, alsoMaybe);
      for (let word = 0; word < left.length; word++) {
        const held = alsoYes[word] as number;
        yes[word] = (yes[word] as number) | held;
        maybe[word] = (maybe[word] as number) | (alsoMaybe[word] as number);
        left[word] = (left[word] as number) & ~held;
      }
    }
    this.spare.push(left, alsoYes, alsoMaybe);
  }

  private askEach(program: Extract<Program, { kind: 'each' }>, within: Bits, yes: Bits, maybe: Bits): void {
    for (let word = 0; word < within.length; word++) {
      let held = 0;
      let open = 0;
      for (let left = within[word] as number; left !== 0; left &= left - 1) {
        const host = (word << 5) + lowestBit(left);
        const truth = asNumber(holds(program.asked, this.factsOf(host), this.catalogue));
        const bit = left & -left;
        if (truth === 2) held |= bit;
        if (truth > 0) open |= bit;
      }
      yes[word] = held;
      maybe[word] = open;
    }
  }

  private take(words: number): Bits {
    const bits = this.spare.pop();
    return bits?.length === words ? bits : new Uint32Array(words);
  }
}

function setsOf(program: Extract<Program, { kind: 'there' | 'device' }>): Sets {
  return program.kind === 'there' ? program.column.there : program.column.answer(program.key, program.asked);
}

/** The range that admits the fewest ranks, so that the others are asked of the fewest hosts. */
function narrowest(ranges: readonly RangeProgram[]): RangeProgram {
  let best = ranges[0] as RangeProgram;
  for (let n = 1; n < ranges.length; n++) {
    const { range } = ranges[n] as RangeProgram;
    const isNarrower = !range.outside && range.to - range.from < best.range.to - best.range.from;
    if (isNarrower || best.range.outside) best = ranges[n] as RangeProgram;
  }
  return best;
}

/** The program's range, found again where the tag's values have changed since. */
function current(program: RangeProgram): Range {
  if (!program.column.isCurrent(program.range))
    program.range = program.column.range(program.parts) ?? program.range;
  return program.range;
}

function both(within: Bits, sets: Sets, yes: Bits, maybe: Bits): void {
  const { yes: held, maybe: open } = sets;
  for (let word = 0; word < within.length; word++) {
    const all = within[word] as number;
    yes[word] = all & (held[word] as number);
    maybe[word] = all & (open[word] as number);
  }
}

/** Writes the hosts of `maybe` on which all of these hold. */
function narrowYes(sets: readonly Sets[], maybe: Bits, yes: Bits): void {
  for (let word = 0; word < maybe.length; word++) {
    const open = maybe[word] as number;
    yes[word] = open === 0 ? 0 : open & wordOf(sets, word);
  }
}

/** One word of the hosts on which all of these hold. */
function wordOf(sets: readonly Sets[], word: number): number {
  let all = -1;
  for (let n = 0; n < sets.length; n++) all &= (sets[n] as Sets).yes[word] as number;
  return all;
}

function narrowBoth(sets: Sets, yes: Bits, maybe: Bits): void {
  const { yes: held, maybe: open } = sets;
  for (let word = 0; word < yes.length; word++) {
    yes[word] = (yes[word] as number) & (held[word] as number);
    maybe[word] = (maybe[word] as number) & (open[word] as number);
  }
}
