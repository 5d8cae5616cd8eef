import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimHost } from '../../bench/sim/host.js';
import type { HostFacts } from '../../src/domain/host.js';
import type { Dirties, Layer } from '../../src/domain/layer.js';
import { reaches } from '../../src/domain/layer.js';
import { planChain } from '../../src/domain/provision/chain.js';
import { destroyedBy, harmOf, leftBy } from '../../src/domain/provision/left.js';
import { fromCanonical } from '../../src/domain/requirement.js';
import { clearsItsLayer, type StepSpec } from '../../src/domain/step.js';
import { aHost, aStep } from '../stages/parts.js';
import { entry, FLAGS_ONLY, facts } from './a-host.js';

const TAGS = ['a', 'b', 'c', 'd'];
const restore = aStep('restore', 'a', { layer: 'image', action: { kind: 'restore', image: 'i' }, costS: 20 });
const someStep = fc.record({
  layer: fc.constantFrom<Layer>('packages', 'build', 'boot', 'use'),
  gives: fc.subarray(TAGS, { minLength: 1, maxLength: 2 }),
  needs: fc.subarray(TAGS, { maxLength: 1 }).map(([tag = '']) => tag),
  costS: fc.integer({ min: 1, max: 9 }),
  clears: fc.boolean(),
  destroys: fc.subarray<Layer>(['packages', 'build', 'boot', 'use']),
});
/** A step destroys only what is above it, and needs nothing that all lies above it: no order of steps would do. */
function sensible(step: StepSpec, all: readonly StepSpec[]): StepSpec {
  const { destroys, layer, needs } = step;
  const canHave = all.some((other) => other.gives.includes(needs) && reaches(other.layer, layer));
  return {
    ...step,
    needs: canHave ? needs : '',
    ...(destroys && { destroys: destroys.filter((one) => one !== layer && reaches(layer, one)) }),
  };
}
const life = fc.record({
  steps: fc
    .array(someStep, { minLength: 2, maxLength: 5 })
    .map((list) => [restore, ...list.map((step, i) => aStep(`s${i}`, '', step))])
    .map((list) => list.map((step) => sensible(step, list))),
  days: fc.array(
    fc.record({
      wanted: fc.subarray(TAGS, { minLength: 1, maxLength: 3 }),
      dirties: fc.constantFrom<Dirties>('nothing', 'use', 'boot', 'packages', 'image'),
    }),
    { minLength: 3, maxLength: 6 },
  ),
});

describe('what a host is left like', () => {
  it('is never taken for more than it is: each next chain works on the machine itself, and stands on nothing spoilt', () => {
    let kept = 0;
    let carried = 0;
    fc.assert(
      fc.property(life, ({ steps, days }) => {
        const machine = new SimHost(aHost('one'));
        let host: HostFacts = facts();
        for (const { wanted, dirties } of days) {
          const chain = planChain(
            { requirement: fromCanonical(wanted.join(' & ')), fresh: false },
            host,
            steps,
          );
          if (!chain.ok) return;
          if (chain.steps.length === 0) kept += 1;
          carried += 1;
          for (const step of chain.steps) {
            expect(machine.carryOut(step, FLAGS_ONLY), `${step.name} needs ${step.needs}`).toBe(true);
            const under = machine.spoiltLayers.filter(
              (layer) => layer !== 'use' && reaches(layer, step.layer),
            );
            expect(clearsItsLayer(step) ? [] : under).toEqual([]);
          }
          for (const tag of wanted) expect(machine.sees(tag).presence, tag).toBe('present');
          if (dirties !== 'nothing') machine.spoil(dirties);
          host = leftBy(host, chain.steps, dirties);
          for (const tag of TAGS)
            if (host.facts(tag).presence === 'present')
              expect(machine.sees(tag).presence, tag).toBe('present');
        }
      }),
      { numRuns: 3000 },
    );
    expect(carried).toBeGreaterThan(3000);
    expect(kept).toBeGreaterThan(300);
  });

  const image = aStep('image', 'i', { layer: 'image', action: { kind: 'restore', image: 'i' }, costS: 600 });
  const packages = aStep('packages', 'p', { layer: 'packages', costS: 60, clears: true });
  const other = aStep('other', 'o', { layer: 'packages', costS: 60, clears: true });
  const expectedS = new Map([image, packages, other].map((step) => [step.name, step.costS]));
  const there = facts({}, { stack: [image, packages].map(entry), used: true, expectedS });
  const keyed = (step: StepSpec) => ({ ...step, key: `key of ${step.name}` });

  it('counts what a chain takes away, and not what it brings again', () => {
    expect(destroyedBy(there, [keyed(other)])).toBe(60);
    expect(destroyedBy(there, [keyed(packages)])).toBe(0);
    expect(destroyedBy(there, [{ ...keyed(image), key: 'another' }])).toBe(660);
    expect(destroyedBy(there, [])).toBe(0);
  });

  it('counts what a test will take away', () => {
    expect(harmOf(there, [], 'nothing')).toBe(0);
    expect(harmOf(there, [], 'boot')).toBe(0);
    expect(harmOf(there, [], 'packages')).toBe(60);
    expect(harmOf(there, [], 'image')).toBe(660);
    expect(harmOf(there, [], undefined)).toBe(60);
  });

  it('puts a spoilt layer right with what clears it, where that is cheaper than a restore', () => {
    const dirty = facts({}, { stack: [entry(image)], used: true, dirtyFrom: 'packages' });
    const wish = { requirement: fromCanonical('p'), fresh: false };
    const chain = (steps: readonly StepSpec[]) => {
      const found = planChain(wish, dirty, steps);
      return found.ok ? found.steps.map(({ name }) => name) : found.why;
    };
    expect(chain([image, packages])).toEqual(['packages']);
    const { clears: _, ...plain } = packages;
    expect(chain([image, plain])).toEqual(['image', 'packages']);
  });
});
