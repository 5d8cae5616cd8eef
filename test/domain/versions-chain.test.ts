import { describe, expect, it } from 'vitest';
import { stepsAt, type Versions } from '../../src/domain/baseline.js';
import type { StackEntry } from '../../src/domain/host.js';
import type { Candidate } from '../../src/domain/plan/candidate.js';
import { fitOf } from '../../src/domain/plan/fit.js';
import { stackAfter } from '../../src/domain/provision/after.js';
import type { PlannedStep } from '../../src/domain/provision/chain.js';
import type { StepSpec } from '../../src/domain/step.js';
import { aStep } from '../stages/parts.js';
import { candidate, packagesOf } from './a-host.js';

const distro = aStep('distro', 'distro', { layer: 'packages', action: packagesOf('lab/foo', 'lab/bar') });
const app = aStep('app', 'app', { layer: 'packages', needs: 'distro' });
const tuned = aStep('tuned', 'tuned', { layer: 'boot' });
const tool = aStep('tool', 'tool', { layer: 'packages' });
const STEPS = [distro, app, tuned, tool];
const OLD = { 'lab/foo': '1', 'lab/bar': '1' };
const NEW = { 'lab/foo': '2', 'lab/bar': '1' };

const chainFor = (requirement: string, host: Candidate, versions?: Versions) => {
  const found = fitOf(
    {
      requirement,
      target: {},
      purpose: 'trial',
      fresh: false,
      avoid: [],
      ...(versions && { versions }),
    },
    host,
    STEPS,
    [],
  );
  if (found.kind !== 'yes') throw new Error(found.why);
  return found.chain.steps;
};
const names = (steps: readonly PlannedStep[]) => steps.map(({ name }) => name);

/** What a host is once these steps have been carried out there. */
function carrying(host: Candidate, chain: readonly PlannedStep[]): Candidate {
  const keys = stackAfter(host.stack, chain);
  const all: StackEntry[] = [
    ...host.stack,
    ...chain.map(({ layer, name, key, gives }) => ({ layer, step: name, key, gives })),
  ];
  return candidate({}, { stack: all.filter(({ layer, step, key }) => keys[`${layer} ${step}`] === key) });
}

describe('what is planned at versions', () => {
  const old = carrying(candidate(), chainFor('distro', candidate(), OLD));

  it('is put in at those', () => {
    const [step] = chainFor('distro', candidate(), OLD);
    expect(step?.action).toMatchObject({
      install: [
        { name: 'foo', version: '1' },
        { name: 'bar', version: '1' },
      ],
    });
  });

  it('is kept where it is there at the same versions, and done again where one is another', () => {
    expect(names(chainFor('distro', old, OLD))).toEqual([]);
    expect(names(chainFor('distro', old, NEW))).toEqual(['distro']);
    const at = carrying(old, chainFor('distro', old, NEW));
    expect(at.stack.map(({ step }) => step)).toEqual(['distro']);
    expect(names(chainFor('distro', at, NEW))).toEqual([]);
    expect(names(chainFor('distro', at, OLD))).toEqual(['distro']);
  });

  it('takes along what stands on it, in its layer or above, and nothing else', () => {
    const all = 'app & distro & tool & tuned';
    const carried = carrying(candidate(), chainFor(all, candidate(), OLD));
    expect(names(chainFor(all, carried, OLD))).toEqual([]);
    expect(names(chainFor(all, carried, NEW)).sort()).toEqual(['app', 'distro', 'tuned']);
  });

  describe('what is there by nobody knows which step', () => {
    const seen = (host: Partial<Candidate>) => candidate({ distro: 'present' }, host);

    it('is put in anew, at the versions of whoever asks', () => {
      expect(names(chainFor('distro', seen({}), NEW))).toEqual(['distro']);
      expect(names(chainFor('distro', seen({})))).toEqual(['distro']);
    });

    it('counts as it is on a host of which nothing may be changed, but not where versions are asked for', () => {
      const fixed = seen({ expendable: [] });
      expect(names(chainFor('distro', fixed))).toEqual([]);
      expect(() => chainFor('distro', fixed, NEW)).toThrow();
      expect(names(chainFor('distro', fixed, { 'other/foo': '9' }))).toEqual([]);
    });
  });

  it('is nothing to who does not need it', () => {
    const carried = carrying(old, chainFor('tool', old, OLD));
    expect(names(chainFor('tool', carried, NEW))).toEqual([]);
  });

  it('is not asked for another version by a component of another watch', () => {
    expect(names(chainFor('distro', old, { ...OLD, 'other/foo': '9' }))).toEqual([]);
  });

  it('says the newest of what has no version yet', () => {
    const [step] = chainFor('distro', candidate(), { 'lab/bar': '3' });
    expect(step?.action).toMatchObject({ install: [{ name: 'foo' }, { name: 'bar', version: '3' }] });
  });
});

describe('steps at versions', () => {
  it('are the same objects where no component is said, and asked again with the same question', () => {
    const steps: readonly StepSpec[] = STEPS;
    expect(stepsAt(steps, undefined)).toBe(steps);
    expect(stepsAt(steps, { 'other/foo': '1' })).toBe(steps);
    expect(stepsAt(steps, OLD)).toBe(stepsAt(steps, OLD));
    expect(stepsAt(steps, OLD)[1]).toBe(app);
  });

  it('put the image on that counts, and a host with another one is restored', () => {
    const component = 'images/base';
    const base = aStep('base', 'os', {
      layer: 'image',
      action: { kind: 'restore', image: 'base', component },
    });
    const ask = (host: Candidate, version: string) => {
      const found = fitOf(
        {
          ...{ requirement: 'os', target: {}, purpose: 'trial', fresh: false, avoid: [] },
          versions: { [component]: version },
        },
        host,
        [base],
        [],
      );
      if (found.kind !== 'yes') throw new Error(found.why);
      return found.chain.steps;
    };
    const [first] = ask(candidate(), 'one');
    expect(first?.action).toMatchObject({ image: 'base', version: 'one' });
    const there = carrying(candidate(), ask(candidate(), 'one'));
    expect(ask(there, 'one')).toEqual([]);
    expect(ask(there, 'two')[0]?.action).toMatchObject({ version: 'two' });
  });

  it('fetch the commit that counts', () => {
    const git = { url: 'https://x.org/a', ref: 'main', submodules: false, component: 'kernel' };
    const fetch = aStep('src', 'src', { action: { kind: 'fetch', git, into: '/srv/a' } });
    const commit = 'c'.repeat(40);
    expect(stepsAt([fetch], { kernel: commit })[0]?.action).toMatchObject({ git: { ref: commit } });
  });
});
