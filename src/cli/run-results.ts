import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { digestOf } from '../domain/digest.js';
import type { Environment } from '../domain/environment/environment.js';
import type { AttemptEvent } from '../protocol/messages.js';
import { Failure } from './failure.js';
import type { RunPlace } from './place.js';
import type { Attachment, DoneRun, PlannedRun, Witness } from './run-attempt.js';

/** A folder of results: for each run a folder with its verdict, log, cases, events and environment. */
export class Results {
  constructor(
    private readonly folder: string,
    private readonly note: (text: string) => void,
  ) {
    doing(folder, () => mkdirSync(folder, { recursive: true }));
  }

  /** Begins on the results of a run. An earlier result is never overwritten: this one then gets a number. */
  begin(run: PlannedRun): RunResult {
    const name = folderName(run.title);
    for (let number = 1; ; number++) {
      const at = path.join(this.folder, number === 1 ? name : `${name}.${number}`);
      try {
        mkdirSync(at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST' && number < 10_000) continue;
        throw unwritable(at, error as Error);
      }
      if (number > 1)
        this.note(`${path.join(this.folder, name)} holds an earlier result; this one is in ${at}`);
      return new RunResult(at);
    }
  }
}

/** The results of one run, written as they come. */
export class RunResult implements Witness {
  constructor(readonly folder: string) {
    for (const name of ['log', 'events.jsonl']) this.write(name, '');
  }

  event(event: AttemptEvent): void {
    const line = `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`;
    doing(this.folder, () => appendFileSync(path.join(this.folder, 'events.jsonl'), line));
  }

  output(bytes: Uint8Array): void {
    doing(this.folder, () => appendFileSync(path.join(this.folder, 'log'), bytes));
  }

  /** Its number stands before the name: two may have the same. */
  left({ seq, name }: Attachment, bytes: Uint8Array): void {
    const folder = path.join(this.folder, 'attachments');
    doing(folder, () => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, `${seq}-${name}`), bytes, { flag: 'wx' });
    });
  }

  /** Writes what came of it; the verdict last, so that where there is one all of it is there. */
  end(done: DoneRun, place: RunPlace, environment: Environment | undefined): void {
    const { run, verdict, cases, lacks, startedAt, durationMs } = done;
    const said = cases.map(({ name, result, message, measurement, judged }) => ({
      name,
      result,
      message,
      measurement,
      judged,
    }));
    this.write('cases.json', text(said));
    if (environment !== undefined)
      this.write('environment.json', text({ host: place.name, at: startedAt, parts: environment }));
    this.write(
      'verdict.json',
      text({
        test: run.spec.name,
        variant: run.variant,
        file: run.file,
        source: run.spec.source,
        host: place.name,
        requirement: run.spec.requirement,
        ...verdict,
        ...(lacks.length === 0 ? {} : { lacks }),
        startedAt,
        durationS: durationMs === undefined ? undefined : durationMs / 1000,
      }),
    );
  }

  private write(name: string, content: string): void {
    doing(this.folder, () => writeFileSync(path.join(this.folder, name), content, { flag: 'wx' }));
  }
}

function text(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** A name for a folder that leads nowhere else; where it had to be altered a digest keeps it apart from others. */
function folderName(title: string): string {
  const safe = title
    .replace(/[^A-Za-z0-9._=,+-]+/g, '_')
    .replace(/^[._]+|_+$/g, '')
    .slice(0, 100);
  const plain = title.replace(/[ [\]]+/g, '_').replace(/_$/, '');
  return safe === plain && safe !== '' ? safe : `${safe}-${digestOf(title).slice(0, 8)}`;
}

function doing(where: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw unwritable(where, error as Error);
  }
}

function unwritable(where: string, error: Error): Failure {
  return new Failure(`${where} cannot be written (--results): ${error.message}`);
}
