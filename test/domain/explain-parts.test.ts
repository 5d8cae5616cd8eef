import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostsForTest, testsForHost } from '../../src/domain/explain/compatible.js';
import { smallestCore } from '../../src/domain/explain/core.js';
import { explain } from '../../src/domain/explain/explain.js';
import { fixesOf } from '../../src/domain/explain/fixes.js';
import type { HostState } from '../../src/domain/explain/question.js';
import { likelyStart } from '../../src/domain/explain/start.js';
import { noBits, putBit } from '../../src/domain/match/bits.js';
import { holds } from '../../src/domain/match/holds.js';
import { HostIndex } from '../../src/domain/match/host-index.js';
import { clausesOf, fromCanonical } from '../../src/domain/requirement.js';
import type { Sighting, TagFacts } from '../../src/domain/tag.js';
import { aCatalogue, someFacts, someRequirement } from './a-grid.js';

const catalogue = aCatalogue();
const known =
  (facts: Readonly<Record<string, Sighting>>): TagFacts =>
  (tag) =>
    facts[tag] ?? { presence: 'unknown' };
const there: Sighting = { presence: 'present', instances: [{ place: '', raw: '' }] };
const absent: Sighting = { presence: 'absent' };

function stateOf(name: string, more: Partial<HostState> = {}): HostState {
  const usual = { type: 'board', pool: 'main', offline: false, health: 'good', healthWhy: '' } as const;
  return { name, likeness: name, seats: 1, taken: 0, ...usual, ...more };
}

describe('the smallest set of clauses that no host meets', () => {
  const HOSTS = 40;
  const sets = (clauses: number) =>
    fc.array(fc.array(fc.boolean(), { minLength: HOSTS, maxLength: HOSTS }), {
      minLength: 0,
      maxLength: clauses,
    });
  const bitsOf = (flags: readonly boolean[]) => {
    const bits = noBits(HOSTS);
    for (const [host, on] of flags.entries()) putBit(bits, host, on);
    return bits;
  };
  const everyHost = bitsOf(Array.from({ length: HOSTS }, () => true));
  const isUnmet = (met: readonly (readonly boolean[])[], chosen: readonly number[]) =>
    everyHostOf().every((host) => chosen.some((n) => met[n]?.[host] === false));
  const everyHostOf = () => Array.from({ length: HOSTS }, (_, host) => host);

  it('is met by no host, and no smaller set is', () => {
    fc.assert(
      fc.property(sets(7), (met) => {
        const core = smallestCore(met.map(bitsOf), everyHost);
        const subsets = Array.from({ length: 2 ** met.length }, (_, mask) =>
          met.map((_, n) => n).filter((n) => (mask >> n) & 1),
        );
        const sizes = subsets.filter((chosen) => isUnmet(met, chosen)).map((chosen) => chosen.length);
        if (core === undefined) {
          expect(sizes).toEqual([]);
          return;
        }
        expect(isUnmet(met, core.clauses)).toBe(true);
        expect(core.clauses.length).toBe(Math.min(...sizes));
        expect(core.isSmallest).toBe(true);
      }),
    );
  });

  it('has no clause too many where there are too many to try them all, and says that it may not be the smallest', () => {
    const sparse = fc.array(fc.array(fc.integer({ min: 0, max: HOSTS - 1 }), { maxLength: 8 }), {
      minLength: 13,
      maxLength: 20,
    });
    fc.assert(
      fc.property(sparse, (missing) => {
        const met = missing.map((without) => everyHostOf().map((host) => !without.includes(host)));
        const core = smallestCore(met.map(bitsOf), everyHost);
        if (core === undefined) {
          const all = met.map((_, n) => n);
          expect(isUnmet(met, all)).toBe(false);
          return;
        }
        expect(core.isSmallest).toBe(false);
        expect(isUnmet(met, core.clauses)).toBe(true);
        for (const clause of core.clauses)
          expect(
            isUnmet(
              met,
              core.clauses.filter((other) => other !== clause),
            ),
          ).toBe(false);
      }),
    );
  });
});

describe('an explanation', () => {
  it('counts every host right, and its core is never met, on any grid', () => {
    fc.assert(
      fc.property(fc.array(someFacts, { maxLength: 12 }), someRequirement, (grid, requirement) => {
        const index = new HostIndex(catalogue);
        for (const [host, facts] of grid.entries()) index.add(host, known(facts));
        const { counts, core, nearest, status } = explain({
          requirement,
          catalogue,
          index,
          hosts: new Map(grid.map((_, host) => [host, stateOf(`h${host}`)])),
          givable: new Set(),
          reachable: () => ({ ok: false, why: 'no step' }),
        });
        const truths = grid.map((facts) => holds(requirement, known(facts), catalogue));
        const met = truths.filter((truth) => truth === 'yes').length;
        expect(counts).toMatchObject({ hosts: grid.length, ever: met, asTheyAre: met, free: met });
        if (grid.length === 0) {
          expect(status).toBe('no hosts');
          return;
        }
        expect(status).toBe(met > 0 ? 'ready' : truths.includes('unknown') ? 'not known' : 'never');
        const asked = core.map(({ clause }) => fromCanonical(clause));
        expect(core.length > 0).toBe(met === 0);
        for (const facts of grid.filter(() => core.length > 0)) {
          const truth = holds({ kind: 'all', of: asked }, known(facts), catalogue);
          if (status === 'never') expect(truth).toBe('no');
          else expect(truth).not.toBe('yes');
        }
        const fewest = grid.map((facts) => lacking(requirement, known(facts)));
        expect(nearest[0]?.lacks.length).toBe(
          nearest[0] === undefined ? undefined : fewest[Number(nearest[0].name.slice(1))],
        );
        if (met > 0) expect(nearest[0]?.lacks).toEqual([]);
      }),
      { numRuns: 200 },
    );
    function lacking(requirement: Parameters<typeof holds>[0], facts: TagFacts): number {
      return clausesOf(requirement).filter((clause) => holds(clause, facts, catalogue) !== 'yes').length;
    }
  });

  it('asks steps once for hosts that are alike, and of so many others at most, and then says so', () => {
    const index = new HostIndex(catalogue);
    const hosts = new Map<number, HostState>();
    for (let host = 0; host < 5000; host++) {
      index.add(host, known({ root: absent }));
      hosts.set(host, stateOf(`h${host}`, { likeness: host < 2000 ? 'same' : `${host}` }));
    }
    let calls = 0;
    const { counts } = explain({
      requirement: { kind: 'tag', name: 'root' },
      catalogue,
      index,
      hosts,
      givable: new Set(['root']),
      reachable: () => {
        calls++;
        return { ok: true, costS: 1, steps: ['become-root'] };
      },
    });
    expect(calls).toBe(2000);
    expect(counts).toMatchObject({ ever: 3999, asTheyAre: 0, isCutOff: true });
  });

  it('says who can do what: look, mend, bring back, allow, loosen', () => {
    const fixes = (facts: Record<string, Sighting>, state: Partial<HostState>, note?: 'drift') => {
      const index = new HostIndex(catalogue);
      index.add(0, known(facts));
      return fixesOf(
        explain({
          requirement: { kind: 'tag', name: 'root' },
          catalogue,
          index,
          hosts: new Map([[0, stateOf('a', state)]]),
          givable: new Set(),
          reachable: () => ({ ok: false, why: '' }),
          noteOf: () => (note === undefined ? undefined : { kind: note }),
        }),
      ).map((fix) => fix.kind);
    };
    expect(fixes({}, {})).toEqual(['look']);
    expect(fixes({ root: absent }, {}, 'drift')).toEqual(['mend']);
    expect(fixes({ root: there }, { offline: true })).toEqual(['bring back']);
    expect(fixes({ root: there }, { barred: 'it is for others' })).toEqual(['allow']);
    expect(fixes({ root: absent }, {})).toEqual(['loosen']);
    expect(fixes({ root: there }, { taken: 1 })).toEqual([]);
  });
});

describe('a likely start', () => {
  it('is when the runs before it have taken their turns on the seats there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }),
        fc.nat(40),
        fc.integer({ min: 10, max: 500 }),
        (freeInS, ahead, typicalS) => {
          const free = [...freeInS];
          const next = () => free.indexOf(Math.min(...free));
          for (let run = 0; run < ahead; run++) free[next()] = Math.min(...free) + typicalS;
          const start = likelyStart({ place: 1, of: 1, ahead, typicalS, freeInS }, 7);
          expect('inS' in start && Math.abs(start.inS - 7 - Math.min(...free)) <= 1).toBe(true);
        },
      ),
    );
  });

  it('is not guessed where nothing is known of how long runs take, or no host is up', () => {
    expect(likelyStart({ place: 2, of: 2, ahead: 1, freeInS: [0] }, 0)).toHaveProperty('unknown');
    expect(likelyStart({ place: 1, of: 2, ahead: 0, typicalS: 5, freeInS: [] }, 0)).toHaveProperty('unknown');
    expect(likelyStart({ place: 1, of: 2, ahead: 0, freeInS: [0, 90] }, 30)).toEqual({ inS: 30 });
  });
});

describe('what goes together', () => {
  const facts = known({
    root: there,
    kernel: { presence: 'present', instances: [{ place: '', raw: '5.10.0' }] },
  });
  const named = (name: string, needs: string) => ({ name, requirement: fromCanonical(needs) });

  it('lists the tests for a host: those that can run there, then what might, then the others with what is missing', () => {
    const tests = [
      named('new-kernel', 'kernel >= 6.1 & root'),
      named('plain', 'root'),
      named('gpu', 'pci 10de:1b80'),
      named('any', ''),
    ];
    expect(testsForHost(tests, facts, catalogue)).toEqual([
      { test: 'any', truth: 'yes', misses: [] },
      { test: 'plain', truth: 'yes', misses: [] },
      {
        test: 'gpu',
        truth: 'unknown',
        misses: [expect.objectContaining({ clause: 'pci 10de:1b80', truth: 'unknown' })],
      },
      {
        test: 'new-kernel',
        truth: 'no',
        misses: [{ clause: 'kernel >= 6.1', truth: 'no', why: 'kernel is 5.10.0, needs >= 6.1' }],
      },
    ]);
  });

  it('lists the hosts for a test by type, and of a type with none what its nearest host lacks', () => {
    const index = new HostIndex(catalogue);
    const grid: Readonly<Record<string, readonly [string, TagFacts]>> = {
      b1: ['board', facts],
      b2: ['board', known({ root: absent })],
      v2: ['vm', known({ root: absent, kernel: absent })],
      v1: ['vm', known({ root: there, kernel: absent })],
      n1: ['new', known({})],
    };
    const hosts = new Map<number, { name: string; type: string }>();
    for (const [n, [name, [type, has]]] of Object.entries(grid).entries()) {
      index.add(n, has);
      hosts.set(n, { name, type });
    }
    const found = hostsForTest(fromCanonical('root & kernel >= 5.0'), hosts, index, catalogue);
    expect(found).toEqual([
      { type: 'board', yes: ['b1'], unknown: [], no: ['b2'] },
      {
        type: 'new',
        yes: [],
        unknown: ['n1'],
        no: [],
        nearest: { host: 'n1', misses: [expect.anything(), expect.anything()] },
      },
      {
        type: 'vm',
        yes: [],
        unknown: [],
        no: ['v1', 'v2'],
        nearest: { host: 'v1', misses: [expect.objectContaining({ clause: 'kernel >= 5.0' })] },
      },
    ]);
  });
});
