import { readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { Client, type ClientChannel } from 'ssh2';
import { SshShell } from '../../src/adapters/ssh.js';
import { carryOut } from '../../src/executor/carry-out.js';
import { Connections } from '../../src/executor/connections.js';
import { EnvironmentRecorder } from '../../src/executor/environment/recorder.js';
import { systemTiming } from '../../src/executor/system-timing.js';
import { quote } from '../../src/executor/wrapper.js';
import { Images } from '../../src/ports/images.js';
import { Shell, type ShellConnection, type ShellProcess, type ShellTarget } from '../../src/ports/shell.js';
import type { Assignment, AttemptEvent } from '../../src/protocol/messages.js';
import type { InventoryHost } from './grid.js';

type Transport = InventoryHost['transport'];

/** What an executor said on one channel: bytes for stdin, and the words of the host that it waited for. */
export interface Recording {
  readonly command: string;
  readonly nonce: string;
  readonly steps: readonly ({ readonly write: Buffer } | { readonly hear: string })[];
}

/**
 * Carries out an assignment as an executor does that has been on the host before, and gives what went over each channel
 * it opened.
 */
export async function record(assignment: Assignment): Promise<readonly Recording[]> {
  const recorder = new EnvironmentRecorder();
  await carriedOut(assignment, recorder);
  return await carriedOut(assignment, recorder);
}

async function carriedOut(
  assignment: Assignment,
  recorder: EnvironmentRecorder,
): Promise<readonly Recording[]> {
  const shell = new RecordingShell(new SshShell());
  const connections = new Connections(shell, systemTiming, 60_000);
  const events: AttemptEvent[] = [];
  const limits = {
    connectMs: 15_000,
    reconnectMs: 15_000,
    retryMs: 1000,
    beginMs: 60_000,
    answerMs: 20_000,
    probeMs: 10_000,
    askMs: 30_000,
  };
  await carryOut(
    assignment,
    {
      connections,
      images: new NoImages(),
      timing: systemTiming,
      limits,
      artefact: () => Promise.reject(new Error('nothing was uploaded')),
      keep: async () => '',
      handlers: undefined,
      localFence: new Map(),
      recorder,
      onEvent: (event) => events.push(event),
      onSegment: () => {},
    },
    new AbortController().signal,
  );
  connections.closeAll();
  const last = events.at(-1);
  if (last?.kind !== 'ended' || last.end.outcome.kind !== 'ended')
    throw new Error(`the run to be recorded did not end well: ${JSON.stringify(last)}`);
  return shell.recordings.map(({ command, steps }) => ({ command, steps, nonce: nonceOf(steps) }));
}

class NoImages extends Images {
  override restore(): Promise<never> {
    return Promise.reject(new Error('a benchmark restores nothing'));
  }
}

function nonceOf(steps: Recording['steps']): string {
  const greeting = steps.find((step) => 'write' in step);
  return greeting === undefined ? '' : (greeting.write.toString('latin1').split(' ')[0] ?? '');
}

/** Hands everything on, and keeps what was said in which order. */
class RecordingShell extends Shell {
  readonly recordings: { command: string; steps: ({ write: Buffer } | { hear: string })[] }[] = [];

  constructor(private readonly inner: Shell) {
    super();
  }

  override async connect(target: ShellTarget, timeoutMs: number): Promise<ShellConnection> {
    const connection = await this.inner.connect(target, timeoutMs);
    return {
      ended: connection.ended,
      close: () => connection.close(),
      start: async (command) => this.listenTo(command, await connection.start(command)),
    };
  }

  private listenTo(command: string, process: ShellProcess): ShellProcess {
    const recording = { command, steps: [] as ({ write: Buffer } | { hear: string })[] };
    this.recordings.push(recording);
    const { steps } = recording;
    let heard: string | undefined;
    const hear = () => {
      if (heard !== undefined) steps.push({ hear: heard });
      heard = undefined;
    };
    const write = process.stdin.write.bind(process.stdin);
    process.stdin.write = ((bytes: string | Buffer) => {
      hear();
      steps.push({ write: Buffer.from(bytes) });
      return write(bytes);
    }) as typeof process.stdin.write;
    let rest = '';
    // Before the executor's own listener, so that a word is known when it is answered.
    process.stderr.prependListener('data', (text: string | Buffer) => {
      const lines = (rest + text.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const word = /^TY [0-9a-f]+ ([a-z_]+)/.exec(line)?.[1];
        if (word !== undefined) heard = word;
      }
      if (heard === 'done') hear();
    });
    return process;
  }
}

/** An open connection of plain ssh2, over which recordings are said again. */
export class PlainHost {
  private constructor(
    private readonly client: Client,
    private readonly seat: string,
  ) {}

  /** `seat` is the replay's own, so that its fence is not the grid's. */
  static open(transport: Transport, seat: string): Promise<PlainHost> {
    return new Promise((resolve, reject) => {
      const client = new Client();
      const sock = connectSocket({ host: transport.address, port: transport.port, noDelay: true });
      client.once('error', reject);
      client.once('ready', () => resolve(new PlainHost(client, seat)));
      client.connect({
        sock,
        username: transport.user,
        privateKey: readFileSync(transport.keyFile),
        authHandler: ['publickey'],
        keepaliveInterval: 15_000,
        readyTimeout: 60_000,
      });
    });
  }

  /** The channels of one run, one after the other; the attempt's number must rise. */
  async replay(recordings: readonly Recording[], attempt: number): Promise<void> {
    for (const recording of recordings) await this.channel(recording, attempt);
  }

  close(): void {
    this.client.end();
  }

  private async channel({ command, steps, nonce }: Recording, attempt: number): Promise<void> {
    const own = command
      .replace(/TESTYARD_SEAT=[0-9.]+/, `TESTYARD_SEAT=${this.seat}`)
      .replace(/TESTYARD_ATTEMPT=[0-9]+/, `TESTYARD_ATTEMPT=${attempt}`);
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      this.client.exec(`exec /bin/sh -c ${quote(own)}`, (error, opened) =>
        error ? reject(error) : resolve(opened),
      );
    });
    await new Promise<void>((resolve, reject) => {
      let at = 0;
      let rest = '';
      const goOn = () => {
        for (let step = steps[at]; step !== undefined && 'write' in step; step = steps[++at])
          channel.write(step.write);
        if (at >= steps.length) resolve();
      };
      channel.on('data', () => {});
      channel.on('close', () => reject(new Error(`the host ended a replay at step ${at}: ${rest}`)));
      channel.stderr.on('data', (bytes: Buffer) => {
        const lines = (rest + bytes.toString('latin1')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const step = steps[at];
          if (step === undefined || !('hear' in step) || !line.startsWith(`TY ${nonce} ${step.hear}`))
            continue;
          at++;
          goOn();
        }
      });
      goOn();
    });
  }
}
