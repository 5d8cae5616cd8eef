import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Demand } from '../../src/domain/demand.js';
import type { HostFacts } from '../../src/domain/host.js';
import { type Layer, reaches } from '../../src/domain/layer.js';
import { holds } from '../../src/domain/match/holds.js';
import type { Candidate } from '../../src/domain/plan/candidate.js';
import { fitsOf, why } from '../../src/domain/plan/fit.js';
import { planChain } from '../../src/domain/provision/chain.js';
import { canonical, fromCanonical, type Operator, type Requirement } from '../../src/domain/requirement.js';
import { givenBy, isRestore, needsOf, type StepSpec } from '../../src/domain/step.js';
import type { Decay, Sighting, TagFacts } from '../../src/domain/tag.js';
import { aStep } from '../stages/parts.js';
import { COUNT, catalogueOf, derived, KERNEL, TEXT, tag } from './a-catalogue.js';
import { candidate, entry, facts, type Said } from './a-host.js';

const catalogue = catalogueOf([
  ...['virtual', 'svc', 'gpu', 'a', 'b'].map((name) => tag(name)),
  tag('kernel', KERNEL),
  tag('cpus', COUNT),
  tag('model', TEXT),
  tag('fresh_reboot', 'flag', { decays: 'test' }),
  tag('win_fresh_install', 'flag', { decays: 'packages' }),
  tag('pci', { kind: 'device', attributes: { driver: TEXT } }),
  derived('modern', 'kernel >= 6.0 & not virtual'),
  derived('bare', 'not svc'),
]);
const host = (said: Said = {}, more: Partial<HostFacts> = {}) => facts(said, { catalogue, ...more });
const restore = aStep('pristine', 'a', {
  layer: 'image',
  action: { kind: 'restore', image: 'base' },
  costS: 50,
});
const boot = (version: string, costS = 5) =>
  aStep(`boot-${version}`, `kernel = ${version}`, { layer: 'boot', costS });
const reboot = aStep('reboot', 'fresh_reboot', { layer: 'boot', costS: 3 });
const install = aStep('install-windows', 'win_fresh_install', { layer: 'image', costS: 90 });
const update = aStep('update', 'b', { layer: 'packages', costS: 9 });
const serve = aStep('serve', 'svc');
const gpu = (driver: string): Sighting => ({
  presence: 'present',
  instances: [{ place: '0000:01:00.0', raw: '10de:1b80', attributes: { id: '10de:1b80', driver } }],
});

const plan = (requirement: string, on: HostFacts, steps: readonly StepSpec[]) =>
  planChain({ requirement: fromCanonical(requirement), fresh: false }, on, steps);
const said = (chain: ReturnType<typeof planChain>) =>
  chain.ok ? chain.steps.map((step) => step.name) : `${chain.presence}: ${chain.why}`;

describe('the chain for a whole formula', () => {
  it.each<[string, string, HostFacts, StepSpec[], string[] | string]>([
    // Values and ranges
    ['a version that will do is kept', 'kernel >= 5.4', host({ kernel: { is: '6.1' } }), [boot('6.9')], []],
    [
      'one that will not do is changed',
      'kernel >= 6.0',
      host({ kernel: { is: '5.4' } }),
      [boot('6.1')],
      ['boot-6.1'],
    ],
    [
      'of two kernels the one in the range is booted, though dearer',
      'kernel >= 6.0 < 6.5',
      host({ kernel: { is: '5.4' } }),
      [boot('6.9', 1), boot('6.1', 9)],
      ['boot-6.1'],
    ],
    [
      'a step that gives too little is no way',
      'kernel >= 6.0',
      host({ kernel: { is: '5.4' } }),
      [boot('5.10')],
      'absent: kernel is 5.4, needs >= 6.0: no step gives it',
    ],
    [
      'nor is one that does not say what it gives',
      'kernel >= 6.0',
      host(),
      [aStep('some-kernel', 'kernel')],
      'absent: kernel is not there, needs >= 6.0: no step gives it',
    ],
    [
      'but it is a way to have the tag at all',
      'kernel',
      host(),
      [aStep('some-kernel', 'kernel')],
      ['some-kernel'],
    ],
    [
      'a value that is not right is changed to one that is',
      'kernel != 5.4',
      host({ kernel: { is: '5.4' } }),
      [boot('5.4'), boot('6.1')],
      ['boot-6.1'],
    ],
    [
      'quantities and texts',
      'cpus >= 8 & model = m',
      host({ cpus: { is: '16' }, model: { is: 'm' } }),
      [],
      [],
    ],
    [
      'a device is not put in by a step',
      'pci 10de:1b80 driver = nvidia',
      host({ pci: gpu('nouveau') }),
      [aStep('x', 'a')],
      'absent: none of 1 pci there will do, needs pci 10de:1b80 driver = nvidia: no step gives it',
    ],
    [
      'a device that is there',
      'pci 10de:1b80 @ 01:00.0 driver = nvidia',
      host({ pci: gpu('nvidia') }),
      [],
      [],
    ],
    // Any of
    ['one of several that is there', 'gpu | svc', host({ gpu: 'present' }), [serve], []],
    ['the cheapest of several', 'gpu | svc', host(), [aStep('plug', 'gpu', { costS: 9 }), serve], ['serve']],
    [
      'the one of several that can be had',
      '(gpu & svc) | kernel >= 6.0',
      host({}, { expendable: ['boot'] }),
      [serve, boot('6.1')],
      ['boot-6.1'],
    ],
    [
      'both parts of the one that can be had',
      '(gpu & svc) | kernel >= 6.0',
      host(),
      [serve, aStep('plug', 'gpu')],
      ['plug', 'serve'],
    ],
    [
      'none of several',
      'gpu | svc',
      host(),
      [],
      'absent: gpu is not there and no step gives it; svc is not there and no step gives it',
    ],
    [
      'none of several, one of which is not known',
      'gpu | svc',
      host({ svc: 'unknown' }),
      [],
      'unknown: svc is not known there and no step gives it',
    ],
    // Not
    ['what is known not to be there', 'not virtual', host(), [], []],
    [
      'what is there and no step takes away',
      'not virtual',
      host({ virtual: 'present' }),
      [restore],
      'absent: virtual is there, and must not be: no step takes it away',
    ],
    [
      'what is not known',
      'not virtual',
      host({ virtual: 'unknown' }),
      [restore],
      'unknown: virtual is not known there, and must not be: no step takes it away',
    ],
    [
      'what the stack gave is taken away by a restore',
      'not svc',
      host({}, { stack: [entry(serve)] }),
      [serve, restore],
      ['pristine'],
    ],
    [
      'and by nothing else',
      'not svc',
      host({}, { stack: [entry(serve)] }),
      [serve, update],
      'absent: svc is there, and must not be: no step takes it away',
    ],
    [
      'and only where that is allowed',
      'not svc',
      host({}, { stack: [entry(serve)], canRestore: false }),
      [restore],
      'absent: svc is there, and must not be: step pristine (layer image) may not run on one',
    ],
    [
      'a kernel that must not be is changed',
      'not kernel < 6.0',
      host({ kernel: { is: '5.4' } }),
      [boot('6.1')],
      ['boot-6.1'],
    ],
    [
      'a step that needs something not to be runs before what gives it',
      'a & svc',
      host(),
      [aStep('z-first', 'a', { needs: 'not svc' }), serve],
      ['z-first', 'serve'],
    ],
    [
      'a step that needs something not to be runs after a restore',
      'b',
      host({}, { stack: [entry(serve)] }),
      [aStep('make-b', 'b', { needs: 'not svc' }), restore],
      ['pristine', 'make-b'],
    ],
    [
      'what is wanted and must not be',
      'svc & not svc',
      host(),
      [serve],
      'absent: no order of the steps gives not svc, svc on one',
    ],
    // Derived tags
    [
      'a derived tag by what it follows from',
      'modern',
      host({ kernel: { is: '5.4' } }),
      [boot('6.1')],
      ['boot-6.1'],
    ],
    [
      'a derived tag that cannot be had names what is in the way',
      'modern',
      host({ kernel: { is: '6.1' }, virtual: 'present' }),
      [boot('6.1')],
      'absent: virtual is there, and must not be: no step takes it away',
    ],
    ['the contrary of a derived tag', 'not bare', host(), [serve], ['serve']],
    ['a derived tag by a restore', 'bare', host({}, { stack: [entry(serve)] }), [restore], ['pristine']],
    // Needs are formulas too
    [
      'a step needs a range',
      'gpu',
      host({ kernel: { is: '5.4' } }),
      [aStep('driver', 'gpu', { needs: 'kernel >= 6.0 < 6.5' }), boot('6.9'), boot('6.1')],
      ['boot-6.1', 'driver'],
    ],
    [
      'a step needs one of two',
      'gpu',
      host(),
      [aStep('driver', 'gpu', { needs: 'kernel >= 6.0 | svc' }), boot('6.1'), serve],
      ['serve', 'driver'],
    ],
    [
      'what gives the right value has the last word',
      'cpus = 3 & svc',
      host(),
      [aStep('a-right', 'cpus = 3'), aStep('b-wrong', 'svc', { gives: ['svc', 'cpus = 2'] })],
      ['b-wrong', 'a-right'],
    ],
    [
      'a restore is never put behind a step of its layer, whatever that needs',
      'b & svc',
      host(),
      [{ ...restore, gives: ['a', 'svc'] }, aStep('image-b', 'b', { layer: 'image', needs: 'not svc' })],
      'absent: no order of the steps gives b, svc on one',
    ],
    // Decay
    [
      'a fresh reboot is kept until something ran',
      'fresh_reboot',
      host({}, { stack: [entry(reboot)] }),
      [reboot],
      [],
    ],
    [
      'and made again afterwards',
      'fresh_reboot',
      host({}, { stack: [entry(reboot)], used: true }),
      [reboot],
      ['reboot'],
    ],
    [
      'but not where what ran left nothing',
      'fresh_reboot',
      host({}, { stack: [entry(reboot)], used: true, isolated: true }),
      [],
      [],
    ],
    [
      'what has decayed is known not to be',
      'not fresh_reboot',
      host({}, { stack: [entry(reboot)], used: true }),
      [reboot],
      [],
    ],
    [
      'a fresh installation lasts while only higher layers are dirty',
      'win_fresh_install',
      host({}, { stack: [entry(install)], used: true, dirtyFrom: 'boot' }),
      [install],
      [],
    ],
    [
      'and no longer once packages have changed',
      'win_fresh_install',
      host({}, { stack: [entry(install)], used: true, dirtyFrom: 'packages' }),
      [install],
      ['install-windows'],
    ],
    [
      'a step that changes packages ends it as well',
      'win_fresh_install & b',
      host({}, { stack: [entry(install)] }),
      [install, update],
      'absent: no order of the steps gives b, win_fresh_install on one',
    ],
    [
      'one above packages does not',
      'win_fresh_install & svc',
      host({}, { stack: [entry(install)] }),
      [install, serve],
      ['serve'],
    ],
  ])('%s', (_title, requirement, on, steps, expected) => {
    expect(said(plan(requirement, on, steps))).toEqual(expected);
  });
});

describe('preferences', () => {
  const demand = (requirement: string, ...prefer: string[]): Demand => ({
    requirement,
    prefer,
    target: {},
    purpose: 'test',
    fresh: false,
    avoid: [],
  });
  const one = (id: string, tags: Said, more: Partial<Candidate> = {}) =>
    candidate(tags, { id, name: `h${id}`, catalogue, ...more });
  const order = (asked: Demand, hosts: readonly Candidate[], steps: readonly StepSpec[] = []) =>
    fitsOf(asked, hosts, steps, []).fits.map((fit) => fit.host.name);

  it('put first what meets more of them, among hosts that are equally dear', () => {
    const hosts = [
      one('1', { kernel: { is: '5.4' } }),
      one('2', { kernel: { is: '6.1' } }),
      one('3', { kernel: { is: '6.1' }, gpu: 'present' }),
    ];
    expect(order(demand('kernel', 'kernel >= 6.0', 'gpu'), hosts)).toEqual(['h3', 'h2', 'h1']);
    expect(order(demand('kernel'), hosts)).toEqual(['h1', 'h2', 'h3']);
  });

  it('never make a run dearer, exclude nobody, and count what the chain itself brings', () => {
    const dear = one('1', { kernel: { is: '6.1' } });
    const cheap = one('2', { svc: 'present' });
    expect(order(demand('svc', 'kernel >= 6.0'), [dear, cheap], [serve])).toEqual(['h2', 'h1']);
    expect(order(demand('', 'nowhere'), [dear, cheap])).toEqual(['h1', 'h2']);
    const brings = aStep('brings', 'svc', { gives: ['svc', 'gpu'] });
    const fits = fitsOf(demand('svc', 'gpu', 'not virtual'), [one('1', {})], [brings], []).fits;
    expect(fits[0]?.preferred).toBe(2);
  });

  it('say in the words of the host why nothing serves', () => {
    const hosts = [one('1', { kernel: { is: '5.4' } })];
    const asked = demand('kernel >= 6.0');
    expect(why(fitsOf(asked, hosts, [], []), 1, 'busy')).toEqual({
      kind: 'never',
      reason: 'no host of this grid can serve it: kernel is 5.4, needs >= 6.0: no step gives it',
    });
  });
});

// ---- against every order of every set of steps ---------------------------------------------------------------

const flag = (name: string): Requirement => ({ kind: 'tag', name });
const someClause = fc.oneof(
  fc.constantFrom('a', 'b', 'cpus', 'bare').map(flag),
  fc
    .tuple(fc.constantFrom<Operator>('=', '!=', '>=', '<'), fc.integer({ min: 1, max: 3 }))
    .map(
      ([operator, value]): Requirement => ({ kind: 'compare', name: 'cpus', operator, value: String(value) }),
    ),
);
const someLiteral = fc
  .tuple(someClause, fc.boolean())
  .map(([of, negated]): Requirement => (negated ? { kind: 'not', of } : of));
const someWish = fc.oneof(
  someLiteral,
  fc.array(someLiteral, { maxLength: 3 }).map((of): Requirement => ({ kind: 'all', of })),
  fc.array(someLiteral, { minLength: 1, maxLength: 3 }).map((of): Requirement => ({ kind: 'any', of })),
  fc
    .array(fc.array(someLiteral, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 })
    .map((of): Requirement => ({ kind: 'any', of: of.map((part) => ({ kind: 'all', of: part })) })),
);
const someGift = fc.constantFrom('a', 'b', 'svc', 'cpus = 1', 'cpus = 2', 'cpus = 3', 'cpus');
const someStep = fc
  .record({
    layer: fc.constantFrom<Layer>('image', 'packages', 'use'),
    gives: fc.uniqueArray(someGift, { minLength: 1, maxLength: 2, selector: (gift) => givenBy(gift).tag }),
    needs: fc.oneof(fc.constant(''), someLiteral.map(canonical)),
    costS: fc.integer({ min: 1, max: 9 }),
    restores: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ restores, ...step }) => ({
    ...step,
    ...(restores === 0 ? { layer: 'image' as const, needs: '' } : {}),
    action:
      restores === 0 ? ({ kind: 'restore', image: 'i' } as const) : ({ kind: 'script', script: '' } as const),
  }));
const someLab = fc.record({
  steps: fc.array(someStep, { maxLength: 4 }).map((list) => list.map((step, n) => aStep(`s${n}`, '', step))),
  stacked: fc.uniqueArray(fc.nat({ max: 3 }), { maxLength: 2 }),
  own: fc.dictionary(
    fc.constantFrom('a', 'b', 'svc', 'cpus'),
    fc.constantFrom<Said[string]>('present', 'unknown', { is: '1' }, { is: '3' }),
    { maxKeys: 2 },
  ),
  wanted: someWish,
  decays: fc.constantFrom<Decay | undefined>(undefined, 'test', 'packages'),
});
type SomeLab = typeof someLab extends fc.Arbitrary<infer T> ? T : never;

/** What a step left, until something takes it away. */
interface Left {
  readonly layer: Layer;
  readonly step: string;
  readonly tag: string;
  readonly value: string;
  state: 'stands' | 'doubtful' | 'gone';
}

/** Carries a chain out on a model of the host; undefined where a step has not got what it needs. */
function carriedOut(steps: readonly StepSpec[], on: HostFacts, own: TagFacts): TagFacts | undefined {
  const decaysOf = (name: string) => on.catalogue.find(name)?.decays;
  const asLeft = ({ layer, gives }: Pick<StepSpec, 'layer' | 'gives'>, step: string): Left[] =>
    gives
      .map(givenBy)
      .map(({ tag: name, value = '' }) => ({ layer, step, tag: name, value, state: 'stands' }));
  const left = on.stack.flatMap((one) => asLeft(one, one.step));
  for (const one of left) if (on.used && decaysOf(one.tag) === 'test') one.state = 'gone';
  const now: TagFacts = (name) => {
    const given = left.filter((one) => one.tag === name);
    const last = given.findLast((one) => one.state !== 'gone');
    if (given.length === 0) return own(name);
    if (last === undefined) return { presence: 'absent' };
    if (last.state === 'stands') return { presence: 'present', instances: [{ place: '', raw: last.value }] };
    const others = given.filter((one) => one.state === 'stands');
    if (others.length === 0) return { presence: 'unknown' };
    // What the last one left is in doubt: the tag is there by what another left, its value only where both say the same.
    const raw = others.some((one) => one.value === last.value) ? last.value : '';
    return { presence: 'present', instances: [{ place: '', raw }] };
  };
  for (const step of steps) {
    if (holds(needsOf(step), now, on.catalogue) !== 'yes') return undefined;
    for (const one of left) {
      const isAbove = one.layer !== step.layer && reaches(step.layer, one.layer);
      const decays = decaysOf(one.tag);
      if (isRestore(step) && (isAbove || one.layer === step.layer)) one.state = 'gone';
      else if (one.state === 'gone') continue;
      else if (isAbove || one.step === step.name) one.state = 'doubtful';
      else if (decays !== undefined && decays !== 'test' && reaches(step.layer, decays))
        one.state = 'doubtful';
    }
    left.push(...asLeft(step, step.name));
  }
  return now;
}

function* orders(steps: readonly StepSpec[], so: readonly StepSpec[] = []): Generator<readonly StepSpec[]> {
  yield so;
  for (const step of steps) {
    const last = so.at(-1);
    if (so.includes(step) || (last !== undefined && !reaches(last.layer, step.layer))) continue;
    // What a restore puts back is what steps of its layer stand on.
    if (isRestore(step) && so.some((one) => isRestore(one) || one.layer === step.layer)) continue;
    yield* orders(steps, [...so, step]);
  }
}

describe('chains for random formulas on random small labs', () => {
  it('meet the formula when carried out; where none is said ever to be, no order of the steps would', () => {
    const tally = { kept: 0, made: 0, never: 0, open: 0 };
    const judge = ({ steps, stacked, own, wanted, decays }: SomeLab) => {
      const within = catalogueOf([
        tag('a'),
        tag('b', 'flag', decays === undefined ? {} : { decays }),
        tag('svc'),
        tag('cpus', COUNT),
        derived('bare', 'not svc'),
      ]);
      const stack = stacked.flatMap((n) => (steps[n] === undefined ? [] : [entry(steps[n])]));
      const base = facts(own, { catalogue: within, used: true });
      const native: TagFacts = base.facts;
      const bare: HostFacts = { ...base, stack };
      const produced = new Map(
        stack.flatMap(({ gives }) => gives.map(givenBy)).map(({ tag: name, value = '' }) => [name, value]),
      );
      const on: HostFacts = {
        ...bare,
        facts: (name) => {
          const raw = produced.get(name);
          return raw === undefined ? native(name) : { presence: 'present', instances: [{ place: '', raw }] };
        },
      };
      const chain = planChain({ requirement: wanted, fresh: false }, on, steps);
      // What a step needs of the stack is to survive all others of its layer, those that run later too.
      const isCautious = (order: readonly StepSpec[]) =>
        order.every((step, n) => {
          const later = order.slice(n + 1).filter((one) => one.layer === step.layer);
          const undoing = later.map((one) => ({ ...one, needs: '', gives: [] }));
          const end = carriedOut([...order.slice(0, n), ...undoing], on, native);
          return end !== undefined && holds(needsOf(step), end, within) === 'yes';
        });
      const serves = (order: readonly StepSpec[]) => {
        const end = carriedOut(order, on, native);
        return end !== undefined && holds(wanted, end, within) === 'yes';
      };
      if (chain.ok) {
        tally[chain.steps.length === 0 ? 'kept' : 'made']++;
        expect(serves(chain.steps), canonical(wanted)).toBe(true);
        if (chain.steps.length > 0) expect(serves([]), 'nothing had to be done').toBe(false);
      } else if (chain.presence === 'absent') {
        tally.never++;
        const way = [...orders(steps)].find((order) => isCautious(order) && serves(order));
        expect(
          way?.map((step) => step.name),
          `${canonical(wanted)}: ${chain.why}`,
        ).toBeUndefined();
      } else tally.open++;
    };
    fc.assert(fc.property(someLab, judge), { numRuns: 3000 });
    expect(Math.min(...Object.values(tally)), JSON.stringify(tally)).toBeGreaterThan(50);
  });
});
