import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { HandlerSpec } from '../domain/handler.js';
import {
  type HandlerCode,
  type HandlerNews,
  type HandlerProcess,
  Handlers,
  type HandlerWord,
} from '../ports/handlers.js';
import { apart } from './bundled-handler.js';

/** More than this on its standard output ends a handler. */
const MOST_BYTES = 64 * 1024 * 1024;
const LONGEST_LINE = 12 * 1024 * 1024;

const text = (most: number) => z.string().max(most);
/** One line of a handler. */
const Line = z.union([
  z.strictObject({ done: z.int() }),
  z.strictObject({
    measurement: z.strictObject({
      case: text(500).optional(),
      name: text(100).min(1),
      value: z.union([z.number().transform(String), text(200).min(1)]),
      unit: text(50).default(''),
    }),
  }),
  z.strictObject({
    attachment: z.strictObject({
      case: text(500).optional(),
      name: text(100).min(1),
      type: z.string().regex(/^[\w.+-]{1,60}\/[\w.+-]{1,60}$/),
      text: z.string().optional(),
      base64: z.base64().optional(),
    }),
  }),
]);

/** Handlers as programs that speak lines of JSON over their standard input and output. */
export class ProcessHandlers extends Handlers {
  constructor(
    override readonly known: ReadonlyMap<string, HandlerSpec>,
    /** Folders that no handler which came with a test may see. */
    private readonly masked: readonly string[] = [],
  ) {
    super();
  }

  override start(
    name: string,
    code: HandlerCode,
    environment: Readonly<Record<string, string>>,
    heard: (word: HandlerWord) => void,
  ): HandlerProcess {
    const way =
      'program' in code
        ? apart(name, code.program, this.masked)
        : {
            command: code.use === undefined ? code.command : ownCommand(code.use),
            folder: tmpdir(),
            remove: () => {},
          };
    const [program = '', ...args] = way.command;
    // A group of its own, so that what it started ends with it. None of our variables are its business.
    const child = spawn(program, args, {
      cwd: way.folder,
      detached: true,
      env: { ...environment, PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.once('close', way.remove);
    child.once('error', way.remove);
    return new Running(name, child, heard);
  }
}

/** A handler that comes with the program. */
function ownCommand(use: string): readonly string[] {
  return [process.execPath, fileURLToPath(new URL(`../../handlers/${use}.mjs`, import.meta.url))];
}

class Running implements HandlerProcess {
  private waiting: { readonly id: number; readonly settle: (why?: string) => void } | undefined;
  private failure: string | undefined;
  private said = '';
  private line = '';
  private bytes = 0;
  private ids = 0;

  constructor(
    readonly name: string,
    private readonly child: ChildProcess,
    private readonly heard: (word: HandlerWord) => void,
  ) {
    child.stdin?.on('error', () => {});
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.take(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-2000);
    });
    child.once('error', (error) => this.fail(`it could not be started: ${error.message}`));
    child.once('close', (code, signal) => this.fail(`it ended (${signal ?? `exit code ${code}`})`));
  }

  tell(news: HandlerNews, limitMs: number): Promise<string | undefined> {
    if (this.failure !== undefined) return Promise.resolve(this.failure);
    const id = ++this.ids;
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.fail(`it took more than ${limitMs} ms for '${news.event}'`),
        limitMs,
      );
      const settle = (why?: string) => {
        clearTimeout(timer);
        this.waiting = undefined;
        resolve(why);
      };
      this.waiting = { id, settle };
      this.child.stdin?.write(`${JSON.stringify({ id, ...news })}\n`);
    });
  }

  end(): void {
    this.failure ??= 'it was ended';
    this.child.stdin?.end();
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It had ended.
    }
  }

  private fail(why: string): void {
    const words = this.said.trim();
    this.failure ??= words === '' ? why : `${why}: ${words}`;
    this.end();
    this.waiting?.settle(this.failure);
  }

  private take(text: string): void {
    if (this.failure !== undefined) return;
    this.bytes += text.length;
    const lines = (this.line + text).split('\n');
    this.line = lines.pop() ?? '';
    if (this.bytes > MOST_BYTES || this.line.length > LONGEST_LINE) {
      this.fail('it said too much');
      return;
    }
    for (const line of lines) this.read(line);
  }

  private read(line: string): void {
    if (this.failure !== undefined) return;
    let said: z.infer<typeof Line>;
    try {
      said = Line.parse(JSON.parse(line));
    } catch {
      this.fail(`it said what is not understood: ${line.slice(0, 200)}`);
      return;
    }
    if ('done' in said) {
      if (this.waiting?.id === said.done) this.waiting.settle();
    } else if ('measurement' in said) {
      const { name, value, unit } = said.measurement;
      this.heard({ kind: 'measurement', case: said.measurement.case, name, value, unit });
    } else {
      const { name, type: mediaType, text = '', base64 } = said.attachment;
      const bytes = base64 === undefined ? Buffer.from(text) : Buffer.from(base64, 'base64');
      this.heard({ kind: 'attachment', case: said.attachment.case, name, mediaType, bytes });
    }
  }
}
