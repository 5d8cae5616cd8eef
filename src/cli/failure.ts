import type { Problem } from '../http/contract.js';

/** How `testyard` ends; the same for submit, retry and run. */
export const EXIT = {
  /** All passed; a skip counts as passed. */
  ok: 0,
  /** A red. */
  red: 1,
  /** What was asked for cannot be understood, or was refused. */
  usage: 2,
  /** Some held or without a verdict, or the grid did not answer. */
  unanswered: 3,
} as const;

/** A command that ends here, with what to tell the person and how to exit. */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(
    message: string,
    readonly exit: number = EXIT.usage,
    /** What to type or to look at now. */
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** The grid answered with an error. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

/** The grid did not answer; `everAnswered` tells a brief outage from a grid that is not there. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  constructor(
    readonly url: string,
    readonly why: string,
    readonly everAnswered: boolean,
  ) {
    super(`${url} does not answer: ${why}`);
  }
}

/** What a person is told of an error: lines for standard error, and the exit code. */
export function explain(error: unknown): { readonly lines: readonly string[]; readonly exit: number } {
  if (error instanceof Failure)
    return { lines: [error.message, ...(error.hint === undefined ? [] : [error.hint])], exit: error.exit };
  if (error instanceof Unreachable) {
    const hint = error.everAnswered
      ? 'It answered before; look at its log, and try again.'
      : "Is the grid running? Start one here with 'testyard up', or name another with --url or TESTYARD_URL.";
    return { lines: [error.message, hint], exit: EXIT.unanswered };
  }
  if (error instanceof Refused) {
    const { problem } = error;
    const lines = [error.message, ...(problem.errors ?? []).map(mistake)];
    if (problem.status === 401)
      lines.push(
        'Say who you are with --token or TESTYARD_TOKEN; an admin makes tokens: testyard token create NAME',
      );
    return { lines, exit: problem.status >= 500 ? EXIT.unanswered : EXIT.usage };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { lines: [`this is a mistake in testyard: ${text}`], exit: EXIT.unanswered };
}

/** `file:line:column: message`, as compilers say it, so that editors find the place. */
function mistake({ where, message, line, column }: NonNullable<Problem['errors']>[number]): string {
  const place = [where, line, column].filter((part) => part !== undefined && part !== '').join(':');
  return place === '' ? `  ${message}` : `  ${place}: ${message}`;
}
