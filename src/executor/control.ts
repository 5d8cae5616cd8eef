import type { Readable } from 'node:stream';

/** What the wrapper says on the control channel. */
export type ControlLine =
  /** The user who works on the host. */
  | { readonly kind: 'user'; readonly uid: number }
  /** The host has seen this higher attempt number. */
  | { readonly kind: 'fenced'; readonly by: string }
  /** These processes of earlier attempts could not be killed. */
  | { readonly kind: 'unclean'; readonly pids: string }
  /** The session could not be set up. */
  | { readonly kind: 'broken'; readonly why: string }
  /** The raw lines of which a fingerprint is made. */
  | { readonly kind: 'fingerprint'; readonly lines: readonly string[] }
  /** The payload has been read and commands are listened to. */
  | { readonly kind: 'ready'; readonly mode: string }
  /** Probe number `index` ended. */
  | { readonly kind: 'probe'; readonly index: number; readonly code: number }
  /** All probes that were asked for have ended. */
  | { readonly kind: 'probed' }
  /** A line of the helper `testyard-case`. */
  | { readonly kind: 'signal'; readonly id: string; readonly payload: string }
  /** Phase number `phase` is over. */
  | { readonly kind: 'ended'; readonly phase: number; readonly how: string; readonly code: number }
  /** These processes of the session itself could not be killed. */
  | { readonly kind: 'stuck'; readonly pids: string }
  /** Of the names asked for, these are no commands on the host. */
  | { readonly kind: 'missing'; readonly names: readonly string[] }
  /** Everything is dead and removed. */
  | { readonly kind: 'done' };

/** Longer lines and longer fingerprints are no words of ours. */
const LONGEST_LINE = 64 * 1024;
const MOST_FINGERPRINT_LINES = 20_000;

/** Calls `onLine` for every line with `nonce`; the last of the other lines are kept for error messages. */
export class ControlReader {
  private rest = '';
  private fingerprint: string[] | undefined;
  private readonly noise: string[] = [];

  constructor(
    stderr: Readable,
    private readonly nonce: string,
    private readonly onLine: (line: ControlLine) => void,
  ) {
    stderr.setEncoding('latin1');
    stderr.on('data', (text: string) => this.take(text));
  }

  /** What was said on the channel that is none of the wrapper's lines, shortened. */
  get said(): string {
    return this.noise.join('\n').slice(0, 500);
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    const start = `TY ${this.nonce} `;
    const own = line.startsWith(start) ? line.slice(start.length) : undefined;
    if (own === 'fingerprint') this.fingerprint = [];
    else if (own === 'fingerprint_end') {
      const lines = this.fingerprint ?? [];
      this.fingerprint = undefined;
      this.onLine({ kind: 'fingerprint', lines });
    } else if (own !== undefined) {
      const read = readLine(own);
      if (read) this.onLine(read);
    } else if (this.fingerprint) {
      if (this.fingerprint.length < MOST_FINGERPRINT_LINES) this.fingerprint.push(line);
    } else if (this.noise.length < 10) this.noise.push(line);
  }
}

function readLine(text: string): ControlLine | undefined {
  const [kind, ...words] = text.split(' ');
  const [first = '', second = '', third = ''] = words;
  const rest = words.join(' ').trim();
  switch (kind) {
    case 'user':
      return { kind, uid: Number(first) };
    case 'fenced':
      return { kind, by: first };
    case 'unclean':
    case 'stuck':
      return { kind, pids: rest };
    case 'broken':
      return { kind, why: rest };
    case 'ready':
      return { kind, mode: first };
    case 'probe':
      return { kind, index: Number(first), code: Number(second) };
    case 'probed':
    case 'done':
      return { kind };
    case 'signal':
      return { kind, id: first, payload: second };
    case 'ended':
      return { kind, phase: Number(first), how: second, code: Number(third) };
    case 'missing':
      return { kind, names: words.filter((word) => word !== '') };
    default:
      return undefined;
  }
}
