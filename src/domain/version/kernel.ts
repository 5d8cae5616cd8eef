import type { Order, Reading } from './order.js';
import { compareNumbers, withoutZeros } from './parts.js';
import { compareSegments, segmentsOf } from './rpm.js';

/** The release of a Linux kernel as `uname -r` prints it. */
interface KernelVersion {
  /** At least three, without leading zeros, no zeros at the end beyond them. */
  readonly numbers: readonly string[];
  /** Of a release candidate. */
  readonly candidate: string | undefined;
  /** What distributor and builder added, as written; '' is nothing. */
  readonly local: string;
}

/**
 * Numbers, release candidate, what builders add. A candidate is `-rc3`, or as Fedora writes it `-0.rc3`, as Ubuntu's
 * mainline builds do `-060900rc3`, as Debian's packages do `~rc3`.
 */
const WRITTEN =
  /^v?([0-9]+(?:\.[0-9]+)*)(?:[-~]?(?:0\.|[0-9]{6})?rc([0-9]+)(?![0-9A-Za-z]))?((?:[-+~_]|\.?[A-Za-z]|(?<=rc[0-9]+)\.).*)?$/;

/**
 * By number (`5.4` is 5.4.0, 6.9 < 6.10), a candidate below its release, then by what was added. That is compared
 * by segments as rpm does it, because `-362.8.1.el9_3` is newer than `-362.el9`, which other natural orders deny.
 * A kernel with nothing added stands below the same with something.
 *
 * A wanted kernel that says nothing added speaks of the numbers alone: `= 6.1.0` and `<= 6.1.0` hold on
 * 6.1.0-18-amd64, `> 6.1.0` does not. One that says it means all of it: `= 6.1.0-18` holds on 6.1.0-18 only, and
 * `>= 6.1.0-18` on 6.1.0-18-amd64 too.
 */
export const kernel: Order<KernelVersion> = {
  name: 'kernel version',
  read,
  compare: (a, b) => compareReleases(a, b) || compareLocals(a.local, b.local),
  against: (seen, wanted) =>
    compareReleases(seen, wanted) || (wanted.local === '' ? 0 : compareLocals(seen.local, wanted.local)),
  canonical: ({ numbers, candidate, local }) =>
    `${numbers.map(shown).join('.')}${candidate === undefined ? '' : `-rc${shown(candidate)}`}${local}`,
};

function compareReleases(a: KernelVersion, b: KernelVersion): number {
  const most = Math.max(a.numbers.length, b.numbers.length);
  for (let i = 0; i < most; i++) {
    const order = compareNumbers(a.numbers[i] ?? '', b.numbers[i] ?? '');
    if (order !== 0) return order;
  }
  if (a.candidate === undefined || b.candidate === undefined)
    return Number(a.candidate === undefined) - Number(b.candidate === undefined);
  return compareNumbers(a.candidate, b.candidate);
}

function compareLocals(a: string, b: string): number {
  if (a === '' || b === '') return Number(a !== '') - Number(b !== '');
  return compareSegments(segmentsOf(a), segmentsOf(b));
}

function read(text: string): Reading<KernelVersion> {
  const written = WRITTEN.exec(text);
  const [, digits = '', candidate, local = ''] = written ?? [];
  if (written === null || /\s|^\.[xX](?![0-9A-Za-z])/.test(local))
    return { ok: false, why: 'write the numbers, then what was added, as in 6.1, 6.9-rc3 or 6.1.0-18-amd64' };
  return {
    ok: true,
    version: {
      numbers: atLeastThree(digits.split('.').map(withoutZeros)),
      candidate: candidate === undefined ? undefined : withoutZeros(candidate),
      local,
    },
  };
}

function atLeastThree(numbers: readonly string[]): readonly string[] {
  const last = numbers.findLastIndex((number) => number !== '');
  return Array.from({ length: Math.max(3, last + 1) }, (_, i) => numbers[i] ?? '');
}

function shown(number: string): string {
  return number === '' ? '0' : number;
}
