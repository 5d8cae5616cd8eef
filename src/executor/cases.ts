import type { AttemptEvent } from '../protocol/messages.js';

type Case = Extract<AttemptEvent, { readonly kind: 'case' }>;

/** A case before it has its number and place. */
export type NewCase = Pick<Case, 'name' | 'result' | 'message' | 'measurement' | 'at'>;

/** More cases than this are refused in one attempt. */
export const MOST_CASES = 10_000;

/** Records cases; keeps count over the attempt. */
export class Cases {
  private seq = 0;

  constructor(
    private readonly role: string,
    private readonly emit: (event: AttemptEvent) => void,
    /** Where it was told that is recorded at byte `at`: tests may tell all of them again at their end. */
    private readonly placeOf: (name: string, result: string, at: number) => number = (_name, _result, at) =>
      at,
  ) {}

  /** Records what the helper `testyard-case` said: 'ok', or why it is not recorded. */
  take(words: readonly string[], at: number): string {
    const [name = '', result = '', raw = '', unit = '', message = ''] = words;
    if (words.length !== 5) return 'not understood';
    if (result !== 'pass' && result !== 'fail' && result !== 'skip') return 'a result is pass, fail or skip';
    return this.record({ name, result, message, at, ...measured(raw, unit) }) ?? 'ok';
  }

  /** Records a case; why not, where it is not: a name without end, or too many. */
  record(one: NewCase): string | undefined {
    if (one.name === '' || one.name.length > 500) return 'a name has 1 to 500 characters';
    const { raw = '', unit = '' } = one.measurement ?? {};
    if (raw.length > 200 || unit.length > 50) return 'the measurement is too long';
    if (this.seq >= MOST_CASES) return `more than ${MOST_CASES} cases`;
    this.tell(one);
    return undefined;
  }

  /** Records one as the last, however many there were. */
  recordLast(one: NewCase): void {
    this.tell(one);
  }

  private tell(one: NewCase): void {
    this.emit({
      kind: 'case',
      role: this.role,
      seq: ++this.seq,
      ...one,
      ...(one.at === undefined ? {} : { at: this.placeOf(one.name, one.result, one.at) }),
      message: one.message.slice(0, 4000),
    });
  }
}

/** A measurement as a part of a case, where there is one. */
export function measured(raw: string, unit: string): Pick<NewCase, 'measurement'> {
  return raw === '' && unit === '' ? {} : { measurement: { raw, unit } };
}
