import { describe, expect, it } from 'vitest';
import type { Demand } from '../../src/domain/demand.js';
import type { OpenIncident } from '../../src/domain/plan/candidate.js';
import { fitsOf, why } from '../../src/domain/plan/fit.js';
import { aStep } from '../stages/parts.js';
import { candidate } from './a-host.js';

const demand = (more: Partial<Demand> = {}): Demand => ({
  requirement: '',
  target: {},
  purpose: 'test',
  fresh: false,
  avoid: [],
  ...more,
});
const host = (name: string, tags = {}, more = {}) =>
  candidate(tags, { id: name.length.toString(), name, ...more });
const answer = (
  d: Demand,
  hosts: Parameters<typeof fitsOf>[1],
  steps: Parameters<typeof fitsOf>[2] = [],
  incidents: readonly OpenIncident[] = [],
) => why(fitsOf(d, hosts, steps, incidents), hosts.length, 'busy');

describe('who can serve a demand, and why not', () => {
  it('names what is missing where nothing could ever serve', () => {
    const no = answer(demand({ requirement: 'gpu' }), [host('a', { gpu: 'absent' })]);
    expect(no).toMatchObject({ kind: 'never' });
    expect(no.reason).toContain('gpu is not there and no step gives it');
  });

  it('puts permanent reasons before temporary ones: a host that lacks a tag is not waited for because it is offline', () => {
    expect(
      answer(demand({ requirement: 'gpu' }), [host('a', { gpu: 'absent' }, { offline: true })]),
    ).toMatchObject({ kind: 'never' });
    expect(
      answer(demand({ requirement: 'gpu' }), [host('a', { gpu: 'present' }, { offline: true })]),
    ).toMatchObject({ kind: 'wait', code: 'host_offline' });
  });

  it('waits for a host whose tags are not known: unknown is not absent', () => {
    expect(answer(demand({ requirement: 'gpu' }), [host('a', { gpu: 'unknown' })])).toMatchObject({
      kind: 'wait',
      code: 'unknown_tags',
    });
  });

  it.each([
    ['suspect', 'host_suspect'],
    ['quarantined', 'host_quarantined'],
    ['maintenance', 'host_maintenance'],
  ] as const)('keeps tests away from a %s host, and says so', (health, code) => {
    expect(answer(demand(), [host('a', {}, { health, healthWhy: 'because' })])).toMatchObject({
      kind: 'wait',
      code,
      reason: expect.stringContaining('because'),
    });
  });

  it('keeps everything, canaries too, from a host that a person has, and says who and until when', () => {
    const reserved = { person: 'ann', until: '2026-01-31T14:00:00Z' };
    for (const purpose of ['test', 'canary', 'recovery'] as const)
      expect(
        answer(demand({ purpose, target: { host: 'n042' } }), [host('n042', {}, { reserved })]),
      ).toMatchObject({
        code: 'host_reserved',
        reason: 'n042 is reserved by ann until 2026-01-31 14:00 UTC',
      });
  });

  it.each(['suspect', 'quarantined'] as const)('lets a canary for it onto a %s host', (health) => {
    const canary = demand({ purpose: 'canary', target: { host: 'a' } });
    expect(fitsOf(canary, [host('a', {}, { health })], [], []).fits).toHaveLength(1);
    expect(fitsOf(demand({ purpose: 'recovery' }), [host('a', {}, { health })], [], []).fits).toHaveLength(0);
  });

  it('holds what only a step under an open incident could provide, and nothing else', () => {
    const step = aStep('make', 'svc');
    const shut: OpenIncident = { id: '7', scope: 'step', step: 'make', title: 'make is broken' };
    expect(answer(demand({ requirement: 'svc' }), [host('a', { svc: 'absent' })], [step], [shut])).toEqual({
      kind: 'held',
      incident: '7',
      reason: 'make is broken',
    });
    expect(
      answer(demand({ requirement: 'svc' }), [host('a', { svc: 'present' })], [step], [shut]),
    ).toMatchObject({ code: 'busy' });
    expect(
      answer(
        demand({ requirement: 'svc' }),
        [host('a', { svc: 'absent' })],
        [step, aStep('other', 'svc', { costS: 9 })],
        [shut],
      ),
    ).toMatchObject({ code: 'busy' });
  });

  it('sends a run elsewhere where a step does not work on one host only', () => {
    const shut: OpenIncident = {
      id: '7',
      scope: 'step_on_host',
      step: 'make',
      hostId: '1',
      title: 'make on a',
    };
    const fits = fitsOf(
      demand({ requirement: 'svc' }),
      [host('a', { svc: 'absent' }), host('bb', { svc: 'absent' })],
      [aStep('make', 'svc')],
      [shut],
    ).fits;
    expect(fits.map((f) => f.host.name)).toEqual(['bb']);
  });

  it('keeps a run off a host it broke off on until other work has succeeded there', () => {
    const avoiding = demand({ avoid: [{ host: '1', attempt: '5' }] });
    expect(answer(avoiding, [host('a', {}, { okAttempt: '5' })])).toMatchObject({ code: 'avoided' });
    expect(answer(avoiding, [host('a', {}, { okAttempt: '6' })])).toMatchObject({ code: 'busy' });
  });

  it('prefers the cheapest chain, and among equals the host that is not fresh', () => {
    const hosts = [
      host('aaa', { svc: 'absent' }),
      host('bb', { svc: 'present' }),
      host('c', { svc: 'present' }, { used: true }),
    ];
    const fits = fitsOf(demand({ requirement: 'svc' }), hosts, [aStep('make', 'svc')], []).fits;
    expect(fits.map((f) => f.host.name)).toEqual(['c', 'bb', 'aaa']);
  });

  it('has a reason for a grid without hosts', () => {
    expect(answer(demand(), [])).toEqual({ kind: 'never', reason: 'the grid has no hosts' });
  });
});
