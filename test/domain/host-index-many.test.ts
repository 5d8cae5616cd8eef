import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasBit } from '../../src/domain/match/bits.js';
import { holds } from '../../src/domain/match/holds.js';
import { HostIndex } from '../../src/domain/match/host-index.js';
import type { Requirement } from '../../src/domain/requirement.js';
import type { Sighting, TagFacts } from '../../src/domain/tag.js';
import { aCatalogue } from './a-grid.js';

const FLAGS = ['a', 'b', 'c', 'd', 'e'];
const catalogue = aCatalogue(
  ...FLAGS.map((name) => ({ name, meaning: name, source: { by: 'word' as const }, kind: 'flag' as const })),
);

/** How a tag is spread: on how many of a hundred hosts it is not known, and of the others there. */
interface Spread {
  readonly unknown: number;
  readonly there: number;
  /** Of those that have it: with two values, or one that cannot be read. */
  readonly odd: number;
}

const spread: fc.Arbitrary<Spread> = fc.record({
  unknown: fc.constantFrom(0, 0, 2, 50, 100),
  there: fc.constantFrom(0, 3, 20, 60, 97, 100),
  odd: fc.constantFrom(0, 0, 5, 50),
});
const spreads = fc.record({
  a: spread,
  b: spread,
  c: spread,
  d: spread,
  e: spread,
  kernel: spread,
  memory: spread,
});
const VALUES = Array.from({ length: 30 }, (_, n) => n + 1);
const below = fc.nat(VALUES.length + 1);
const range: fc.Arbitrary<Requirement> = fc
  .tuple(
    fc.constantFrom('kernel', 'memory'),
    below,
    below,
    fc.constantFrom('>=', '>'),
    fc.constantFrom('<', '<='),
  )
  .map(([name, low, high, from, to]) => ({
    kind: 'device',
    name,
    where: [
      { attribute: '', operator: from as '>=', value: textOf(name, low) },
      { attribute: '', operator: to as '<', value: textOf(name, high) },
    ],
    count: 1,
  }));
const other: fc.Arbitrary<Requirement> = fc
  .tuple(fc.constantFrom('kernel', 'memory'), fc.constantFrom<'=' | '!='>('=', '!='), below)
  .map(([name, operator, n]) => ({ kind: 'compare', name, operator, value: textOf(name, n) }));
const requirement: fc.Arbitrary<Requirement> = fc
  .tuple(
    fc.array(fc.constantFrom(...FLAGS), { maxLength: 5 }),
    fc.array(fc.oneof(range, other), { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([flags, ranges, negated]) => {
    const of: Requirement[] = [...flags.map((name): Requirement => ({ kind: 'tag', name })), ...ranges];
    return negated ? { kind: 'not', of: { kind: 'all', of } } : { kind: 'all', of };
  });

function textOf(name: string, n: number): string {
  return name === 'memory' ? `${n}` : `5.${n}.0`;
}

/** A hundred-sided die from a number: the same host and tag always roll the same. */
function roll(...of: readonly number[]): number {
  let state = 0x9e3779b9;
  for (const n of of) state = Math.imul(state ^ (n + 0x7f4a7c15), 0x85ebca6b) ^ (state >>> 13);
  return ((state ^ (state >>> 16)) >>> 0) % 100;
}

function factsOf(host: number, round: number, by: Readonly<Record<string, Spread>>): TagFacts {
  return (tag): Sighting => {
    const how = by[tag];
    const nth = Object.keys(by).indexOf(tag);
    if (how === undefined || roll(host, round, nth, 1) < how.unknown) return { presence: 'unknown' };
    if (roll(host, round, nth, 2) >= how.there) return { presence: 'absent' };
    if (FLAGS.includes(tag)) return { presence: 'present', instances: [{ place: '', raw: '' }] };
    const value = (salt: number) => textOf(tag, VALUES[roll(host, round, nth, salt) % VALUES.length] ?? 0);
    const isOdd = roll(host, round, nth, 3) < how.odd;
    const raws = isOdd ? [value(4), roll(host, round, nth, 5) < 50 ? 'what?' : value(6)] : [value(4)];
    return { presence: 'present', instances: raws.map((raw) => ({ place: '', raw })) };
  };
}

describe('the index over many hosts', () => {
  it('says the same whether few or many of them are left, with much or nothing unknown, before and after changes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 900 }),
        spreads,
        fc.array(requirement, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(899), { maxLength: 40 }),
        (hosts, by, requirements, changed) => {
          const index = new HostIndex(catalogue);
          const facts: TagFacts[] = [];
          const put = (host: number, round: number) => {
            const known = factsOf(host, round, by);
            facts[host] = known;
            index.add(host, known);
          };
          for (let host = 0; host < hosts; host++) put(host, 0);
          const programs = requirements.map((asked) => index.compile(asked));
          const check = () => {
            programs.forEach((program, n) => {
              const { yes, maybe } = index.match(program);
              const wrong = facts.flatMap((known, host) => {
                const truth = holds(requirements[n] as Requirement, known, catalogue);
                const said = hasBit(yes, host) ? 'yes' : hasBit(maybe, host) ? 'unknown' : 'no';
                return said === truth ? [] : [`host ${host}: ${said}, but ${truth}`];
              });
              expect(wrong).toEqual([]);
            });
          };
          // The second and third time values have their sets.
          for (let time = 0; time < 3; time++) check();
          for (const host of changed.filter((one) => one < hosts)) put(host, 1);
          check();
          put(hosts + 200, 2);
          check();
        },
      ),
      { numRuns: 60 },
    );
  });
});
