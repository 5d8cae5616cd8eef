import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SubmissionRequest } from '../http/contract.js';
import { Failure, Refused } from './failure.js';
import type { Setting } from './setting.js';

/** What `submit` can be told. */
export interface SubmitOptions {
  readonly watch?: boolean;
  readonly priority?: number;
  readonly project?: string;
  readonly name?: string;
  readonly variant?: readonly Readonly<Record<string, string>>[];
  readonly host?: readonly string[];
  /** Seconds. */
  readonly holdOnFailure?: number | undefined;
}

type WantedTest = SubmissionRequest['tests'][number];

/** Submits test files, and tests of the inventory by name. */
export async function submit(
  { client, screen, json }: Setting,
  what: readonly string[],
  options: SubmitOptions,
): Promise<number> {
  const tests = await Promise.all(what.map(wanted));
  const request: SubmissionRequest = {
    tests,
    ...(options.project === undefined ? {} : { project: options.project }),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
    ...(options.variant === undefined ? {} : { variants: [...options.variant] }),
    ...(options.holdOnFailure === undefined ? {} : { holdOnFailureS: options.holdOnFailure }),
    ...(options.host === undefined ? {} : { targets: options.host.map((host) => ({ host })) }),
  };
  const submission = await client.submit(request).catch((error: unknown) => {
    throw error instanceof Refused ? named(error, what) : error;
  });
  if (options.watch) {
    if (!json) screen.note(`${submission.id} submitted; it goes on without this command too`);
    const { follow } = await import('./follow.js');
    return (await follow(client, screen, submission, json)).exit;
  }
  if (json) screen.json(submission);
  else {
    screen.line(submission.id);
    if (screen.isTerminal) screen.note(`see what comes of it: testyard show ${submission.id}`);
  }
  return 0;
}

/** What is a file here is sent as it is; anything else is the name of a test in the inventory. */
async function wanted(what: string): Promise<WantedTest> {
  const looksLikeFile = what.includes('/') || /\.(sh|py|js|pl|rb|lua|ya?ml)$/.test(what);
  const about = await stat(what).catch(() => undefined);
  if (about?.isFile()) {
    const content = await readFile(what).catch((error: Error) => {
      throw new Failure(`${what} cannot be read: ${error.message}`);
    });
    return { file: { name: path.basename(what), content: content.toString('base64') } };
  }
  if (about !== undefined || looksLikeFile)
    throw new Failure(about === undefined ? `there is no file ${what}` : `${what} is no file`);
  return { name: what };
}

/** The API counts the tests that were sent; a person knows their files. */
function named(error: Refused, what: readonly string[]): Refused {
  const errors = error.problem.errors?.map((mistake) => {
    const index = /^\/?tests[.[/](\d+)/.exec(mistake.where)?.[1];
    return {
      ...mistake,
      where: index === undefined ? mistake.where : (what[Number(index)] ?? mistake.where),
    };
  });
  return new Refused({ ...error.problem, ...(errors === undefined ? {} : { errors }) });
}
