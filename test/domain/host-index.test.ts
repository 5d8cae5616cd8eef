import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasBit } from '../../src/domain/match/bits.js';
import { Dictionary } from '../../src/domain/match/dictionary.js';
import { holds } from '../../src/domain/match/holds.js';
import { HostIndex } from '../../src/domain/match/host-index.js';
import type { Requirement, Truth } from '../../src/domain/requirement.js';
import type { Catalogue, Sighting, TagFacts } from '../../src/domain/tag.js';
import { aCatalogue, someFacts, someRequirement, TAGS } from './a-grid.js';

const catalogue = aCatalogue();

/** What the index says of a host. */
function truthOf(index: HostIndex, requirement: Requirement, host: number): Truth {
  const { yes, maybe } = index.match(index.compile(requirement));
  return hasBit(yes, host) ? 'yes' : hasBit(maybe, host) ? 'unknown' : 'no';
}

const known =
  (facts: Readonly<Record<string, Sighting>>): TagFacts =>
  (tag) =>
    facts[tag] ?? { presence: 'unknown' };
const flag = (presence: 'present' | 'absent'): Sighting =>
  presence === 'present' ? { presence, instances: [{ place: '', raw: '' }] } : { presence };
const value = (...raws: string[]): Sighting => ({
  presence: 'present',
  instances: raws.map((raw) => ({ place: '', raw })),
});

/** An index with what is to be known of its hosts kept beside it. */
class Pair {
  readonly index: HostIndex;
  readonly facts = new Map<number, Readonly<Record<string, Sighting>>>();

  constructor(over: Catalogue) {
    this.index = new HostIndex(over);
  }

  add(host: number, facts: Readonly<Record<string, Sighting>>): void {
    this.facts.set(host, facts);
    this.index.add(host, known(facts));
  }

  /** Every host on which the index and `holds` differ. */
  disagreements(requirement: Requirement, program = this.index.compile(requirement)): string[] {
    const { yes, maybe } = this.index.match(program);
    const wrong: string[] = [];
    for (let host = 0; host < yes.length * 32; host++) {
      const facts = this.facts.get(host);
      const truth = facts === undefined ? 'no' : holds(requirement, known(facts), catalogue);
      const said = hasBit(yes, host)
        ? hasBit(maybe, host)
          ? 'yes'
          : 'yes but no'
        : hasBit(maybe, host)
          ? 'unknown'
          : 'no';
      if (said !== truth) wrong.push(`host ${host}: ${said}, but ${truth}`);
    }
    return wrong;
  }
}

describe('the index over hosts', () => {
  it('says of every host what the formula says of it, whatever the grid and the formula', () => {
    fc.assert(
      fc.property(
        fc.array(someFacts, { maxLength: 70 }),
        fc.array(someRequirement, { minLength: 1, maxLength: 6 }),
        (grid, requirements) => {
          const pair = new Pair(catalogue);
          for (const [host, facts] of grid.entries()) pair.add(host, facts);
          for (const requirement of requirements) expect(pair.disagreements(requirement)).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('stays right while hosts come, change and go, for requirements compiled before', () => {
    const change = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), host: fc.nat(130), facts: someFacts }),
      fc.record({
        kind: fc.constant('part' as const),
        host: fc.nat(130),
        facts: someFacts,
        tags: fc.subarray([...TAGS]),
      }),
      fc.record({ kind: fc.constant('remove' as const), host: fc.nat(130) }),
    );
    fc.assert(
      fc.property(
        fc.array(someFacts, { minLength: 1, maxLength: 20 }),
        fc.array(someRequirement, { minLength: 1, maxLength: 4 }),
        fc.array(change, { minLength: 1, maxLength: 25 }),
        (grid, requirements, changes) => {
          const pair = new Pair(catalogue);
          for (const [host, facts] of grid.entries()) pair.add(host, facts);
          const programs = requirements.map((requirement) => pair.index.compile(requirement));
          const check = () =>
            expect(requirements.flatMap((r, n) => pair.disagreements(r, programs[n]))).toEqual([]);
          check();
          changes.forEach((c, n) => {
            if (c.kind === 'add') pair.add(c.host, c.facts);
            else if (c.kind === 'remove') {
              pair.facts.delete(c.host);
              pair.index.remove(c.host);
            } else {
              const before = pair.facts.get(c.host);
              if (before === undefined) return;
              const facts = { ...before };
              for (const tag of c.tags) facts[tag] = c.facts[tag] ?? { presence: 'unknown' };
              pair.facts.set(c.host, facts);
              pair.index.update(c.host, known(facts), c.tags);
            }
            if (n % 5 === 0) check();
          });
          check();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('keeps absent and unknown apart: unknown meets neither X nor not X', () => {
    const pair = new Pair(catalogue);
    pair.add(0, { root: flag('present') });
    pair.add(1, { root: flag('absent') });
    pair.add(2, {});
    const root: Requirement = { kind: 'tag', name: 'root' };
    expect([0, 1, 2].map((host) => truthOf(pair.index, root, host))).toEqual(['yes', 'no', 'unknown']);
    expect([0, 1, 2].map((host) => truthOf(pair.index, { kind: 'not', of: root }, host))).toEqual([
      'no',
      'yes',
      'unknown',
    ]);
  });

  it('wants everything asked of a device from one and the same device', () => {
    const pair = new Pair(catalogue);
    const card = (place: string, id: string, speed: string) => ({
      place,
      raw: '',
      attributes: { id, speed },
    });
    pair.add(0, {
      pci: { presence: 'present', instances: [card('01:00.0', 'aa', '1'), card('02:00.0', 'bb', '9')] },
    });
    pair.add(1, { pci: { presence: 'present', instances: [card('01:00.0', 'aa', '9')] } });
    const fast: Requirement = {
      kind: 'device',
      name: 'pci',
      id: 'aa',
      where: [{ attribute: 'speed', operator: '>=', value: '5' }],
      count: 1,
    };
    expect([0, 1].map((host) => truthOf(pair.index, fast, host))).toEqual(['no', 'yes']);
  });

  it('forgets values that no host has any more, however often one changes', () => {
    const pair = new Pair(catalogue);
    pair.add(0, { memory: value('7') });
    const enough: Requirement = { kind: 'compare', name: 'memory', operator: '>=', value: '500' };
    const program = pair.index.compile(enough);
    for (let n = 1; n <= 1000; n++) pair.add(1, { memory: value(`${n}`) });
    expect(pair.index.valuesOf('memory').map((v) => v.raw)).toEqual(['7', '1000']);
    expect(pair.disagreements(enough, program)).toEqual([]);
    expect(truthOf(pair.index, enough, 1)).toBe('yes');
  });

  it('takes a tag that leads back to itself for unknown, as formulas do', () => {
    const pair = new Pair(catalogue);
    pair.add(0, { root: flag('absent'), virtual: flag('present'), kernel: value('6.1.0') });
    expect(pair.disagreements({ kind: 'tag', name: 'itself' })).toEqual([]);
    pair.add(0, { root: flag('present'), virtual: flag('absent'), kernel: value('6.1.0') });
    expect(pair.disagreements({ kind: 'tag', name: 'round' })).toEqual([]);
    expect(truthOf(pair.index, { kind: 'tag', name: 'turns' }, 0)).toBe('unknown');
    expect(pair.disagreements({ kind: 'tag', name: 'turns' })).toEqual([]);
  });

  it('keeps no more of values that are gone than of those that are there', () => {
    const dictionary = new Dictionary({ kind: 'quantity', unit: '' });
    let before = dictionary.enter(value('0'));
    for (let n = 1; n <= 64; n++) {
      const number = dictionary.enter(value(`${n}`));
      dictionary.leave(before);
      before = number;
    }
    expect(dictionary.isMostlyDead).toBe(false);
    dictionary.enter(value('65'));
    dictionary.leave(before);
    expect(dictionary.isMostlyDead).toBe(true);
  });

  it('lists the values that a tag has somewhere in their order, with how many hosts have each', () => {
    const pair = new Pair(catalogue);
    for (const [host, raw] of ['5.10.0', '5.9.0', '5.10', '6.1.0', '6.2.0'].entries())
      pair.add(host, { kernel: value(raw) });
    pair.index.compile({ kind: 'tag', name: 'kernel' });
    pair.index.remove(4);
    expect(pair.index.valuesOf('kernel')).toEqual([
      { raw: '5.9.0', hosts: 1 },
      { raw: '5.10.0', hosts: 2 },
      { raw: '6.1.0', hosts: 1 },
    ]);
    expect(pair.index.valuesOf('root')).toEqual([]);
  });
});
