import { createReadStream } from 'node:fs';
import type { Fingerprint } from '../domain/host.js';
import { type ShellConnection, ShellError, type ShellExit, type ShellProcess } from '../ports/shell.js';
import { type Bundle, filesToBring, payload } from './bundle.js';
import { type ControlLine, ControlReader } from './control.js';
import { readFingerprint } from './fingerprint.js';
import { LONGEST_MARK, markHead } from './helper-script.js';
import { OwnLineSplitter } from './own-line.js';
import type { Timing } from './timing.js';
import { lavaFolder, type Mark, wrapperCommand } from './wrapper.js';

/** How a phase ended. */
export type PhaseEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  /** The process was never the phase's own: exec failed. */
  | { readonly kind: 'never_started' }
  /** Its time was over, and the host answered that it has been killed. */
  | { readonly kind: 'timed_out'; readonly afterMs: number }
  /** Somebody had it stopped, and the host answered that it has been killed. */
  | { readonly kind: 'stopped' };

/** The host does not let the session begin, or the session's end leaves something: a finding, no loss. */
export class SessionRefused extends Error {
  override readonly name = 'SessionRefused';
  constructor(
    /** `fenced`: too late; `unclean`: earlier work lives; `broken`: the host has no room for a session. */
    readonly kind: 'fenced' | 'unclean' | 'broken',
    message: string,
  ) {
    super(message);
  }
}

/** The wrapper itself ended in the middle, and the way into the host did not: something killed it. */
export class SessionCut extends ShellError {
  constructor(
    readonly exit: ShellExit,
    message: string,
  ) {
    super('lost', message);
  }
}

/** How long the host may take for an answer. */
export interface SessionLimits {
  /** From the start of the command until it listens; leftovers are killed in this time. */
  readonly beginMs: number;
  /** For a kill, an ending and every other word. */
  readonly answerMs: number;
  /** For each probe. */
  readonly probeMs: number;
  /** For what is asked after a test, which may have to wait for the network. */
  readonly askMs: number;
}

/** What a session is for and whom it tells. */
export interface SessionPlan {
  readonly mark: Mark;
  /** `auto`: a pid namespace where the host can; `step`: in the host's own; `sandbox`: under `local`. */
  readonly mode: 'auto' | 'step' | 'sandbox';
  readonly bundle: Bundle;
  readonly limits: SessionLimits;
  readonly timing: Timing;
  readonly onOutput: (bytes: Buffer) => void;
  /** Something that a helper said while a phase ran; what it gives is told to the caller, where that waits. */
  readonly onSpoken: (spoken: Spoken) => string | Promise<string>;
  /** Ends the bringing of files, which may take long. */
  readonly stop?: AbortSignal;
}

/** What a helper on the host said. */
export interface Spoken {
  readonly phase: PhaseName;
  /** Where in the output of this phase it was said, in bytes from the phase's beginning. */
  readonly at: number;
  /** What kind of news it is, and what belongs to it; whatever the caller wrote. */
  readonly words: readonly string[];
}

/** What runs in a session. */
export type PhaseName = 'setup' | 'test' | 'teardown' | 'step' | 'undo';

/** So much of a file is read at a time. */
const CHUNK_BYTES = 256 * 1024;

/** One long command on a host, in which phases run one after another. */
export class Session {
  /** Seen when the session began. */
  fingerprint: Fingerprint | undefined;
  uid = -1;
  /** Exit codes of the probes in their order; undefined where one ran out of time. */
  probes: readonly (number | undefined)[] = [];
  /** What those printed of which that is wanted, line by line; undefined for the others. */
  told: readonly (readonly string[] | undefined)[] = [];
  /** Called when the time of a phase is over, while it still runs. */
  onLate: (name: PhaseName) => Promise<void> = async () => {};
  private readonly lines: ControlLine[] = [];
  private wake: () => void = () => {};
  private failure: Error | undefined;
  private phases = 0;
  private trailers = 0;
  /** What runs now, and how much it has printed. */
  private running: { readonly phase: PhaseName; printed: number } | undefined;
  private thoughts = 0;
  private readonly control: ControlReader;

  private constructor(
    private readonly plan: SessionPlan,
    private readonly process: ShellProcess,
    nonce: string,
    key: string,
  ) {
    this.control = new ControlReader(process.stderr, nonce, (line) => this.heard(line));
    const trailer = { head: `TY-${nonce}-`, form: /^[0-9]{1,10}$/, most: 10 };
    const mark = { head: markHead(key), form: /^[A-Za-z0-9+/]+=*$/, most: LONGEST_MARK };
    const splitter = new OwnLineSplitter(
      [
        { ...trailer, read: (phase) => this.ended(Number(phase)) },
        { ...mark, read: (text) => this.marked(text) },
      ],
      (bytes) => {
        if (this.running !== undefined) this.running.printed += bytes.length;
        plan.onOutput(bytes);
      },
    );
    process.stdout.on('data', (bytes: Buffer) => splitter.take(bytes));
    process.stdout.once('end', () => splitter.end());
    // Writes that come too late fail; the exit tells what happened.
    process.stdin.on('error', () => {});
    process.stdout.on('error', () => {});
    process.stderr.on('error', () => {});
    process.exit.then(
      (exit) => {
        const how = exit.kind === 'exited' ? `exit code ${exit.code}` : exit.signal;
        const said = this.control.said === '' ? '' : `: ${this.control.said}`;
        this.lost(new SessionCut(exit, `the session on the host ended before its work (${how})${said}`));
      },
      (error: Error) => this.lost(error),
    );
  }

  /**
   * Starts a session; it then listens. Rejects with SessionRefused, or with ShellError where the way into the
   * host breaks.
   */
  static async open(connection: ShellConnection, plan: SessionPlan): Promise<Session> {
    const { timing, limits } = plan;
    const nonce = timing.randomHex(16);
    const key = timing.randomHex(8);
    const deadline = timing.monotonicMs() + limits.beginMs;
    const process = await started(connection, plan);
    const session = new Session(plan, process, nonce, key);
    const { scripts, test } = payload(plan.bundle, key);
    process.stdin.write(`${nonce} ${plan.mode} ${key} ${scripts.length} ${test.length}\n`);
    process.stdin.write(scripts);
    if (test.length > 0) process.stdin.write(test);
    try {
      await session.begin(deadline);
    } catch (error) {
      process.abandon();
      throw error;
    }
    return session;
  }

  private async begin(deadlineAtFirst: number): Promise<void> {
    let deadline = deadlineAtFirst;
    for (;;) {
      const line = await this.next(deadline, 'to begin a session');
      if (line.kind === 'bring') {
        await this.bring(line.index);
        deadline = this.plan.timing.monotonicMs() + this.plan.limits.beginMs;
        continue;
      }
      if (line.kind === 'fenced') {
        throw new SessionRefused('fenced', `the host has seen attempt ${line.by}, which is newer`);
      }
      if (line.kind === 'unclean') {
        throw new SessionRefused(
          'unclean',
          `processes of earlier attempts could not be killed: ${line.pids}`,
        );
      }
      if (line.kind === 'broken') throw new SessionRefused('broken', line.why);
      if (line.kind === 'ready') break;
      this.note(line);
    }
    await this.probe();
  }

  /** Sends a file as fast as the host takes it; a host that has something to say wants no more of it. */
  private async bring(index: number): Promise<void> {
    const { bundle, limits, timing, stop } = this.plan;
    const { stdin } = this.process;
    const wanted = filesToBring(bundle)[index - 1];
    if (wanted === undefined) throw new Error(`the host asks for file ${index}, which there is not`);
    const wake = () => this.wake();
    stop?.addEventListener('abort', wake);
    stdin.on('drain', wake);
    try {
      for await (const chunk of createReadStream(wanted.file, { highWaterMark: CHUNK_BYTES })) {
        if (stop?.aborted) throw new Error('stopped while an artefact was brought');
        if (stdin.write(chunk)) continue;
        const deadline = timing.monotonicMs() + limits.beginMs;
        while (stdin.writableNeedDrain && !stop?.aborted) {
          if (this.failure !== undefined || this.lines.length > 0) return;
          await this.change(deadline, `to take '${wanted.name}'`);
        }
      }
    } finally {
      stop?.removeEventListener('abort', wake);
      stdin.off('drain', wake);
    }
  }

  /** Runs the probes one after another; one that runs out of time is killed, and the next one begun. */
  private async probe(): Promise<void> {
    const { bundle, limits, timing } = this.plan;
    const codes: (number | undefined)[] = [];
    const told: (readonly string[] | undefined)[] = bundle.probes.map(() => undefined);
    let phase = 0;
    const resume = () => {
      phase = ++this.phases;
      this.say(`probe ${codes.length + 1} ${phase}`);
    };
    if (bundle.probes.length > 0) resume();
    while (codes.length < bundle.probes.length) {
      const line = await this.nextOrLate(timing.monotonicMs() + limits.probeMs);
      if (line?.kind === 'probe') codes[line.index - 1] = line.code;
      else if (line?.kind === 'told') told[line.index - 1] = line.lines.map(fromUtf8);
      else if (line === undefined) {
        codes.push(undefined);
        this.say('kill');
        await this.killed(phase);
        if (codes.length < bundle.probes.length) resume();
      }
    }
    this.probes = codes;
    this.told = told;
  }

  /**
   * Runs a phase to its end, all of its output included. Rejects with ShellError('timeout') when the host does
   * not answer that it has killed what ran too long.
   */
  async run(name: PhaseName, way: 'direct' | 'sh', timeoutMs: number, stop?: AbortSignal): Promise<PhaseEnd> {
    const { timing } = this.plan;
    const phase = ++this.phases;
    const began = timing.monotonicMs();
    if (stop?.aborted) return { kind: 'stopped' };
    const onStop = () => this.wake();
    stop?.addEventListener('abort', onStop);
    this.running = { phase: name, printed: 0 };
    try {
      this.say(`go ${phase} ${name} ${name === 'test' ? way : 'sh'}`);
      const ended = await this.endOf(phase, began + timeoutMs, stop);
      if (ended) return readEnd(ended);
      const afterMs = timing.monotonicMs() - began;
      if (!stop?.aborted) await this.onLate(name);
      this.say('kill');
      await this.killed(phase);
      return stop?.aborted ? { kind: 'stopped' } : { kind: 'timed_out', afterMs };
    } finally {
      this.running = undefined;
      stop?.removeEventListener('abort', onStop);
    }
  }

  /** Which of `names` are no commands on the host, nor executables in the working folder. */
  async missing(names: readonly string[]): Promise<readonly string[]> {
    const asked = names.filter((name) => /^[A-Za-z0-9_./+:@%-]+$/.test(name));
    if (asked.length === 0) return [];
    this.say(`check ${asked.join(' ')}`);
    const deadline = this.plan.timing.monotonicMs() + this.plan.limits.answerMs;
    for (;;) {
      const line = await this.next(deadline, 'which commands are there');
      if (line.kind === 'missing') return line.names;
    }
  }

  /**
   * Runs shell text on the host, outside of the test's environment, while no phase runs or its time is over: the lines that it prints;
   * undefined where it ran out of time, and was killed with all that still ran in the session.
   */
  async ask(script: string): Promise<readonly string[] | undefined> {
    const { bundle, limits, timing } = this.plan;
    const index = bundle.probes.length + 1 + this.thoughts++;
    const phase = ++this.phases;
    this.say(`think ${index} ${Buffer.from(script).toString('base64')}\nprobe ${index} ${phase}`);
    let told: readonly string[] = [];
    const deadline = timing.monotonicMs() + limits.askMs;
    for (;;) {
      const line = await this.nextOrLate(deadline);
      if (line === undefined) {
        this.say('kill');
        await this.killed(phase);
        return undefined;
      }
      if (line.kind === 'told' && line.index === index) told = withoutLastBlank(line.lines).map(fromUtf8);
      if (line.kind === 'probe' && line.index === index) return told;
    }
  }

  /** Ends the session: all of it is shown dead and removed. What the host looks like then, or what stayed. */
  async end(): Promise<{ readonly fingerprint: Fingerprint | undefined; readonly stuck?: string }> {
    this.say('end');
    const deadline = this.plan.timing.monotonicMs() + this.plan.limits.answerMs;
    let stuck: string | undefined;
    let fingerprint: Fingerprint | undefined;
    try {
      for (;;) {
        const line = await this.next(deadline, 'that everything has ended');
        if (line.kind === 'fingerprint') fingerprint = readFingerprint(line.lines);
        if (line.kind === 'stuck') stuck = line.pids;
        if (line.kind === 'done') return stuck === undefined ? { fingerprint } : { fingerprint, stuck };
      }
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** Ends our side; the wrapper sees its stdin end, and ends too. */
  abandon(): void {
    this.process.abandon();
  }

  private async endOf(phase: number, deadline: number, stop?: AbortSignal): Promise<Ended | undefined> {
    for (;;) {
      const line = await this.nextOrLate(deadline, stop);
      if (line === undefined) return undefined;
      if (line.kind === 'ended' && line.phase === phase) {
        await this.outputOf(phase);
        return line;
      }
    }
  }

  /** Waits for the word that what ran is dead. A phase that had just ended by itself is as dead. */
  private async killed(phase: number): Promise<void> {
    const deadline = this.plan.timing.monotonicMs() + this.plan.limits.answerMs;
    for (;;) {
      const line = await this.next(deadline, 'that the phase was killed');
      if (line.kind === 'stuck') throw new SessionRefused('unclean', `could not be killed: ${line.pids}`);
      if (line.kind === 'ended' && line.how === 'killed') return this.outputOf(phase);
    }
  }

  private async outputOf(phase: number): Promise<void> {
    const deadline = this.plan.timing.monotonicMs() + this.plan.limits.answerMs;
    while (this.trailers < phase) await this.change(deadline, 'the rest of the output');
  }

  private heard(line: ControlLine): void {
    this.lines.push(line);
    this.wake();
  }

  private ended(phase: number): void {
    this.trailers = phase;
    this.wake();
  }

  private marked(text: string): void {
    const [id = '', ...words] = Buffer.from(text, 'base64').toString('utf8').split('\0').slice(0, -1);
    const { running } = this;
    const answer = running && this.plan.onSpoken({ phase: running.phase, at: running.printed, words });
    if (!/^[A-Za-z0-9.]+$/.test(id)) return;
    const acknowledge = (word = 'no test is running') => this.say(`ack ${id} ${word}`);
    if (answer instanceof Promise) answer.then(acknowledge, () => acknowledge('nobody could act upon it'));
    else acknowledge(answer);
  }

  private note(line: ControlLine): void {
    if (line.kind === 'user') this.uid = line.uid;
    if (line.kind === 'fingerprint') this.fingerprint = readFingerprint(line.lines);
  }

  private say(command: string): void {
    this.process.stdin.write(`${command}\n`);
  }

  private lost(error: Error): void {
    this.failure ??= error;
    this.wake();
  }

  private async next(deadline: number, what: string): Promise<ControlLine> {
    const line = await this.nextOrLate(deadline);
    if (line === undefined) throw new ShellError('timeout', `the host did not answer in time: ${what}`);
    return line;
  }

  /** The next line; undefined past `deadline` or once `stop` is aborted. */
  private async nextOrLate(deadline: number, stop?: AbortSignal): Promise<ControlLine | undefined> {
    for (;;) {
      const line = this.lines.shift();
      if (line) return line;
      if (this.failure) throw this.failure;
      if (stop?.aborted || !(await this.changed(deadline))) return undefined;
    }
  }

  private async change(deadline: number, what: string): Promise<void> {
    if (this.failure) throw this.failure;
    if (!(await this.changed(deadline)))
      throw new ShellError('timeout', `the host did not answer in time: ${what}`);
  }

  /** Resolves true when something happened, false once `deadline` has passed. */
  private changed(deadline: number): Promise<boolean> {
    const { timing } = this.plan;
    const left = deadline - timing.monotonicMs();
    if (left <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      // Timers of Node hold at most 2^31 - 1 ms.
      const cancel = timing.after(Math.min(left, 2_000_000_000), () =>
        resolve(timing.monotonicMs() < deadline),
      );
      this.wake = () => {
        cancel();
        resolve(true);
      };
    });
  }
}

/** What is told has an end of line of its own behind it. */
function withoutLastBlank(lines: readonly string[]): readonly string[] {
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** The channel is read byte by byte. */
function fromUtf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

type Ended = Extract<ControlLine, { readonly kind: 'ended' }>;

/** A connection that takes no answer from a frozen host must not hold the attempt for ever. */
function started(connection: ShellConnection, plan: SessionPlan): Promise<ShellProcess> {
  const { timing, limits, mark, bundle } = plan;
  return new Promise((resolve, reject) => {
    let late = false;
    const cancel = timing.after(limits.answerMs, () => {
      late = true;
      reject(new ShellError('timeout', 'the host did not start a command in time'));
    });
    connection.start(wrapperCommand(mark), bundle.lava && lavaFolder(mark)).then(
      (process) => {
        cancel();
        if (late) process.abandon();
        else resolve(process);
      },
      (error: Error) => {
        cancel();
        reject(error);
      },
    );
  });
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
};

function readEnd(line: Ended): PhaseEnd {
  if (line.how === 'noexec') return { kind: 'never_started' };
  if (line.how === 'exited') return { kind: 'exited', code: line.code };
  const number = line.code - 128;
  return { kind: 'signalled', signal: SIGNALS[number] ?? `signal ${number}` };
}
