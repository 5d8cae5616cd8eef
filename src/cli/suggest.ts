import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Fact, Lack } from '../domain/judge/fact.js';
import { isLack } from '../domain/judge/lack.js';
import { suggestion } from '../domain/report/suggestion.js';
import { EXIT, Failure } from './failure.js';
import type { Setting } from './setting.js';

/** What was seen of one test. */
interface Seen {
  readonly test: string;
  readonly lacks: readonly Lack[];
}

/** Writes what a test should require, by what it lacked: in a run of the grid, or in a folder of results. */
export async function suggest(
  setting: Setting,
  what: string,
  options: { readonly results?: string },
): Promise<number> {
  const { screen, json } = setting;
  const { results } = options;
  // The grid is asked for only where it is needed: results need none.
  const seen = results === undefined ? await ofRun(setting.client, what) : await ofResults(results, what);
  if (json) screen.json(seen);
  else if (seen.lacks.length === 0) screen.line(`${seen.test} was seen to lack nothing`);
  else screen.line(suggestion(seen.test, seen.lacks).trimEnd());
  return EXIT.ok;
}

async function ofRun(client: Setting['client'], id: string): Promise<Seen> {
  if (!/^r[1-9][0-9]*$/.test(id))
    throw new Failure(
      `'${id}' is no run: name one like r12, or with --results DIR the test whose results lie there`,
    );
  const run = await client.run(id);
  return { test: run.test, lacks: run.attemptList.flatMap(({ detail }) => lacksIn(detail)) };
}

/** Of all runs of a test in a folder that `testyard run --results` has written. */
async function ofResults(folder: string, test: string): Promise<Seen> {
  const names = await readdir(folder, { recursive: true }).catch((error: Error) => {
    throw new Failure(`${folder} cannot be read: ${error.message}`);
  });
  const verdicts = names.filter((name) => path.basename(name) === 'verdict.json');
  const tests = new Set<string>();
  const lacks: Lack[] = [];
  for (const name of verdicts) {
    const said = JSON.parse(await readFile(path.join(folder, name), 'utf8')) as {
      test: string;
      file?: string;
    };
    tests.add(said.test);
    if (said.test !== test && (said.file === undefined || path.resolve(said.file) !== path.resolve(test)))
      continue;
    lacks.push(...(await lacksOfRun(path.join(folder, path.dirname(name)))));
    tests.add(test);
  }
  if (!tests.has(test)) {
    const there = tests.size === 0 ? 'there are none' : `there are those of ${[...tests].join(', ')}`;
    throw new Failure(`${folder} holds no results of '${test}': ${there}`);
  }
  return { test, lacks };
}

async function lacksOfRun(folder: string): Promise<readonly Lack[]> {
  const lines = (await readFile(path.join(folder, 'events.jsonl'), 'utf8')).split('\n');
  return lines.flatMap((line) => {
    if (!line.includes('"kind":"ended"')) return [];
    return lacksIn((JSON.parse(line) as { readonly end?: Record<string, unknown> }).end);
  });
}

/** Of the end of an attempt. */
function lacksIn(end: Record<string, unknown> | undefined): readonly Lack[] {
  const outcome = end?.outcome as { readonly observed?: readonly Fact[] } | undefined;
  return (outcome?.observed ?? []).filter(isLack);
}
