import type { LavaParse } from '../domain/lava/definition.js';
import { compilePattern, parsedCase } from '../domain/lava/parse.js';
import { printedSignal } from '../domain/lava/signal.js';
import type { LavaCases } from './lava-cases.js';
import { LineMatcher } from './line-matcher.js';
import { type PrintedLine, PrintedLines } from './printed-lines.js';

/** So many lines are given to the pattern at a time. */
const BATCH = 200;

/**
 * Reads what the steps of a LAVA definition print while they run: signals in LAVA's spelling, and what the pattern of
 * its `parse` section finds. Both can say cases and nothing else.
 */
export class LavaOutput {
  private readonly lines = new PrintedLines();
  private readonly matcher: LineMatcher | undefined;

  constructor(
    private readonly parse: LavaParse | undefined,
    private readonly cases: LavaCases,
    /** Reads along, and has read all up to a case when that is recorded. */
    private readonly along: (bytes: Buffer) => void,
  ) {
    const pattern = parse && compilePattern(parse.pattern);
    if (pattern === undefined) return;
    // The grid refuses such a definition when it is read; this one was not read by it.
    if ('problem' in pattern) cases.flaw(`the pattern of parse ${pattern.problem}`);
    else this.matcher = new LineMatcher(pattern.source, pattern.flags);
  }

  take(bytes: Buffer): void {
    let read = 0;
    this.read(this.lines.take(bytes), ({ until }) => {
      this.along(bytes.subarray(read, until));
      read = until;
    });
    this.along(bytes.subarray(read));
  }

  /** The test has ended: everything it printed is recorded by then. */
  end(): undefined {
    this.read(this.lines.end(), () => {});
    const { matcher } = this;
    if (matcher?.hasGivenUp) this.cases.flaw('the pattern of parse took too long, and was given up');
    else if (matcher !== undefined && matcher.slow > 0)
      this.cases.flaw(`the pattern of parse took too long on ${matcher.slow} lines`);
    this.cases.end();
  }

  private read(lines: readonly PrintedLine[], before: (line: PrintedLine) => void): void {
    for (let from = 0; from < lines.length; from += BATCH)
      this.readBatch(lines.slice(from, from + BATCH), before);
  }

  private readBatch(lines: readonly PrintedLine[], before: (line: PrintedLine) => void): void {
    const found = this.matcher?.match(lines.map(({ text }) => text)) ?? [];
    for (const [index, line] of lines.entries()) {
      const { text, at } = line;
      const signal = text.includes('<LAVA_SIGNAL_') ? printedSignal(text) : undefined;
      const groups = found[index];
      if (signal !== undefined || groups !== undefined) before(line);
      if (signal !== undefined) this.cases.signal(signal, at);
      else if (groups !== undefined) this.cases.parsed(parsedCase(groups, this.parse?.fixups ?? {}), at);
    }
  }
}
