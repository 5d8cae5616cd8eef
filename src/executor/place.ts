import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Layer } from '../domain/layer.js';
import type { Outcome, Phase } from '../domain/outcome.js';
import type { Handlers } from '../ports/handlers.js';
import type { Images } from '../ports/images.js';
import type { OwnCommands } from '../ports/own-commands.js';
import { type ShellConnection, ShellError } from '../ports/shell.js';
import type { Source } from '../ports/source.js';
import type { Assignment, AttemptEvent, PlacePlan } from '../protocol/messages.js';
import { BlobUnavailable, type KeptBlob } from './blob-cache.js';
import type { Bundle, BundledFile } from './bundle.js';
import type { Connections, Seat } from './connections.js';
import type { EnvironmentRecorder } from './environment/recorder.js';
import { Output } from './output.js';
import { Session, type SessionLimits, type SessionPlan, SessionRefused } from './session.js';
import { pause, type Timing } from './timing.js';
import { quote } from './wrapper.js';

/** How long things may take that nobody declares. */
export interface Limits extends SessionLimits {
  /** To open a connection. */
  readonly connectMs: number;
  /** To come back after a restore, or after a loss whose cause is looked for. */
  readonly reconnectMs: number;
  /** Between two tries to come back. */
  readonly retryMs: number;
}

/** What an attempt is carried out with. */
export interface Hands {
  readonly connections: Connections;
  readonly images: Images;
  readonly timing: Timing;
  readonly limits: Limits;
  /** The highest attempt seen per seat of a `local` host, whose throw-away root keeps no fence. */
  readonly localFence: Map<string, bigint>;
  /** An artefact of this attempt as a file here. Rejects with BlobUnavailable. */
  readonly artefact: (digest: string, stop: AbortSignal) => Promise<KeptBlob>;
  /** Keeps bytes that a test or a handler left, and gives their digest. */
  readonly keep: (bytes: Buffer, stop: AbortSignal) => Promise<string>;
  readonly recorder: EnvironmentRecorder;
  readonly handlers: Handlers | undefined;
  /** Runs what an admin has carried out on this machine itself; undefined: nothing is. */
  readonly here?: OwnCommands;
  /** Repositories of git; undefined: none are fetched from. */
  readonly source?: Source;
  /** The folder for what is kept between attempts; undefined: nothing is. */
  readonly keepDir?: () => Promise<string>;
  readonly onEvent: (event: AttemptEvent) => void;
  readonly onSegment: (role: string, segment: { seq: number; atByte: number; data: Buffer }) => void;
}

/** Why an attempt is stopped: `cancelled` is reported, `quiet` is not and nothing after it. */
export type StopReason = 'cancelled' | 'quiet';

/** The end of an attempt that came before the test could decide it. */
export class Ending extends Error {
  override readonly name = 'Ending';
  constructor(readonly outcome: Outcome) {
    super(outcome.kind);
  }
}

/** One host of an attempt: its connection, sessions and output. */
export class Place {
  readonly seat: Seat;
  readonly output: Output;
  /** Where the attempt is, for what is said when the host is lost. */
  phase: Phase = 'connect';
  /** The lowest layer with something that only this submission, or this moment, has put there. */
  ofItsMoment: Layer | undefined;
  /** Numbers steps and phases of the attempt. */
  seq = 0;
  /** Reads what is printed while the test itself runs. */
  reader: { take(bytes: Buffer): void } | undefined;
  /** What is under test, as files here, in the order of the assignment's. */
  artefacts: readonly BundledFile[] = [];
  private connection: ShellConnection | undefined;
  private lastOutput = Buffer.alloc(0);

  constructor(
    readonly assignment: Assignment,
    readonly plan: PlacePlan,
    readonly hands: Hands,
    readonly stop: AbortSignal,
  ) {
    const { transport } = plan.host;
    // The network takes two: the admin who allows it, and the test that asks for it.
    const network = transport.kind === 'local' && transport.network && assignment.test.network;
    this.seat = {
      hostId: plan.host.id,
      host: plan.host.name,
      transport: transport.kind === 'local' ? { kind: 'local', network } : transport,
      seat: plan.seat,
    };
    this.output = new Output(assignment.outputLimitBytes, hands.timing, (segment) =>
      hands.onSegment(plan.role, segment),
    );
  }

  get isLocal(): boolean {
    return this.plan.host.transport.kind === 'local';
  }

  /** Opens a session; a connection that had died unseen since the last attempt is replaced once. */
  async session(
    mode: SessionPlan['mode'],
    bundle: Bundle,
    onSpoken: SessionPlan['onSpoken'] = () => 'no test is running',
  ): Promise<Session> {
    const { hands, plan, assignment } = this;
    this.checkLocalFence();
    for (;;) {
      const { connection, reused } = await hands.connections.take(this.seat, hands.limits.connectMs);
      this.connection = connection;
      try {
        return await Session.open(connection, {
          mark: { seat: `${plan.host.id}.${plan.seat}`, attempt: assignment.attempt },
          mode: this.isLocal ? 'sandbox' : mode,
          bundle,
          limits: hands.limits,
          timing: hands.timing,
          onOutput: (bytes) => this.print(bytes),
          onSpoken,
          stop: this.stop,
        });
      } catch (error) {
        if (error instanceof ShellError) this.dropConnection();
        if (!(reused && error instanceof ShellError) || this.stop.aborted) throw error;
      }
    }
  }

  /** Tries to reach the host again for a bounded time. Rejects with the last error. */
  async reconnect(): Promise<void> {
    const { hands } = this;
    const deadline = hands.timing.monotonicMs() + hands.limits.reconnectMs;
    this.dropConnection();
    for (;;) {
      try {
        const { connection } = await hands.connections.take(this.seat, hands.limits.connectMs);
        this.connection = connection;
        return;
      } catch (error) {
        if (this.stop.aborted || hands.timing.monotonicMs() >= deadline) throw error;
      }
      await pause(hands.timing, hands.limits.retryMs, this.stop);
    }
  }

  /** Closes the connection that this attempt had, and no other. */
  dropConnection(): void {
    if (this.connection !== undefined) this.hands.connections.drop(this.seat, this.connection);
    this.connection = undefined;
  }

  /** Takes a file of the host that a step has left, and removes it there; false where not all of it came. */
  async read(path: string, file: string): Promise<boolean> {
    const { hands, plan, assignment } = this;
    const { connection } = await hands.connections.take(this.seat, hands.limits.connectMs);
    const marks = `TESTYARD_SEAT=${plan.host.id}.${plan.seat} TESTYARD_ATTEMPT=${assignment.attempt}`;
    const command = `exec env ${marks} /bin/sh -c 'cat "$1" && rm -f "$1"' read ${quote(path)}`;
    const process = await connection.start(command);
    process.stderr.resume();
    await pipeline(process.stdout, createWriteStream(file, { mode: 0o600 }));
    const exit = await process.exit;
    return exit.kind === 'exited' && exit.code === 0;
  }

  print(bytes: Buffer): void {
    this.lastOutput = Buffer.concat([this.lastOutput, bytes.subarray(-1000)]).subarray(-1000);
    this.output.take(bytes);
    this.reader?.take(bytes);
  }

  /** The last lines printed since this was asked before, for messages. */
  takeLastLines(): string {
    const text = this.lastOutput.toString('utf8').replaceAll('\0', '').trim();
    this.lastOutput = Buffer.alloc(0);
    return text.split('\n').slice(-5).join('\n').slice(-600);
  }

  emit(event: AttemptEvent): void {
    this.hands.onEvent(event);
  }

  /** Throws where the attempt has been told to stop. */
  checkStop(): void {
    if (this.stop.aborted) throw new Ending({ kind: 'cancelled' });
  }

  private checkLocalFence(): void {
    if (!this.isLocal) return;
    const { plan, assignment, hands } = this;
    const key = `${plan.host.id}.${plan.seat}`;
    const own = BigInt(assignment.attempt);
    const seen = hands.localFence.get(key) ?? 0n;
    if (own < seen) {
      throw new SessionRefused('fenced', `the seat has seen attempt ${seen}, which is newer`);
    }
    hands.localFence.set(key, own);
  }
}

/** What an error of the way into the host, or of the wrapper there, is as an outcome; undefined for others. */
export function outcomeOf(error: unknown, phase: Phase): Outcome | undefined {
  if (error instanceof Ending) return error.outcome;
  if (error instanceof SessionRefused) {
    if (error.kind === 'broken') return { kind: 'host_lost', phase, error: 'broken', message: error.message };
    return { kind: error.kind, message: error.message };
  }
  if (error instanceof BlobUnavailable) return { kind: 'executor_unable', message: error.message };
  if (!(error instanceof ShellError)) return undefined;
  if (error.kind === 'unsupported') return { kind: 'executor_unable', message: error.message };
  return { kind: 'host_lost', phase, error: error.kind, message: error.message };
}
