import { Failure } from './failure.js';
import type { Setting } from './setting.js';

/** What is to be run once more; `verdict` is commander's word for --no-verdict, true where it is not said. */
export interface RetryOptions {
  readonly watch?: boolean;
  readonly failed?: string;
  readonly verdict: string | boolean;
}

/** Submits once more what is done: a run, or those of a submission that failed or have no verdict. */
export async function retry(
  { client, screen, json }: Setting,
  id: string | undefined,
  options: RetryOptions,
): Promise<number> {
  const none = typeof options.verdict === 'string' ? options.verdict : undefined;
  const said = [id, options.failed, none].filter((one) => one !== undefined);
  if (said.length !== 1) throw new Failure('say one of: a run (r12), --failed s3, --no-verdict s3');
  const submission = await (() => {
    if (id !== undefined) return client.retry(wanted('r', id, 'run: runs are like r12'));
    if (options.failed !== undefined) return client.retryAll(wantedSubmission(options.failed), 'failed');
    return client.retryAll(wantedSubmission(none ?? ''), 'none');
  })();
  if (options.watch) {
    const { follow } = await import('./follow.js');
    return (await follow(client, screen, submission, json)).exit;
  }
  if (json) screen.json(submission);
  else screen.line(submission.id);
  return 0;
}

function wantedSubmission(id: string): string {
  return wanted('s', id, 'submission: submissions are like s3');
}

function wanted(letter: string, id: string, what: string): string {
  if (!new RegExp(`^${letter}[1-9][0-9]*$`).test(id)) throw new Failure(`'${id}' is no ${what}`);
  return id;
}
