import { createHash } from 'node:crypto';
import { Controller, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { canonicalJson } from '../domain/digest.js';
import type { Id } from '../domain/id.js';
import { type Caller, findProject, maySubmit, type Visible } from '../store/access.js';
import { readCatalogue } from '../store/catalogue.js';
import type { Store, Transaction } from '../store/store.js';
import {
  acceptSubmission,
  answerOf,
  cancelSubmission,
  findSubmission,
  listSubmissions,
  once,
  projectOfSubmission,
} from '../store/submission.js';
import type { SubmissionPlan, SubmissionView } from './contract.js';
import { INJECT, type ReadTestFile } from './deps.js';
import { planView } from './dry-run.js';
import { withinProject } from './grid.controller.js';
import { forbidden, notFound, Refusal, unreadable } from './problem.js';
import { IdKey, pageView, readCursor, wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import { understand, unfoldNow } from './submit.js';

/** Submissions. */
@Controller()
export class SubmissionController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.readTestFile) private readonly readTestFile: ReadTestFile,
  ) {}

  @Serves('submit')
  async submit(
    @Ask() ask: Asked<'submit'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubmissionView | SubmissionPlan> {
    const { project, tests } = ask.body;
    const sendsFiles = tests.some((test) => 'file' in test);
    const [projectId, known] = await Promise.all([
      findProject(this.store, ask.visible, project),
      sendsFiles ? readCatalogue(this.store) : undefined,
    ]);
    if (projectId === undefined) throw notFound(`project '${project}'`);
    wantSubmitter(ask.caller, projectId, project);
    const read = () =>
      understand(this.store, projectId, ask.body, (file) => this.readTestFile(file, known?.catalogue));
    if (ask.body.dryRun) {
      const understood = await read();
      reply.status(200);
      return planView(understood.asked.tests, await unfoldNow(this.store, understood));
    }
    return await acceptOnce(this.store, ask, ask.body, async () => {
      const understood = await read();
      // How much `each` comes to only the world can say.
      if (ask.body.targets.some((target) => target.each !== undefined))
        await unfoldNow(this.store, understood);
      const submission = { ...understood.submission, actor: ask.caller.name };
      return async (tx) =>
        await acceptSubmission(tx, { ...submission, tests: await understood.putTests(tx) }, project);
    });
  }

  @Serves('listSubmissions')
  async list(@Ask() ask: Asked<'listSubmissions'>) {
    const before = readCursor(IdKey, ask.query.cursor);
    const within = await withinProject(this.store, ask.visible, ask.query.project);
    return pageView(await listSubmissions(this.store, within, before, ask.query.limit));
  }

  @Serves('readSubmission')
  async read(@Ask() ask: Asked<'readSubmission'>): Promise<SubmissionView> {
    return await this.find(ask.visible, wantId('submission', ask.params.submission));
  }

  @Serves('cancelSubmission')
  async cancel(@Ask() ask: Asked<'cancelSubmission'>): Promise<SubmissionView> {
    const id = wantId('submission', ask.params.submission);
    const projectId = await projectOfSubmission(this.store, ask.visible, id);
    if (projectId === undefined) throw notFound(`submission s${id}`);
    wantSubmitter(ask.caller, projectId);
    await this.store.transaction((tx) =>
      cancelSubmission(tx, { id, projectId }, ask.caller.name, ask.body.why),
    );
    return await this.find(ask.visible, id);
  }

  private async find(visible: Visible, id: Id): Promise<SubmissionView> {
    const submission = await findSubmission(this.store, visible, id);
    if (submission === undefined) throw notFound(`submission s${id}`);
    return submission;
  }
}

/** Refuses a caller who may see the project and may not submit to it. */
export function wantSubmitter(caller: Caller, projectId: Id, project = 'the project'): void {
  if (!maySubmit(caller, projectId)) {
    throw forbidden(`This takes the role submitter of ${project}, or a grid admin`);
  }
}

/**
 * Accepts a submission in one transaction; with an Idempotency-Key once, however often it is asked. What can be
 * read and refused before is `prepare`'s: it is not asked again what was answered once.
 */
export async function acceptOnce(
  store: Store,
  ask: Pick<Asked<'submit'>, 'caller' | 'header'>,
  request: unknown,
  prepare: () => Promise<(tx: Transaction) => Promise<SubmissionView>>,
): Promise<SubmissionView> {
  const key = ask.header('idempotency-key');
  if (key !== undefined && !/^[\x21-\x7e]{1,200}$/.test(key)) {
    throw unreadable('The header Idempotency-Key is 1 to 200 printable characters without spaces');
  }
  const digest = createHash('sha256').update(canonicalJson(request)).digest();
  const onceKey = key === undefined ? undefined : { tokenId: ask.caller.tokenId, key, request: digest };
  const before = onceKey === undefined ? undefined : await answerOf<SubmissionView>(store, onceKey);
  if (before !== undefined) return asBefore(before);
  const accept = await prepare();
  if (onceKey === undefined) return await store.transaction(accept);
  return await store.transaction(async (tx) => asBefore(await once(tx, onceKey, () => accept(tx))));
}

function asBefore(answer: SubmissionView | 'other_request'): SubmissionView {
  if (answer === 'other_request') {
    throw new Refusal(422, 'idempotency-key-reused', 'This Idempotency-Key was used for another request');
  }
  return answer;
}
