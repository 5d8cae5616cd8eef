import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factsWith, holds } from '../../src/domain/match/holds.js';
import { misses, whyNot } from '../../src/domain/match/misses.js';
import {
  fromCanonical,
  normal,
  type Operator,
  type Requirement,
  type Truth,
} from '../../src/domain/requirement.js';
import type { Instance, Sighting, TagFacts } from '../../src/domain/tag.js';
import { BYTES, COUNT, catalogueOf, derived, KERNEL, TEXT, tag } from './a-catalogue.js';
import { someFormula } from './formulas.js';

const catalogue = catalogueOf([
  tag('root'),
  tag('virtual'),
  tag('kernel', KERNEL),
  tag('memory', BYTES),
  tag('cpus', COUNT),
  tag('model', TEXT),
  tag('nic', { kind: 'device', attributes: { speed: COUNT, driver: TEXT } }),
  derived('bare', 'root & not virtual'),
  derived('big-bare', 'bare & cpus >= 8'),
]);

const ABSENT: Sighting = { presence: 'absent' };
const UNKNOWN: Sighting = { presence: 'unknown' };
const seen = (...raws: readonly string[]): Sighting => ({
  presence: 'present',
  instances: raws.map((raw) => ({ place: '', raw })),
});
const devices = (...instances: readonly Partial<Instance>[]): Sighting => ({
  presence: 'present',
  instances: instances.map((one) => ({ place: '', raw: '', ...one })),
});
const known =
  (facts: Readonly<Record<string, Sighting>>): TagFacts =>
  (name) =>
    facts[name] ?? ABSENT;
const truth = (formula: string, facts: Readonly<Record<string, Sighting>>) =>
  holds(fromCanonical(formula), known(facts), catalogue);

const NICS = devices(
  { place: '0000:01:00.0', attributes: { id: '8086:1572', speed: '10', driver: 'i40e' } },
  { place: '0000:02:00.0', attributes: { id: '8086:1533', speed: '1' } },
);

describe('whether a requirement holds on a host', () => {
  it.each<[string, Readonly<Record<string, Sighting>>, Truth]>([
    ['', {}, 'yes'],
    ['not ()', {}, 'no'],
    ['root', { root: seen('') }, 'yes'],
    ['root', {}, 'no'],
    ['root', { root: UNKNOWN }, 'unknown'],
    ['not root', { root: UNKNOWN }, 'unknown'],
    ['not root', {}, 'yes'],
    ['root & virtual', { root: UNKNOWN }, 'no'],
    ['root | virtual', { root: UNKNOWN, virtual: seen('') }, 'yes'],
    ['root | not root', { root: UNKNOWN }, 'unknown'],
    // Of a tag that is absent no comparison holds, not even '!='.
    ['kernel >= 5.4', {}, 'no'],
    ['kernel != 5.4', {}, 'no'],
    ['not kernel = 5.4', {}, 'yes'],
    ['kernel >= 5.4', { kernel: UNKNOWN }, 'unknown'],
    ['kernel >= 5.4', { kernel: seen('5.10.0') }, 'yes'],
    ['kernel >= 5.4 < 5.9', { kernel: seen('5.10.0') }, 'no'],
    ['kernel >= 5.4', { kernel: seen('not a version') }, 'unknown'],
    ['kernel >= 5.4', { kernel: seen('') }, 'unknown'],
    ['kernel', { kernel: seen('') }, 'yes'],
    // Of several values one is enough, with '!=' all count, and a range wants one that has it all.
    ['kernel = 5.4', { kernel: seen('5.4', '6.1') }, 'yes'],
    ['kernel != 5.4', { kernel: seen('5.4', '6.1') }, 'no'],
    ['kernel != 5.5', { kernel: seen('5.4', '6.1') }, 'yes'],
    ['kernel >= 5.5 < 6.0', { kernel: seen('5.4', '6.1') }, 'no'],
    ['kernel >= 5.5 & kernel < 6.0', { kernel: seen('5.4', '6.1') }, 'yes'],
    ['memory >= 15GiB', { memory: seen('16GiB') }, 'yes'],
    ['model = "PowerEdge R420"', { model: seen('PowerEdge R420') }, 'yes'],
    ['model = "poweredge r420"', { model: seen('PowerEdge R420') }, 'no'],
    // Devices: everything within one of them.
    ['nic x 2', { nic: NICS }, 'yes'],
    ['nic x 3', { nic: NICS }, 'no'],
    ['nic speed >= 10', { nic: NICS }, 'yes'],
    ['nic speed >= 10 x 2', { nic: NICS }, 'no'],
    ['nic 8086:1533 speed >= 10', { nic: NICS }, 'no'],
    ['nic 8086:1572 @ 01:00.0 speed >= 10', { nic: NICS }, 'yes'],
    ['nic 8086:1572 @ 02:00.0', { nic: NICS }, 'no'],
    ['nic 8086:* x 2', { nic: NICS }, 'yes'],
    ['nic 808:*', { nic: NICS }, 'no'],
    ['nic driver = e1000', { nic: NICS }, 'unknown'],
    ['nic driver = i40e x 2', { nic: NICS }, 'unknown'],
    ['nic driver = e1000 speed >= 10', { nic: NICS }, 'no'],
    ['nic driver != i40e', { nic: NICS }, 'unknown'],
    ['not nic speed >= 40', { nic: NICS }, 'yes'],
    ['nic speed >= 1', {}, 'no'],
    ['nic speed >= 1', { nic: UNKNOWN }, 'unknown'],
    ['nic speed >= 1', { nic: devices() }, 'unknown'],
    ['nic @ eth0', { nic: devices({ place: '' }) }, 'unknown'],
    ['nic 8086:1572', { nic: devices({ attributes: { id: '8086:1572' } }) }, 'yes'],
    ['nic 8086:abcd', { nic: devices({ attributes: { id: '8086:ABCD' } }) }, 'yes'],
    // Derived tags are computed.
    ['bare', { root: seen('') }, 'yes'],
    ['bare', { root: seen(''), virtual: UNKNOWN }, 'unknown'],
    ['big-bare', { root: seen(''), cpus: seen('8') }, 'yes'],
    ['not big-bare', { root: seen(''), cpus: seen('4') }, 'yes'],
    // What the catalogue has forgotten is never met by a value.
    ['gone = 5', { gone: seen('5') }, 'unknown'],
    ['nic toString = a', { nic: NICS }, 'unknown'],
  ])('%s', (formula, facts, expected) => {
    expect(truth(formula, facts)).toBe(expected);
    expect(truth(`not (${formula === '' ? '()' : formula})`, facts)).toBe(
      expected === 'yes' ? 'no' : expected === 'no' ? 'yes' : 'unknown',
    );
  });

  it('is not known of a derived tag that leads back to itself', () => {
    const loop = { find: () => derived('loop', 'not loop'), alias: () => undefined, names: ['loop'] };
    expect(holds({ kind: 'tag', name: 'loop' }, known({}), loop)).toBe('unknown');
  });
});

// ---- against what could be the case ----------------------------------------------------------------------------

/** A host of which everything is known: numbers, flags, and devices with all their sides. */
interface Real {
  readonly flags: Readonly<Record<string, boolean>>;
  readonly cpus: number | undefined;
  readonly nics: readonly { readonly speed: number; readonly driver: string }[];
}

/** What a formula means, as one would say it to a child. */
function isSo(formula: Requirement, host: Real): boolean {
  switch (formula.kind) {
    case 'tag':
      if (formula.name === 'bare') return (host.flags['root'] ?? false) && !(host.flags['virtual'] ?? false);
      if (formula.name === 'cpus') return host.cpus !== undefined;
      if (formula.name === 'nic') return host.nics.length > 0;
      return host.flags[formula.name] ?? false;
    case 'compare':
      return host.cpus !== undefined && compares(host.cpus, formula.operator, Number(formula.value));
    case 'device': {
      const good = host.nics.filter((nic) =>
        formula.where.every(({ attribute, operator, value }) =>
          attribute === 'speed'
            ? compares(nic.speed, operator, Number(value))
            : compares(nic.driver, operator, value),
        ),
      );
      return good.length >= formula.count;
    }
    case 'all':
      return formula.of.every((part) => isSo(part, host));
    case 'any':
      return formula.of.some((part) => isSo(part, host));
    case 'not':
      return !isSo(formula.of, host);
  }
}

function compares<T>(a: T, operator: Operator, b: T): boolean {
  switch (operator) {
    case '=':
      return a === b;
    case '!=':
      return a !== b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
  }
}

const FLAGS = ['root', 'virtual'];
const NUMBERS = [1, 2, 3];
const DRIVERS = ['a', 'b'];
const hidden = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
/** What is known of a host; undefined is not. */
const partly = fc.record({
  flags: fc.record({ root: hidden(fc.boolean()), virtual: hidden(fc.boolean()) }),
  cpus: hidden(fc.option(fc.constantFrom(...NUMBERS), { nil: null })),
  nics: hidden(
    fc.array(
      fc.record({ speed: hidden(fc.constantFrom(...NUMBERS)), driver: hidden(fc.constantFrom(...DRIVERS)) }),
      { maxLength: 2 },
    ),
  ),
});
type Partly = typeof partly extends fc.Arbitrary<infer T> ? T : never;

const orAll = <T>(value: T | undefined, all: readonly T[]): readonly T[] =>
  value === undefined ? all : [value];
const pairs = NUMBERS.flatMap((speed) => DRIVERS.map((driver) => ({ speed, driver })));
const anyNics = [[], ...pairs.map((one) => [one]), ...pairs.flatMap((a) => pairs.map((b) => [a, b]))];

/** Everything that could be the case. */
function* completions({ flags, cpus, nics }: Partly): Generator<Real> {
  const nicsOf =
    nics === undefined
      ? anyNics
      : nics.reduce<(typeof pairs)[]>(
          (so, nic) =>
            so.flatMap((list) =>
              orAll(nic.speed, NUMBERS).flatMap((speed) =>
                orAll(nic.driver, DRIVERS).map((driver) => [...list, { speed, driver }]),
              ),
            ),
          [[]],
        );
  for (const root of orAll(flags.root, [true, false]))
    for (const virtual of orAll(flags.virtual, [true, false]))
      for (const count of orAll(cpus, [...NUMBERS, null]))
        for (const list of nicsOf) yield { flags: { root, virtual }, cpus: count ?? undefined, nics: list };
}

function factsOf({ flags, cpus, nics }: Partly): TagFacts {
  const nicsSeen: Sighting =
    nics === undefined
      ? UNKNOWN
      : nics.length === 0
        ? ABSENT
        : devices(
            ...nics.map(({ speed, driver }, n) => ({
              place: `eth${n}`,
              attributes: {
                ...(speed === undefined ? {} : { speed: String(speed) }),
                ...(driver === undefined ? {} : { driver }),
              },
            })),
          );
  const of: Record<string, Sighting> = {
    cpus: cpus === undefined ? UNKNOWN : cpus === null ? ABSENT : seen(String(cpus)),
    nic: nicsSeen,
  };
  for (const name of FLAGS) {
    const is = flags[name as 'root' | 'virtual'];
    of[name] = is === undefined ? UNKNOWN : is ? seen('') : ABSENT;
  }
  return known(of);
}

const operator = fc.constantFrom<Operator>('=', '!=', '>', '>=', '<', '<=');
const tagLeaf = (...names: readonly string[]) =>
  fc.constantFrom(...names).map((name): Requirement => ({ kind: 'tag', name }));
const cpusLeaf = fc
  .tuple(operator, fc.constantFrom(...NUMBERS))
  .map(([op, n]): Requirement => ({ kind: 'compare', name: 'cpus', operator: op, value: String(n) }));
const nicLeaf = fc
  .record({
    speed: hidden(fc.tuple(operator, fc.constantFrom(...NUMBERS))),
    driver: hidden(fc.tuple(fc.constantFrom<Operator>('=', '!='), fc.constantFrom(...DRIVERS))),
    count: fc.integer({ min: 1, max: 2 }),
  })
  .map(
    ({ speed, driver, count }): Requirement => ({
      kind: 'device',
      name: 'nic',
      where: [
        ...(speed === undefined ? [] : [{ attribute: 'speed', operator: speed[0], value: String(speed[1]) }]),
        ...(driver === undefined ? [] : [{ attribute: 'driver', operator: driver[0], value: driver[1] }]),
      ],
      count,
    }),
  );

/** Formulas that name each tag once at most. */
const once: fc.Arbitrary<Requirement> = fc
  .shuffledSubarray(
    [tagLeaf('root'), tagLeaf('virtual'), fc.oneof(cpusLeaf, tagLeaf('cpus')), tagLeaf('nic')],
    {
      minLength: 1,
    },
  )
  .chain((leaves) => fc.tuple(...leaves))
  .chain((leaves) =>
    fc.tuple(
      fc.constant(leaves),
      fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 4, maxLength: 4 }),
    ),
  )
  .map(([leaves, shape]) =>
    leaves.reduce((so, leaf, n): Requirement => {
      const [isAll, negated] = shape[n] ?? [true, false];
      const joined: Requirement = { kind: isAll ? 'all' : 'any', of: [so, leaf] };
      return negated ? { kind: 'not', of: joined } : joined;
    }),
  );

describe('what is said of a host of which not everything is known', () => {
  it('is never wrong, whatever the unknown turns out to be; and exact where every tag is named once', () => {
    const tally = { yes: 0, no: 0, unknown: 0 };
    const compare = (formula: Requirement, partlyKnown: Partly) => {
      const said = holds(formula, factsOf(partlyKnown), catalogue);
      const could = new Set([...completions(partlyKnown)].map((host) => isSo(formula, host)));
      tally[said]++;
      if (said !== 'unknown') expect([...could]).toEqual([said === 'yes']);
      expect(holds(normal(formula), factsOf(partlyKnown), catalogue)).toBe(said);
      return { said, could };
    };
    fc.assert(
      fc.property(
        someFormula(fc.oneof(tagLeaf(...FLAGS, 'bare', 'cpus', 'nic'), cpusLeaf, nicLeaf)),
        partly,
        (formula, host) => {
          compare(formula, host);
        },
      ),
      { numRuns: 1500 },
    );
    fc.assert(
      fc.property(once, partly, (formula, host) => {
        const { said, could } = compare(formula, host);
        if (said === 'unknown' && !hasEdge(formula)) expect(could.size).toBe(2);
      }),
      { numRuns: 1500 },
    );
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(200);
  });
});

/** Whether some comparison has one answer for all of the few numbers that there are here. */
function hasEdge(formula: Requirement): boolean {
  if (formula.kind === 'not') return hasEdge(formula.of);
  if (formula.kind === 'all' || formula.kind === 'any') return formula.of.some(hasEdge);
  if (formula.kind !== 'compare') return false;
  const { operator: op, value } = formula;
  return !NUMBERS.some((n) => compares(n, op, Number(value)));
}

describe('after a step', () => {
  it('what it gives is known, with its value, and nothing else has changed', () => {
    const before = known({ root: seen(''), kernel: seen('5.4') });
    const then = factsWith(before, ['kernel = 6.1', 'virtual', 'model = "a b"']);
    expect(then('kernel')).toEqual(seen('6.1'));
    expect(then('virtual')).toEqual(seen(''));
    expect(then('model')).toEqual(seen('a b'));
    expect(then('root')).toEqual(seen(''));
    expect(then('memory')).toEqual(ABSENT);
    expect(holds(fromCanonical('kernel >= 6.0'), then, catalogue)).toBe('yes');
    expect(holds(fromCanonical('kernel >= 6.0'), factsWith(before, ['kernel']), catalogue)).toBe('unknown');
    expect(() => factsWith(before, ['kernel >= 5'])).toThrow(/gives 'tag' or 'tag = value'/);
  });
});

describe('why a requirement does not hold', () => {
  it('is said clause by clause in the values of the host, what is known first', () => {
    const facts = known({
      kernel: seen('5.10.0'),
      virtual: seen(''),
      cpus: UNKNOWN,
      nic: NICS,
      root: UNKNOWN,
    });
    const why = (formula: string) => misses(fromCanonical(formula), facts, catalogue);
    expect(why('kernel >= 6.1 & cpus >= 8 & nic')).toEqual([
      { clause: 'kernel >= 6.1', truth: 'no', why: 'kernel is 5.10.0, needs >= 6.1' },
      { clause: 'cpus >= 8', truth: 'unknown', why: 'cpus is not known there, needs >= 8' },
    ]);
    expect(why('kernel & nic')).toEqual([]);
  });

  it.each([
    ['model', 'model is not there'],
    ['root', 'root is not known there'],
    ['model = a', 'model is not there, needs = a'],
    ['kernel >= 5.4 < 5.9', 'kernel is 5.10.0, needs kernel >= 5.4 < 5.9'],
    ['nic speed >= 10 x 2', '1 of 2 nic there will do, needs nic speed >= 10 x 2'],
    ['nic driver = y', 'none of 2 nic there will do, and perhaps 1 more, needs nic driver = y'],
    ['not virtual', 'virtual is there, and must not be'],
    ['not root', 'root is not known there, and must not be'],
    ['not kernel >= 5', 'kernel is 5.10.0, and must not be >= 5'],
    ['model | kernel >= 6', 'none of these: kernel is 5.10.0, needs >= 6; model is not there'],
    ['bare', 'bare is not there (virtual is there, and must not be and root is not known there)'],
    ['not ()', 'nothing can ever meet this'],
  ])('%s', (formula, expected) => {
    const facts = known({ kernel: seen('5.10.0'), virtual: seen(''), nic: NICS, root: UNKNOWN });
    expect(whyNot(fromCanonical(formula), facts, catalogue)).toBe(expected);
  });
});
