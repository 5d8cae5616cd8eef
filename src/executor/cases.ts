import type { AttemptEvent } from '../protocol/messages.js';

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
    this.emit({
      kind: 'case',
      role: this.role,
      seq: ++this.seq,
      name,
      result,
      message: message.slice(0, 4000),
      ...measurement,
    });
    return 'ok';
  }
}
