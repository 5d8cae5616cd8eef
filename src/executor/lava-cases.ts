import { type Cases, measured, type NewCase } from './cases.js';

/** More than this of a message is not kept. */
const LONGEST_MESSAGE = 1000;

/** Cases of a LAVA definition, as its helpers say them; a set that has been started stands before their names. */
export class LavaCases {
  private set = '';

  constructor(private readonly cases: Cases) {}

  /** One word of a helper with what belongs to it; undefined: it is none of these. */
  take(words: readonly string[], at: number): string | undefined {
    const [word, first = '', second = '', third = '', fourth = ''] = words;
    switch (word) {
      case 'lava-case':
        return this.record(first, second, measured(third, fourth), at);
      case 'lava-set':
        this.set = first;
        return 'ok';
      default:
        return undefined;
    }
  }

  private record(name: string, result: string, more: Pick<NewCase, 'measurement'>, at: number): string {
    const full = this.set === '' ? name : `${this.set} / ${name}`;
    const known = RESULTS.get(result.toLowerCase());
    const message =
      known === undefined ? `its result was said to be '${result}'`.slice(0, LONGEST_MESSAGE) : '';
    return this.cases.record({ name: full, result: known ?? 'unknown', message, at, ...more }) ?? 'ok';
  }
}

const RESULTS: ReadonlyMap<string, NewCase['result']> = new Map([
  ['pass', 'pass'],
  ['fail', 'fail'],
  ['skip', 'skip'],
  ['unknown', 'unknown'],
]);
