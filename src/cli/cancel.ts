import { Failure } from './failure.js';
import type { Setting } from './setting.js';
import { counted, standing } from './words.js';

/** Asks for the end of a run, or of every run of a submission. */
export async function cancel({ client, screen, json }: Setting, id: string, why: string): Promise<number> {
  if (/^r[1-9][0-9]*$/.test(id)) {
    const run = await client.cancelRun(id, why);
    if (json) screen.json(run);
    else screen.line(`${id} ${run.state === 'done' ? `is ${standing(run).text}` : 'will be cancelled'}`);
  } else if (/^s[1-9][0-9]*$/.test(id)) {
    const submission = await client.cancelSubmission(id, why);
    if (json) screen.json(submission);
    else screen.line(`${id} will be cancelled: ${counted(submission.counts)}`);
  } else throw new Failure(`'${id}' is neither a run (r12) nor a submission (s3)`);
  return 0;
}
