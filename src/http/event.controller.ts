import { Readable } from 'node:stream';
import { Controller, Inject, Res, StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { findProject } from '../store/access.js';
import { findRunState } from '../store/run.js';
import type { Store } from '../store/store.js';
import type { Wakeup } from '../store/wakeup.js';
import { INJECT } from './deps.js';
import { beginAt, eventStream } from './event-stream.js';
import { notFound } from './problem.js';
import { wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import type { TokensSeen } from './tokens-seen.js';

/** A client that takes nothing for so long, though something is said every 15 seconds, is gone. */
const STUCK_MS = 90_000;

/** History, as it happens. */
@Controller()
export class EventController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.wakeup) private readonly wakeup: Wakeup,
    @Inject(INJECT.tokens) private readonly tokens: TokensSeen,
    @Inject(INJECT.closing) private readonly closing: AbortSignal,
  ) {}

  @Serves('readEvents')
  async read(
    @Ask() ask: Asked<'readEvents'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const { project, run, after } = ask.query;
    const projectId = project === undefined ? undefined : await findProject(this.store, ask.visible, project);
    if (project !== undefined && projectId === undefined) throw notFound(`project '${project}'`);
    const runId = run === undefined ? undefined : wantId('run', run);
    if (runId !== undefined && (await findRunState(this.store, ask.visible, runId)) === undefined) {
      throw notFound(`run r${runId}`);
    }
    const from = await beginAt(this.store, ask.header('last-event-id') ?? after);
    reply.raw.setTimeout(STUCK_MS, () => reply.raw.destroy());
    reply.header('x-accel-buffering', 'no');
    const events = eventStream({
      store: this.store,
      wakeup: this.wakeup,
      caller: () => this.tokens.identify(ask.header('authorization')),
      from,
      project: projectId,
      run: runId,
      stop: AbortSignal.any([ask.gone(), this.closing]),
    });
    const type = 'text/event-stream; charset=utf-8';
    return new StreamableFile(Readable.from(events, { objectMode: false }), { type });
  }
}
