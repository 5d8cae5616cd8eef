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
  /** The host waits for file number `index` of the bundle. */
  | { readonly kind: 'bring'; readonly index: number }
  /** Probe number `index` ended. */
  | { readonly kind: 'probe'; readonly index: number; readonly code: number }
  /** What probe number `index` printed; said before it is told how it ended. */
  | { readonly kind: 'told'; readonly index: number; readonly lines: readonly string[] }
  /** All probes that were asked for have ended. */
  | { readonly kind: 'probed' }
  /** Phase number `phase` is over. */
  | { readonly kind: 'ended'; readonly phase: number; readonly how: string; readonly code: number }
  /** These processes of the session itself could not be killed. */
  | { readonly kind: 'stuck'; readonly pids: string }
  /** Of the names asked for, these are no commands on the host. */
  | { readonly kind: 'missing'; readonly names: readonly string[] }
  /** Everything is dead and removed. */
  | { readonly kind: 'done' };

/** Longer lines and longer lists of lines are no words of ours. */
const LONGEST_LINE = 64 * 1024;
const MOST_LINES = 20_000;
const MOST_TOLD_LINES = 100_000;

/** Lines that are not the wrapper's own, between two that are. */
interface Block {
  readonly kind: 'fingerprint' | 'told';
  readonly index: number;
  readonly most: number;
  readonly lines: string[];
}

/** Calls `onLine` for every line with `nonce`; the last of the other lines are kept for error messages. */
export class ControlReader {
  private rest = '';
  private block: Block | undefined;
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
    // A line that was cut off by a kill has no end of its own; nothing but the wrapper knows the nonce.
    const start = line.indexOf(`TY ${this.nonce} `);
    if (start !== 0) this.other(start < 0 ? line : line.slice(0, start));
    if (start >= 0) this.own(line.slice(start + this.nonce.length + 4));
  }

  private other(line: string): void {
    if (this.block === undefined) {
      if (this.noise.length < 10) this.noise.push(line);
    } else if (this.block.lines.length < this.block.most) this.block.lines.push(line);
  }

  private own(text: string): void {
    const [word, number] = text.split(' ');
    if (word === 'fingerprint') this.block = { kind: word, index: 0, most: MOST_LINES, lines: [] };
    else if (word === 'told') {
      this.block = { kind: word, index: Number(number), most: MOST_TOLD_LINES, lines: [] };
    } else if (word === 'fingerprint_end' || word === 'told_end') {
      const { kind = 'fingerprint', index = 0, lines = [] } = this.block ?? {};
      this.block = undefined;
      this.onLine(kind === 'told' ? { kind, index, lines } : { kind, lines });
    } else {
      const read = readLine(text);
      if (read) this.onLine(read);
    }
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
    case 'bring':
      return { kind, index: Number(first) };
    case 'probe':
      return { kind, index: Number(first), code: Number(second) };
    case 'probed':
    case 'done':
      return { kind };
    case 'ended':
      return { kind, phase: Number(first), how: second, code: Number(third) };
    case 'missing':
      return { kind, names: words.filter((word) => word !== '') };
    default:
      return undefined;
  }
}
