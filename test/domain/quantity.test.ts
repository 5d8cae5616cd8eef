import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalQuantity, compareQuantities, readQuantity } from '../../src/domain/quantity.js';

/** Any piece of text whatever, halves of characters too. */
const code = fc.integer({ min: 0, max: 0xffff }).map((n) => String.fromCharCode(n));

/** What a symbol stands for, as powers: written here once more, so that a slip in the program shows. */
const SYMBOLS: Readonly<
  Record<string, Readonly<Record<string, readonly [mantissa: number, power: number]>>>
> = {
  B: {
    ...{ B: [1, 0], kB: [1, 3], MB: [1, 6], GB: [1, 9], TB: [1, 12], PB: [1, 15], EB: [1, 18] },
    ...{ KiB: [1024, 0], Ki: [1024, 0], MiB: [1024 ** 2, 0], Mi: [1024 ** 2, 0], GiB: [1024 ** 3, 0] },
    ...{
      Gi: [1024 ** 3, 0],
      TiB: [1024 ** 4, 0],
      Ti: [1024 ** 4, 0],
      PiB: [1024 ** 5, 0],
      EiB: [1024 ** 6, 0],
    },
  },
  'bit/s': {
    ...{
      'bit/s': [1, 0],
      bit: [1, 0],
      bps: [1, 0],
      'b/s': [1, 0],
      kbit: [1, 3],
      kbps: [1, 3],
      'kbit/s': [1, 3],
    },
    ...{ Mbit: [1, 6], Mbps: [1, 6], 'Mb/s': [1, 6], 'Mbit/s': [1, 6], Gbit: [1, 9], Gbps: [1, 9] },
    ...{ 'Gb/s': [1, 9], 'Gbit/s': [1, 9], 'Tbit/s': [1, 12], Tbps: [1, 12] },
  },
  Hz: { Hz: [1, 0], kHz: [1, 3], MHz: [1, 6], GHz: [1, 9], THz: [1, 12] },
  W: { mW: [1, -3], W: [1, 0], kW: [1, 3], MW: [1, 6] },
  s: {
    ...{ ns: [1, -9], us: [1, -6], µs: [1, -6], μs: [1, -6], ms: [1, -3], s: [1, 0] },
    ...{ min: [60, 0], h: [3600, 0], d: [86_400, 0] },
  },
  '': { '': [1, 0] },
};

/** An amount as text, and what it is in units of ten to the minus 20th. */
const amounts = (unit: string) =>
  fc
    .tuple(
      fc.constantFrom(...Object.keys(SYMBOLS[unit] ?? {})),
      fc.oneof(fc.bigInt({ min: 0n, max: 3000n }), fc.bigInt({ min: 0n, max: 10n ** 20n })),
      unit === '' ? fc.constant('') : fc.constantFrom('', '', '0', '5', '25', '000', '001', '0000000001'),
      fc.constantFrom('', unit === '' ? '' : ' '),
    )
    .map(([symbol, whole, fraction, space]) => {
      const [mantissa, power] = SYMBOLS[unit]?.[symbol] ?? [Number.NaN, 0];
      const is =
        BigInt(`${whole}${fraction}`) * BigInt(mantissa) * 10n ** BigInt(20 + power - fraction.length);
      return { text: `${whole}${fraction === '' ? '' : '.'}${fraction}${space}${symbol}`, is };
    });

describe.each(Object.keys(SYMBOLS))('quantities in %j', (unit) => {
  it('compare exactly, whatever multiples they are written in', () => {
    fc.assert(
      fc.property(amounts(unit), amounts(unit), (a, b) => {
        expect(compareQuantities(unit, a.text, b.text)).toBe(a.is < b.is ? -1 : a.is > b.is ? 1 : 0);
        expect(compareQuantities(unit, a.text, a.text)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('have one spelling, which reads back as the same', () => {
    fc.assert(
      fc.property(amounts(unit), amounts(unit), (a, b) => {
        const [one, other] = [canonicalQuantity(a.text, unit), canonicalQuantity(b.text, unit)];
        expect(compareQuantities(unit, a.text, one)).toBe(0);
        expect(canonicalQuantity(one, unit)).toBe(one);
        expect(one === other).toBe(a.is === b.is);
      }),
      { numRuns: 500 },
    );
  });

  it('are read from any text at all, or it is said in one printable line why not', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: code })), (text) => {
        const reading = readQuantity(text, unit);
        expect(reading.ok ? 'none' : reading.message).toMatch(/^[ -~]{1,300}$/);
        expect(compareQuantities(unit, text, text)).toBe(reading.ok ? 0 : undefined);
        if (!reading.ok) expect(canonicalQuantity(text, unit)).toBe(text);
      }),
      { numRuns: 300 },
    );
    for (const text of [
      '9'.repeat(10_000_000),
      `1${' '.repeat(5_000_000)}${unit}`,
      `1.${'0'.repeat(1_000_000)}${unit}`,
    ])
      expect(readQuantity(text, unit).ok).toBe(false);
  });
});

describe('a quantity', () => {
  it.each([
    ['16GiB', 'B', '16GiB'],
    ['16Gi', 'B', '16GiB'],
    ['16384MiB', 'B', '16GiB'],
    ['17179869184B', 'B', '16GiB'],
    ['16 GB', 'B', '16GB'],
    ['1.5GiB', 'B', '1536MiB'],
    ['1024kB', 'B', '1000KiB'],
    ['0.1GiB', 'B', '107374182.4B'],
    ['0TiB', 'B', '0B'],
    ['10Gbps', 'bit/s', '10Gbit/s'],
    ['10000Mb/s', 'bit/s', '10Gbit/s'],
    ['2.5Gbit', 'bit/s', '2500Mbit/s'],
    ['3.20GHz', 'Hz', '3200MHz'],
    ['0.25kW', 'W', '250W'],
    ['0.0005W', 'W', '0.0005W'],
    ['90s', 's', '90s'],
    ['1.5h', 's', '90min'],
    ['48h', 's', '2d'],
    ['0.000001s', 's', '1us'],
    ['0.1ns', 's', '0.0000000001s'],
    ['008', '', '8'],
    ['0', '', '0'],
    ['5400rpm', 'rpm', '5400rpm'],
  ])('%s in %j is written %s', (text, unit, canonical) => {
    expect(canonicalQuantity(text, unit)).toBe(canonical);
  });

  it.each([
    ['16G', 'B', "'16G' does not say which unit it means: write '16GiB' or '16GB'"],
    ['512 m', 'B', "write '512MiB' or '512MB'"],
    ['16KB', 'B', "write '16KiB' or '16kB'"],
    ['16gb', 'B', "write '16GiB' or '16GB'"],
    ['16gib', 'B', "write '16GiB'"],
    ['16', 'B', 'it has no unit; write one of EiB EB'],
    ['16Gbit', 'B', "'Gbit' is no unit of it"],
    ['10G', 'bit/s', "write '10Gbit/s'"],
    ['10GB/s', 'bit/s', "'GB/s' is no unit of it"],
    ['10', 'bit/s', 'it has no unit'],
    ['3.2g', 'Hz', "write '3.2GHz'"],
    ['5m', 'W', "write '5MW' or '5mW'"],
    ['5m', 's', "write '5min' or '5ms'"],
    ['5 parsecs', 's', "'parsecs' is no unit of it; write one of d h min s ms us ns, as in 90s"],
    ['1h30min', 's', "'h30min' is no unit of it"],
    [
      '3,2GHz',
      'Hz',
      "'3,2GHz' is no quantity: write digits, a fraction after '.', and the unit, as in 3.2GHz",
    ],
    ['.5h', 's', 'write digits'],
    ['5.h', 's', 'write digits'],
    ['-5W', 'W', 'write digits'],
    ['1e3W', 'W', "'e3W' is no unit of it"],
    ['0x10B', 'B', "'x10B' is no unit of it"],
    ['', 'B', "'' is no quantity"],
    [' 1B', 'B', 'write digits'],
    ['8.0', '', "'8.0' is no count: write a whole number without a unit, as in 8"],
    ['8k', '', 'write a whole number without a unit'],
    ['eight', '', 'write a whole number, as in 8'],
    ['5400', 'rpm', 'it has no unit; write one of rpm, as in 8rpm'],
  ])('%j in %j is refused, and why is said', (text, unit, message) => {
    const reading = readQuantity(text, unit);
    expect(reading.ok ? 'read' : reading.message).toContain(message);
  });

  it('is read as a ratio in lowest terms, however large', () => {
    expect(readQuantity('2.50kW', 'W')).toEqual({ ok: true, value: { numerator: 2500n, denominator: 1n } });
    expect(readQuantity('0.125ms', 's')).toEqual({ ok: true, value: { numerator: 1n, denominator: 8000n } });
    expect(compareQuantities('B', '9007199254740993B', '9007199254740992B')).toBe(1);
    expect(compareQuantities('s', '0.1s', '100ms')).toBe(0);
  });
});
