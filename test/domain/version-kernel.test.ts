import { describe, expect, it } from 'vitest';
import { compareVersions, compareWithWanted, versionProblem } from '../../src/domain/version/compare.js';

/** Kernels as machines name them, oldest first; each line is one line of development, and so is the whole. */
const RELEASES = `
  2.6.9-89.EL 2.6.18-8.el5 2.6.18-398.el5 2.6.32-rc8 2.6.32 2.6.32-5-amd64 2.6.32-71.el6.x86_64
  2.6.32-754.35.1.el6.x86_64 2.6.32.12-0.7-default 2.6.32.71
  3.0.101-0.47.55-default 3.0.101-63-default 3.2.0-0.bpo.4-amd64 3.2.0-4-amd64
  3.3.10 3.10.0-0.rc7.64.el7.x86_64 3.10.0-123.el7.x86_64 3.10.0-327.36.3.el7.x86_64 3.10.0-1160.el7.x86_64
  3.10.0-1160.119.1.el7.x86_64 3.16.0-4-amd64
  4.4.0-21-generic 4.4.0-210-generic 4.9.0-0.bpo.12-amd64 4.9.0-12-amd64 4.12.14-122.37-default
  4.15.0-20-generic 4.18.0-0.rc1.git0.1.fc29.x86_64 4.18.0-305.el8.x86_64 4.18.0-305.3.1.el8_4.x86_64
  4.18.0-553.el8_10.x86_64
  5.3.18-22-default 5.3.18-150300.59.43-default 5.4 5.4.0-42-generic 5.4.0-150-generic
  5.10.0-0.deb10.16-amd64 5.10.0-8-amd64 5.10.0-28-amd64
  5.14.0-70.el9.x86_64 5.14.0-362.el9.x86_64 5.14.0-362.8.1.el9_3.x86_64 5.14.0-362.24.1.el9_3.x86_64
  5.14.0-427.el9.x86_64 5.15.0-91-generic 5.15.0-105-generic 5.15.90.1-microsoft-standard-WSL2
  6.1-rc8 6.1.0-0.deb11.13-amd64 6.1.0-9-amd64 6.1.0-18-amd64 6.1.0-25-amd64 6.1.21-v8+ 6.1.55
  6.5.6-300.fc39.x86_64 6.6.8-200.fc39.x86_64 6.8.0-31-generic
  6.9-rc3 6.9.0-0.rc4.37.fc41.x86_64 6.9.0-060900rc5-generic 6.9.0-rc6-next-20240430 6.9-rc7-amd64 6.9-rc10
  6.9 6.9.0-060900-generic 6.9.1-arch1-1 6.9.1-arch1-2 6.9.10 6.10-rc1 6.10 6.10.0-rt14
`
  .trim()
  .split(/\s+/);

describe('kernels', () => {
  it('that exist are ordered as they came', () => {
    expect(RELEASES.length * (RELEASES.length - 1)).toBeGreaterThan(2 * 500);
    for (const [i, a] of RELEASES.entries())
      for (const b of RELEASES.slice(i + 1)) {
        expect(`${a} ${Math.sign(compareVersions('kernel', a, b) ?? Number.NaN)} ${b}`).toBe(`${a} -1 ${b}`);
        expect(`${b} ${Math.sign(compareVersions('kernel', b, a) ?? Number.NaN)} ${a}`).toBe(`${b} 1 ${a}`);
      }
  });

  it.each([
    '5.4.17-2136.300.7.el8uek.x86_64',
    '6.1.0-18-cloud-amd64',
    '4.14.113-gki-00001-gabcdef-ab12345',
    '3.0.101.rt130-0.33-rt',
    '6.8.0+',
    '5.10.104-tegra',
    '6.6.31+rpt-rpi-v8',
    '6.9.0-rc3-00123-g1a2b3c4d5e6f-dirty',
    '5.10.0_custom',
    '2.6.18a',
  ])('%s is one', (text) => {
    expect(versionProblem('kernel', text)).toBeUndefined();
  });

  it.each([
    ['6.1.0-18-amd64', '6.1', 'at it'],
    ['6.1.0-18-amd64', '6.1.0', 'at it'],
    ['6.1.0', '6.1', 'at it'],
    ['6.1.7-1-amd64', '6.1', 'above'],
    ['6.0.19', '6.1', 'below'],
    ['6.1.0-18-amd64', '6.1.0-18-amd64', 'at it'],
    ['6.1.0-18-amd64', '6.1.0-18', 'above'],
    ['6.1.0-9-amd64', '6.1.0-18', 'below'],
    ['6.1.0', '6.1.0-18', 'below'],
    ['6.1-rc8-amd64', '6.1', 'below'],
    ['6.1-rc8-amd64', '6.1-rc8', 'at it'],
    ['6.1.0-0.rc8.59.fc38.x86_64', '6.1-rc8', 'at it'],
    ['6.1', '6.1-rc8', 'above'],
    ['6.9.0-rc3x', '6.9', 'at it'],
    ['6.10', '6.9', 'above'],
    ['5.14.0-362.8.1.el9_3.x86_64', '5.14.0-362.el9', 'above'],
  ])('%s seen, %s wanted: %s', (seen, wanted, where) => {
    const order = compareWithWanted('kernel', seen, wanted) ?? Number.NaN;
    expect(order < 0 ? 'below' : order > 0 ? 'above' : 'at it').toBe(where);
  });
});

describe('rpm packages', () => {
  it.each([
    ['1.1.1k-7.el8', '1.1.1k', 'at it'],
    ['1:1.1.1k-7.el8', '1.1.1k', 'above'],
    ['1.1.1k-7.el8', '1.1.1k-7', 'above'],
    ['1.1.1k-7.el8', '1.1.1k-7.el8', 'at it'],
    ['1.1.1k-6.el8', '1.1.1k-7', 'below'],
    ['1.1.1k', '1.1.1k-7', 'below'],
    ['1.1.1l-1.el8', '1.1.1k', 'above'],
    ['1.1.1k~rc1-9', '1.1.1k', 'below'],
  ])('%s seen, %s wanted: %s', (seen, wanted, where) => {
    const order = compareWithWanted('rpm', seen, wanted) ?? Number.NaN;
    expect(order < 0 ? 'below' : order > 0 ? 'above' : 'at it').toBe(where);
  });
});
