import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Answers, NotThere } from './answers.js';
import type { Asking } from './client.js';
import { Failure, Refused } from './failure.js';
import type { Setting } from './setting.js';

/** The grid that the setting names, or with a folder what is written there. */
export async function answersOf(setting: Setting, inventory: string | undefined): Promise<Answers> {
  if (inventory !== undefined)
    return await (await import('./declared-answers.js')).declaredAnswers(inventory);
  // Only now: without a folder there must be a grid.
  const { client } = setting;
  return {
    explain: (asked) => client.explain(asked),
    testsFor: (aim) => client.testsFor(aim),
    hostsFor: (asked) => client.hostsFor(asked),
    tags: async () => (await client.tags()).items,
    tag: (name) => client.tag(name),
    tests: (project) => client.all((cursor) => client.tests({ project, serve: 'true', limit: 200, cursor })),
  };
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const LOOKS_LIKE_FILE = /\/|\.(sh|py|js|pl|rb|lua|ya?ml)$/;

/**
 * Asks about what a person typed: a file that is there, else a test of that name, else a requirement. A word that is
 * neither a test nor a tag is told as both.
 */
export async function askAbout<Answer>(
  what: string,
  project: string | undefined,
  ask: (asked: Asking) => Promise<Answer>,
): Promise<Answer> {
  const about = await stat(what).catch(() => undefined);
  if (about?.isFile()) {
    const content = (await readFile(what)).toString('base64');
    return await ask({ project, file: { name: path.basename(what), content } });
  }
  if (about === undefined && LOOKS_LIKE_FILE.test(what) && !/\s/.test(what))
    throw new Failure(`there is no file ${what}`);
  if (!NAME.test(what)) return await ask({ project, requirement: what });
  let noTest: Error;
  try {
    return await ask({ project, test: what });
  } catch (error) {
    if (!isNotThere(error)) throw error;
    noTest = error as Error;
  }
  try {
    return await ask({ project, requirement: what });
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Failure)) throw error;
    const mistakes =
      error instanceof Refused ? (error.problem.errors ?? []).map(({ message }) => message) : [];
    throw new Failure(
      `'${what}' is neither a test nor a requirement: ${noTest.message}; ${mistakes[0] ?? error.message}`,
    );
  }
}

function isNotThere(error: unknown): boolean {
  return error instanceof NotThere || (error instanceof Refused && error.problem.status === 404);
}
