import type { ParsedCase } from '../domain/lava/parse.js';
import type { PrintedSignal } from '../domain/lava/signal.js';
import type { HandlerNews } from '../ports/handlers.js';
import { type Cases, measured, type NewCase } from './cases.js';

/** What is longer is cut: whoever prints it does not know of our limits. */
const LONGEST_NAME = 500;
const LONGEST_TEXT = 200;
const LONGEST_UNIT = 50;

/** Cases of a LAVA definition, however they were said; a set that has been started stands before their names. */
export class LavaCases {
  private set = '';
  /** How many cases were said and not recorded, why the last of them was not, and a red one of them. */
  private left = 0;
  private leftWhy = '';
  private leftRed: string | undefined;

  constructor(
    private readonly cases: Cases,
    /** Handlers act upon the begin and the end of a case. */
    private readonly tell: (news: HandlerNews) => string | Promise<string>,
  ) {}

  /** One word of a helper with what belongs to it: the answer; undefined: it is none of these. */
  take(words: readonly string[], at: number): string | Promise<string> | undefined {
    const [word, first = '', second = '', third = '', fourth = ''] = words;
    switch (word) {
      case 'lava-case':
        return this.said(first, second, cut(third, fourth), at);
      case 'lava-set':
        this.set = first;
        return 'ok';
      case 'lava-reference':
        return this.said(first, second, {}, at, third);
      case 'lava-raise':
        return this.raised(first, at);
      case 'lava-start':
        return this.tell({ event: 'case_start', case: this.full(first) });
      case 'lava-end':
        return this.tell({ event: 'case_end', case: this.full(first) });
      default:
        return undefined;
    }
  }

  /** A signal that was printed. Nobody waits for handlers by it. */
  signal(signal: PrintedSignal, at: number): void {
    switch (signal.kind) {
      case 'set':
        this.set = signal.name;
        return;
      case 'raise':
        this.raised(signal.message, at);
        return;
      case 'reference':
        this.said(signal.name, signal.result, {}, at, signal.url);
        return;
      case 'case':
        this.said(signal.name, signal.result, cut(signal.measurement, signal.units), at);
        return;
      default:
        void this.tell({
          event: signal.kind === 'start' ? 'case_start' : 'case_end',
          case: this.full(signal.name),
        });
    }
  }

  /** A line in which the pattern of the definition found a case. */
  parsed({ name, result, measurement, units, message }: ParsedCase, at: number): void {
    this.said(name, result, cut(measurement, units), at, message);
  }

  /** Something is wrong with what says the cases: those that are there may not be all. */
  flaw(message: string): void {
    this.cases.recordLast({ name: 'parse', result: 'unknown', message });
  }

  /** No more cases come: what was not recorded is no pass. */
  end(): void {
    if (this.left === 0) return;
    const red = this.leftRed === undefined ? '' : `, a failed one among them: ${this.leftRed}`;
    this.cases.recordLast({
      name: 'cases left out',
      result: this.leftRed === undefined ? 'unknown' : 'fail',
      message: `${this.left} cases are not recorded${red} (${this.leftWhy})`,
    });
  }

  /** The test gives up: neither passed nor failed. */
  private raised(message: string, at: number): string {
    return this.record({ name: 'lava-test-raise', result: 'unknown', message, at });
  }

  private full(name: string): string {
    return (this.set === '' || name === '' ? name : `${this.set} / ${name}`).slice(0, LONGEST_NAME);
  }

  private said(
    name: string,
    result: string,
    measurement: Pick<NewCase, 'measurement'>,
    at: number,
    message = '',
  ): string {
    const known = RESULTS.get(result.toLowerCase());
    const odd = known === undefined ? `its result was said to be '${result.slice(0, LONGEST_TEXT)}'` : '';
    const said = [message, odd].filter((text) => text !== '').join('; ');
    const one = { name: this.full(name), result: known ?? 'unknown', message: said, at, ...measurement };
    return this.record(one);
  }

  private record(one: NewCase): string {
    const why = this.cases.record(one);
    if (why !== undefined) {
      this.left += 1;
      this.leftWhy = why;
      if (one.result === 'fail') this.leftRed = one.name;
    }
    return why ?? 'ok';
  }
}

function cut(measurement: string, units: string): Pick<NewCase, 'measurement'> {
  return measured(measurement.slice(0, LONGEST_TEXT), units.slice(0, LONGEST_UNIT));
}

const RESULTS: ReadonlyMap<string, NewCase['result']> = new Map([
  ['pass', 'pass'],
  ['fail', 'fail'],
  ['skip', 'skip'],
  ['unknown', 'unknown'],
]);
