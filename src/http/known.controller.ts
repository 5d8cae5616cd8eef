import { Controller, Inject } from '@nestjs/common';
import type { Id } from '../domain/id.js';
import { readSignature } from '../domain/judge/failure-signature.js';
import { nearest } from '../domain/requirement.js';
import { findProject } from '../store/access.js';
import { failureOfRun, findKnown, forgetKnown, listKnown, makeKnown } from '../store/failing.js';
import type { Store } from '../store/store.js';
import { findTests, readTestNames } from '../store/test.js';
import type { KnownView } from './contract.js';
import { INJECT } from './deps.js';
import { withinProject } from './grid.controller.js';
import { conflict, notFound, type Refusal, unprocessable } from './problem.js';
import { wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import { wantSubmitter } from './submission.controller.js';

/** Failures that are known. */
@Controller()
export class KnownController {
  constructor(@Inject(INJECT.store) private readonly store: Store) {}

  @Serves('listKnown')
  async list(@Ask() ask: Asked<'listKnown'>) {
    const within = await withinProject(this.store, ask.visible, ask.query.project);
    return { items: await listKnown(this.store, within, ask.query.test) };
  }

  @Serves('makeKnown')
  async make(@Ask() ask: Asked<'makeKnown'>): Promise<KnownView> {
    const { link, why, run } = ask.body;
    const failure = run === undefined ? await this.described(ask) : await this.seenIn(ask, run);
    const id = await makeKnown(this.store, { ...failure, link, why, who: ask.caller.name });
    const found = await findKnown(this.store, ask.visible, id);
    if (found === undefined) throw notFound(`known failure k${id}`);
    return found.known;
  }

  @Serves('forgetKnown')
  async forget(@Ask() ask: Asked<'forgetKnown'>): Promise<KnownView> {
    const id = wantId('known', ask.params.known);
    const found = await findKnown(this.store, ask.visible, id);
    if (found === undefined) throw notFound(`known failure k${id}`);
    wantSubmitter(ask.caller, found.projectId);
    await forgetKnown(this.store, id, ask.caller.name);
    return found.known;
  }

  /** A failure as a run showed it. */
  private async seenIn(ask: Asked<'makeKnown'>, shown: string) {
    const failed = await failureOfRun(this.store, ask.visible, wantId('run', shown));
    if (failed === undefined) throw notFound(`run ${shown}`);
    const { projectId, test, signature } = failed;
    wantSubmitter(ask.caller, projectId);
    if (ask.body.test !== undefined && ask.body.test !== test)
      throw wrong('test', `run ${shown} is of test '${test}', not of '${ask.body.test}'`);
    if (signature === null) throw conflict(`Run ${shown} is not red: there is no failure to know`);
    return { projectId, test, signature };
  }

  /** A failure as a person describes it. */
  private async described(ask: Asked<'makeKnown'>) {
    const { project, test = '', signature: text = '' } = ask.body;
    const projectId: Id | undefined = await findProject(this.store, ask.visible, project);
    if (projectId === undefined) throw notFound(`project '${project}'`);
    wantSubmitter(ask.caller, projectId, project);
    if (!(await findTests(this.store, projectId, [test])).has(test)) {
      const near = nearest(test, await readTestNames(this.store, projectId));
      const hint = near === undefined ? '' : `: did you mean '${near}'?`;
      throw wrong('test', `project ${project} has no test '${test}'${hint}`);
    }
    const signature = readSignature(text);
    if (signature === undefined)
      throw wrong(
        'signature',
        "nothing is left of this signature to recognize a failure by: copy a red run's",
      );
    return { projectId, test, signature };
  }
}

function wrong(where: 'test' | 'signature', message: string): Refusal {
  return unprocessable('The failure is not understood', [{ where, message }]);
}
