import type { Order, Reading } from './order.js';
import { byLetter, compareNumbers, withoutZeros } from './parts.js';

/** A piece of a version that rpm compares as a whole; separators between pieces say nothing. */
interface Segment {
  /** `~` before the end, the end before `^`, that before letters, those before numbers. */
  readonly rank: 0 | 1 | 2 | 3 | 4;
  /** A number without leading zeros. */
  readonly text: string;
}

/** Epoch, version and release of an rpm package; the release may be left out. */
interface RpmVersion {
  readonly epoch: string;
  readonly version: readonly Segment[];
  readonly release: readonly Segment[] | undefined;
}

const LARGEST_EPOCH = 4_294_967_295;
const SEGMENTS = /[0-9]+|[A-Za-z]+|[~^]/g;
const END: Segment = { rank: 1, text: '' };

/**
 * `[epoch:]version[-release]`, each compared as rpm's rpmvercmp does; no epoch is epoch 0, and no release stands below
 * any, as rpm itself sorts. A wanted version without a release speaks of all its releases, as in rpm's dependencies:
 * `= 1.1.1k` and `<= 1.1.1k` hold on 1.1.1k-7.el8, `> 1.1.1k` does not. Other than there a seen version without a
 * release does not pass for one with: `>= 1.1.1k-7` does not hold on 1.1.1k.
 */
export const rpm: Order<RpmVersion> = {
  name: 'rpm version',
  read,
  compare: (a, b) => compareVersions(a, b) || compareReleases(a.release, b.release),
  against: (seen, wanted) =>
    compareVersions(seen, wanted) ||
    (wanted.release === undefined ? 0 : compareReleases(seen.release, wanted.release)),
};

function compareVersions(a: RpmVersion, b: RpmVersion): number {
  return compareNumbers(a.epoch, b.epoch) || compareSegments(a.version, b.version);
}

function compareReleases(a: RpmVersion['release'], b: RpmVersion['release']): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return compareSegments(a, b);
}

/** What rpm compares of a text, piece by piece. */
export function segmentsOf(text: string): readonly Segment[] {
  return (text.match(SEGMENTS) ?? []).map((piece): Segment => {
    if (piece === '~') return { rank: 0, text: piece };
    if (piece === '^') return { rank: 2, text: piece };
    return /^[0-9]/.test(piece) ? { rank: 4, text: withoutZeros(piece) } : { rank: 3, text: piece };
  });
}

/** The order of rpm's rpmvercmp (rpm 4.15 and later, with `~` and `^`). */
export function compareSegments(a: readonly Segment[], b: readonly Segment[]): number {
  const most = Math.max(a.length, b.length);
  for (let i = 0; i < most; i++) {
    const [x, y] = [a[i] ?? END, b[i] ?? END];
    const order = x.rank - y.rank || (x.rank === 4 ? compareNumbers : byLetter)(x.text, y.text);
    if (order !== 0) return order;
  }
  return 0;
}

function read(text: string): Reading<RpmVersion> {
  const colon = text.indexOf(':');
  const epoch = colon < 0 ? '0' : text.slice(0, colon);
  const [version = '', release, ...more] = text.slice(colon + 1).split('-');
  const why = problem(epoch, version, release, more.length > 0);
  if (why !== undefined) return { ok: false, why };
  return {
    ok: true,
    version: {
      epoch: withoutZeros(epoch),
      version: segmentsOf(version),
      release: release === undefined ? undefined : segmentsOf(release),
    },
  };
}

function problem(epoch: string, version: string, release: string | undefined, more: boolean) {
  if (!/^[0-9]+$/.test(epoch) || Number(epoch) > LARGEST_EPOCH)
    return `what stands before ':' is a number up to ${LARGEST_EPOCH}, as in 1:2.3-4.el9`;
  const bad = /[^A-Za-z0-9._+~^]/.exec(version + (release ?? ''))?.[0];
  if (bad !== undefined) return `'${bad}' cannot be in it; letters, digits and . _ + ~ ^ can`;
  if (version === '') return 'there is no version in it; write [epoch:]version[-release], as in 2.3-4.el9';
  if (more) return "it has more than one '-'; write [epoch:]version[-release], as in 2.3-4.el9";
  if (release === '') return "nothing follows '-'; leave that out, or write the release, as in 2.3-4.el9";
  return undefined;
}
