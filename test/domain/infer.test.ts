import { describe, expect, it } from 'vitest';
import { type Cause, causesOf, type Lab } from '../../src/domain/recover/cause.js';
import { hasShown, isSure, showing, telling } from '../../src/domain/recover/experiment.js';
import { infer, type WorkRecord } from '../../src/domain/recover/infer.js';
import { takenBy } from '../../src/domain/recover/taken.js';
import { INCIDENT_MOVES, type IncidentState, sourcesOf } from '../../src/domain/states.js';
import type { StepSpec } from '../../src/domain/step.js';
import { aStep } from '../stages/parts.js';

const packages = (name: string, version: string): StepSpec =>
  aStep(name, `has-${name}`, {
    uses: ['mirror'],
    action: {
      kind: 'packages',
      by: 'apt',
      install: [{ name: 'libfoo', version }],
      remove: [],
      hold: [],
      unhold: [],
      files: [],
      from: [],
    },
  });
const lab: Lab = {
  byId: new Map([
    ['1', { pool: 'near', resources: ['key'] }],
    ['2', { pool: 'near' }],
    ['3', { pool: 'near' }],
    ['4', { pool: 'far', resources: ['key'] }],
    ['5', { pool: 'far' }],
  ]),
  steps: [
    aStep('s', 'svc'),
    packages('a', '1'),
    packages('b', '1'),
    packages('c', '2'),
    aStep('r1', 'i1', { uses: ['server'], action: { kind: 'restore', image: 'i1' } }),
    aStep('r2', 'i2', { uses: ['server'], action: { kind: 'restore', image: 'i2' } }),
  ],
};

describe('blame', () => {
  it.each(lab.steps.map(({ name }) => name))('may go wherever it can turn out to belong: %s', (step) => {
    const kinds = causesOf({ host: '1', work: `step:${step}` }, lab).map(({ kind }) => kind);
    const lasting = kinds.filter((kind) => kind !== 'chance');
    // What is taken to be at fault until it is known.
    const first = lasting.filter((kind) => ['host', 'step', 'step_on_host', 'image'].includes(kind));
    for (const from of first)
      for (const to of lasting.filter((kind) => kind !== from))
        expect(sourcesOf<IncidentState>(INCIDENT_MOVES, to), `${from} to ${to}`).toContain(from);
  });
});

/** `host work +5 -10`: worked last in attempt 5, failed last in 10, each at the second of its number. */
const records = (...texts: readonly string[]): WorkRecord[] =>
  texts.map((text) => {
    const [host = '', work = '', ...ends] = text.split(' ');
    const at = (sign: string) => {
      const end = ends.find((one) => one.startsWith(sign))?.slice(1);
      return end === undefined ? undefined : { attempt: end, atMs: Number(end) * 1000 };
    };
    const [ok, bad] = [at('+'), at('-')];
    return { host, work, ...(ok && { ok }), ...(bad && { bad, badSince: bad }) };
  });

/** What the first of these failures is due to. */
const suspects = (lostUnderTest: number, ...texts: readonly string[]) => {
  const [failed, ...others] = records(...texts);
  if (failed?.bad === undefined) throw new Error('the first has failed');
  return infer({ ...failed, moment: failed.bad, lostUnderTest }, [failed, ...others], lab);
};
/** The same, where the step that failed names a resource. */
const suspectsBy = (hint: string, ...texts: readonly string[]) => {
  const [failed, ...others] = records(...texts);
  if (failed?.bad === undefined) throw new Error('the first has failed');
  return infer({ ...failed, moment: failed.bad, hint }, [failed, ...others], lab);
};
const likeliest = (...texts: readonly string[]): Cause | undefined => suspects(0, ...texts)[0]?.cause;

describe('a resource that the step itself names', () => {
  it('is likeliest, and not certain: what else it stands on may be behind it', () => {
    const suspected = suspectsBy('mirror', '1 step:a -10');
    expect(suspected[0]?.cause).toEqual({ kind: 'resource', resource: 'mirror' });
    expect(isSure(suspected)).toBe(false);
    expect(suspects(0, '1 step:a -10')[0]?.cause.kind).toBe('change');
  });

  it('is cleared by what works with it since', () => {
    const suspected = suspectsBy('mirror', '1 step:a -10', '2 step:c +11');
    expect(suspected.map(({ cause }) => cause)).not.toContainEqual({ kind: 'resource', resource: 'mirror' });
  });
});

describe('what a failure is due to', () => {
  it.each<[string, string[], Partial<Cause>]>([
    ['a lost host is its own fault', ['1 reach -10'], { kind: 'host', host: '1' }],
    ['two lost hosts of a pool are the pool', ['1 reach -10', '2 reach -11'], { kind: 'pool', pool: 'near' }],
    [
      'unless another one of it works since',
      ['1 reach -10', '2 reach -11', '3 canary +12'],
      { kind: 'host', host: '1' },
    ],
    [
      'what worked before they failed clears nothing',
      ['1 reach -10', '2 reach -11', '3 canary +9'],
      { kind: 'pool' },
    ],
    [
      'lost hosts of two pools are what they share',
      ['1 reach -10', '4 reach -11'],
      { kind: 'resource', resource: 'key' },
    ],
    [
      'a step that worked says nothing of who is let in since: its connection was there before',
      ['1 reach -10', '4 reach -11', '4 step:s +12'],
      { kind: 'resource', resource: 'key' },
    ],
    [
      'several steps that fail on one host and not elsewhere are the host, whatever else works there',
      [
        ...['1 step:s -10', '1 step:a -11', '1 step:r1 -12', '1 canary +12', '1 step:b +13', '1 step:c +14'],
        ...['1 step:r2 +15', '2 step:s +16', '2 step:a +17', '2 step:r1 +18'],
      ],
      { kind: 'host', host: '1' },
    ],
    [
      'two steps that fail on one host are the host, however much else works there',
      [
        ...['1 step:a -10', '1 step:b -11', '1 canary +12', '1 test +12', '2 step:a +13', '2 step:b +13'],
        ...['s', 'c', 'r1', 'r2', 't', 'u', 'v', 'w'].map((name) => `1 step:${name} +14`),
      ],
      { kind: 'host', host: '1' },
    ],
    [
      'one step that fails on one host is that step there, where all else works',
      [
        ...['1 step:a -10', '1 canary +12', '2 step:a +13'],
        ...['s', 'c', 'b', 'r1'].map((name) => `1 step:${name} +14`),
        '1 step:a -15',
      ],
      { kind: 'step_on_host', step: 'a', host: '1' },
    ],
    ['lost hosts all over are the grid', ['2 reach -10', '4 reach -11', '3 reach -12'], { kind: 'grid' }],
    [
      'a step that fails on two hosts is broken',
      ['1 step:s -10', '2 step:s -11'],
      { kind: 'step', step: 's' },
    ],
    [
      'one that works elsewhere since fails on this host alone',
      ['1 step:s -10', '1 canary +11', '2 step:s +12', '1 step:s -10'],
      { kind: 'chance' },
    ],
    [
      'two steps that fail where canaries work are the host',
      ['1 step:s -10', '1 step:a -12', '1 canary +11', '2 step:s +13', '2 step:a +14'],
      { kind: 'host', host: '1' },
    ],
    [
      'two steps that share a mirror are the mirror',
      ['1 step:a -10', '2 step:c -11', '2 step:s +12', '1 canary +13'],
      { kind: 'resource', resource: 'mirror' },
    ],
    [
      'two steps that put in one version, while another version can be had, are the version',
      ['1 step:a -10', '2 step:b -11', '3 step:c +12', '1 canary +13'],
      { kind: 'change', change: 'libfoo 1' },
    ],
    [
      'an image that cannot be put back anywhere',
      ['1 step:r1 -10', '2 step:r1 -11', '3 step:r2 +12'],
      { kind: 'image', image: 'i1' },
    ],
    [
      'two images of one server',
      ['1 step:r1 -10', '2 step:r2 -11'],
      { kind: 'resource', resource: 'server' },
    ],
    [
      'what failed an hour before is of another time',
      ['1 reach -7200', '2 reach -3000'],
      { kind: 'host', host: '1' },
    ],
    ['leftovers are of their host', ['1 clean -10', '2 clean -11'], { kind: 'host', host: '1' }],
  ])('%s', (_title, texts, cause) => {
    expect(likeliest(...texts)).toMatchObject(cause);
  });

  it('hosts that one run lost under its test are the test', () => {
    expect(suspects(2, '1 reach -10', '4 reach -9')[0]?.cause.kind).toBe('test');
  });

  it('adds up to one, whatever is known', () => {
    const all = suspects(1, '1 step:a -10', '2 step:b -11', '1 canary +12', '3 reach -13', '4 step:s -9');
    expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1);
  });

  it('what another incident accounts for speaks for no other cause', () => {
    const [failed, other] = records('2 reach -11', '1 reach -10');
    if (failed?.bad === undefined || other === undefined) throw new Error('both have failed');
    const found = infer({ ...failed, moment: failed.bad }, [failed, other], lab, ({ host }) => host === '1');
    expect(found[0]?.cause).toMatchObject({ kind: 'host', host: '2' });
  });

  /** What the first of these failures is due to, while something is known to be at fault. */
  const beside = (known: Cause, ...texts: readonly string[]): Cause | undefined => {
    const all = records(...texts);
    const [failed] = all;
    if (failed?.bad === undefined) throw new Error('the first has failed');
    return infer({ ...failed, moment: failed.bad }, all, lab, takenBy([known], all, lab))[0]?.cause;
  };
  const key: Cause = { kind: 'resource', resource: 'key' };

  it('is seldom what a step needs from outside, where the step ended well', () => {
    const [failed] = records('1 step:a -11');
    const failing = { host: '1', work: 'step:a', moment: failed?.bad ?? { attempt: '', atMs: 0 } };
    const ofMirror = (lied: boolean) =>
      infer({ ...failing, lied }, records('1 step:a -11'), lab).find(({ cause }) => cause.kind === 'resource')
        ?.probability ?? 0;
    expect(ofMirror(true)).toBeLessThan(ofMirror(false) / 5);
  });

  it('nor for what a step shares that ended well and left nothing: it has little in common with one that fails', () => {
    const all = records('1 step:r1 -11', '2 step:r1 -12', '1 step:r2 -9', '2 step:r2 -9', '1 canary +12');
    const [failed] = all;
    const known: Cause = { kind: 'image', image: 'i2' };
    const failing = { host: '1', work: 'step:r1', moment: failed?.bad ?? { attempt: '', atMs: 0 } };
    const top = (lied: boolean) =>
      infer({ ...failing, lied }, all, lab, takenBy([known], all, lab, { lied }))[0]?.cause.kind;
    expect([top(false), top(true)]).toEqual(['resource', 'image']);
  });

  it('nor for a wider one, where what is known stands anyway: an expired key beside a host of the pool', () => {
    // Host 4 has that key too, and is of another pool.
    const failures = ['2 reach -11', '2 canary -12', '5 canary +10', '1 reach -9'];
    expect(beside(key, ...failures, '4 reach -8')).toMatchObject({ kind: 'host', host: '2' });
  });

  it('a wider one takes over what it explains whole', () => {
    const failures = ['2 reach -11', '2 canary -12', '1 reach -10'];
    expect(beside({ kind: 'host', host: '1' }, ...failures)).toMatchObject({ kind: 'pool', pool: 'near' });
  });
});

describe('what would tell the suspects apart', () => {
  const trial = (text: string, costS = 1) => {
    const [host = '', work = ''] = text.split(' ');
    return { host, work, costS };
  };

  it('is work that they disagree about: for a lost host a neighbour in its pool', () => {
    const found = suspects(0, '2 reach -10', '2 canary -11');
    expect(isSure(found)).toBe(false);
    const [first] = telling([trial('4 canary'), trial('3 canary'), trial('2 reach')], found, lab);
    expect(first).toMatchObject({ host: '3', work: 'canary' });
  });

  it('for a step that shares a mirror another one that uses it', () => {
    const found = suspects(0, '1 step:a -10', '2 step:a -11');
    expect(isSure(found)).toBe(false);
    expect(telling([trial('3 step:s'), trial('3 step:c')], found, lab).map(({ work }) => work)).toEqual([
      'step:c',
    ]);
  });

  it('is the cheaper one of two that tell as much', () => {
    const found = suspects(0, '1 step:a -10', '2 step:a -11');
    expect(telling([trial('3 step:c', 900), trial('4 step:c', 10)], found, lab)[0]?.host).toBe('4');
  });

  it('is, of a host, all that it shares with others: it is not certain before a neighbour in each was seen to be well', () => {
    const found = suspects(0, '1 reach -10', '1 canary -11', '2 canary +12');
    expect(found[0]?.cause).toEqual({ kind: 'host', host: '1' });
    expect(found[0]?.probability).toBeGreaterThan(0.95);
    expect(isSure(found)).toBe(false);
    expect(telling([trial('3 canary'), trial('4 canary')], found, lab).map(({ host }) => host)).toEqual([
      '4',
    ]);
    expect(isSure(suspects(0, '1 reach -10', '1 canary -11', '2 canary +12', '4 canary +13'))).toBe(true);
  });

  it('is nothing once it is certain', () => {
    const found = suspects(0, '1 step:s -10', '2 step:s -11', '3 step:s -12');
    expect(isSure(found)).toBe(true);
  });
});

describe('what several hosts share', () => {
  const mirror = { kind: 'resource', resource: 'mirror' } as const;
  const three = ['1 step:a -10', '1 step:b -11', '1 step:c -12', '1 canary +13', '1 step:s +14'];
  const trial = (text: string, costS = 1) => {
    const [host = '', work = ''] = text.split(' ');
    return { host, work, costS };
  };

  it('has not shown itself before it has failed on two, however likely it is', () => {
    const [top] = suspects(0, ...three);
    expect(top?.cause).toEqual(mirror);
    expect(top?.probability).toBeGreaterThan(0.9);
    expect(top && hasShown(top, 'ok')).toBe(false);
    const [onTwo] = suspects(0, ...three, '2 step:c -14');
    expect(onTwo?.cause).toEqual(mirror);
    expect(onTwo && hasShown(onTwo, 'ok')).toBe(true);
  });

  it('shows itself in work on another host that it covers, however little else that would tell', () => {
    const [top] = suspects(0, ...three);
    const trials = [trial('1 step:a'), trial('2 canary'), trial('2 step:c', 20), trial('3 step:c', 5)];
    const found = top === undefined ? [] : showing(trials, top, lab);
    expect(found.map(({ host, work }) => `${host} ${work}`)).toEqual(['3 step:c', '2 step:c']);
  });

  it('is more than a host and more than a step on it: of those a canary, and the failure, have told', () => {
    const suspect = (cause: Cause) => ({ cause, probability: 1, explains: [{ host: '1', work: 'step:s' }] });
    expect(hasShown(suspect({ kind: 'host', host: '1' }), 'not yet')).toBe(false);
    expect(hasShown(suspect({ kind: 'host', host: '1' }), 'bad')).toBe(true);
    expect(hasShown(suspect({ kind: 'step_on_host', step: 's', host: '1' }), 'ok')).toBe(true);
    expect(hasShown(suspect({ kind: 'step', step: 's' }), 'ok')).toBe(false);
  });
});
