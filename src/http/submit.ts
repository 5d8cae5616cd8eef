import type { z } from 'zod';
import type { Id } from '../domain/id.js';
import { nearest } from '../domain/requirement.js';
import type { TestSpec } from '../domain/test.js';
import type { Sql, Store } from '../store/store.js';
import { missingBlobs, type NewSubmission } from '../store/submission.js';
import { findTests, putTests, readTagNames, readTestNames } from '../store/test.js';
import type { SubmissionRequest } from './contract.js';
import type { ReadTestFile } from './deps.js';
import { type Mistake, unprocessable } from './problem.js';

/** More runs than this are no submission but an accident. */
const MOST_RUNS = 100_000;

/** Test files are read so many at a time before others get their turn. */
const FILES_AT_ONCE = 100;

type Wanted = z.output<typeof SubmissionRequest>;

/** A submission that can be accepted, and how to put its tests. */
export interface Understood {
  readonly submission: Omit<NewSubmission, 'actor' | 'tests'>;
  /** Puts new versions of tests in a transaction and gives the ids of all, in the order they were asked for. */
  readonly putTests: (tx: Sql) => Promise<readonly Id[]>;
}

/** Reads all of a submission and refuses it with everything that is wrong with it at once. */
export async function understand(
  store: Store,
  projectId: Id,
  wanted: Wanted,
  readTestFile: ReadTestFile,
): Promise<Understood> {
  const named = await findNamed(store, projectId, wanted);
  const sent = await readFiles(store, wanted, readTestFile);
  const mistakes = [...named.mistakes, ...sent.mistakes, ...(await checkTheRest(store, wanted))];
  if (mistakes.length > 0) throw unprocessable('The submission is not accepted', mistakes.slice(0, 100));
  const { name, variants, targets, priority, queueTimeoutS, holdOnFailureS: holdS, artefacts } = wanted;
  return {
    submission: { projectId, name, variants, targets, priority, queueTimeoutS, holdS, artefacts },
    putTests: async (tx) => {
      const indexes = [...sent.specs.keys()];
      const ids = await putTests(tx, projectId, [...sent.specs.values()]);
      const idOf = new Map(indexes.map((index, at) => [index, ids[at]]));
      return wanted.tests.map((_, index) => idOf.get(index) ?? named.ids.get(index) ?? '');
    },
  };
}

async function findNamed(sql: Sql, projectId: Id, wanted: Wanted) {
  const names = wanted.tests.flatMap((test, index) => ('name' in test ? [{ name: test.name, index }] : []));
  const found =
    names.length === 0
      ? new Map<string, Id>()
      : await findTests(sql, projectId, [...new Set(names.map((test) => test.name))]);
  const unknown = names.filter(({ name }) => !found.has(name));
  const all = unknown.length === 0 ? [] : await readTestNames(sql, projectId);
  return {
    ids: new Map(names.map(({ name, index }) => [index, found.get(name) ?? ''])),
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

async function readFiles(sql: Sql, wanted: Wanted, readTestFile: ReadTestFile) {
  const specs = new Map<number, TestSpec>();
  const mistakes: Mistake[] = [];
  const files = wanted.tests.flatMap((test, index) => ('file' in test ? [{ ...test.file, index }] : []));
  if (files.length === 0) return { specs, mistakes };
  const tags = await readTagNames(sql);
  for (const [at, { name, content, index }] of files.entries()) {
    if (at % FILES_AT_ONCE === FILES_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
    const read = readTestFile({ name, bytes: Buffer.from(content, 'base64') }, tags);
    if (read.ok) specs.set(index, read.spec);
    else {
      const where = `tests[${index}].file (${name})`;
      mistakes.push(...read.problems.map((problem) => ({ where, ...problem })));
    }
    if (mistakes.length >= 100) break;
  }
  return { specs, mistakes };
}

async function checkTheRest(sql: Sql, wanted: Wanted): Promise<readonly Mistake[]> {
  const mistakes: Mistake[] = [];
  const runs = wanted.tests.length * wanted.variants.length * wanted.targets.length;
  if (runs > MOST_RUNS) {
    mistakes.push({
      where: '',
      message: `tests x variants x targets are ${runs} runs; ${MOST_RUNS} are the most: divide it`,
    });
  }
  const names = wanted.artefacts.map((artefact) => artefact.name);
  names.forEach((name, index) => {
    if (names.indexOf(name) !== index) {
      mistakes.push({ where: `artefacts[${index}].name`, message: `'${name}' is there twice` });
    }
  });
  const blobs = wanted.artefacts.flatMap(({ blob }) => (blob === undefined ? [] : [blob]));
  const missing = blobs.length === 0 ? new Set<string>() : await missingBlobs(sql, blobs);
  wanted.artefacts.forEach(({ blob }, index) => {
    if (blob !== undefined && missing.has(blob)) {
      mistakes.push({ where: `artefacts[${index}].blob`, message: 'there is no such blob: upload it first' });
    }
  });
  return mistakes;
}
