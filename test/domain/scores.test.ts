import { describe, expect, test } from 'vitest';
import type { LinkedChange } from '../../src/domain/intake/line.js';
import { distances, scoresOf, switchingOf } from '../../src/domain/intake/scores.js';
import type { StepSpec } from '../../src/domain/step.js';

const step = (name: string, needs: string, components: readonly string[]): StepSpec =>
  ({
    ...{ name, owner: 'o', layer: 'packages', needs, gives: [`has-${name}`], undo: { none: 'n' } },
    ...{ timeoutMs: 1000, costS: 10 },
    action: {
      ...{ kind: 'packages', by: 'apt', remove: [], hold: [], unhold: [], files: [], from: [] },
      install: components.map((component) => ({ name: component, component })),
    },
  }) as StepSpec;
const STEPS = [step('app', 'has-lib', ['a']), step('lib', 'has-base', ['b']), step('base', '', ['c', 'a'])];
const change = (component: string, files: readonly string[] = []): LinkedChange => ({
  ...{ id: component, componentId: component, component, kind: 'git', to: '2' },
  facts: files.length === 0 ? {} : { files },
});

describe('what speaks for a change before any trial', () => {
  test('is how near its component is to what the test asks for', () => {
    expect([...distances('has-app', STEPS)]).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    const [a = 0, b = 0, c = 0, other = 0] =
      scoresOf([change('a'), change('b'), change('c'), change('d')], 'has-app', STEPS, new Map()) ?? [];
    expect([a > b, b > c, c > other, other > 0]).toEqual([true, true, true, true]);
  });

  test('is how much it touches, and what changes of its component did before', () => {
    const small = change('a', ['x']);
    const [few = 0, many = 0] =
      scoresOf([small, change('a', ['x', 'y', 'z'])], 'has-app', STEPS, new Map()) ?? [];
    expect(many / few).toBeCloseTo(1.5);
    const past = new Map([['b', { changes: 20, blamed: 19 }]]);
    const [, harmful = 0] = scoresOf([change('a'), change('b')], 'has-app', STEPS, past) ?? [];
    expect(harmful).toBeCloseTo(0.25);
  });

  test('is nothing where nothing tells them apart', () => {
    expect(scoresOf([change('a'), change('a')], 'has-app', STEPS, new Map())).toBe(undefined);
  });
});

test('a switch is counted in runs of the test, as far as these are known', () => {
  expect([
    switchingOf(600, 30),
    switchingOf(30, 0.1),
    switchingOf(6000, 2),
    switchingOf(60, undefined),
  ]).toEqual([20, 30, 50, undefined]);
});
