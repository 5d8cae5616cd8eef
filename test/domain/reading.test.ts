import { describe, expect, it } from 'vitest';
import { predicateOf, readTrial, type Tried } from '../../src/domain/intake/reading.js';

const VERSIONED = new Set(['updates']);
const brokenOff: Tried = {
  verdict: 'none',
  reason: 'step updates failed',
  outcome: 'chain_failed',
  step: 'updates',
};

describe('a chain that broke off where changes are put in', () => {
  it('is about them', () => {
    expect(predicateOf(brokenOff, VERSIONED)).toBe('refused');
    expect(readTrial(brokenOff, 'refused', '', VERSIONED)).toBe('bad');
    expect(readTrial(brokenOff, 'lost', '', VERSIONED)).toBe('refused');
    expect(readTrial({ ...brokenOff, refused: true }, 'fails', '', VERSIONED)).toBe('refused');
  });

  it('says nothing of them where what they come from does not answer', () => {
    const out = { ...brokenOff, resource: 'mirror' };
    expect(predicateOf(out, VERSIONED)).toBe('nothing');
    for (const predicate of ['refused', 'lost', 'fails'] as const)
      expect(readTrial(out, predicate, '', VERSIONED)).toBe('error');
  });

  it('says nothing of them in another step', () => {
    const other = { ...brokenOff, step: 'minbase' };
    expect(predicateOf(other, VERSIONED)).toBe('nothing');
    expect(readTrial(other, 'refused', '', VERSIONED)).toBe('error');
  });
});
