import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDetail } from '../http/contract.js';
import type { Client } from './client.js';
import { Failure, Unreachable } from './failure.js';
import { Output } from './output.js';
import type { Screen } from './screen.js';
import type { Setting } from './setting.js';
import { reasonOf, standing } from './words.js';

/** Which output is wanted. */
export interface LogsOptions {
  readonly follow?: boolean;
  readonly attempt?: string;
}

const ASK_AGAIN_MS = 1000;

/** The output of a run: of its last attempt unless said, or of all that come from now on. */
export async function logs(
  { client, screen, json }: Setting,
  id: string,
  options: LogsOptions,
): Promise<number> {
  if (!/^r[1-9][0-9]*$/.test(id)) throw new Failure(`'${id}' is no run: runs are like r12`);
  let run = await client.run(id);
  const attempt = chosen(run, options.attempt);
  if (!options.follow) {
    if (attempt === undefined) screen.note(`${id} has not run yet: ${reasonOf(run)}`);
    else await print(client, id, attempt, false, json, screen);
    return 0;
  }
  for (let done: string | undefined; ; ) {
    const next = options.attempt === undefined ? run.attemptList.at(-1)?.id : attempt;
    if (next !== undefined && next !== done) {
      await print(client, id, next, true, json, screen);
      done = next;
      if (options.attempt !== undefined) return 0;
    } else if (run.state === 'done' || run.state === 'held') break;
    else {
      screen.status(`${id} ${run.state}: ${run.reason}`);
      await sleep(ASK_AGAIN_MS);
    }
    run = await client.run(id);
  }
  const { text, tone } = standing(run);
  if (json) screen.json(run, 'line');
  else screen.note(`${id} ${screen.paint(tone, text, process.stderr)}: ${reasonOf(run)}`);
  return 0;
}

function chosen(run: RunDetail, wanted: string | undefined): string | undefined {
  if (wanted === undefined) return run.attemptList.at(-1)?.id;
  const found = run.attemptList.find(({ id, number }) => id === wanted || String(number) === wanted);
  if (found === undefined) {
    const there = run.attemptList.map(({ number, id }) => `${number} (${id})`).join(', ') || 'none';
    throw new Failure(`${run.id} has no attempt '${wanted}'; there is ${there}`);
  }
  return found.id;
}

/** Prints the output of one attempt; a break in the connection goes on where it was. */
async function print(
  client: Client,
  run: string,
  attempt: string,
  follow: boolean,
  json: boolean,
  screen: Screen,
): Promise<void> {
  const output = new Output(process.stdout, screen.isTerminal);
  screen.clearStatus();
  for (let from = 0; ; ) {
    try {
      for await (const chunk of client.log(run, { attempt, from, follow })) {
        if (json) screen.json({ run, attempt, from, data: Buffer.from(chunk).toString('base64') }, 'line');
        else output.write(chunk);
        from += chunk.length;
      }
      return output.end();
    } catch (error) {
      if (!(error instanceof Unreachable) || !error.everAnswered) throw error;
      await sleep(ASK_AGAIN_MS);
    }
  }
}
