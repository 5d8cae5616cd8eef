import type { z } from 'zod';
import type { AskedTarget } from '../domain/demand.js';
import { handlersAmong } from '../domain/handler.js';
import type { Id } from '../domain/id.js';
import { wrongParam } from '../domain/lava/params.js';
import { nearest } from '../domain/requirement.js';
import { clashes } from '../domain/submit/artefact.js';
import { unfoldMatrix, whereInMatrix } from '../domain/submit/matrix.js';
import {
  type Asked,
  type AskedTest,
  countRuns,
  runsAtMost,
  type Unfolded,
  within,
} from '../domain/submit/unfold.js';
import type { TestSpec } from '../domain/test.js';
import { unfoldIn } from '../stages/submit.js';
import { readTrustedProjects, sendsMail } from '../store/grid.js';
import type { Sql, Store } from '../store/store.js';
import { blobSizes, type NewSubmission } from '../store/submission.js';
import { type FoundTest, findTests, putTests, readTestNames } from '../store/test.js';
import { WorldReader } from '../store/world.js';
import { alongWith } from './along.js';
import type { SubmissionRequest } from './contract.js';
import type { NamedBytes, ReadTestFile } from './deps.js';
import type { Fetched } from './fetch-tests.js';
import type { TreePacking } from './pack-trees.js';
import { type Mistake, unprocessable } from './problem.js';
import { findSelected } from './select.js';

/** More runs than this are no submission but an accident. */
const MOST_RUNS = 100_000;

/** Test files are read so many at a time before others get their turn. */
const FILES_AT_ONCE = 100;

/** Reads a test file against the tags that are known. */
type ReadFile = (file: NamedBytes) => ReturnType<ReadTestFile>;

type Wanted = z.output<typeof SubmissionRequest>;

/** A run that waits for another inventory, and says nothing else, does so for a week. */
const WAIT_S = 7 * 86_400;

/** A submission that can be accepted, and how to put its tests. */
export interface Understood {
  readonly submission: Omit<NewSubmission, 'actor' | 'tests'>;
  /** Puts new versions of tests in a transaction and gives the ids of all, in the order they were asked for. */
  readonly putTests: (tx: Sql) => Promise<readonly Id[]>;
  /** The same as the domain unfolds it. */
  readonly asked: Asked<AskedTest>;
}

/**
 * Reads all of a submission and refuses it with everything that is wrong with it at once. Where only a plan is wanted,
 * nothing is packed.
 */
export async function understand(
  store: Store,
  projectId: Id,
  wanted: Wanted,
  readTestFile: ReadFile,
  fetched: Fetched,
  packing: TreePacking | undefined,
): Promise<Understood> {
  const named = await findNamed(store, projectId, wanted);
  const sent = await readFiles(store, wanted, fetched, readTestFile, packing);
  const selected = await findSelected(store, projectId, wanted.select);
  const own = wanted.matrix === undefined ? undefined : unfoldMatrix(wanted.matrix);
  const mistakes = [
    ...named.mistakes,
    ...fetched.mistakes,
    ...sent.mistakes,
    ...selected.mistakes,
    ...(own !== undefined && 'problems' in own
      ? own.problems.map(({ path, message }) => ({ where: whereInMatrix(path), message }))
      : []),
    ...(await checkTheRest(store, wanted)),
  ];
  const inner = own !== undefined && 'variants' in own ? own.variants : [{}];
  refuse(mistakes);
  // What was named already is not taken again because it has the labels too.
  const taken = new Set([...named.found.values()].map((test) => test.id));
  const more = selected.tests.filter((test) => !taken.has(test.id));
  const tests = [
    ...wanted.tests.flatMap((_, index): readonly (FoundTest | TestSpec)[] => {
      const test = named.found.get(index);
      return sent.specs.get(index) ?? (test === undefined ? [] : [test]);
    }),
    ...more,
  ];
  refuse(wrongParams(wanted.params, tests));
  refuse(
    tooMany(
      runsAtMost({ tests, variants: wanted.variants }, MOST_RUNS) * inner.length * wanted.targets.length,
    ),
  );
  const {
    name,
    params,
    targets,
    priority,
    queueTimeoutS,
    holdOnFailureS: holdS,
    artefacts,
    wait,
    mailTo,
  } = wanted;
  const variants = within(wanted.variants, inner);
  const given = { variants, params, targets: targets.map(asTarget), wait };
  return {
    submission: {
      ...given,
      projectId,
      name,
      priority,
      queueTimeoutS: queueTimeoutS ?? (wait ? WAIT_S : undefined),
      holdS,
      mailTo,
      artefacts,
    },
    asked: {
      ...given,
      tests: tests.map(withOwnParams),
      purpose: 'test',
      project: wanted.project,
      again: false,
    },
    putTests: async (tx) => {
      const indexes = [...sent.specs].flatMap(([index, specs]) => specs.map(() => index));
      const ids = await putTests(tx, projectId, [...sent.specs.values()].flat());
      const idsOf = (index: number) => ids.filter((_, at) => indexes[at] === index);
      return [
        ...wanted.tests.flatMap((_, index) => named.found.get(index)?.id ?? idsOf(index)),
        ...more.map((test) => test.id),
      ];
    },
  };
}

/** What a submission would come to in the world as it is; refused where that is too much. */
export async function unfoldNow(store: Store, { asked }: Understood): Promise<Unfolded<AskedTest>> {
  const unfolded = unfoldIn(await new WorldReader().read(store), asked);
  refuse(tooMany(countRuns(unfolded.portions)));
  return unfolded;
}

function refuse(mistakes: readonly Mistake[]): void {
  if (mistakes.length > 0) throw unprocessable('The submission is not accepted', mistakes.slice(0, 100));
}

function tooMany(runs: number): readonly Mistake[] {
  if (runs <= MOST_RUNS) return [];
  const message = `tests x variants x targets are ${runs} runs or more; ${MOST_RUNS} are the most: divide it`;
  return [{ where: '', message }];
}

function asTarget({ host, hostType, each }: Wanted['targets'][number]): AskedTarget {
  return {
    ...(host === undefined ? {} : { host }),
    ...(hostType === undefined ? {} : { hostType }),
    ...(each === undefined ? {} : { each }),
  };
}

async function findNamed(sql: Sql, projectId: Id, wanted: Wanted) {
  const names = wanted.tests.flatMap((test, index) => ('name' in test ? [{ name: test.name, index }] : []));
  const known =
    names.length === 0
      ? new Map<string, FoundTest>()
      : await findTests(sql, projectId, [...new Set(names.map((test) => test.name))]);
  const unknown = names.filter(({ name }) => !known.has(name));
  const all = unknown.length === 0 ? [] : await readTestNames(sql, projectId);
  return {
    found: new Map(
      names.flatMap(({ name, index }) => {
        const test = known.get(name);
        return test === undefined ? [] : [[index, test] as const];
      }),
    ),
    // Looking for the nearest takes its time; a list that is wrong all over needs no hint for each.
    mistakes: unknown.slice(0, 20).map(({ name, index }): Mistake => {
      const near = nearest(name, all);
      const hint = near === undefined ? '' : `: did you mean '${near}'?`;
      return {
        where: `tests[${index}].name`,
        message: `project ${wanted.project} has no test '${name}'${hint}`,
      };
    }),
  };
}

/** A test with its parameters where every test has them. */
function withOwnParams(test: FoundTest | TestSpec): AskedTest {
  const params = 'lava' in test ? test.lava?.params : undefined;
  return params === undefined ? test : { ...test, params };
}

function wrongParams(params: Wanted['params'], tests: readonly (FoundTest | TestSpec)[]): readonly Mistake[] {
  const known = tests.map((test) => withOwnParams(test).params);
  return Object.keys(params).flatMap((name) => {
    const message = wrongParam(name, known);
    return message === undefined ? [] : [{ where: `params.${name}`, message }];
  });
}

async function readFiles(
  sql: Sql,
  wanted: Wanted,
  fetched: Fetched,
  readTestFile: ReadFile,
  packing: TreePacking | undefined,
) {
  const specs = new Map<number, TestSpec[]>();
  const mistakes: Mistake[] = [];
  const files = [
    ...wanted.tests.flatMap((test, index) => {
      if (!('file' in test)) return [];
      const { name, content, tree, programs } = test.file;
      return [
        { index, name, bytes: () => Buffer.from(content, 'base64'), source: undefined, tree, programs },
      ];
    }),
    ...fetched.files.map(({ bytes, ...file }) => ({
      ...file,
      bytes: () => bytes,
      tree: undefined,
      programs: undefined,
    })),
  ];
  const uploaded = files.flatMap(({ tree }) => (tree === undefined ? [] : [tree.blob]));
  const sizes = uploaded.length === 0 ? new Map<string, number>() : await blobSizes(sql, uploaded);
  const isTrusted = (await readTrustedProjects(sql)).includes(wanted.project);
  const untrusted = isTrusted ? undefined : wanted.project;
  for (const [at, { name, bytes, index, source, tree, programs }] of files.entries()) {
    if (at % FILES_AT_ONCE === FILES_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
    const read = readTestFile({ name, bytes: bytes() });
    const where = `tests[${index}].${source === undefined ? 'file' : 'git'} (${name})`;
    if (read.ok) {
      const own = source === undefined ? read.spec : { ...read.spec, source };
      const spec = await alongWith(own, { tree, programs }, { packing, sizes, untrusted });
      if ('problem' in spec) mistakes.push({ where, message: spec.problem });
      else specs.set(index, [...(specs.get(index) ?? []), spec]);
    } else {
      mistakes.push(...read.problems.map((problem) => ({ where, ...problem })));
    }
    if (mistakes.length >= 100) break;
  }
  return { specs: withoutHandlers(specs), mistakes };
}

/** A folder of a repository may have programs in it that its tests name as handlers, and that are no tests. */
function withoutHandlers(
  specs: ReadonlyMap<number, readonly TestSpec[]>,
): ReadonlyMap<number, readonly TestSpec[]> {
  return new Map(
    [...specs].map(([index, all]) => {
      const handlers = handlersAmong(
        all.map(({ source, handlers }) => ({ path: source?.path ?? '', handlers })),
      );
      return [index, all.filter(({ source }) => source === undefined || !handlers.has(source.path))];
    }),
  );
}

async function checkTheRest(sql: Sql, wanted: Wanted): Promise<readonly Mistake[]> {
  const mistakes: Mistake[] = [];
  if (wanted.tests.length === 0 && wanted.select === undefined) {
    mistakes.push({ where: 'tests', message: 'name at least one test, or select some by their labels' });
  }
  for (const { index, message } of clashes(wanted.artefacts))
    mistakes.push({ where: `artefacts[${index}].name`, message });
  if (wanted.mailTo !== undefined && !(await sendsMail(sql)))
    mistakes.push({
      where: 'mailTo',
      message: "this grid sends no mail: an admin says how in grid.yaml, below 'mail'",
    });
  const blobs = wanted.artefacts.flatMap(({ blob }) => (blob === undefined ? [] : [blob]));
  const there = blobs.length === 0 ? new Map<string, number>() : await blobSizes(sql, blobs);
  wanted.artefacts.forEach(({ blob }, index) => {
    if (blob !== undefined && !there.has(blob)) {
      mistakes.push({ where: `artefacts[${index}].blob`, message: 'there is no such blob: upload it first' });
    }
  });
  return mistakes;
}
