import type { Writable } from 'node:stream';

const ESC = '\u001b';
const COLOUR_OR_CONTROL = new RegExp(`${ESC}\\[[0-9;]*m|\\p{Cc}`, 'gu');
const CUT_COLOUR = new RegExp(`${ESC}(?:\\[[0-9;]{0,20})?$`);

/**
 * Prints what a test printed: byte by byte into a pipe, and on a terminal without what would steer it, colours
 * excepted. A title, a cursor movement or a key programmed by a host is nothing that a person asked for.
 */
export class Output {
  private readonly decoder = new TextDecoder('utf-8');
  private kept = '';
  private endsLine = true;

  constructor(
    private readonly to: Writable,
    private readonly isTerminal: boolean,
  ) {}

  write(chunk: Uint8Array): void {
    if (!this.isTerminal) {
      this.to.write(chunk);
      return;
    }
    const text = this.kept + this.decoder.decode(chunk, { stream: true });
    // A colour may be cut in two by the end of a piece.
    const cut = CUT_COLOUR.exec(text)?.index ?? text.length;
    this.kept = text.slice(cut);
    this.say(text.slice(0, cut));
  }

  /** What was left, and the end of a last line that has none, so that ours begins in a line of its own. */
  end(): void {
    if (!this.isTerminal) return;
    this.say(this.kept + this.decoder.decode());
    this.kept = '';
    if (!this.endsLine) this.to.write('\n');
    this.endsLine = true;
  }

  private say(text: string): void {
    if (text === '') return;
    const safe = harmless(text);
    this.to.write(safe);
    this.endsLine = safe.replace(COLOUR_OR_CONTROL, (found) => (found === '\n' ? found : '')).endsWith('\n');
  }
}

/** Text without control characters, except tab, line ends and colours. */
export function harmless(text: string): string {
  return text.replace(COLOUR_OR_CONTROL, (found) =>
    found.length > 1 || /[\t\n\r]/.test(found) ? found : '',
  );
}
