import { Controller, Inject } from '@nestjs/common';
import { type Id, showId } from '../domain/id.js';
import { nearest } from '../domain/language/nearest.js';
import type { Blobs } from '../ports/blobs.js';
import { compareRecorded, environmentOf } from '../stages/environment.js';
import { findProject, type Visible } from '../store/access.js';
import { findEnvironment, type RecordedEnvironment, sinceLastPass } from '../store/environment.js';
import { findRunState } from '../store/run.js';
import type { Store } from '../store/store.js';
import { readTestNames } from '../store/test.js';
import type { DiffView, EnvironmentView } from './contract.js';
import { INJECT } from './deps.js';
import { conflict, notFound, type Refusal } from './problem.js';
import { printable, wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';

/** What runs ran on, and in what they differ. */
@Controller()
export class EnvironmentController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.blobs) private readonly blobs: Blobs,
  ) {}

  @Serves('readEnvironment')
  async read(@Ask() ask: Asked<'readEnvironment'>): Promise<EnvironmentView> {
    const found = await this.recorded(ask.visible, wantId('run', ask.params.run));
    const parts = (await environmentOf(found, this.blobs)) as EnvironmentView['parts'];
    return { ...takenOf(found), parts };
  }

  @Serves('diffRuns')
  async diff(@Ask() ask: Asked<'diffRuns'>): Promise<DiffView> {
    const before = await this.recorded(ask.visible, wantId('run', ask.params.run));
    const after = await this.recorded(ask.visible, wantId('run', ask.query.with));
    return this.compare(before, after);
  }

  @Serves('changedSincePass')
  async changed(@Ask() ask: Asked<'changedSincePass'>): Promise<DiffView> {
    const { test } = ask.params;
    if (test.includes('\0')) throw notFound('such test');
    const project = await findProject(this.store, ask.visible, ask.query.project);
    if (project === undefined) throw notFound(`project '${printable(ask.query.project)}'`);
    const found = await sinceLastPass(this.store, project, test);
    if (found === undefined) throw await this.noRun(project, test);
    if (found.pass === null)
      throw conflict(
        `No run of '${printable(test)}' passed before its newest one, ${showId('run', found.now)}: there is nothing to compare it with`,
      );
    const before = await this.recorded(ask.visible, found.pass);
    const after = await this.recorded(ask.visible, found.now);
    return this.compare(before, after);
  }

  private async recorded(visible: Visible, run: Id): Promise<RecordedEnvironment> {
    const found = await findEnvironment(this.store, visible, run);
    if (found !== undefined) return found;
    const name = showId('run', run);
    if ((await findRunState(this.store, visible, run)) === undefined) throw notFound(`run ${name}`);
    throw conflict(`What run ${name} ran on was not recorded: its test was never about to start on a host`);
  }

  private async compare(before: RecordedEnvironment, after: RecordedEnvironment): Promise<DiffView> {
    const { changes, unknown } = await compareRecorded(before, after, this.blobs);
    return {
      before: takenOf(before),
      after: takenOf(after),
      changes: changes.map((change) => ({ ...change })),
      unknown: [...unknown],
    };
  }

  private async noRun(project: Id, test: string): Promise<Refusal> {
    const near = nearest(test, await readTestNames(this.store, project));
    const hint = near === undefined || near === test ? '' : ` (did you mean '${near}'?)`;
    return notFound(`finished run of a test '${printable(test)}'${hint}`);
  }
}

function takenOf({ run, test, verdict, attempt, host, at }: RecordedEnvironment) {
  return { run, test, attempt, host, at: at.toISOString(), ...(verdict === null ? {} : { verdict }) };
}
