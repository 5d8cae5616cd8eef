import { type Matrix, unfoldMatrix, type Variant } from '../domain/submit/matrix.js';
import type { Fields } from './source-fields.js';
import { type Position, type Source, shown } from './yaml-source.js';

/** Reads the field `matrix` of a test; what is wrong is noted where it stands. */
export function readMatrix(fields: Fields): Matrix | undefined {
  const source = fields.source('matrix');
  if (source === undefined) return undefined;
  const wrong = (at: Position, message: string) => fields.wrong(at, message);
  const before = fields.problems.length;
  const under = fields.below('matrix', ['axes', 'include', 'exclude', 'most']);
  if (under === undefined) return undefined;
  const most = under.integer('most', 1, 10_000);
  const axes = mapOf(under.source('axes'), wrong, "axes, each 'NAME: [value, value]'", (value, name) =>
    textsOf(value, wrong, name),
  );
  const variants = (key: string): readonly Variant[] | undefined => {
    const list = under.source(key);
    if (list === undefined) return undefined;
    if (list.kind !== 'list') {
      wrong(list.at, `'${key}' is a list, each '{NAME: value}'`);
      return undefined;
    }
    return list.items.map(
      (item) => mapOf(item, wrong, "'{NAME: value}'", (value, name) => textOf(value, wrong, name)) ?? {},
    );
  };
  const matrix: Matrix = {
    ...given('axes', axes),
    ...given('include', variants('include')),
    ...given('exclude', variants('exclude')),
    ...given('most', most),
  };
  if (fields.problems.length > before) return undefined;
  const unfolded = unfoldMatrix(matrix);
  if ('problems' in unfolded)
    for (const { path, message } of unfolded.problems) wrong(placeOf(source, path), message);
  return 'variants' in unfolded ? matrix : undefined;
}

type Wrong = (at: Position, message: string) => void;

function given<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}

function mapOf<Value>(
  source: Source | undefined,
  wrong: Wrong,
  what: string,
  read: (value: Source, name: string) => Value,
): Readonly<Record<string, Value>> | undefined {
  if (source === undefined) return undefined;
  if (source.kind === 'map')
    return Object.fromEntries(source.entries.map(({ key, value }) => [key, read(value, key)]));
  wrong(source.at, `here stand ${what}`);
  return undefined;
}

function textsOf(source: Source, wrong: Wrong, name: string): readonly string[] {
  if (source.kind === 'list') return source.items.map((item) => textOf(item, wrong, name));
  wrong(source.at, `'${shown(name)}' takes a list of values`);
  return [];
}

function textOf(source: Source, wrong: Wrong, name: string): string {
  if (source.kind === 'text') return source.text;
  wrong(source.at, `a value of '${shown(name)}' is a text`);
  return '';
}

/** Where a path leads to, or the nearest place on the way. */
function placeOf(source: Source, path: readonly (string | number)[]): Position {
  const [step, ...rest] = path;
  const next =
    source.kind === 'map'
      ? source.entries.find(({ key }) => key === step)?.value
      : source.kind === 'list' && typeof step === 'number'
        ? source.items[step]
        : undefined;
  return next === undefined ? source.at : placeOf(next, rest);
}
