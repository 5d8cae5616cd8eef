import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demandOf, hostsForTest, partOf, testsThere } from '../../src/domain/explain/compatible.js';
import { smallestCore } from '../../src/domain/explain/core.js';
import { declaredGround } from '../../src/domain/explain/declared-ground.js';
import { explain } from '../../src/domain/explain/explain.js';
import { fixesOf } from '../../src/domain/explain/fixes.js';
import type { HostState } from '../../src/domain/explain/question.js';
import { likelyStart } from '../../src/domain/explain/start.js';
import { TagUse } from '../../src/domain/explain/tag-use.js';
import { testThereTold } from '../../src/domain/explain/told.js';
import { noBits, putBit } from '../../src/domain/match/bits.js';
import { holds } from '../../src/domain/match/holds.js';
import { HostIndex } from '../../src/domain/match/host-index.js';
import { clausesOf, fromCanonical } from '../../src/domain/requirement.js';
import type { Sighting, TagFacts } from '../../src/domain/tag.js';
import { aHost, aStep } from '../stages/parts.js';
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
  const tag = (name: string, raw = '') => ({ tag: name, place: '', raw });
  const ground = declaredGround({
    grid: { name: 'lab', admin: 'ann', default: '' },
    tags: ['a', 'b', 'c'].map((name) => ({ name, meaning: name, kind: 'flag', source: { by: 'word' } })),
    aliases: [],
    pools: [{ name: 'default' }, { name: 'theirs', projects: ['kernel'] }],
    resources: [],
    types: [],
    hosts: [
      aHost('b1', { type: 'board', tags: [tag('a'), tag('kernel', '5.10.0')] }),
      aHost('b2', { type: 'board', tags: [tag('kernel', '6.2')] }),
      aHost('v1', { type: 'vm', tags: [tag('kernel', '4.0')] }),
      aHost('n1', { type: 'new' }),
      aHost('t1', { type: 'board', pool: 'theirs', tags: [tag('a'), tag('b')] }),
    ],
    steps: [aStep('give-c', 'c', { layer: 'packages' }), aStep('give-b', 'b', { needs: 'a' })],
    tests: [],
  });
  const placed = (name: string, requirement: string) => ({ name, requirement, project: 'default' });

  it('lists the tests for a host, with the steps that bring it there and what is missing', () => {
    const tests = [
      placed('any', ''),
      placed('plain', 'a'),
      placed('stepped', 'b'),
      placed('layered', 'c'),
      placed('new-kernel', 'a & kernel >= 6.1'),
      placed('gpu', 'pci 10de:1b80'),
    ];
    const there = [...testsThere(tests, partOf(ground, { host: 'b1' }))].map(testThereTold);
    const short = there.map(({ test, status, asTheyAre, steps, why }) => [
      test,
      status,
      asTheyAre,
      steps,
      why,
    ]);
    expect(short).toEqual([
      ['any', 'ready', 1, undefined, undefined],
      ['plain', 'ready', 1, undefined, undefined],
      ['stepped', 'ready', 0, ['give-b'], undefined],
      [
        'layered',
        'never',
        0,
        undefined,
        'c is not there; c is not there, and step give-c (layer packages) may not run on it',
      ],
      ['new-kernel', 'never', 0, undefined, 'kernel is 5.10.0, needs >= 6.1'],
      ['gpu', 'not known', 0, undefined, expect.stringContaining('pci is not known there')],
    ]);
  });

  it('lists the hosts for a test by type, and of a type with none what its nearest host lacks', () => {
    const found = hostsForTest(demandOf(placed('x', 'b & kernel >= 5.0'), ground), ground);
    const none = { yes: [], bySteps: [], unknown: [], barred: [], no: [] };
    expect(found).toEqual([
      { ...none, type: 'board', bySteps: ['b1'], steps: ['give-b'], unknown: [], no: ['b2', 't1'] },
      {
        ...none,
        type: 'new',
        no: ['n1'],
        nearest: { host: 'n1', misses: [expect.anything(), expect.anything()] },
      },
      {
        ...none,
        type: 'vm',
        no: ['v1'],
        nearest: { host: 'v1', misses: [expect.anything(), expect.anything()] },
      },
    ]);
    const [board] = hostsForTest(demandOf(placed('x', 'a & b'), ground), ground);
    expect(board).toMatchObject({ bySteps: ['b1'], barred: ['t1'], no: ['b2'] });
  });

  it('says of tags who provides and who needs them, and what nobody provides', () => {
    const use = new TagUse(ground, [placed('x', 'b & pci 10de:1b80')], [{ requirement: 'b', runs: 3 }]);
    expect(use.told('b')).toMatchObject({
      steps: ['give-b'],
      hosts: 1,
      hostNames: ['t1'],
      tests: 1,
      runs: 3,
      unprovided: false,
    });
    expect(use.told('a')).toMatchObject({ neededBySteps: ['give-b'], hosts: 2, hostNames: ['b1', 't1'] });
    expect(use.told('kernel')?.values).toEqual(['4.0', '5.10.0', '6.2']);
    expect(use.told('no-such-tag')).toBeUndefined();
    const nobody = new TagUse({ ...ground, steps: [] }, [placed('y', 'c')], []);
    expect(nobody.line('c')).toMatchObject({ unprovided: true, tests: 1 });
    expect(nobody.line('pci')).toMatchObject({ unprovided: false, unknown: 5 });
  });
});
