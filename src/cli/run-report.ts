import { access, constants, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Report, ReportedRun } from '../domain/report/reported.js';
import { Failure } from './failure.js';
import type { RunPlace } from './place.js';
import type { DoneRun } from './run-attempt.js';

/** Where reports are to be written. */
export interface ReportFiles {
  readonly junit?: string;
  readonly tap?: string;
}

/** Refuses files that could not be written, before anything is run. */
export async function checkReports({ junit, tap }: ReportFiles): Promise<void> {
  for (const file of [junit, tap]) {
    if (file === undefined) continue;
    if (file === '-')
      throw new Failure("'-' would stand among what the tests print: name a file for the report");
    const folder = path.dirname(path.resolve(file));
    await access(folder, constants.W_OK).catch((error: Error) => {
      throw new Failure(`${file} could not be written: ${error.message}`);
    });
  }
  if (junit !== undefined && tap !== undefined && path.resolve(junit) === path.resolve(tap))
    throw new Failure(`${junit} cannot hold both reports`);
}

/** Writes the reports that were asked for. */
export async function writeReports(
  { junit, tap }: ReportFiles,
  done: readonly DoneRun[],
  place: RunPlace,
): Promise<void> {
  if (junit === undefined && tap === undefined) return;
  const report: Report = { name: 'testyard run', runs: done.map((one) => reported(one, place)) };
  const forms = [
    { file: junit, render: async () => (await import('../domain/report/junit.js')).junit(report) },
    { file: tap, render: async () => (await import('../domain/report/tap.js')).tap(report) },
  ];
  for (const { file, render } of forms)
    if (file !== undefined)
      await writeFile(file, await render()).catch((error: Error) => {
        throw new Failure(`${file} cannot be written: ${error.message}`);
      });
}

function reported(
  { run, verdict, cases, startedAt, durationMs, tail }: DoneRun,
  place: RunPlace,
): ReportedRun {
  return {
    test: run.spec.name,
    variant: run.variant,
    state: 'done',
    verdict: verdict.verdict,
    ...(verdict.verdict === 'none' ? { noVerdict: verdict.noVerdict } : {}),
    reason: verdict.reason,
    marks: verdict.marks,
    host: place.name,
    requirement: run.spec.requirement,
    ...(run.spec.source === undefined ? {} : { source: run.spec.source }),
    startedAt,
    ...(durationMs === undefined ? {} : { durationS: durationMs / 1000 }),
    cases: cases.map(({ name, result, message, measurement, judged }) => ({
      ...{ name, result, message },
      ...(judged === undefined ? {} : { judged }),
      ...(measurement === undefined ? {} : { measurement }),
    })),
    ...(tail === '' ? {} : { tail }),
  };
}
