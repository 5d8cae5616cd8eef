import { expect, it } from 'vitest';
import { causeName } from '../../src/cli/searches.js';

const none = { kind: 'environment' as const, changes: [], probability: 0.9 };

it('what is bad without any of its changes is bad by itself, where a search asks for a partner', () => {
  expect(causeName(none)).toBe('no change: bad in the last good state too');
  expect(causeName(none, 'c7')).toBe('none of them: c7 does harm by itself');
});
