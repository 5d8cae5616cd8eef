import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Handlers } from '../ports/handlers.js';
import type { Images } from '../ports/images.js';
import type { OwnCommands } from '../ports/own-commands.js';
import type { Shell } from '../ports/shell.js';
import type { Source } from '../ports/source.js';
import type { GridLink } from '../protocol/grid-link.js';
import type { Assignment, AttemptEvent, Claimed, Registered } from '../protocol/messages.js';
import {
  LeaseDead,
  PROTOCOL,
  Refused,
  takesAttachments,
  takesDecided,
  takesEnvironment,
} from '../protocol/terms.js';
import { BlobCache } from './blob-cache.js';
import { carryOut } from './carry-out.js';
import { Connections, shellFor } from './connections.js';
import { EnvironmentRecorder } from './environment/recorder.js';
import { Outbox } from './outbox.js';
import type { Hands, Limits, StopReason } from './place.js';
import { systemTiming } from './system-timing.js';
import { pause, type Timing, within } from './timing.js';

/** Where the executor says what it does and what goes wrong. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;

/** What an executor works with. */
export interface ExecutorOptions {
  readonly link: GridLink;
  /** One shell for all hosts, or one per transport. */
  readonly shell: Shell | ((kind: 'ssh' | 'local') => Shell | undefined);
  readonly images: Images;
  /** Undefined: none are offered. */
  readonly handlers?: Handlers;
  /** Runs steps on this machine itself; undefined: none are. */
  readonly here?: OwnCommands;
  /** Repositories that steps fetch from; undefined: they fetch from none. */
  readonly source?: Source;
  /** Where what steps have fetched and built is kept; undefined: neither is done. */
  readonly keepDir?: string;
  readonly name: string;
  /** Attempts carried out beside each other. */
  readonly capacity: number;
  /** Where news waits on disk while the grid cannot be asked; undefined: it waits in memory. */
  readonly spoolDir?: string;
  /** Where artefacts are kept between attempts; undefined: in a temporary folder, until the end. */
  readonly artefactDir?: string;
  /** How much of them is kept beside those in use; unset: 10 GiB. */
  readonly artefactCacheBytes?: number;
  readonly timing?: Timing;
  readonly limits?: Partial<Limits>;
  readonly waits?: Partial<Waits>;
  readonly log?: Log;
}

/** How long the executor waits for this and that, in milliseconds. */
export interface Waits {
  /** One long poll for work. */
  readonly claimMs: number;
  /** First and longest wait after a call that failed. */
  readonly backOffFirstMs: number;
  readonly backOffMostMs: number;
  /** News that is not urgent waits for company. */
  readonly gatherMs: number;
  /** A connection that nobody uses is closed. */
  readonly idleMs: number;
  /** At the end, for the last news and the lease. */
  readonly farewellMs: number;
  /** News held in memory before it goes to disk, in bytes. */
  readonly memoryBytes: number;
}

const LIMITS: Limits = {
  connectMs: 15_000,
  reconnectMs: 120_000,
  retryMs: 1000,
  beginMs: 60_000,
  answerMs: 20_000,
  probeMs: 10_000,
  askMs: 90_000,
};

const WAITS: Waits = {
  claimMs: 20_000,
  backOffFirstMs: 100,
  backOffMostMs: 5000,
  gatherMs: 200,
  idleMs: 60_000,
  farewellMs: 5000,
  memoryBytes: 16 * 1024 * 1024,
};

/** One lease with what runs under it. */
interface Tenure {
  readonly registered: Registered;
  readonly outbox: Outbox;
  readonly over: AbortController;
  readonly running: Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>;
}

/**
 * Takes attempts from the grid and carries them out. Only the grid's word that the lease is dead stops work: an
 * outage is waited out, with results on disk. After a dead lease it presents itself anew.
 */
export class Executor {
  private readonly timing: Timing;
  private readonly limits: Limits;
  private readonly waits: Waits;
  private readonly log: Log;
  private readonly connections: Connections;
  private readonly blobs: BlobCache;
  private readonly localFence = new Map<string, bigint>();
  private readonly recorder = new EnvironmentRecorder();
  private readonly closing = new AbortController();
  private readonly all = new Set<Promise<void>>();
  private tenure: Tenure | undefined;
  private draining = false;
  private readonly claiming = new AbortController();
  private work: Promise<void> | undefined;
  private kept: Promise<string> | undefined;

  constructor(private readonly options: ExecutorOptions) {
    this.timing = options.timing ?? systemTiming;
    this.limits = { ...LIMITS, ...options.limits };
    this.waits = { ...WAITS, ...options.waits };
    this.log = options.log ?? (() => {});
    const shell = typeof options.shell === 'function' ? shellFor(options.shell) : options.shell;
    this.connections = new Connections(shell, this.timing, this.waits.idleMs);
    const { artefactDir: folder, artefactCacheBytes: limitBytes = 10 * 2 ** 30 } = options;
    const { reconnectMs: patienceMs, retryMs } = this.limits;
    this.blobs = new BlobCache({ folder, limitBytes, patienceMs, retryMs }, this.timing);
  }

  /** Resolves when the grid has granted a lease, rejects where it refuses; work goes on until `drain` or `stop`. */
  async start(): Promise<void> {
    this.emptySpool();
    const first = await this.register(true);
    if (first) this.work = this.workUnder(first);
  }

  /** Takes no more work, and resolves when what runs has ended and is told. */
  async drain(): Promise<void> {
    this.draining = true;
    this.claiming.abort();
    for (;;) {
      const { tenure } = this;
      if (!tenure) break;
      await Promise.all([...tenure.running.values()].map(({ done }) => done));
      await tenure.outbox.delivered();
      if (tenure === this.tenure && tenure.running.size === 0) break;
    }
    await this.stop('drained');
  }

  /** Ends what runs, on the hosts too, and gives the lease back. */
  async stop(reason = 'stopped'): Promise<void> {
    this.draining = true;
    this.claiming.abort();
    const { tenure } = this;
    if (tenure) {
      for (const attempt of [...tenure.running.keys()]) this.stopAttempt(tenure, attempt, 'quiet');
      const late = () => undefined;
      await within(this.timing, tenure.outbox.delivered(), this.waits.farewellMs, late);
      await Promise.all(this.all);
      if (!tenure.over.signal.aborted) {
        const release = this.options.link.release(tenure.registered.lease, reason).catch((error: Error) => {
          this.log('warn', 'the lease could not be given back; it will lapse', { error: error.message });
        });
        await within(this.timing, release, this.waits.farewellMs, late);
      }
    }
    this.closing.abort();
    if (tenure) this.endTenure(tenure);
    this.connections.closeAll();
    await this.blobs.close();
    await this.work;
  }

  private async workUnder(first: Tenure): Promise<void> {
    let tenure: Tenure | undefined = first;
    while (tenure) {
      const over = new Promise<void>((resolve) => {
        tenure?.over.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.all([this.renew(tenure), this.claim(tenure), over]);
      // A lease that ends while we do, as by giving it back, is not followed by another.
      tenure = this.draining ? undefined : await this.register();
    }
  }

  private async register(isFirst = false): Promise<Tenure | undefined> {
    const { link, name, capacity, spoolDir } = this.options;
    const incarnation = this.timing.randomHex(16);
    const waits = this.backOff();
    let told = '';
    while (!this.closing.signal.aborted) {
      try {
        const registered = await link.register({ executor: name, incarnation, protocol: PROTOCOL, capacity });
        if (this.draining) {
          await link.release(registered.lease, 'stopped').catch(() => undefined);
          return undefined;
        }
        const outbox = new Outbox(
          link,
          registered.lease,
          this.timing,
          {
            gatherMs: this.waits.gatherMs,
            backOff: { firstMs: this.waits.backOffFirstMs, mostMs: this.waits.backOffMostMs },
            memoryBytes: this.waits.memoryBytes,
            ...(spoolDir === undefined ? {} : { spoolFile: join(spoolDir, `${incarnation}.spool`) }),
          },
          {
            leaseDead: () => this.leaseDied(tenure),
            refused: (attempt, why) => {
              this.log('warn', 'the grid wants no more of an attempt', { attempt, why });
              this.stopAttempt(tenure, attempt, 'quiet');
            },
          },
        );
        const tenure: Tenure = { registered, outbox, over: new AbortController(), running: new Map() };
        this.tenure = tenure;
        return tenure;
      } catch (error) {
        if (isFirst && error instanceof Refused) throw error;
        const why = error instanceof Error ? error.message : String(error);
        // Said when it is new, not at every try.
        if (why !== told) this.log('warn', 'there is no lease; it is asked for again and again', { why });
        told = why;
        await waits();
      }
    }
    return undefined;
  }

  private async renew(tenure: Tenure): Promise<void> {
    const { lease, renewEveryMs } = tenure.registered;
    let waitMs = renewEveryMs;
    for (;;) {
      await pause(this.timing, waitMs, tenure.over.signal);
      if (tenure.over.signal.aborted) return;
      const attempts = [...tenure.running.keys()];
      try {
        const renewed = await this.options.link.renew({ lease, attempts, draining: this.draining });
        for (const { attempt } of renewed.stop) this.stopAttempt(tenure, attempt, 'cancelled');
        for (const attempt of renewed.gone) this.stopAttempt(tenure, attempt, 'quiet');
        waitMs = renewEveryMs;
      } catch (error) {
        if (isOver(error)) this.leaseDied(tenure);
        // An outage stops nobody's work: only the grid can say that the lease has ended.
        waitMs = Math.min(renewEveryMs, 1000);
      }
    }
  }

  private async claim(tenure: Tenure): Promise<void> {
    const { lease } = tenure.registered;
    const over = AbortSignal.any([tenure.over.signal, this.claiming.signal]);
    const ended = new Promise<Claimed>((resolve) => {
      const nothing = () => resolve({ assignments: [], stop: [] });
      tenure.over.signal.addEventListener('abort', nothing, { once: true });
    });
    let waits = this.backOff();
    while (!over.aborted) {
      const asked = this.timing.monotonicMs();
      try {
        // At capacity too: the grid gives no more than that, and says here what is to be stopped.
        const answer = this.options.link.claim({ lease, waitMs: this.waits.claimMs });
        // A long poll must not hold up the end: what is granted after it goes to somebody else.
        const { assignments, stop } = await Promise.race([answer, ended]);
        // After `drain` what was granted all the same is still carried out: it is ours.
        const fresh = assignments.filter((assignment) => this.begin(tenure, assignment));
        for (const { attempt } of stop) this.stopAttempt(tenure, attempt, 'cancelled');
        waits = this.backOff();
        // An answer at once without anything new must not be asked for again and again.
        const quick = this.timing.monotonicMs() - asked < 50;
        if (fresh.length === 0 && quick) await pause(this.timing, 100, over);
      } catch (error) {
        if (isOver(error)) this.leaseDied(tenure);
        else await waits();
      }
    }
  }

  /** Starts on an attempt; false where it is under way already. */
  private begin(tenure: Tenure, assignment: Assignment): boolean {
    const { attempt, run } = assignment;
    if (tenure.over.signal.aborted || this.closing.signal.aborted || tenure.running.has(attempt))
      return false;
    const stop = new AbortController();
    let seq = 0;
    const onEvent = (event: AttemptEvent) => {
      if (stop.signal.reason === 'quiet') return;
      if (event.kind === 'measured' && !takesAttachments(tenure.registered.protocol)) return;
      if (event.kind === 'environment' && !takesEnvironment(tenure.registered.protocol)) return;
      if (event.kind === 'decided' && !takesDecided(tenure.registered.protocol)) return;
      const entry = { run, attempt, seq: ++seq, event };
      const isUrgent = event.kind === 'decided' || event.kind === 'ended';
      tenure.outbox.add({ kind: 'entry', attempt, entry }, isUrgent);
    };
    const hands = {
      connections: this.connections,
      images: this.options.images,
      timing: this.timing,
      limits: this.limits,
      localFence: this.localFence,
      artefact: (digest: string, stopped: AbortSignal) =>
        this.blobs.take(digest, () => this.options.link.blob(tenure.registered.lease, digest), stopped),
      keep: (bytes: Buffer, stopped: AbortSignal) => this.keep(tenure, bytes, stopped),
      recorder: this.recorder,
      handlers: this.options.handlers,
      ...this.stepHands(),
      onEvent,
      onSegment: (role: string, part: { seq: number; atByte: number; data: Buffer }) => {
        if (stop.signal.reason === 'quiet') return;
        const data = part.data.toString('base64');
        const segment = { run, attempt, role, seq: part.seq, atByte: part.atByte, data };
        tenure.outbox.add({ kind: 'segment', attempt, segment }, false);
      },
    };
    const done = carryOut(assignment, hands, stop.signal).catch((error: Error) => {
      this.log('error', 'an attempt ended without a word', { attempt, error: error.stack });
    });
    tenure.running.set(attempt, { stop, done });
    this.all.add(done);
    done.then(async () => {
      this.all.delete(done);
      // Until its end is told, the grid must not take the attempt for forgotten.
      await tenure.outbox.delivered();
      tenure.running.delete(attempt);
    });
    return true;
  }

  private stepHands(): Pick<Hands, 'here' | 'source' | 'keepDir'> {
    const { here, source, keepDir } = this.options;
    return {
      ...(here === undefined ? {} : { here }),
      ...(source === undefined ? {} : { source }),
      ...(keepDir === undefined ? {} : { keepDir: () => (this.kept ??= madeFor(keepDir)) }),
    };
  }

  /** Keeps bytes with the grid; one that cannot be asked is asked again for a while. */
  private async keep(tenure: Tenure, bytes: Buffer, stop: AbortSignal): Promise<string> {
    const { lease, protocol } = tenure.registered;
    if (!takesAttachments(protocol))
      throw new Error('this grid is older than this executor, and keeps no files');
    const data = bytes.toString('base64');
    const deadline = this.timing.monotonicMs() + this.limits.reconnectMs;
    for (;;) {
      try {
        return (await this.options.link.keep({ lease, data })).digest;
      } catch (error) {
        if (isOver(error) || stop.aborted || this.timing.monotonicMs() >= deadline) throw error;
      }
      await pause(this.timing, this.limits.retryMs, stop);
    }
  }

  private stopAttempt(tenure: Tenure, attempt: string, reason: StopReason): void {
    if (reason === 'quiet') tenure.outbox.drop(attempt);
    tenure.running.get(attempt)?.stop.abort(reason);
  }

  private leaseDied(tenure: Tenure): void {
    if (tenure.over.signal.aborted) return;
    this.log('warn', 'the lease has ended; what runs under it is stopped', {
      lease: tenure.registered.lease,
    });
    for (const attempt of [...tenure.running.keys()]) this.stopAttempt(tenure, attempt, 'quiet');
    this.endTenure(tenure);
  }

  private endTenure(tenure: Tenure): void {
    tenure.outbox.close();
    tenure.over.abort();
  }

  private backOff(): () => Promise<void> {
    let waitMs = this.waits.backOffFirstMs;
    return async () => {
      // Many executors that lost the grid together must not come back together.
      const jitter = 0.5 + Number.parseInt(this.timing.randomHex(2), 16) / 65_536;
      await pause(this.timing, waitMs * jitter, this.closing.signal);
      waitMs = Math.min(waitMs * 2, this.waits.backOffMostMs);
    };
  }

  /** What an earlier start left belongs to a lease that is gone. */
  private emptySpool(): void {
    const { spoolDir } = this.options;
    if (spoolDir === undefined) return;
    mkdirSync(spoolDir, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(spoolDir)) {
      if (file.endsWith('.spool')) rmSync(join(spoolDir, file), { force: true });
    }
  }
}

/** The folder, without what an earlier start was cut off in. */
async function madeFor(keepDir: string): Promise<string> {
  await mkdir(keepDir, { recursive: true, mode: 0o700 });
  for (const name of await readdir(keepDir))
    if (name.startsWith('fetched-')) await rm(join(keepDir, name), { recursive: true, force: true });
  return keepDir;
}

/** Whether the grid itself has said that nothing more is wanted under this lease; a token may be revoked. */
function isOver(error: unknown): boolean {
  return error instanceof LeaseDead || (error instanceof Refused && error.byGrid);
}
