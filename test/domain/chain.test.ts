import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../src/domain/host.js';
import { LAYERS, type Layer, reaches } from '../../src/domain/layer.js';
import { mayRun, planChain, voidFrom } from '../../src/domain/provision/chain.js';
import { fromCanonical, tagsOf } from '../../src/domain/requirement.js';
import { isRestore, needsOf, type StepSpec } from '../../src/domain/step.js';
import type { Presence } from '../../src/domain/tag.js';
import { aStep } from '../stages/parts.js';
import { entry, facts } from './a-host.js';

const restore = aStep('pristine', 'clean', {
  layer: 'image',
  action: { kind: 'restore', image: 'base' },
  costS: 50,
});

const wish = (requirement: string, more: { fresh?: boolean; mustRun?: string } = {}) => ({
  requirement: fromCanonical(requirement),
  fresh: false,
  ...more,
});

const names = (chain: ReturnType<typeof planChain>) =>
  chain.ok ? chain.steps.map((step) => step.name) : chain.why;

describe('the chain for a host', () => {
  it.each<[string, string, HostFacts, StepSpec[], string[] | string]>([
    ['nothing is asked, nothing is done', '', facts(), [restore], []],
    ['what is there is kept', 'a', facts({ a: 'present' }), [aStep('make-a', 'a')], []],
    ['what is not there is made', 'a', facts(), [aStep('make-a', 'a')], ['make-a']],
    ['what is not known is made', 'a', facts({ a: 'unknown' }), [aStep('make-a', 'a')], ['make-a']],
    [
      'the cheaper of two ways is taken',
      'a',
      facts(),
      [aStep('dear', 'a', { costS: 9 }), aStep('cheap', 'a')],
      ['cheap'],
    ],
    [
      'a way is as dear as all that it needs',
      'a',
      facts(),
      [
        aStep('cheap', 'a', { needs: 'b' }),
        aStep('make-b', 'b', { costS: 20 }),
        aStep('dear', 'a', { costS: 9 }),
      ],
      ['dear'],
    ],
    [
      'where the cheap way is shut the dear one is found',
      'a',
      facts(),
      [aStep('cheap', 'a', { needs: 'nowhere' }), aStep('dear', 'a', { costS: 9 })],
      ['dear'],
    ],
    [
      'what a step may have destroyed above it is made again',
      'b & c',
      facts({}, { stack: [entry(aStep('make-c', 'c', { layer: 'build' }))] }),
      [aStep('make-b', 'b', { layer: 'packages' }), aStep('make-c', 'c', { layer: 'build' })],
      ['make-b', 'make-c'],
    ],
    [
      'what it says that it leaves alone is kept',
      'b & c',
      facts({}, { stack: [entry(aStep('make-c', 'c', { layer: 'build' }))] }),
      [
        aStep('make-b', 'b', { layer: 'packages', destroys: ['boot'] }),
        aStep('make-c', 'c', { layer: 'build' }),
      ],
      ['make-b'],
    ],
    [
      'what clears its layer leaves nothing above it, whatever it says',
      'b & c',
      facts({}, { stack: [entry(aStep('make-c', 'c', { layer: 'build' }))] }),
      [
        aStep('make-b', 'b', { layer: 'packages', destroys: [], clears: true }),
        aStep('make-c', 'c', { layer: 'build' }),
      ],
      ['make-b', 'make-c'],
    ],
    [
      'one step that gives both is cheaper than two',
      'a & b',
      facts(),
      [aStep('make-a', 'a'), aStep('make-b', 'b'), aStep('both', 'a', { gives: ['a', 'b'], costS: 1.5 })],
      ['both'],
    ],
    [
      'lower layers come first, whatever their names',
      'a & b',
      facts(),
      [aStep('a-use', 'a'), aStep('z-packages', 'b', { layer: 'packages' })],
      ['z-packages', 'a-use'],
    ],
    [
      'within a layer what is needed comes first, whatever lies between',
      'a & m & z',
      facts(),
      [aStep('a', 'a', { needs: 'z' }), aStep('m', 'm'), aStep('z', 'z')],
      ['m', 'z', 'a'],
    ],
    [
      'what a lower step voids is made again',
      'pkg & svc',
      facts({}, { stack: [entry(aStep('serve', 'svc'))] }),
      [aStep('serve', 'svc'), aStep('install', 'pkg', { layer: 'packages' })],
      ['install', 'serve'],
    ],
    [
      'a dirty layer is put back before something stands on it',
      'pkg',
      facts({}, { dirtyFrom: 'packages', used: true }),
      [restore, aStep('install', 'pkg', { layer: 'packages' })],
      ['pristine', 'install'],
    ],
    [
      'dirt above a step is no matter',
      'pkg',
      facts({}, { dirtyFrom: 'boot', used: true }),
      [restore, aStep('install', 'pkg', { layer: 'packages' })],
      ['install'],
    ],
    [
      'where nothing can be put back it is used as it is',
      'pkg',
      facts({}, { dirtyFrom: 'packages', used: true, canRestore: false }),
      [restore, aStep('install', 'pkg', { layer: 'packages' })],
      ['install'],
    ],
    [
      'a chain of needs is followed',
      'a',
      facts(),
      [aStep('make-a', 'a', { needs: 'b' }), aStep('make-b', 'b', { needs: 'c' }), aStep('make-c', 'c')],
      ['make-c', 'make-b', 'make-a'],
    ],
    [
      'two steps that need each other give nothing',
      'a',
      facts(),
      [aStep('make-a', 'a', { needs: 'b' }), aStep('make-b', 'b', { needs: 'a' })],
      'a is not there, and step make-a (layer use) may not run on one',
    ],
    [
      'rule 11: a layer that is not expendable is never touched',
      'pkg',
      facts({}, { expendable: ['image'] }),
      [aStep('install', 'pkg', { layer: 'packages' })],
      'pkg is not there, and step install (layer packages) may not run on one',
    ],
    ['nothing gives it', 'mars', facts(), [], 'mars is not there and no step gives it'],
  ])('%s', (_title, requirement, host, steps, expected) => {
    expect(JSON.stringify(names(planChain(wish(requirement), host, steps)))).toContain(
      JSON.stringify(expected).replaceAll(/^"|"$/g, ''),
    );
  });

  it('names what is absent for good before what is only not known', () => {
    expect(planChain(wish('a & b'), facts({ a: 'unknown', b: 'absent' }), [])).toMatchObject({
      tag: 'b',
      presence: 'absent',
    });
    expect(planChain(wish('a & b'), facts({ a: 'unknown', b: 'present' }), [])).toMatchObject({
      tag: 'a',
      presence: 'unknown',
    });
  });

  it('is not out of reach for good while what a step needs is only not known', () => {
    const steps = [aStep('one', 'a', { needs: 'x' }), aStep('two', 'a', { needs: 'y', costS: 0 })];
    expect(planChain(wish('a'), facts({ x: 'unknown', y: 'absent' }), steps)).toMatchObject({
      tag: 'x',
      presence: 'unknown',
    });
  });

  it('carries out a step that must run, though its tags are there', () => {
    const host = facts({ a: 'present' });
    expect(names(planChain(wish('', { mustRun: 'make-a' }), host, [aStep('make-a', 'a')]))).toEqual([
      'make-a',
    ]);
    expect(
      planChain(wish('', { mustRun: 'flash' }), facts({}, { expendable: [] }), [
        aStep('flash', 'a', { layer: 'firmware' }),
      ]),
    ).toMatchObject({ ok: false, tag: 'flash', presence: 'absent' });
  });

  it('restores only where fresh is asked and the host is not', () => {
    const used = facts({}, { used: true });
    expect(names(planChain(wish(''), used, [restore]))).toEqual([]);
    expect(names(planChain(wish('', { fresh: true }), used, [restore]))).toEqual(['pristine']);
    expect(names(planChain(wish('', { fresh: true }), facts(), [restore]))).toEqual([]);
    expect(planChain(wish('', { fresh: true }), used, [])).toMatchObject({ ok: false, tag: 'fresh' });
    // A throw-away root is fresh whatever ran there.
    const isolated = facts({}, { used: true, isolated: true, expendable: [] });
    expect(planChain(wish('', { fresh: true }), isolated, [restore])).toMatchObject({
      ok: true,
      fresh: true,
      steps: [],
    });
  });

  it('keys a step by itself and by what it stands on', () => {
    const install = aStep('install', 'pkg', { layer: 'packages' });
    const keyOn = (stack: HostFacts['stack'], step: StepSpec) => {
      const chain = planChain(wish('pkg'), facts({}, { stack }), [step]);
      return chain.ok ? chain.steps[0]?.key : '';
    };
    const onNothing = keyOn([], install);
    const onImage = keyOn([entry(restore)], install);
    expect(onImage).not.toBe(onNothing);
    expect(keyOn([entry(restore), entry(aStep('serve', 'svc'))], install)).toBe(onImage);
    expect(keyOn([], { ...install, timeoutMs: 1 })).not.toBe(onNothing);
  });

  it('may run steps below use only where the layer is expendable, and restores only where there is a way', () => {
    const none = { expendable: [], canRestore: true, isolated: false };
    for (const layer of LAYERS) {
      expect(mayRun(aStep('s', 't', { layer }), none)).toBe(layer === 'use');
      expect(mayRun(aStep('s', 't', { layer }), { ...none, expendable: [layer] })).toBe(true);
      expect(
        mayRun(aStep('s', 't', { layer }), { expendable: [layer], canRestore: true, isolated: true }),
      ).toBe(layer === 'use');
    }
    expect(mayRun({ ...restore, layer: 'use' }, { ...none, expendable: ['packages'] })).toBe(false);
    expect(mayRun(restore, { expendable: ['image'], canRestore: false, isolated: false })).toBe(false);
  });

  it('voids a stack from a layer up', () => {
    const stack = LAYERS.map((layer) => ({ layer }));
    for (const layer of LAYERS) {
      expect(voidFrom(stack, layer).map((e) => e.layer)).toEqual(LAYERS.slice(0, LAYERS.indexOf(layer)));
    }
  });
});

// ---- against every order of every set of steps ---------------------------------------------------------------

const TAGS = ['a', 'b', 'c', 'd'];
const someLayer = fc.constantFrom<Layer>('image', 'packages', 'use');
const someStep = fc
  .record({
    layer: someLayer,
    gives: fc.subarray(TAGS, { minLength: 1, maxLength: 2 }),
    needs: fc.subarray(TAGS, { maxLength: 1 }),
    costS: fc.integer({ min: 1, max: 9 }),
    restores: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ layer, gives, needs, costS, restores }) => ({
    layer: restores === 0 ? ('image' as const) : layer,
    gives,
    needs: restores === 0 ? '' : needs.join(' & '),
    costS,
    action:
      restores === 0 ? ({ kind: 'restore', image: 'i' } as const) : ({ kind: 'script', script: '' } as const),
  }));
const instance = fc.record({
  steps: fc.array(someStep, { maxLength: 5 }).map((list) => list.map((step, i) => aStep(`s${i}`, '', step))),
  stacked: fc.array(fc.nat({ max: 4 }), { maxLength: 2 }),
  native: fc.dictionary(fc.constantFrom(...TAGS), fc.constantFrom<Presence>('present', 'unknown'), {
    maxKeys: 2,
  }),
  wanted: fc.subarray(TAGS, { maxLength: 3 }),
  expendable: fc.subarray<Layer>(['image', 'packages'], { maxLength: 2 }),
  dirtyFrom: fc.option(fc.constantFrom<Layer>('packages', 'use'), { nil: undefined }),
  fresh: fc.boolean(),
});

function hostOf({
  steps,
  stacked,
  native,
  expendable,
  dirtyFrom,
}: typeof instance extends fc.Arbitrary<infer T> ? T : never) {
  const entries = [...new Set(stacked)].flatMap((i) => (steps[i] === undefined ? [] : [entry(steps[i])]));
  const stack = dirtyFrom === undefined ? entries : voidFrom(entries, dirtyFrom);
  return facts(native, { stack, expendable, used: true, ...(dirtyFrom === undefined ? {} : { dirtyFrom }) });
}

/** Carries a chain out on a model of the host; what the stack gives and what the host has of itself. */
function carryOut(steps: readonly StepSpec[], host: HostFacts): { has: (tag: string) => boolean } | 'needs' {
  const produced = new Set(host.stack.flatMap((e) => e.gives));
  // What a probe does not see is not there, whatever the stack says.
  let stack: { layer: Layer; step: string; gives: readonly string[] }[] = host.stack.map((e) => ({
    ...e,
    gives: e.gives.filter((tag) => host.facts(tag).presence === 'present'),
  }));
  const has = (tag: string) =>
    stack.some((e) => e.gives.includes(tag)) ||
    (!produced.has(tag) && host.facts(tag).presence === 'present');
  for (const step of steps) {
    if (!tagsOf(needsOf(step)).every(has)) return 'needs';
    stack = stack.filter(
      (e) =>
        e.step !== step.name &&
        !(isRestore(step)
          ? reaches(step.layer, e.layer)
          : e.layer !== step.layer && reaches(step.layer, e.layer)),
    );
    stack.push({ layer: step.layer, step: step.name, gives: step.gives });
  }
  return { has };
}

function* orders(steps: readonly StepSpec[], so: readonly StepSpec[] = []): Generator<readonly StepSpec[]> {
  yield so;
  for (const step of steps) {
    if (so.includes(step)) continue;
    const last = so.at(-1);
    if (last !== undefined && !reaches(last.layer, step.layer)) continue;
    yield* orders(steps, [...so, step]);
  }
}

describe('chains of random small labs', () => {
  it('give what is asked when carried out, touch nothing that may not be, and cost as little as any', () => {
    let found = 0;
    let none = 0;
    fc.assert(
      fc.property(instance, (lab) => {
        const host = hostOf(lab);
        const fresh = lab.fresh;
        const chain = planChain(wish(lab.wanted.join(' & '), { fresh }), host, lab.steps);
        const allowed = lab.steps.filter((step) => mayRun(step, host));
        const serves = (steps: readonly StepSpec[]) => {
          const end = carryOut(steps, host);
          return end !== 'needs' && lab.wanted.every(end.has) && (!fresh || steps.some(isRestore));
        };
        if (chain.ok) {
          found++;
          const plain = chain.steps.map(({ key: _, ...step }) => step);
          expect(plain.every((step) => mayRun(step, host))).toBe(true);
          expect(serves(chain.steps)).toBe(true);
          expect(chain.costS).toBe(plain.reduce((sum, s) => sum + s.costS, 0));
        } else {
          none++;
          if (chain.presence === 'absent') {
            // For good: what is not known would have to be no matter.
            const bare = { ...host, stack: [] };
            expect([...orders(allowed)].filter((o) => o.length > 0 && serves(o)).length, chain.why).toBe(0);
            expect(carryOut([], bare)).not.toBe('needs');
          }
        }
        const dirt = host.dirtyFrom;
        const wellFounded = (order: readonly StepSpec[]) =>
          dirt === undefined ||
          dirt === 'use' ||
          !allowed.some(isRestore) ||
          order.every((s) => isRestore(s) || !reaches(dirt, s.layer) || order.some((r) => isRestore(r)));
        const cautious = (order: readonly StepSpec[]) =>
          order.every((step) =>
            tagsOf(needsOf(step)).every((tag) => {
              const before = order.slice(0, order.indexOf(step));
              if (before.some((b) => b.gives.includes(tag))) return true;
              const others = order.filter((o) => o !== step && reaches(o.layer, step.layer));
              const end = carryOut(
                others.map((o) => ({ ...o, needs: '', gives: [] })),
                host,
              );
              return end !== 'needs' && end.has(tag);
            }),
          );
        const best = [...orders(allowed)]
          .filter((order) => serves(order) && wellFounded(order) && cautious(order))
          .map((order) => order.reduce((sum, s) => sum + s.costS, 0))
          .sort((a, b) => a - b)[0];
        if (best !== undefined) expect(chain).toMatchObject({ ok: true, costS: best });
      }),
      { numRuns: 1500 },
    );
    expect(found).toBeGreaterThan(150);
    expect(none).toBeGreaterThan(150);
  });
});
