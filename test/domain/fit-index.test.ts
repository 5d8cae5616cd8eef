import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Versions } from '../../src/domain/baseline.js';
import type { Demand } from '../../src/domain/demand.js';
import { LAYERS } from '../../src/domain/layer.js';
import type { Candidate, OpenIncident } from '../../src/domain/plan/candidate.js';
import { type Answer, fitsOf, why } from '../../src/domain/plan/fit.js';
import { FitIndex, type Ground } from '../../src/domain/plan/fit-index.js';
import { canonical } from '../../src/domain/requirement.js';
import type { StepSpec } from '../../src/domain/step.js';
import type { Catalogue, Sighting } from '../../src/domain/tag.js';
import { aStep } from '../stages/parts.js';
import { aCatalogue, someFacts, someRequirement } from './a-grid.js';
import { candidate, entry, packagesOf } from './a-host.js';

const plain = aCatalogue();
/** Some tags decay, so that what a stack gave and what is declared may differ. */
const catalogue: Catalogue = {
  ...plain,
  find: (name) => {
    const spec = plain.find(name);
    if (spec === undefined) return undefined;
    if (name === 'root') return { ...spec, decays: 'test' };
    return name === 'virtual' ? { ...spec, decays: 'packages' } : spec;
  },
};
const GIVES = ['root', 'virtual', 'kernel = 6.1', 'kernel = 5.4', 'memory = 8', 'openssl'];
const NEEDS = ['', '', '', 'root', 'kernel >= 5.9', 'not virtual'];
const IDS = Array.from({ length: 12 }, (_, n) => String(n + 1));

const step: fc.Arbitrary<StepSpec> = fc
  .record({
    name: fc.constantFrom('s1', 's2', 's3', 's4'),
    gives: fc.constantFrom(...GIVES),
    needs: fc.constantFrom(...NEEDS),
    layer: fc.constantFrom(...LAYERS),
    costS: fc.constantFrom(1, 5, 9),
    restores: fc.boolean(),
    versions: fc.boolean(),
  })
  .map(({ name, gives, restores, versions, ...more }) =>
    aStep(name, gives, {
      ...more,
      ...(restores && more.layer === 'image' ? { action: { kind: 'restore', image: 'i' } } : {}),
      ...(versions && more.layer === 'packages' ? { action: packagesOf('w/foo') } : {}),
    }),
  );
const steps = fc.uniqueArray(step, { selector: ({ name }) => name, maxLength: 3 });

const host: fc.Arbitrary<Omit<Candidate, 'id'>> = fc
  .record({
    said: someFacts,
    stack: fc.array(step, { maxLength: 2 }),
    more: fc.record({
      type: fc.constantFrom('generic', 'board'),
      pool: fc.constantFrom('default', 'other'),
      expendable: fc.constantFrom(LAYERS, ['use' as const], ['boot' as const, 'use' as const]),
      canRestore: fc.boolean(),
      offline: fc.constantFrom(false, false, false, true),
      health: fc.constantFrom('good', 'good', 'good', 'suspect', 'quarantined', 'maintenance'),
      healthWhy: fc.constantFrom('one', 'two'),
      isolated: fc.boolean(),
      used: fc.boolean(),
    }),
    dirtyFrom: fc.option(fc.constantFrom(...LAYERS), { nil: undefined }),
    poolProjects: fc.option(fc.constantFrom([], ['p'], ['q', 'r']), { nil: undefined }),
    poolHalted: fc.constantFrom(undefined, undefined, undefined, 'too many'),
    reserved: fc.constantFrom(undefined, undefined, { person: 'ann', until: '2026-01-31T14:00:00Z' }),
  })
  .map(({ said, stack, more, dirtyFrom, poolProjects, poolHalted, reserved }) => {
    const { id: _, ...rest } = candidate(said as Readonly<Record<string, Sighting>>, {
      ...more,
      stack: stack.map(entry),
      catalogue,
      ...(dirtyFrom === undefined ? {} : { dirtyFrom }),
      ...(poolProjects === undefined ? {} : { poolProjects }),
      ...(poolHalted === undefined ? {} : { poolHalted }),
      ...(reserved === undefined ? {} : { reserved }),
    });
    return rest;
  });

const demand: fc.Arbitrary<Demand> = fc.record({
  requirement: fc.oneof(
    someRequirement.map(canonical),
    fc.constantFrom('', 'root', 'not virtual', 'kernel >= 5.9', 'root & kernel >= 5.9', 'board = r420'),
  ),
  prefer: fc.constantFrom([], ['virtual'], ['root', 'kernel >= 6.1']),
  target: fc.oneof(
    { weight: 5, arbitrary: fc.constant({}) },
    fc.constantFrom({ host: 'h3' }, { hostType: 'board' }, { step: 's1' }, { host: 'h2', step: 's2' }),
  ),
  purpose: fc.constantFrom('test', 'test', 'canary', 'recovery', 'trial'),
  fresh: fc.boolean(),
  avoid: fc.array(fc.record({ host: fc.constantFrom(...IDS), attempt: fc.constantFrom('1', '5') }), {
    maxLength: 2,
  }),
  project: fc.constantFrom('p', 'q'),
  versions: fc.constantFrom<Versions>({}, { 'w/foo': '1' }, { 'w/foo': '2' }, { 'w/bar': '1' }),
});

const incidents: fc.Arbitrary<readonly OpenIncident[]> = fc
  .array(
    fc.record(
      {
        scope: fc.constantFrom<OpenIncident['scope']>('host', 'step', 'step_on_host', 'test'),
        hostId: fc.constantFrom(...IDS),
        step: fc.constantFrom('s1', 's2', 's3'),
        title: fc.constantFrom('it burns', 'it is gone'),
      },
      { requiredKeys: ['scope', 'title'] },
    ),
    { maxLength: 3 },
  )
  .map((all) => all.map((one, n): OpenIncident => ({ id: String(n + 1), ...one })));

/** What happens between two beats. */
const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('host' as const), at: fc.nat(11), host }) },
  fc.record({ kind: fc.constant('gone' as const), at: fc.nat(11) }),
  fc.record({ kind: fc.constant('incidents' as const), incidents }),
  fc.record({ kind: fc.constant('steps' as const), steps }),
  fc.record({ kind: fc.constant('worked' as const), at: fc.nat(11) }),
  fc.record({ kind: fc.constant('demand' as const), demand }),
);

/** An answer as it is read, with hosts by name: who is avoided is asked of a host with its record. */
function read({ fits, laters, nevers }: Answer) {
  const named = <One extends { readonly host: Candidate }>(one: One) => ({ ...one, host: one.host.name });
  return { fits: fits.map(named), laters: laters.map(named), nevers: nevers.map(named) };
}

describe('the answers kept from beat to beat', () => {
  it('are those of asking every host anew, whatever has changed between', () => {
    fc.assert(
      fc.property(
        fc.array(host, { maxLength: 8 }),
        steps,
        incidents,
        fc.array(demand, { minLength: 1, maxLength: 4 }),
        fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 4 }),
        (first, theSteps, theIncidents, theDemands, beats) => {
          const index = new FitIndex();
          const hosts = new Map<number, Candidate>();
          const putHost = (at: number, one: Omit<Candidate, 'id'>) =>
            hosts.set(at, { ...one, id: String(at + 1), name: `h${at + 1}` });
          for (const [at, one] of first.entries()) putHost(at, one);
          let ground: Omit<Ground, 'hosts'> = { steps: theSteps, incidents: theIncidents, catalogue };
          const demands = new Map(theDemands.map((one, n) => [`d${n}`, one]));
          const okOf = new Map<string, string>();
          const beat = () => {
            const inOrder = [...hosts].sort(([a], [b]) => a - b).map(([, one]) => one);
            const answers = index.answers(demands, { ...ground, hosts: inOrder }, okOf);
            const withRecords = inOrder.map((one) => ({ ...one, okAttempt: okOf.get(one.id) ?? '0' }));
            for (const [key, one] of demands) {
              const right = fitsOf(one, withRecords, ground.steps, ground.incidents);
              const kept = answers.get(key) as Answer;
              expect(read(kept)).toEqual(read(right));
              expect(why(kept, hosts.size, 'busy')).toEqual(why(right, hosts.size, 'busy'));
            }
          };
          beat();
          for (const changes of beats) {
            for (const one of changes) {
              if (one.kind === 'host') putHost(one.at, one.host);
              else if (one.kind === 'gone') hosts.delete(one.at);
              else if (one.kind === 'incidents') ground = { ...ground, incidents: one.incidents };
              else if (one.kind === 'steps') ground = { ...ground, steps: one.steps };
              else if (one.kind === 'worked') okOf.set(String(one.at + 1), '3');
              else demands.set(`d${demands.size}`, one.demand);
            }
            beat();
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  const asked = (requirement: string): Demand => ({
    requirement,
    target: {},
    purpose: 'test',
    fresh: false,
    avoid: [],
  });
  const named = (id: string, said = {}, more: Partial<Candidate> = {}) =>
    candidate(said, { id, name: `h${id}`, catalogue, ...more });
  const kinds = (index: FitIndex, demand: Demand, ground: Partial<Ground>) => {
    const whole = { hosts: [], steps: [], incidents: [], catalogue, ...ground };
    const { fits, laters, nevers } = index.answers(new Map([['d', demand]]), whole).get('d') as Answer;
    return [fits, laters, nevers].map((all) => all.map(({ host }) => host.id).join());
  };

  it('follow incidents that shut a step, everywhere or on one host, though no host has changed', () => {
    const index = new FitIndex();
    const make = aStep('make', 'root');
    const ground = { hosts: [named('1'), named('2')], steps: [make] };
    const shut = (scope: 'step' | 'step_on_host', hostId?: string): OpenIncident[] => [
      { id: '1', scope, step: 'make', title: 'it burns', ...(hostId === undefined ? {} : { hostId }) },
    ];
    expect(kinds(index, asked('root'), ground)).toEqual(['1,2', '', '']);
    expect(kinds(index, asked('root'), { ...ground, incidents: shut('step') })).toEqual(['', '1,2', '']);
    expect(kinds(index, asked('root'), ground)).toEqual(['1,2', '', '']);
    expect(kinds(index, asked('root'), { ...ground, incidents: shut('step_on_host', '2') })).toEqual([
      '1',
      '2',
      '',
    ]);
    expect(kinds(index, asked('root'), ground)).toEqual(['1,2', '', '']);
  });

  it('follow a stack from which something can be taken away that no step gives any more', () => {
    const index = new FitIndex();
    const steps = [
      aStep('pristine', 'memory = 8', { layer: 'image', action: { kind: 'restore', image: 'i' } }),
    ];
    const old = aStep('old', 'virtual', { layer: 'packages' });
    const hosts = [named('1', { virtual: 'present' })];
    expect(kinds(index, asked('not virtual'), { hosts, steps })).toEqual(['', '', '1']);
    const carrying = [named('1', {}, { stack: [entry(old)] })];
    expect(kinds(index, asked('not virtual'), { hosts: carrying, steps })).toEqual(['1', '', '']);
  });

  it('ask nothing of hosts that have not changed', () => {
    const index = new FitIndex();
    let asks = 0;
    const hosts = ['1', '2', '3'].map((id) => {
      const one = named(id);
      const facts = (tag: string) => {
        asks++;
        return one.facts(tag);
      };
      return { ...one, facts };
    });
    const steps = [aStep('make', 'root')];
    expect(kinds(index, asked('root & not virtual'), { hosts, steps })).toEqual(['1,2,3', '', '']);
    const first = asks;
    expect(first).toBeGreaterThan(0);
    expect(kinds(index, asked('root & not virtual'), { hosts: [...hosts], steps })).toEqual([
      '1,2,3',
      '',
      '',
    ]);
    expect(asks).toBe(first);
  });
});
