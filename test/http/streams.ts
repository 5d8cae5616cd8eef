import type { EventView } from '../../src/http/contract.js';
import type { TestApi } from './api.js';

/** A connection that stays open, read piece by piece. */
export class OpenStream {
  private readonly decoder = new TextDecoder();
  text = '';

  private constructor(
    readonly response: Response,
    private readonly reader: ReadableStreamDefaultReader<Uint8Array>,
    private readonly abort: AbortController,
  ) {}

  static async open(
    api: TestApi,
    token: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<OpenStream> {
    const abort = new AbortController();
    const response = await fetch(api.url + path, {
      headers: { authorization: `Bearer ${token}`, ...headers },
      signal: abort.signal,
    });
    if (response.body === null) throw new Error('No body');
    return new OpenStream(response, response.body.getReader(), abort);
  }

  /** Reads until `enough`; false where the stream ended before. */
  async until(enough: (text: string) => boolean): Promise<boolean> {
    while (!enough(this.text)) {
      const { done, value } = await this.reader.read();
      if (done) return false;
      this.text += this.decoder.decode(value, { stream: true });
    }
    return true;
  }

  /** Reads to the end. */
  async rest(): Promise<string> {
    await this.until(() => false);
    return this.text;
  }

  /** The events so far. */
  events(): EventView[] {
    return this.text
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => block.split('\n').filter((line) => line.startsWith('data: ')))
      .map((line) => JSON.parse(line.slice(6)) as EventView);
  }

  /** The last id that the server gave. */
  lastId(): string {
    return [...this.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? '';
  }

  /** Cuts the connection. */
  cut(): void {
    this.abort.abort();
    this.reader.cancel().catch(() => undefined);
  }
}
