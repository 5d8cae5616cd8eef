import type { AttemptEvent } from '../protocol/messages.js';

type Case = Extract<AttemptEvent, { readonly kind: 'case' }>;

/** More cases than this are refused in one attempt. */
export const MOST_CASES = 10_000;

/** Reads the helper's lines; keeps count over the attempt. */
export class Cases {
  private seq = 0;

  constructor(
    private readonly role: string,
    private readonly emit: (event: AttemptEvent) => void,
  ) {}

  /** Records one line: 'ok', or why it is not recorded. */
  take(payload: string): string {
    const fields = Buffer.from(payload, 'base64').toString('utf8').split('\0');
    const [name = '', result = '', raw = '', unit = '', message = ''] = fields;
    if (fields.length !== 6) return 'not understood';
    if (name === '' || name.length > 500) return 'a name has 1 to 500 characters';
    if (result !== 'pass' && result !== 'fail' && result !== 'skip') return 'a result is pass, fail or skip';
    if (raw.length > 200 || unit.length > 50) return 'the measurement is too long';
    if (this.seq >= MOST_CASES) return `more than ${MOST_CASES} cases`;
    const measurement = raw === '' ? {} : { measurement: { raw, unit } };
    this.record({ name, result, message: message.slice(0, 4000), ...measurement });
    return 'ok';
  }

  /** Records a case that was printed; false where there are too many, unless it is to be the last. */
  add(one: Pick<Case, 'name' | 'result' | 'message'>, isLast = false): boolean {
    if (this.seq >= MOST_CASES && !isLast) return false;
    this.record(one);
    return true;
  }

  private record(one: Pick<Case, 'name' | 'result' | 'message' | 'measurement'>): void {
    this.emit({ kind: 'case', role: this.role, seq: ++this.seq, ...one });
  }
}
