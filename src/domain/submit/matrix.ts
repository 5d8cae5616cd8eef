import { canonicalJson } from '../digest.js';
import { nearest } from '../requirement.js';

/** Values for a test's environment: source text, never numbers. */
export type Variant = Readonly<Record<string, string>>;

/** Axes whose every combination is wanted, with what is left out and what comes on top. */
export interface Matrix {
  /** Name of a variable to its values; combinations come in this order, the last axis changing fastest. */
  readonly axes?: Readonly<Record<string, readonly string[]>>;
  /** More variants, each taken as it is, whatever is excluded. */
  readonly include?: readonly Variant[];
  /** Every combination of the axes that has all these values is left out. */
  readonly exclude?: readonly Variant[];
  /** More variants than this are refused as an accident; 100 unless said. */
  readonly most?: number;
}

/** A mistake in a matrix; `path` leads to it from the matrix down: `['exclude', 2, 'FS']`. */
export interface MatrixProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A name that a variant may give a value; the others are the grid's own, or none. */
export const VARIABLE = /^(?!TESTYARD_)[A-Za-z_][A-Za-z0-9_]{0,99}$/;

/** How many variants a matrix may make where it says nothing, and how many it may allow itself. */
export const MOST_VARIANTS = { unlessSaid: 100, ever: 10_000 } as const;

/** So many combinations are looked at before some are excluded. */
const MOST_COMBINATIONS = 20_000;

/** So many lines of `exclude`: each is held against each combination. */
const MOST_EXCLUSIONS = 1000;

const MOST_CHARACTERS = 10_000;

/** All variants of a matrix in their order, no two of them equal; or everything that is wrong with it. */
export function unfoldMatrix(
  matrix: Matrix,
): { readonly variants: readonly Variant[] } | { readonly problems: readonly MatrixProblem[] } {
  const axes = Object.entries(matrix.axes ?? {});
  const problems = [...mistakesIn(matrix), ...tooMany(matrix, axes)];
  if (problems.length > 0) return { problems };
  const { include = [], most = MOST_VARIANTS.unlessSaid } = matrix;
  const exclude = (matrix.exclude ?? []).map((values) => Object.entries(values));
  const combinations = product(axes).filter(
    (variant) => !exclude.some((values) => values.every(([name, value]) => variant[name] === value)),
  );
  const known = new Set(combinations.map(canonicalJson));
  include.forEach((variant, index) => {
    const key = canonicalJson(variant);
    if (known.has(key)) problems.push({ path: ['include', index], message: 'this variant is there already' });
    known.add(key);
  });
  const count = combinations.length + include.length;
  if (count === 0) problems.push({ path: [], message: 'nothing is left: every combination is excluded' });
  if (count > most) problems.push({ path: [], message: moreThan(String(count), most) });
  return problems.length > 0 ? { problems } : { variants: [...combinations, ...include] };
}

/** Where a mistake is, in words: `matrix.exclude[2].FS`. */
export function whereInMatrix(path: MatrixProblem['path']): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${part}`),
    'matrix',
  );
}

/** Every combination of one value of each axis; none of no axes. */
function product(axes: readonly (readonly [string, readonly string[]])[]): readonly Variant[] {
  if (axes.length === 0) return [];
  return axes.reduce<readonly Variant[]>(
    (variants, [name, values]) =>
      variants.flatMap((variant) => values.map((value) => ({ ...variant, [name]: value }))),
    [{}],
  );
}

function tooMany(
  { most = MOST_VARIANTS.unlessSaid, exclude = [] }: Matrix,
  axes: readonly (readonly [string, readonly string[]])[],
): MatrixProblem[] {
  // Counted exactly however many there are: the number is what tells where the mistake is.
  const count = axes.reduce((n, [, values]) => n * BigInt(values.length), 1n);
  if (count <= BigInt(MOST_COMBINATIONS)) return [];
  const message =
    exclude.length === 0
      ? moreThan(String(count), most)
      : `its axes make ${count} combinations; ${MOST_COMBINATIONS} are the most, what is excluded counted`;
  return [{ path: ['axes'], message }];
}

function moreThan(count: string, most: number): string {
  return `makes ${count} variants and ${most} are the most: leave some out, or set \`most\` (up to ${MOST_VARIANTS.ever})`;
}

function mistakesIn({ axes = {}, include = [], exclude = [], most }: Matrix): MatrixProblem[] {
  const problems: MatrixProblem[] = [];
  const names = Object.keys(axes);
  if (names.length + include.length === 0)
    problems.push({ path: [], message: 'has neither axes nor include: say one of them' });
  if (most !== undefined && !(Number.isInteger(most) && most >= 1 && most <= MOST_VARIANTS.ever))
    problems.push({ path: ['most'], message: `a whole number from 1 to ${MOST_VARIANTS.ever}` });
  for (const [name, values] of Object.entries(axes)) {
    problems.push(...mistakesInName(name, ['axes', name]));
    if (values.length === 0)
      problems.push({ path: ['axes', name], message: `axis '${name}' has no values: give it one` });
    const seen = new Set<string>();
    values.forEach((value, index) => {
      problems.push(...mistakesInValue(value, ['axes', name, index]));
      if (seen.has(value))
        problems.push({ path: ['axes', name, index], message: `'${shown(value)}' is there twice` });
      seen.add(value);
    });
  }
  include.forEach((variant, index) => {
    if (Object.keys(variant).length === 0)
      problems.push({ path: ['include', index], message: 'is empty: give a variable a value' });
    for (const [name, value] of Object.entries(variant)) {
      problems.push(...mistakesInName(name, ['include', index, name]));
      problems.push(...mistakesInValue(value, ['include', index, name]));
    }
  });
  if (exclude.length > MOST_EXCLUSIONS)
    problems.push({
      path: ['exclude'],
      message: `has ${exclude.length} lines; ${MOST_EXCLUSIONS} are the most`,
    });
  exclude.forEach((values, index) => {
    if (Object.keys(values).length === 0)
      problems.push({ path: ['exclude', index], message: 'is empty: it would exclude everything' });
    for (const [name, value] of Object.entries(values))
      problems.push(...mistakesInExclusion(axes, name, value, ['exclude', index, name]));
  });
  return problems;
}

/** What could never be met is a slip of the pen: what was meant would run. */
function mistakesInExclusion(
  axes: NonNullable<Matrix['axes']>,
  name: string,
  value: string,
  path: MatrixProblem['path'],
): MatrixProblem[] {
  const values = Object.hasOwn(axes, name) ? axes[name] : undefined;
  if (values === undefined)
    return [{ path, message: `there is no axis '${shown(name)}'${meant(name, Object.keys(axes))}` }];
  if (values.includes(value)) return [];
  return [{ path, message: `axis '${name}' has no value '${shown(value)}'${meant(value, values)}` }];
}

function meant(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `: did you mean '${shown(near)}'?`;
}

function mistakesInName(name: string, path: MatrixProblem['path']): MatrixProblem[] {
  if (VARIABLE.test(name)) return [];
  const rule = 'letters, digits and _, at most 100, and not TESTYARD_..., which is ours';
  return [{ path, message: `'${shown(name)}' is no name for a variable: ${rule}` }];
}

function mistakesInValue(value: string, path: MatrixProblem['path']): MatrixProblem[] {
  if (value.includes('\0')) return [{ path, message: 'holds a NUL character' }];
  if (value.length > MOST_CHARACTERS)
    return [{ path, message: `has more than ${MOST_CHARACTERS} characters` }];
  return [];
}

function shown(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]/g, '?');
  return safe.length > 60 ? `${safe.slice(0, 57)}...` : safe;
}
