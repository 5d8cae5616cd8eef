import type SemVer from 'semver/classes/semver.js';
import parse from 'semver/functions/parse.js';
import type { Order, Reading } from './order.js';

/** What is left out is 0; a leading `v`, as in the names of git tags, is no part of it. */
const WRITTEN = /^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?([-+].*)?$/;

/** Semantic Versioning 2.0.0, by npm's own library: what follows `+` says nothing of the order. */
export const semver: Order<SemVer> = {
  name: 'semantic version',
  read,
  compare: (a, b) => a.compare(b),
  canonical: (version) => version.version,
};

function read(text: string): Reading<SemVer> {
  const written = WRITTEN.exec(text);
  if (written === null) return { ok: false, why: 'write major.minor.patch, as in 1.2.3 or 1.2.3-rc.1' };
  const [, major = '', minor = '0', patch = '0', rest = ''] = written;
  const version = parse(`${major}.${minor}.${patch}${rest}`);
  if (version !== null && !version.prerelease.some(isHugeNumber)) return { ok: true, version };
  return {
    ok: false,
    why:
      `numbers in it have no leading zeros and are at most ${Number.MAX_SAFE_INTEGER}, and what follows '-' or '+' ` +
      'is letters, digits and - in parts parted by dots, as in 1.2.3-rc.1',
  };
}

/** The library leaves a number that it cannot hold exactly as text, and then compares it inexactly. */
function isHugeNumber(part: string | number): boolean {
  return typeof part === 'string' && /^[0-9]+$/.test(part);
}
