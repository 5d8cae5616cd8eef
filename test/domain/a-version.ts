import fc from 'fast-check';
import type { Scheme } from '../../src/domain/tag.js';
import { versionProblem } from '../../src/domain/version/compare.js';

/** All schemes; the compiler sees to it that none is left out. */
export const SCHEMES = Object.keys({
  deb: 0,
  rpm: 0,
  semver: 0,
  kernel: 0,
  date: 0,
  natural: 0,
} satisfies Record<Scheme, 0>) as Scheme[];

const NUMBERS = ['0', '1', '2', '9', '10', '00', '01', '007', '18446744073709551616'];
const WORDS = ['a', 'b', 'Z', 'rc', 'el9', 'deb12u1', 'amd64'];
const PIECES: Readonly<Record<Scheme, readonly string[]>> = {
  deb: [...NUMBERS, ...WORDS, '.', '.', '-', '-', '~', '~', '+', ':', '1:', '0:'],
  rpm: [...NUMBERS, ...WORDS, '.', '.', '-', '~', '~', '^', '^', '_', '+', '1:', '0:', '..'],
  semver: ['0', '1', '2', '10', '.', '.', '.', '.', '-', '-rc.', 'alpha', 'beta', 'x-y', '+', '+b.01', 'v'],
  kernel: [
    '0',
    '1',
    '6',
    '9',
    '10',
    '01',
    '.',
    '.',
    '.',
    '-rc',
    '-0.rc',
    '~rc',
    '-',
    '-18',
    '-amd64',
    '.el9',
    '+',
    '_',
  ],
  date: ['2013', '2012', '0001', '1900', '2000', '-', '-', '10', '02', '29', '24', '01', '12', '31'],
  natural: [...NUMBERS, ...WORDS, ...'..~~-_+:;,/!^ []{}@#%&=$<>|?*()\'"\\`'],
};

/** Texts that are versions of a scheme, or nearly. */
export function nearlyOf(scheme: Scheme): fc.Arbitrary<string> {
  return piecesOf(scheme).map(joined);
}

/** Versions of a scheme, short enough that parts of two are often equal. */
export function versionOf(scheme: Scheme): fc.Arbitrary<string> {
  return nearlyOf(scheme).filter(isVersion(scheme));
}

/** Two versions of a scheme, of which one is often the other with one piece put in, left out or changed. */
export function pairOf(scheme: Scheme): fc.Arbitrary<readonly [string, string]> {
  const edit = fc.record({ at: fc.nat(7), out: fc.nat(1), put: fc.array(piece(scheme), { maxLength: 1 }) });
  const near = fc
    .tuple(piecesOf(scheme), edit)
    .map(
      ([pieces, { at, out, put }]) => [joined(pieces), joined(pieces.toSpliced(at, out, ...put))] as const,
    );
  const any = fc.tuple(versionOf(scheme), versionOf(scheme));
  return fc
    .oneof({ arbitrary: near, weight: 3 }, { arbitrary: any, weight: 1 })
    .filter(([a, b]) => isVersion(scheme)(a) && isVersion(scheme)(b));
}

function piecesOf(scheme: Scheme): fc.Arbitrary<string[]> {
  return fc
    .tuple(fc.constantFrom('1', '6.', '2013', '0.9'), fc.array(piece(scheme), { maxLength: 6 }))
    .map(([first, more]) => [scheme === 'natural' && more.length > 0 ? '' : first, ...more]);
}

function piece(scheme: Scheme): fc.Arbitrary<string> {
  return fc.constantFrom(...PIECES[scheme]);
}

function joined(pieces: readonly string[]): string {
  return pieces.join('');
}

function isVersion(scheme: Scheme): (text: string) => boolean {
  return (text) => versionProblem(scheme, text) === undefined;
}
