import type { Catalogue, TagFacts } from '../tag.js';
import { type Bits, lowestBit } from './bits.js';
import type { Sets } from './column.js';
import { holds } from './holds.js';
import type { Program } from './program.js';
import { asNumber } from './value-column.js';

/**
 * Asks programs of sets of hosts. Every part is asked only of the hosts that the parts before it left open, so that
 * what is dear is asked of few.
 */
export class Matcher {
  /** Sets to work with that nobody uses at the moment. */
  private spare: Bits[] = [];

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
        maybe.set(within);
        yes.set(within);
        program.column.narrow(current(program), yes, maybe);
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
    const [a, b, c] = [sets[0], sets[1], sets[2]];
    if (a === undefined) {
      yes.set(within);
      maybe.set(within);
    } else if (b === undefined || c === undefined) both(within, setsOf(a), yes, maybe);
    else allThree(within, setsOf(a), setsOf(b), setsOf(c), yes, maybe);
    const done = a === undefined ? 0 : c === undefined ? 1 : 3;
    for (let n = done; n < sets.length; n++) narrowBoth(setsOf(sets[n] as (typeof sets)[number]), yes, maybe);
    for (const range of ranges) range.column.narrow(current(range), yes, maybe);
    if (others.length === 0) return;
    const [thenYes, thenMaybe] = [this.take(within.length), this.take(within.length)];
    for (const other of others) {
      this.match(other, maybe, thenYes, thenMaybe);
      narrowBoth({ yes: thenYes, maybe: thenMaybe }, yes, maybe);
    }
    this.spare.push(thenYes, thenMaybe);
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

/** The program's range, found again where the tag's values have changed since, or where it may now be had as sets. */
function current(program: Extract<Program, { kind: 'range' }>) {
  if (!program.column.isCurrent(program.range) || (!program.range.isDrawn && program.wasAsked))
    program.range = program.column.range(program.parts) ?? program.range;
  program.wasAsked = true;
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

/** In one go: three flags are the usual requirement. */
function allThree(within: Bits, a: Sets, b: Sets, c: Sets, yes: Bits, maybe: Bits): void {
  const [aMaybe, bMaybe, cMaybe] = [a.maybe, b.maybe, c.maybe];
  const [aYes, bYes, cYes] = [a.yes, b.yes, c.yes];
  for (let word = 0; word < within.length; word++) {
    const open =
      (within[word] as number) &
      (aMaybe[word] as number) &
      (bMaybe[word] as number) &
      (cMaybe[word] as number);
    maybe[word] = open;
    yes[word] =
      open === 0 ? 0 : open & (aYes[word] as number) & (bYes[word] as number) & (cYes[word] as number);
  }
}

function narrowBoth(sets: Sets, yes: Bits, maybe: Bits): void {
  const { yes: held, maybe: open } = sets;
  for (let word = 0; word < yes.length; word++) {
    yes[word] = (yes[word] as number) & (held[word] as number);
    maybe[word] = (maybe[word] as number) & (open[word] as number);
  }
}
