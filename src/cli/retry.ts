import { Failure } from './failure.js';
import type { Setting } from './setting.js';

/** Submits a run that is done once more. */
export async function retry(
  { client, screen, json }: Setting,
  id: string,
  options: { readonly watch?: boolean },
): Promise<number> {
  if (!/^r[1-9][0-9]*$/.test(id)) throw new Failure(`'${id}' is no run: runs are like r12`);
  const submission = await client.retry(id);
  if (options.watch) {
    const { follow } = await import('./follow.js');
    return (await follow(client, screen, submission, json)).exit;
  }
  if (json) screen.json(submission);
  else screen.line(submission.id);
  return 0;
}
