import type { Sets } from '../../src/domain/match/column.js';
import type { Requirement } from '../../src/domain/requirement.js';
import type { MatchGrid } from './match-grid.js';

/** Every host in turn is asked every clause, until one fails. */
export interface Scan {
  ask(requirement: Requirement, into: Sets): void;
  /** Reads a host's facts again. */
  put(host: number): void;
}

interface Clause {
  readonly tag: number;
  from: number;
  to: number;
}

/**
 * What the index is measured against, and no straw man: tags have numbers, what a host has and may have are bits
 * side by side, flags of one word are asked together, versions are compared as places in an order, which a clause's
 * version is looked up in once. It reads only formulas as `rollRequirement` makes them.
 */
export function scanOf(grid: MatchGrid): Scan {
  const { presence, text, flags, versions, hosts } = grid;
  const tags = flags + versions;
  const words = (tags + 31) >>> 5;
  const held = new Uint32Array(hosts * words);
  const open = new Uint32Array(hosts * words);
  const numberOf = new Map(grid.names.map((name, n) => [name, n]));
  const placeOf = new Map(grid.texts.map((raw, n) => [raw, n]));
  const put = (host: number): void => {
    held.fill(0, host * words, (host + 1) * words);
    open.fill(0, host * words, (host + 1) * words);
    for (let tag = 0; tag < tags; tag++) {
      const word = host * words + (tag >>> 5);
      const known = presence[host * tags + tag];
      if (known === 2) held[word] = (held[word] as number) | (1 << (tag & 31));
      if (known !== 0) open[word] = (open[word] as number) | (1 << (tag & 31));
    }
  };
  for (let host = 0; host < hosts; host++) put(host);

  const ask = (requirement: Requirement, { yes, maybe }: Sets): void => {
    const clauses = clausesOf(requirement, numberOf, placeOf);
    const masks = masksOf(clauses);
    const ranges = clauses.filter((clause) => clause.tag >= flags);
    yes.fill(0);
    maybe.fill(0);
    for (let host = 0; host < hosts; host++) {
      const first = host * words;
      let mayBe = true;
      for (let n = 0; mayBe && n < masks.length; n++) {
        const { word, mask } = masks[n] as Mask;
        mayBe = ((open[first + word] as number) & mask) === mask;
      }
      if (!mayBe) continue;
      let is = true;
      for (let n = 0; is && n < masks.length; n++) {
        const { word, mask } = masks[n] as Mask;
        is = ((held[first + word] as number) & mask) === mask;
      }
      for (let n = 0; mayBe && n < ranges.length; n++) {
        const { tag, from, to } = ranges[n] as Clause;
        if (((held[first + (tag >>> 5)] as number) & (1 << (tag & 31))) === 0) continue;
        const place = text[host * versions + tag - flags] as number;
        mayBe = place >= from && place < to;
      }
      if (!mayBe) continue;
      const bit = 1 << (host & 31);
      maybe[host >>> 5] = (maybe[host >>> 5] as number) | bit;
      if (is) yes[host >>> 5] = (yes[host >>> 5] as number) | bit;
    }
  };
  return { ask, put };
}

interface Mask {
  readonly word: number;
  /** As bit operations give it: signed. */
  readonly mask: number;
}

function masksOf(clauses: readonly Clause[]): readonly Mask[] {
  const masks = new Map<number, number>();
  for (const { tag } of clauses) masks.set(tag >>> 5, (masks.get(tag >>> 5) ?? 0) | (1 << (tag & 31)));
  return [...masks].map(([word, mask]) => ({ word, mask }));
}

function clausesOf(
  requirement: Requirement,
  numberOf: ReadonlyMap<string, number>,
  placeOf: ReadonlyMap<string, number>,
): readonly Clause[] {
  if (requirement.kind !== 'all') throw new Error('a conjunction was expected');
  return requirement.of.map((part) => {
    if (part.kind !== 'tag' && part.kind !== 'device') throw new Error(`no ${part.kind} was expected`);
    const clause: Clause = { tag: numberOf.get(part.name) ?? -1, from: 0, to: placeOf.size };
    for (const { operator, value } of part.kind === 'device' ? part.where : []) {
      const place = placeOf.get(value) ?? -1;
      if (operator === '>=') clause.from = Math.max(clause.from, place);
      else if (operator === '<') clause.to = Math.min(clause.to, place);
      else throw new Error(`no ${operator} was expected`);
    }
    return clause;
  });
}
