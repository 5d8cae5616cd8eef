import { readFile, stat } from 'node:fs/promises';
import { readTestFile, type TestFileResult } from '../adapters/test-file.js';
import type { TestSource } from '../domain/submit/source.js';
import type { TestSpec } from '../domain/test.js';
import { EXIT, Failure } from './failure.js';
import type { Needs } from './local-tags.js';
import type { RunPlace } from './place.js';
import type { PlannedRun } from './run-attempt.js';

/** Which tests of those that are named, and in which variants. */
export interface TestOptions {
  readonly label?: readonly string[];
  readonly not?: readonly string[];
  readonly variant?: readonly Readonly<Record<string, string>>[];
  readonly matrix?: Readonly<Record<string, string[]>>;
  /** A repository: then what is named are paths in it. */
  readonly git?: string;
  readonly ref?: string;
}

/** The runs that files, folders and names of an inventory's tests come to, with what was passed over on the way. */
export interface PlannedRuns {
  readonly runs: readonly PlannedRun[];
  /** Files in the folders that are no tests. */
  readonly others: readonly string[];
}

interface Found {
  readonly file?: string;
  readonly spec: TestSpec;
}

/** Reads all tests, and refuses them with everything that is wrong with them at once. */
export async function planRuns(
  what: readonly string[],
  options: TestOptions,
  place: RunPlace,
): Promise<PlannedRuns> {
  const { files, named, others } = await filesOf(what, options, place);
  const tests: Found[] = named.map((spec) => ({ spec }));
  const mistakes: string[] = [];
  for (const file of files) {
    const read = await readAt(file, place);
    const { name, source } = file;
    if (read.ok)
      tests.push({ file: name, spec: source === undefined ? read.spec : { ...read.spec, source } });
    else {
      const lines = read.problems.map(
        (p) => `  ${[name, p.line, p.column].filter(Boolean).join(':')}: ${p.message}`,
      );
      mistakes.push(`${name} cannot be run as it is\n${lines.join('\n')}`);
    }
  }
  if (mistakes.length > 0) throw new Failure(mistakes.slice(0, 50).join('\n'));
  const selected = select(tests, options);
  const known = new Map<string, Needs>();
  const runs: PlannedRun[] = [];
  for (const test of selected)
    for (const one of await inVariants(test, options)) {
      const { requirement } = one.spec;
      const needs = known.get(requirement) ?? (await needsAt(requirement, place));
      known.set(requirement, needs);
      runs.push({ ...one, needs });
    }
  return { runs, others };
}

/** A file to be run: here, unless its bytes are known. */
interface RunFile {
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly source?: TestSource;
}

async function filesOf(
  what: readonly string[],
  options: TestOptions,
  place: RunPlace,
): Promise<{ files: readonly RunFile[]; named: readonly TestSpec[]; others: readonly string[] }> {
  const { git: url, ref } = options;
  if (url !== undefined) {
    const { fromRepository } = await import('./run-git.js');
    return { named: [], ...(await fromRepository(url, ref, what)) };
  }
  if (ref !== undefined)
    throw new Failure('--ref says which branch, tag or commit of a repository: name that with --git');
  const { files, ...rest } = await whatIsThere(what, options, place);
  return { files: files.map((name) => ({ name })), ...rest };
}

/** The files that are meant, and the inventory's tests; each once, in the order in which they were named. */
async function whatIsThere(what: readonly string[], options: TestOptions, { inventory }: RunPlace) {
  const files = new Set<string>();
  const named: TestSpec[] = [];
  const others: string[] = [];
  for (const one of what) {
    const about = await stat(one).catch(() => undefined);
    if (about?.isDirectory()) {
      const { testsIn } = await import('./run-folder.js');
      const found = await testsIn(one);
      for (const file of found.tests) files.add(file);
      others.push(...found.others);
      if (found.tests.length === 0)
        throw new Failure(`there is no test in ${one}: a test begins with #!, or in YAML with 'testyard: 1'`);
    } else if (about !== undefined || inventory === undefined) files.add(one);
    else {
      const spec = inventory.tests.find((test) => test.name === one);
      if (spec === undefined)
        throw new Failure(`there is no file ${one}, and the inventory has no test of that name`);
      named.push(spec);
    }
  }
  if (what.length === 0) {
    const selects = (options.label ?? []).length + (options.not ?? []).length > 0;
    if (inventory === undefined) throw new Failure('name a test file or a folder of them');
    if (!selects) throw new Failure("name tests, or select some of the inventory's with --label or --not");
    named.push(...inventory.tests);
  }
  return { files: [...files], named, others };
}

async function readAt(file: RunFile, place: RunPlace): Promise<TestFileResult> {
  const { name } = file;
  const bytes = file.bytes ?? (await bytesOf(name));
  // Most tests need nothing: then no catalogue is read.
  const plain = readTestFile({ name, bytes }, undefined);
  if (plain.ok && plain.spec.requirement === '') return plain;
  const { catalogue } = await place.knowledge();
  const known = readTestFile({ name, bytes }, catalogue);
  // A tag that only some grid knows is no mistake of the file's.
  return known.ok ? known : plain.ok ? plain : known;
}

async function bytesOf(file: string): Promise<Uint8Array> {
  return await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(
      error.code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${error.message}`,
    );
  });
}

async function needsAt(requirement: string, place: RunPlace): Promise<Needs> {
  if (requirement === '' && place.inventory === undefined) return { verify: [] };
  const known = await place.knowledge();
  const { needsOf } = await import('./local-tags.js');
  const { joined } = await import('../domain/submit/joined.js');
  const whole = known.common === '' ? requirement : joined(requirement, known.common, known.catalogue);
  return whole === '' ? { verify: [] } : needsOf(whole, known, place.transport.kind === 'local');
}

/** As a grid selects: all of these labels and none of those. */
function select(tests: readonly Found[], { label = [], not = [] }: TestOptions): readonly Found[] {
  const selected = tests.filter(
    ({ spec }) =>
      label.every((word) => spec.labels.includes(word)) && !not.some((word) => spec.labels.includes(word)),
  );
  if (selected.length > 0) return selected;
  const labels = [...new Set(tests.flatMap(({ spec }) => spec.labels))].sort();
  const asked = [...label.map((word) => `--label ${word}`), ...not.map((word) => `--not ${word}`)].join(' ');
  throw new Failure(
    `${asked} leaves none of ${tests.length} ${tests.length === 1 ? 'test' : 'tests'}`,
    EXIT.usage,
    labels.length === 0 ? 'They have no labels.' : `Their labels: ${labels.slice(0, 30).join(', ')}.`,
  );
}

/** A test in every variant: its own matrix in those that were asked for. */
async function inVariants(
  { file, spec }: Found,
  { variant, matrix }: TestOptions,
): Promise<readonly Omit<PlannedRun, 'needs'>[]> {
  const base = file === undefined ? {} : { file };
  if (spec.matrix === undefined && variant === undefined && matrix === undefined)
    return [{ ...base, spec, variant: {}, title: spec.name }];
  const { variantsOf } = await import('./run-variants.js');
  const { nameOf } = await import('../domain/report/reported.js');
  return variantsOf(spec, variant, matrix).map((one) => ({
    ...base,
    spec: { ...spec, environment: { ...spec.environment, ...one } },
    variant: one,
    title: nameOf({ test: spec.name, variant: one }),
  }));
}
