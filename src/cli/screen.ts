/** What a word means, for colouring it. */
export type Tone = 'good' | 'bad' | 'warn' | 'quiet' | 'strong';

const CODES: Readonly<Record<Tone, string>> = { good: '32', bad: '31', warn: '33', quiet: '2', strong: '1' };

/** One cell of a table: its text, and how it is to look on a terminal. */
export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

/** What a command prints on: colours and widths only where a person looks, bare lines in a pipe. */
export class Screen {
  private statusShown = false;

  constructor(
    private readonly stdout: NodeJS.WriteStream = process.stdout,
    private readonly stderr: NodeJS.WriteStream = process.stderr,
    private readonly environment: NodeJS.ProcessEnv = process.env,
  ) {}

  /** True where a person looks. */
  get isTerminal(): boolean {
    return this.stdout.isTTY === true;
  }

  /** Undefined in a pipe, where lines may be as long as they are. */
  get columns(): number | undefined {
    return this.isTerminal ? Math.max(40, this.stdout.columns ?? 80) : undefined;
  }

  line(text = ''): void {
    this.clearStatus();
    this.stdout.write(`${text}\n`);
  }

  /** One JSON document, or one line of a stream of them. */
  json(value: unknown, form: 'document' | 'line' = 'document'): void {
    this.stdout.write(`${form === 'line' ? JSON.stringify(value) : JSON.stringify(value, null, 2)}\n`);
  }

  /** Said to the person, and no part of the result. */
  note(text: string): void {
    this.clearStatus();
    this.stderr.write(`${text}\n`);
  }

  /** A line that the next one replaces; nothing at all in a pipe. */
  status(text: string): void {
    if (!this.isTerminal) return;
    this.stdout.write(`\r\x1b[K${this.paint('quiet', shorten(text, (this.columns ?? 80) - 1))}`);
    this.statusShown = true;
  }

  clearStatus(): void {
    if (this.statusShown) this.stdout.write('\r\x1b[K');
    this.statusShown = false;
  }

  paint(tone: Tone | undefined, text: string, stream: NodeJS.WriteStream = this.stdout): string {
    const { NO_COLOR, TERM } = this.environment;
    const coloured = stream.isTTY === true && !NO_COLOR && TERM !== 'dumb';
    return coloured && tone !== undefined ? `\x1b[${CODES[tone]}m${text}\x1b[0m` : text;
  }

  /** Columns side by side; the last one is broken over several lines where the terminal is too narrow. */
  table(rows: readonly (readonly (Cell | string)[])[], widths: readonly number[] = []): void {
    const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
    const count = Math.max(0, ...cells.map((row) => row.length));
    const wide = Array.from({ length: count }, (_, column) =>
      Math.max(widths[column] ?? 0, ...cells.map((row) => plain(row[column]?.text ?? '').length)),
    );
    for (const row of cells) this.row(row, wide);
  }

  /** One row of a table whose columns have known widths; the last is what is left. */
  row(row: readonly Cell[], widths: readonly number[]): void {
    const last = row.length - 1;
    const left = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
    const room =
      this.columns === undefined ? Number.POSITIVE_INFINITY : Math.max(20, this.columns - left - 1);
    const lines = wrap(plain(row[last]?.text ?? ''), room);
    const head = row
      .slice(0, last)
      .map((cell, column) => this.paint(cell.tone, plain(cell.text).padEnd(widths[column] ?? 0)))
      .map((text) => `${text}  `)
      .join('');
    const tone = row[last]?.tone;
    this.line(`${head}${this.paint(tone, lines[0] ?? '')}`.trimEnd());
    for (const more of lines.slice(1)) this.line(`${' '.repeat(left)}${this.paint(tone, more)}`);
  }
}

/** Text from elsewhere without what would steer a terminal. */
export function plain(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').replace(/\p{Cc}/gu, '?');
}

/** Breaks a text at spaces into lines of at most `room` characters. */
export function wrap(text: string, room: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
    // A word longer than the line, such as a path.
    while (line.length > room) {
      lines.push(line.slice(0, room));
      line = line.slice(room);
    }
  }
  return [...lines, line];
}

/** At most `room` characters. */
export function shorten(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`;
}

/** `3 s`, `5 min`, `2 h` or `4 d`: a span of time as people say it. */
export function span(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `512 B`, `3.4 MiB` or `12 GiB`. */
export function size(bytes: number): string {
  let [amount, unit] = [bytes, 'B'];
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) if (amount >= 1024) [amount, unit] = [amount / 1024, next];
  return `${unit === 'B' || amount >= 10 ? Math.round(amount) : amount.toFixed(1)} ${unit}`;
}

/** How long ago a time of the grid was. */
export function ago(time: string): string {
  return `${span(Date.now() - Date.parse(time))} ago`;
}
