import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';

/** What every benchmark can be told; `options` are its own, with their defaults. */
export function asked<Options extends Record<string, number>>(
  options: Options,
): Options & { seed: number; json: boolean } {
  const names = Object.keys(options);
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
    },
  });
  const given = values as Record<string, string | boolean | undefined>;
  const read = (name: string, fallback: number) => {
    const value = Number(given[name] ?? fallback);
    if (!Number.isFinite(value)) throw new Error(`--${name} takes a number`);
    return value;
  };
  return {
    ...(Object.fromEntries(names.map((name) => [name, read(name, options[name] ?? 0)])) as Options),
    seed: read('seed', 1),
    json: given['json'] === true,
  };
}

/** One figure, with what it must be. */
export interface Figure {
  readonly value: number;
  readonly bound?: { readonly kind: 'least' | 'most' | 'exactly'; readonly than: number };
}

/** Prints a table for people, or one JSON object as the last line; false where a bound does not hold. */
export function report(
  name: string,
  figures: Readonly<Record<string, Figure>>,
  run: { seed: number; json: boolean },
): boolean {
  const rows = Object.entries(figures).map(([key, { value, bound }]) => {
    const held = bound === undefined ? undefined : keeps(value, bound);
    const want =
      bound === undefined ? '' : `${{ least: '>=', most: '<=', exactly: '=' }[bound.kind]} ${bound.than}`;
    return { key, value: Number.isInteger(value) ? String(value) : value.toFixed(3), want, held };
  });
  if (run.json) {
    const machine = {
      cores: cpus().length,
      model: cpus()[0]?.model ?? '',
      memoryGb: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    };
    const values = Object.fromEntries(Object.entries(figures).map(([key, { value }]) => [key, value]));
    console.log(JSON.stringify({ name, figures: values, machine, seed: run.seed }));
  } else {
    const width = Math.max(...rows.map((r) => r.key.length));
    console.log(`\n${name} (seed ${run.seed})`);
    for (const r of rows)
      console.log(
        `  ${r.key.padEnd(width)}  ${r.value.padStart(10)}  ${r.want.padEnd(9)} ${r.held === false ? 'NOT REACHED' : ''}`,
      );
  }
  return rows.every((r) => r.held !== false);
}

function keeps(value: number, bound: NonNullable<Figure['bound']>): boolean {
  if (bound.kind === 'exactly') return value === bound.than;
  return bound.kind === 'least' ? value >= bound.than : value <= bound.than;
}

/** Numbers from a seed, the same ones every time (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The value below which this share of sorted numbers lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
