import { Controller, Inject, StreamableFile } from '@nestjs/common';
import { BlobMissing } from '../ports/blobs.js';
import type { Claimed } from '../protocol/messages.js';
import { Refused } from '../protocol/terms.js';
import { NotYours } from '../stages/record.js';
import type { Caller } from '../store/access.js';
import { findExecutor, isLeaseOf } from '../store/grid.js';
import type { Store } from '../store/store.js';
import { type Desk, INJECT } from './deps.js';
import { forbidden, notFound } from './problem.js';
import { printable } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';

const MOST_REMEMBERED = 1000;

/** The executors' protocol over HTTP: who speaks is checked here, what is said is the desk's business. */
@Controller()
export class ExecutorController {
  /** Leases that were seen to be a token's; neither a lease's executor nor an executor's token ever changes. */
  private readonly own = new Set<string>();

  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.link) private readonly desk: Desk,
    @Inject(INJECT.closing) private readonly closing: AbortSignal,
  ) {}

  @Serves('executorRegister')
  async register(@Ask() ask: Asked<'executorRegister'>) {
    const known = await findExecutor(this.store, ask.body.executor);
    const taken =
      known?.tokenId === null ? known.alive : (known?.tokenId ?? ask.caller.tokenId) !== ask.caller.tokenId;
    if (taken) throw forbidden(`The name ${ask.body.executor} belongs to an executor with another token`);
    try {
      return await this.desk.register(ask.body, ask.caller.tokenId);
    } catch (error) {
      if (error instanceof NotYours) throw forbidden(error.message);
      throw error;
    }
  }

  @Serves('executorClaim')
  async claim(@Ask() ask: Asked<'executorClaim'>) {
    await this.wantOwn(ask.caller, ask.body.lease);
    const gone = AbortSignal.any([ask.gone(), this.closing]);
    // The desk hands nothing out any more once this aborts, and looks only every few seconds.
    const nothing = new Promise<Claimed>((resolve) => {
      gone.addEventListener('abort', () => resolve({ assignments: [], stop: [] }), { once: true });
    });
    return await Promise.race([this.desk.claim(ask.body, gone), nothing]);
  }

  @Serves('executorRenew')
  async renew(@Ask() ask: Asked<'executorRenew'>) {
    await this.wantOwn(ask.caller, ask.body.lease);
    return await this.desk.renew(ask.body);
  }

  @Serves('executorReport')
  async report(@Ask() ask: Asked<'executorReport'>) {
    await this.wantOwn(ask.caller, ask.body.lease);
    return await this.desk.report(ask.body);
  }

  @Serves('executorRelease')
  async release(@Ask() ask: Asked<'executorRelease'>) {
    await this.wantOwn(ask.caller, ask.body.lease);
    await this.desk.release(ask.body.lease, ask.body.reason);
    return {};
  }

  @Serves('executorKeep')
  async keep(@Ask() ask: Asked<'executorKeep'>) {
    await this.wantOwn(ask.caller, ask.body.lease);
    return await this.desk.keep(ask.body);
  }

  @Serves('executorBlob')
  async blob(@Ask() ask: Asked<'executorBlob'>): Promise<StreamableFile> {
    await this.wantOwn(ask.caller, ask.query.lease);
    const { digest } = ask.params;
    try {
      const type = 'application/octet-stream';
      return new StreamableFile(await this.desk.blob(ask.query.lease, digest), { type });
    } catch (error) {
      if (error instanceof Refused) throw forbidden(error.message);
      throw error instanceof BlobMissing ? notFound(`blob ${printable(digest)}`) : error;
    }
  }

  private async wantOwn(caller: Caller, lease: string): Promise<void> {
    const key = `${caller.tokenId} ${lease}`;
    if (this.own.has(key)) return;
    // Past 64 bits there is no lease, and the database would say so less kindly.
    const possible = BigInt(lease) <= 9_223_372_036_854_775_807n;
    if (!possible || !(await isLeaseOf(this.store, lease, caller.tokenId))) {
      throw forbidden('This lease was not granted to an executor with this token');
    }
    if (this.own.size >= MOST_REMEMBERED) this.own.clear();
    this.own.add(key);
  }
}
