import { spawn } from 'node:child_process';

/** How a program of this machine ended. */
export interface ProgramEnd {
  /** Undefined: it was killed, ran too long, said too much, or there is no such program. */
  readonly code: number | undefined;
  readonly out: Buffer;
  /** The last that it complained of; where it has no code, what happened to it. */
  readonly words: string;
}

/** What a program is given, and how far it may go. */
export interface ProgramLimits {
  readonly input?: Uint8Array;
  readonly timeoutMs?: number;
  readonly mostBytes?: number;
  readonly signal?: AbortSignal;
}

const LIMIT_MS = 60_000;
const MOST_BYTES = 64 * 1024 * 1024;
const LONGEST_WORDS = 1000;

/** Runs a program to its end, in the plain language of machines, with nothing of the user's own configuration. */
export function runProgram(
  command: readonly [program: string, ...args: string[]],
  { input, timeoutMs = LIMIT_MS, mostBytes = MOST_BYTES, signal }: ProgramLimits = {},
): Promise<ProgramEnd> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], LC_ALL: 'C' };
    const child = spawn(program, args, { env, stdio: 'pipe', killSignal: 'SIGKILL' });
    const chunks: Buffer[] = [];
    let [bytes, words, cut] = [0, '', undefined as string | undefined];
    const stop = (why: string) => {
      cut ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop(`${program} was not done within ${timeoutMs / 1000} s`), timeoutMs);
    const late = () => stop(`${program} was stopped`);
    signal?.addEventListener('abort', late, { once: true });
    if (signal?.aborted) late();
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostBytes) stop(`${program} says more than ${mostBytes} bytes`);
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('utf8')).slice(-LONGEST_WORDS);
    });
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    const end = (code: number | undefined, said: string) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', late);
      resolve({ code, out: Buffer.concat(chunks), words: said.trim() });
    };
    child.on('error', () => end(undefined, `the program '${program}' is not installed`));
    child.on('close', (code) => end(cut === undefined ? (code ?? undefined) : undefined, cut ?? words));
  });
}
