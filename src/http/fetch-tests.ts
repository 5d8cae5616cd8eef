import { isAllowed, type TestSource, wrongPath, wrongRef, wrongUrl } from '../domain/submit/source.js';
import type { Source, SourceTrouble } from '../ports/source.js';
import { readSources } from '../store/grid.js';
import type { Sql } from '../store/store.js';
import type { SubmissionRequest } from './contract.js';
import { type Mistake, Refusal } from './problem.js';

/** Whoever submits waits so long for all that is to be fetched. */
const PATIENCE_MS = 60_000;

/** Each is a question to some server. */
const MOST_PLACES = 100;

/** More are not read, whatever their number of places. */
const MOST_TESTS = 1000;
const MOST_BYTES = 16 * 1024 * 1024;

/** What of a submission was fetched, or is wrong with it. */
export interface Fetched {
  readonly files: readonly FetchedFile[];
  readonly mistakes: readonly Mistake[];
}

interface FetchedFile {
  /** Among the tests of the submission. */
  readonly index: number;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly source: TestSource;
}

type WantedTest = NonNullable<SubmissionRequest['tests']>[number];

/** One entry of a submission that names a repository. */
interface Place {
  readonly index: number;
  readonly url: string;
  readonly ref?: string | undefined;
  readonly path: string;
}

/**
 * Fetches the tests that a submission names by repository, in no transaction. One address and name is one commit all
 * over the submission, even where the branch moves meanwhile. A server that is too slow is a refusal: ask again.
 */
export async function fetchTests(
  sql: Sql,
  source: Source,
  tests: readonly WantedTest[],
  patienceMs = PATIENCE_MS,
): Promise<Fetched> {
  const places = tests.flatMap((test, index): Place[] =>
    'git' in test ? [{ path: '.', ...test.git, index }] : [],
  );
  if (places.length === 0) return { files: [], mistakes: [] };
  const allowed = await readSources(sql);
  const mistakes =
    places.length > MOST_PLACES ? [tooMany(places)] : places.flatMap((one) => wrongIn(one, allowed));
  if (mistakes.length > 0) return { files: [], mistakes };
  return await fetchAll(source, places, AbortSignal.timeout(patienceMs));
}

function tooMany(places: readonly Place[]): Mistake {
  const where = `tests[${places[MOST_PLACES]?.index}].git`;
  return { where, message: `at most ${MOST_PLACES} places of repositories are taken: name folders` };
}

function wrongIn({ index, url, ref, path }: Place, allowed: readonly string[]): readonly Mistake[] {
  const about = (field: keyof Place, message: string | undefined): Mistake[] =>
    message === undefined ? [] : [{ where: `tests[${index}].git.${field}`, message }];
  return [
    ...about('url', wrongUrl(url) ?? notAllowed(url, allowed)),
    ...about('ref', ref === undefined ? undefined : wrongRef(ref)),
    ...about('path', wrongPath(path)),
  ];
}

/** The list itself is not told: it may name machines that not everybody need know. */
function notAllowed(url: string, allowed: readonly string[]): string | undefined {
  if (isAllowed(url, allowed)) return undefined;
  return `this grid takes no tests from there: an admin allows it in grid.yaml, with 'sources: [${url}]' or what it begins with`;
}

async function fetchAll(source: Source, places: readonly Place[], signal: AbortSignal): Promise<Fetched> {
  const commits = new Map<string, Awaited<ReturnType<Source['resolve']>>>();
  const files: FetchedFile[] = [];
  const mistakes: Mistake[] = [];
  for (const { index, url, ref, path } of places) {
    const key = JSON.stringify([url, ref]);
    const resolved = commits.get(key) ?? (await source.resolve(url, ref, signal));
    commits.set(key, resolved);
    const found = 'trouble' in resolved ? resolved : await source.testsAt(url, resolved.commit, path, signal);
    if ('trouble' in found) mistakes.push(mistakeOf(index, found));
    else if (!('trouble' in resolved)) {
      for (const file of found.tests)
        files.push({
          ...{ index, name: file.path, bytes: file.bytes },
          source: { url, commit: resolved.commit, path: file.path },
        });
      const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
      if (files.length > MOST_TESTS || bytes > MOST_BYTES) {
        const message = `more than ${MOST_TESTS} tests or ${MOST_BYTES} bytes up to here: divide the submission`;
        return { files: [], mistakes: [...mistakes, { where: `tests[${index}].git.path`, message }] };
      }
    }
  }
  return { files, mistakes };
}

function mistakeOf(index: number, { trouble, message }: SourceTrouble): Mistake {
  switch (trouble) {
    case 'slow':
      throw new Refusal(504, 'source-slow', `${message}; nothing was submitted: try again`, {
        headers: { 'retry-after': '30' },
      });
    case 'no_program':
      throw new Refusal(501, 'no-git', `Tests cannot be fetched on the machine of the API: ${message}`);
    case 'unreachable':
      return { where: `tests[${index}].git.url`, message };
    case 'ref':
    case 'path':
      return { where: `tests[${index}].git.${trouble}`, message };
  }
}
