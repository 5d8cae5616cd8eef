import { StringDecoder } from 'node:string_decoder';
import { type TapForm, TapReader } from '../domain/judge/tap-in.js';
import type { TapCase } from '../domain/judge/tap-point.js';
import type { Printed } from '../domain/outcome.js';
import { type Cases, MOST_CASES } from './cases.js';

/** What is longer is cut: no name is that long. */
const LONGEST_LINE = 4096;

/**
 * Reads what a test prints as TAP while it comes, and records its test points as cases of the attempt. The test asked
 * for it in its file: without that nothing printed is ever more than output.
 */
export class TapOutput {
  private readonly decoder = new StringDecoder('utf8');
  private readonly reader: TapReader;
  private line = '';
  private lost = 0;
  private lostFailed = 0;

  constructor(
    form: TapForm,
    private readonly cases: Cases,
  ) {
    this.reader = new TapReader(form);
  }

  take(bytes: Buffer): void {
    const lines = this.decoder.write(bytes).split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      this.add(line);
      this.read();
    }
    this.add(last);
  }

  /** The test has ended: everything it printed is recorded by then. */
  end(): Printed {
    this.add(this.decoder.end());
    if (this.line !== '') this.read();
    const { cases, summary } = this.reader.end();
    this.record(cases);
    if (this.lost === 0) return summary;
    // What is not recorded one by one must not be lost for the verdict.
    const message = `${this.lost} more cases, ${this.lostFailed} of them failed`;
    if (this.lostFailed > 0) this.cases.recordLast({ name: 'the rest', result: 'fail', message });
    return { ...summary, flaw: summary.flaw ?? `printed more than ${MOST_CASES} cases` };
  }

  private add(text: string): void {
    this.line = (this.line + text.slice(0, LONGEST_LINE)).slice(0, LONGEST_LINE);
  }

  private read(): void {
    const { line } = this;
    this.line = '';
    this.record(this.reader.line(harmless(line)));
  }

  private record(cases: readonly TapCase[]): void {
    for (const { name, result, message } of cases) {
      if (this.cases.record({ name, result, message }) === undefined) continue;
      this.lost += 1;
      if (result === 'fail') this.lostFailed += 1;
    }
  }
}

/** What would steer a terminal or break a line becomes a blank; colours are left out. */
function harmless(line: string): string {
  return line
    .replace(COLOUR, '')
    .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
    .replace(/[\ud800-\udbff]$/, '');
}

const COLOUR = new RegExp(`${'\u001b'}\\[[0-9;]*m`, 'g');
