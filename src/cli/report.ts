import { writeFile } from 'node:fs/promises';
import { junit } from '../domain/report/junit.js';
import type { Report, ReportedRun } from '../domain/report/reported.js';
import { tap } from '../domain/report/tap.js';
import type { RunDetail } from '../http/contract.js';
import type { Client } from './client.js';
import { Failure, Refused } from './failure.js';
import type { Setting } from './setting.js';

/** Where which form is to be written. */
export interface ReportOptions {
  readonly junit?: string;
  readonly tap?: string;
}

/** Of what was printed, so much of the end is told. */
const TAIL_BYTES = 8192;
const TAIL_LINES = 40;

/** So many runs are asked for beside each other. */
const AT_ONCE = 8;

/** Writes what came of a submission or a run, for programs that read JUnit XML or TAP. */
export async function report(
  { client, screen, json }: Setting,
  id: string,
  options: ReportOptions,
): Promise<number> {
  const forms = [
    { file: options.junit, render: junit },
    { file: options.tap, render: tap },
  ].flatMap(({ file, render }) => (file === undefined ? [] : [{ file, render }]));
  if (forms.length === 0)
    throw new Failure("say what to write: --junit FILE or --tap FILE ('-' is standard output)");
  if (forms.filter(({ file }) => file === '-').length > 1)
    throw new Failure('only one report goes to standard output');
  const told = await gather(client, id);
  for (const { file, render } of forms) {
    if (file === '-') process.stdout.write(render(told));
    else
      await writeFile(file, render(told)).catch((error: Error) => {
        throw new Failure(`${file} cannot be written: ${error.message}`);
      });
  }
  const files = forms.map(({ file }) => file).filter((file) => file !== '-');
  if (files.length === 0) return 0;
  if (json) screen.json({ id, runs: told.runs.length, files });
  else screen.note(`${told.runs.length} runs of ${id} written to ${files.join(' and ')}`);
  return 0;
}

async function gather(client: Client, id: string): Promise<Report> {
  if (/^r[1-9][0-9]*$/.test(id)) return { name: id, runs: [await reported(client, await client.run(id))] };
  if (!/^s[1-9][0-9]*$/.test(id))
    throw new Failure(`'${id}' is neither a submission nor a run: they are like s3 and r12`);
  const { name } = await client.submission(id);
  const all = await client.all((cursor) => client.runs({ submission: id, limit: 500, cursor }));
  const ids = all.map((run) => run.id).reverse();
  const runs: ReportedRun[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    runs.push(...(await Promise.all(some.map(async (run) => reported(client, await client.run(run))))));
  }
  return { name: name === '' ? id : name, runs };
}

async function reported(client: Client, run: RunDetail): Promise<ReportedRun> {
  const attempt = run.attemptList.find((one) => one.id === run.verdictAttempt) ?? run.attemptList.at(-1);
  const test = attempt?.steps.find((step) => step.kind === 'test');
  const tail = attempt === undefined ? '' : await lastLines(client, run.id, attempt);
  const startedAt = attempt?.testStartedAt ?? attempt?.begunAt;
  const { id, project, variant, state, verdict, noVerdict, reason, marks, requirement } = run;
  return {
    ...{ id, project, test: run.test, variant, state, reason, marks, requirement },
    ...(verdict === undefined ? {} : { verdict }),
    ...(noVerdict === undefined ? {} : { noVerdict }),
    ...(run.known === undefined ? {} : { known: run.known }),
    ...(run.source === undefined ? {} : { source: run.source }),
    ...(attempt?.places[0] === undefined ? {} : { host: attempt.places[0].host }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(test?.durationS === undefined ? {} : { durationS: test.durationS }),
    ...(tail === '' ? {} : { tail }),
    cases: (attempt?.cases ?? []).map(({ name, result, message, measurement, judged }) => ({
      ...{ name, result, message },
      ...(judged === undefined ? {} : { judged }),
      ...(measurement === undefined ? {} : { measurement: { raw: measurement.raw, unit: measurement.unit } }),
    })),
    evidence: `${client.connection.url.replace(/\/+$/, '')}/api/v1/runs/${run.id}`,
  };
}

/** What it printed last; nothing where that is not kept any more. */
async function lastLines(
  client: Client,
  run: string,
  attempt: RunDetail['attemptList'][number],
): Promise<string> {
  const place = attempt.places.find((one) => one.role === 'main');
  if (place === undefined || place.outputBytes === 0) return '';
  const from = Math.max(0, place.outputBytes - TAIL_BYTES);
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of client.log(run, { attempt: attempt.id, from })) chunks.push(chunk);
  } catch (error) {
    if (error instanceof Refused) return '';
    throw error;
  }
  const text = Buffer.concat(chunks).subarray(-TAIL_BYTES).toString('utf8');
  return text.split('\n').slice(-TAIL_LINES).join('\n');
}
