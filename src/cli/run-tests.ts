import { readFile, stat } from 'node:fs/promises';
import { isWebAddress } from '../adapters/download.js';
import { readTestFile, type TestFileResult } from '../adapters/test-file.js';
import type { FileProblem } from '../adapters/yaml-source.js';
import { handlersAmong } from '../domain/handler.js';
import { mappingWith } from '../domain/lava/mapping.js';
import { ownParams, withParams, wrongParam } from '../domain/lava/params.js';
import type { TestSource } from '../domain/submit/source.js';
import type { TestSpec } from '../domain/test.js';
import { refusePlaces } from './archive-options.js';
import { EXIT, Failure } from './failure.js';
import type { Needs } from './local-tags.js';
import type { RunPlace } from './place.js';
import type { PlannedRun } from './run-attempt.js';
import type { FromRepository } from './run-git.js';
import type { PackedTree, PackedTrees } from './run-tree.js';

/** Which tests of those that are named, and in which variants. */
export interface TestOptions {
  readonly label?: readonly string[];
  readonly not?: readonly string[];
  readonly variant?: readonly Readonly<Record<string, string>>[];
  readonly matrix?: Readonly<Record<string, string[]>>;
  /** A repository: then what is named are paths in it. */
  readonly git?: string;
  readonly ref?: string;
  /** Where in an archive at an address of the web the tests are. */
  readonly path?: readonly string[];
  /** The folder that goes along with LAVA definitions in it. */
  readonly tree?: string;
  /** Values for parameters of LAVA definitions. */
  readonly param?: Readonly<Record<string, string>>;
  /** Handlers that lie beside tests may be started on this machine. */
  readonly trustHandlers?: boolean;
}

/** The runs that files, folders and names of an inventory's tests come to, with what was passed over on the way. */
export interface PlannedRuns {
  readonly runs: readonly PlannedRun[];
  /** Files in the folders that are no tests. */
  readonly others: readonly string[];
  /** What tests say and what is not done, by the name of their file. */
  readonly notes: ReadonlyMap<string, readonly FileProblem[]>;
  /** Deletes what was packed for them. */
  readonly remove: () => Promise<void>;
}

interface Found {
  readonly file?: string;
  readonly spec: TestSpec;
  /** What goes along with it. */
  readonly packed?: PackedTree;
}

/** Reads all tests, and refuses them with everything that is wrong with them at once. */
export async function planRuns(
  what: readonly string[],
  options: TestOptions,
  place: RunPlace,
): Promise<PlannedRuns> {
  let trees: Promise<PackedTrees> | undefined;
  // Most tests are single scripts.
  const needed: Trees = () => {
    trees ??= import('./run-tree.js').then(({ PackedTrees }) => new PackedTrees());
    return trees;
  };
  const remove = async () => await (await trees)?.remove();
  try {
    return { ...(await planned(what, options, place, needed)), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Where trees are packed, made when it is first asked for. */
type Trees = () => Promise<PackedTrees>;

async function planned(
  what: readonly string[],
  options: TestOptions,
  place: RunPlace,
  trees: Trees,
): Promise<Omit<PlannedRuns, 'remove'>> {
  const { files, named, others } = await filesOf(what, options, place, trees);
  const tests: Found[] = named.map((spec) => ({ spec }));
  const notes = new Map<string, readonly FileProblem[]>();
  const mistakes: string[] = [];
  for (const file of files) {
    const read = await readAt(file, place);
    const { name, source } = file;
    if (read.ok) {
      const own = source === undefined ? read.spec : { ...read.spec, source };
      const spec = await withPrograms(own, file, options);
      const along = spec.lava === undefined ? { spec } : await withTree(spec, file, options, trees);
      tests.push({ file: name, ...along });
      notes.set(name, [...(read.notes ?? []), ...(await notesOn(along))]);
    } else {
      const lines = read.problems.map(
        (p) => `  ${[name, p.line, p.column].filter(Boolean).join(':')}: ${p.message}`,
      );
      mistakes.push(`${name} cannot be run as it is\n${lines.join('\n')}`);
    }
  }
  if (mistakes.length > 0) throw new Failure(mistakes.slice(0, 50).join('\n'));
  const handlers = handlersAmong(
    tests.map(({ file = '', spec }) => ({ path: file, handlers: spec.handlers })),
  );
  const selected = select(
    tests.filter(({ file = '' }) => !handlers.has(file)),
    options,
  );
  refuseParams(selected, options);
  const known = new Map<string, Needs>();
  const runs: PlannedRun[] = [];
  for (const test of selected)
    for (const one of await inVariants(test, options)) {
      const { requirement } = one.spec;
      const needs = known.get(requirement) ?? (await needsAt(requirement, place));
      known.set(requirement, needs);
      runs.push({ ...one, needs });
    }
  return { runs, others, notes };
}

/** A test with the handlers that lie beside it, where whoever types trusts them. */
async function withPrograms(
  spec: TestSpec,
  file: RunFile,
  { trustHandlers }: TestOptions,
): Promise<TestSpec> {
  const own = spec.handlers?.find((handler) => handler.startsWith('./'));
  if (own === undefined) return spec;
  if (!trustHandlers)
    throw new Failure(
      `${file.name}: '${own}' in 'handlers' is a program that comes with the test and would run on this machine, beside the test: read it, and say --trust-handlers`,
    );
  const { programsBeside } = await import('./run-handlers.js');
  const programs = await programsBeside(spec, file);
  return programs === undefined ? spec : { ...spec, programs };
}

/** What of the tree is left out, and whether the first step could go where it wants to. */
async function notesOn({ spec, packed }: Found): Promise<readonly FileProblem[]> {
  if (packed === undefined) return [];
  const { firstFolder } = await import('./run-tree.js');
  const folder = firstFolder(spec);
  const isThere = folder === '.' || [...packed.paths].some((one) => one.startsWith(`${folder}/`));
  const message = `the first step goes into ${folder}, which does not go along: name the folder above it with --tree`;
  return [...packed.notes.map((note) => ({ message: note })), ...(isThere ? [] : [{ message }])];
}

/** Values that change nothing are a slip of the pen. */
function refuseParams(tests: readonly Found[], { param = {} }: TestOptions): void {
  const params = tests.map(({ spec }) => spec.lava?.params);
  const wrong = Object.keys(param).flatMap((name) => wrongParam(name, params) ?? []);
  if (wrong.length > 0) throw new Failure(wrong.map((message) => `--param: ${message}`).join('\n'));
}

/** A definition with what lies around it. */
async function withTree(
  spec: TestSpec,
  file: RunFile,
  options: TestOptions,
  trees: Trees,
): Promise<Omit<Found, 'file'>> {
  const { lava } = spec;
  if (lava === undefined) return { spec };
  const { packed, inside } = await treeAround(spec, file, options, trees);
  const folder = inside.includes('/') ? inside.slice(0, inside.lastIndexOf('/')) : '';
  const { repositories } = packed;
  const whole = { ...lava, folder, ...(repositories.length === 0 ? {} : { repositories }) };
  return { spec: { ...spec, lava: whole, tree: packed.tree }, packed };
}

async function treeAround(
  spec: TestSpec,
  file: RunFile,
  { tree }: TestOptions,
  trees: Trees,
): Promise<{ readonly packed: PackedTree; readonly inside: string }> {
  const repositories = spec.lava?.repositories ?? [];
  if (file.tree !== undefined) return { packed: await file.tree(repositories), inside: file.name };
  const packing = await trees();
  const { firstFolder } = await import('./run-tree.js');
  const { root, inside } = await packing.placeOf(file.name, tree, file.folder, firstFolder(spec));
  return { packed: await packing.at(root, repositories), inside };
}

/** A file to be run: here, unless its bytes are known. */
interface RunFile {
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly source?: TestSource;
  /** The folder that was named, in which it lies. */
  readonly folder?: string;
  /** Packs what is around it, where that is not here. */
  readonly tree?: FromRepository['tree'];
  /** Gives a file in its folder, where that is not here. */
  readonly beside?: (file: string) => Promise<Uint8Array | undefined>;
}

async function filesOf(
  what: readonly string[],
  options: TestOptions,
  place: RunPlace,
  trees: Trees,
): Promise<{ files: readonly RunFile[]; named: readonly TestSpec[]; others: readonly string[] }> {
  const { git: url, ref } = options;
  refusePlaces(what, options);
  if (url !== undefined) {
    const { fromRepository } = await import('./run-git.js');
    const { files, others, tree, fileAt } = await fromRepository(url, ref, what, await trees());
    const beside = (name: string) => (file: string) =>
      fileAt(`${name.slice(0, name.lastIndexOf('/') + 1)}${file}`);
    const whole = files.map((file) => ({ ...file, tree, beside: beside(file.name) }));
    return { named: [], files: whole, others };
  }
  if (ref !== undefined)
    throw new Failure('--ref says which branch, tag or commit of a repository: name that with --git');
  return await whatIsThere(what, options, place, trees);
}

/** The files that are meant, and the inventory's tests; each once, in the order in which they were named. */
async function whatIsThere(
  what: readonly string[],
  options: TestOptions,
  { inventory }: RunPlace,
  trees: Trees,
) {
  const files = new Map<string, RunFile>();
  const named: TestSpec[] = [];
  const others: string[] = [];
  for (const one of what) {
    if (isWebAddress(one)) {
      const { fromUrl } = await import('./run-url.js');
      const found = await fromUrl(one, options.path ?? [], await trees());
      for (const file of found.files) files.set(`${one} ${file.name}`, file);
      others.push(...found.others);
      continue;
    }
    const about = await stat(one).catch(() => undefined);
    if (about?.isDirectory()) {
      const { testsIn } = await import('./run-folder.js');
      const found = await testsIn(one);
      for (const name of found.tests) files.set(name, { name, folder: one });
      others.push(...found.others);
      if (found.tests.length === 0)
        throw new Failure(`there is no test in ${one}: a test begins with #!, or in YAML with 'testyard: 1'`);
    } else if (about !== undefined || inventory === undefined) files.set(one, { name: one });
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
  return { files: [...files.values()], named, others };
}

async function readAt(file: RunFile, place: RunPlace): Promise<TestFileResult> {
  const { name } = file;
  const bytes = file.bytes ?? (await bytesOf(name));
  // Most tests need nothing: then no catalogue is read.
  const mapping = mappingWith(place.inventory?.grid.lava);
  const plain = readTestFile({ name, bytes }, undefined, mapping);
  if (plain.ok && plain.spec.requirement === '') return plain;
  const { catalogue } = await place.knowledge();
  const known = readTestFile({ name, bytes }, catalogue, mapping);
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
  { spec, ...base }: Found,
  { variant: given, matrix, param }: TestOptions,
): Promise<readonly Omit<PlannedRun, 'needs'>[]> {
  const own = ownParams(param, spec.lava?.params);
  const variant = own === undefined ? given : withParams(given, own);
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
