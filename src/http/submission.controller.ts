import { createHash } from 'node:crypto';
import { Controller, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { canonicalJson } from '../domain/digest.js';
import type { Id } from '../domain/id.js';
import { compareNights, type Morning } from '../domain/judge/morning.js';
import type { Blobs } from '../ports/blobs.js';
import type { Source } from '../ports/source.js';
import { type Caller, findProject, maySubmit, type Visible } from '../store/access.js';
import { readCatalogue } from '../store/catalogue.js';
import { readLavaMapping } from '../store/grid.js';
import { nightBefore, nightRuns, redSince } from '../store/night.js';
import type { Sql, Store, Transaction } from '../store/store.js';
import {
  acceptSubmission,
  answerOf,
  cancelSubmission,
  findSubmission,
  listSubmissions,
  once,
  projectOfSubmission,
  retryRuns,
  runsWith,
} from '../store/submission.js';
import type { MorningView, SubmissionPlan, SubmissionView } from './contract.js';
import { type Desk, INJECT, type NamedBytes, type ReadTestFile } from './deps.js';
import { planView } from './dry-run.js';
import { fetchTests } from './fetch-tests.js';
import { withinProject } from './grid.controller.js';
import { TreePacking } from './pack-trees.js';
import { conflict, forbidden, notFound, Refusal, unprocessable, unreadable } from './problem.js';
import { IdKey, pageView, readCursor, wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import { understand, unfoldNow } from './submit.js';

/** Submissions. */
@Controller()
export class SubmissionController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.readTestFile) private readonly readTestFile: ReadTestFile,
    @Inject(INJECT.source) private readonly source: Source,
    @Inject(INJECT.blobs) private readonly blobs: Blobs,
    @Inject(INJECT.reserveMostS) private readonly reserveMostS: number,
    @Inject(INJECT.link) private readonly desk: Desk,
  ) {}

  @Serves('submit')
  async submit(
    @Ask() ask: Asked<'submit'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubmissionView | SubmissionPlan> {
    const { project, tests } = ask.body;
    const sendsFiles = tests.some((test) => 'file' in test || 'git' in test);
    const [projectId, known, mapping] = await Promise.all([
      findProject(this.store, ask.visible, project),
      sendsFiles ? readCatalogue(this.store) : undefined,
      sendsFiles ? readLavaMapping(this.store) : undefined,
    ]);
    if (projectId === undefined) throw notFound(`project '${project}'`);
    wantSubmitter(ask.caller, projectId, project);
    wantBounded('holdOnFailureS', ask.body.holdOnFailureS, this.reserveMostS);
    const read = async () => {
      const fetched = await fetchTests(this.store, this.source, tests);
      const readFile = (file: NamedBytes) => this.readTestFile(file, known?.catalogue, mapping);
      const packing = ask.body.dryRun ? undefined : new TreePacking(this.store, this.source, this.blobs);
      return await understand(this.store, projectId, ask.body, readFile, fetched, packing);
    };
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
      return async (tx) => {
        this.desk.submissionComes();
        return await acceptSubmission(tx, { ...submission, tests: await understood.putTests(tx) }, project);
      };
    });
  }

  @Serves('listSubmissions')
  async list(@Ask() ask: Asked<'listSubmissions'>) {
    const before = readCursor(IdKey, ask.query.cursor);
    const within = await withinProject(this.store, ask.visible, ask.query.project);
    const { name, finished } = ask.query;
    const wanted = { name, finished: finished === 'true' };
    return pageView(await listSubmissions(this.store, within, before, ask.query.limit, wanted));
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

  @Serves('retrySubmission')
  async retry(@Ask() ask: Asked<'retrySubmission'>): Promise<SubmissionView> {
    const id = wantId('submission', ask.params.submission);
    const projectId = await projectOfSubmission(this.store, ask.visible, id);
    if (projectId === undefined) throw notFound(`submission s${id}`);
    wantSubmitter(ask.caller, projectId);
    return await acceptOnce(this.store, ask, { retry: id, ...ask.body }, async () => {
      const runs = await runsWith(this.store, id, ask.body.verdict);
      const which = ask.body.verdict === 'failed' ? 'failed' : 'is done without a verdict';
      if (runs.length === 0) throw conflict(`No run of submission s${id} ${which}`);
      return async (tx) =>
        await this.find('all', await retryRuns(tx, { id, projectId }, runs, ask.caller.name), tx);
    });
  }

  @Serves('readMorning')
  async morning(@Ask() ask: Asked<'readMorning'>): Promise<MorningView> {
    const id = wantId('submission', ask.params.submission);
    const submission = await this.find(ask.visible, id);
    const beforeId = await nightBefore(this.store, id);
    const [now, past, before] = await Promise.all([
      nightRuns(this.store, id),
      beforeId === undefined ? [] : nightRuns(this.store, beforeId),
      beforeId === undefined ? undefined : this.find(ask.visible, beforeId),
    ]);
    const reds = now.filter((run) => run.verdict === 'failed').map((run) => wantId('run', run.run));
    const compared = compareNights(now, past, await redSince(this.store, reds));
    return morningView(submission, before, compared);
  }

  private async find(visible: Visible, id: Id, sql: Sql = this.store): Promise<SubmissionView> {
    const submission = await findSubmission(sql, visible, id);
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

/** Refuses a time that is longer than anybody may have a host. */
export function wantBounded(where: string, forS: number | undefined, mostS: number): void {
  if (forS === undefined || forS <= mostS) return;
  throw unprocessable(`A host can be had for at most ${mostS} s here`, [
    {
      where,
      message: `${forS} s is more than that: say less (TESTYARD_RESERVE_MAX_S is the admin's to change)`,
    },
  ]);
}

/** The comparison as it is sent; its words are the contract's, where the database holds no others. */
function morningView(
  submission: SubmissionView,
  before: SubmissionView | undefined,
  compared: Morning,
): MorningView {
  return { submission, ...(before === undefined ? {} : { before }), ...compared } as MorningView;
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
