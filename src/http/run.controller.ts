import { Readable } from 'node:stream';
import { Controller, Inject, Res, StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { readId } from '../domain/id.js';
import type { Blobs } from '../ports/blobs.js';
import { visibleTo } from '../store/access.js';
import { findPlace, readOutputState } from '../store/log.js';
import { cancelRun, findAttachment, findRun, findRunDetail, findRunState, listRuns } from '../store/run.js';
import type { Store } from '../store/store.js';
import { findSubmission, retryRun } from '../store/submission.js';
import type { Wakeup } from '../store/wakeup.js';
import { opened } from './blob.controller.js';
import type { RunDetail, RunView, SubmissionView } from './contract.js';
import { INJECT } from './deps.js';
import { withinProject } from './grid.controller.js';
import { followLog, logBytes } from './log-stream.js';
import { conflict, notFound } from './problem.js';
import { IdKey, pageView, printable, readCursor, wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import { acceptOnce, wantSubmitter } from './submission.controller.js';
import type { TokensSeen } from './tokens-seen.js';

/** Runs, and what they have said. */
@Controller()
export class RunController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.wakeup) private readonly wakeup: Wakeup,
    @Inject(INJECT.blobs) private readonly blobs: Blobs,
    @Inject(INJECT.tokens) private readonly tokens: TokensSeen,
    @Inject(INJECT.closing) private readonly closing: AbortSignal,
  ) {}

  @Serves('listRuns')
  async list(@Ask() ask: Asked<'listRuns'>) {
    const { project, submission, test, state, verdict, purpose, limit, cursor } = ask.query;
    return pageView(
      await listRuns(this.store, {
        visible: await withinProject(this.store, ask.visible, project),
        submission: submission === undefined ? undefined : wantId('submission', submission),
        before: readCursor(IdKey, cursor),
        test,
        state,
        verdict,
        purpose,
        limit,
      }),
    );
  }

  @Serves('readRun')
  async read(@Ask() ask: Asked<'readRun'>): Promise<RunDetail> {
    const run = await findRunDetail(this.store, ask.visible, wantId('run', ask.params.run));
    if (run === undefined) throw notFound(`run ${ask.params.run}`);
    return run;
  }

  @Serves('cancelRun')
  async cancel(@Ask() ask: Asked<'cancelRun'>): Promise<RunView> {
    const { id, projectId, done } = await this.toChange(ask);
    if (done) throw conflict(`Run r${id} is done: its verdict stands`);
    await this.store.transaction((tx) => cancelRun(tx, { id, projectId }, ask.caller.name, ask.body.why));
    const run = await findRun(this.store, ask.visible, id);
    if (run === undefined) throw notFound(`run r${id}`);
    return run;
  }

  @Serves('retryRun')
  async retry(@Ask() ask: Asked<'retryRun'>): Promise<SubmissionView> {
    const { id, projectId, done, purpose } = await this.toChange(ask);
    if (!done) throw conflict(`Run r${id} is not done: it is still owed its verdict`);
    if (purpose !== 'test')
      throw conflict(`Run r${id} is no test of somebody's: the grid made it for itself`);
    return await acceptOnce(this.store, ask, { retry: id }, async () => async (tx) => {
      const submission = await retryRun(tx, { id, projectId }, ask.caller.name);
      const view = await findSubmission(tx, 'all', submission);
      if (view === undefined) throw new Error('A submission vanished while it was accepted');
      return view;
    });
  }

  @Serves('readAttachment')
  async attachment(@Ask() ask: Asked<'readAttachment'>): Promise<StreamableFile> {
    const { digest } = ask.params;
    const what = `attachment '${printable(digest)}' of run ${ask.params.run}`;
    const run = wantId('run', ask.params.run);
    if (!/^[0-9a-f]{64}$/.test(digest)) throw notFound(what);
    const found = await findAttachment(this.store, ask.visible, run, digest);
    if (found === undefined) throw notFound(what);
    // Whatever it says to be, no browser is to run it in our name.
    return new StreamableFile(await opened(this.blobs, digest, what), {
      type: 'application/octet-stream',
      disposition: 'attachment',
      length: found.bytes,
    });
  }

  @Serves('readLog')
  async log(
    @Ask() ask: Asked<'readLog'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const { attempt, role, from, follow } = ask.query;
    const run = wantId('run', ask.params.run);
    const wanted = { run, role, attempt: attempt === undefined ? undefined : wantId('attempt', attempt) };
    const place = await findPlace(this.store, ask.visible, wanted);
    if (place === 'no_run') throw notFound(`run ${ask.params.run}`);
    if (place === 'no_place') throw notFound(`output of ${ask.params.run} with that attempt and role yet`);
    const state = await readOutputState(this.store, place);
    if (state.blob !== undefined && !(await this.blobs.has(state.blob)))
      throw notFound('such output any more');
    const stop = AbortSignal.any([ask.gone(), this.closing]);
    const source = { store: this.store, blobs: this.blobs, place, from, stop };
    const type = 'application/octet-stream';
    if (follow === 'true') {
      reply.header('x-accel-buffering', 'no');
      // The first bytes may be long in coming: say at once that they will.
      reply.raw.once('pipe', () => reply.raw.flushHeaders());
      const allowed = async () => {
        const caller = await this.tokens.identify(ask.header('authorization'));
        const still = await findRunState(this.store, visibleTo(caller), run);
        if (still === undefined) throw notFound(`run r${run}`);
      };
      const bytes = followLog(source, this.wakeup, allowed);
      return new StreamableFile(Readable.from(bytes, { objectMode: false }), { type });
    }
    reply.header('x-testyard-next-byte', String(Math.max(from, state.bytes)));
    const bytes = logBytes(source, state.bytes);
    const length = Math.max(0, state.bytes - from);
    return new StreamableFile(Readable.from(bytes, { objectMode: false }), { type, length });
  }

  private async toChange(ask: Asked<'cancelRun'> | Asked<'retryRun'>) {
    const id = readId('run', ask.params.run);
    const run = id === undefined ? undefined : await findRunState(this.store, ask.visible, id);
    if (id === undefined || run === undefined) throw notFound(`run ${ask.params.run}`);
    wantSubmitter(ask.caller, run.projectId);
    return { id, ...run };
  }
}
