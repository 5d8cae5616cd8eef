import { describe, expect, it } from 'vitest';
import { checkDelayS, quarantineCap } from '../../src/domain/recover/limits.js';

describe('limits of what the grid does by itself', () => {
  it('a cap on quarantines: 1 or 10 %', () => {
    expect([1, 2, 9, 10, 19, 20, 300].map((hosts) => quarantineCap(hosts))).toEqual([1, 1, 1, 1, 1, 2, 30]);
    expect([1, 10, 300].map((hosts) => quarantineCap(hosts, { hosts: 3 }))).toEqual([3, 3, 3]);
    expect([1, 3, 10, 300].map((hosts) => quarantineCap(hosts, { percent: 50 }))).toEqual([1, 1, 5, 150]);
  });

  it('checks come later and later, at least every hour, and every five minutes of what many share', () => {
    const delays = (scope: 'host' | 'resource') => [0, 1, 2, 8, 1000].map((n) => checkDelayS(n, 15, scope));
    expect(delays('host')).toEqual([15, 30, 60, 3600, 3600]);
    expect(delays('resource')).toEqual([15, 30, 60, 300, 300]);
  });
});
