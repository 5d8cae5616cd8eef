import type { ParsedCase } from '../domain/lava/parse.js';
import type { PrintedSignal } from '../domain/lava/signal.js';
import { type Cases, measured, type NewCase } from './cases.js';

/** What is longer is cut: whoever prints it does not know of our limits. */
const LONGEST_NAME = 500;
const LONGEST_TEXT = 200;

/** Cases of a LAVA definition, however they were said; a set that has been started stands before their names. */
export class LavaCases {
  private set = '';

  constructor(private readonly cases: Cases) {}

  /** One word of a helper with what belongs to it: the answer; undefined: it is none of these. */
  take(words: readonly string[], at: number): string | undefined {
    const [word, first = '', second = '', third = '', fourth = ''] = words;
    switch (word) {
      case 'lava-case':
        return this.said(first, second, measured(third, fourth), at);
      case 'lava-set':
        this.set = first;
        return 'ok';
      case 'lava-reference':
        return this.said(first, second, {}, at, third);
      case 'lava-raise':
        return this.raised(first, at);
      case 'lava-start':
      case 'lava-end':
        return 'ok';
      default:
        return undefined;
    }
  }

  /** A signal that was printed. */
  signal(signal: PrintedSignal, at: number): void {
    if (signal.kind === 'set') this.set = signal.name;
    else if (signal.kind === 'raise') this.raised(signal.message, at);
    else if (signal.kind === 'reference') this.said(signal.name, signal.result, {}, at, signal.url);
    else if (signal.kind === 'case')
      this.said(signal.name, signal.result, measured(signal.measurement, signal.units), at);
  }

  /** A line in which the pattern of the definition found a case. */
  parsed({ name, result, measurement, units, message }: ParsedCase, at: number): void {
    this.said(name, result, measured(measurement.slice(0, LONGEST_TEXT), units.slice(0, 50)), at, message);
  }

  /** Something is wrong with what says the cases: those that are there may not be all. */
  flaw(message: string): void {
    this.cases.record({ name: 'parse', result: 'unknown', message });
  }

  /** The test gives up: neither passed nor failed. */
  private raised(message: string, at: number): string {
    return this.cases.record({ name: 'lava-test-raise', result: 'unknown', message, at }) ?? 'ok';
  }

  private said(
    name: string,
    result: string,
    measurement: Pick<NewCase, 'measurement'>,
    at: number,
    message = '',
  ): string {
    const full = (this.set === '' || name === '' ? name : `${this.set} / ${name}`).slice(0, LONGEST_NAME);
    const known = RESULTS.get(result.toLowerCase());
    const odd = known === undefined ? `its result was said to be '${result.slice(0, LONGEST_TEXT)}'` : '';
    const said = [message, odd].filter((text) => text !== '').join('; ');
    const one = { name: full, result: known ?? 'unknown', message: said, at, ...measurement };
    return this.cases.record(one) ?? 'ok';
  }
}

const RESULTS: ReadonlyMap<string, NewCase['result']> = new Map([
  ['pass', 'pass'],
  ['fail', 'fail'],
  ['skip', 'skip'],
  ['unknown', 'unknown'],
]);
