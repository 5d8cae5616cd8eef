import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** A letter as it came over the wire. */
export interface Received {
  readonly to: readonly string[];
  /** By name in small letters; a name that is there twice has both, with a line between. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A mail server on loopback that keeps what it is given. */
export class MailServer {
  readonly letters: Received[] = [];
  /** What it does with the next letters before it takes them over; an error refuses. */
  onLetter: (letter: Received) => Promise<void> | void = () => {};
  /** Refuses recipients with this answer. */
  refuse: ((address: string) => string | undefined) | undefined;
  private readonly server: SMTPServer;

  private constructor(options: ConstructorParameters<typeof SMTPServer>[0] = {}) {
    this.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      ...options,
      onRcptTo: ({ address }, _, done) => {
        const why = this.refuse?.(address);
        done(why === undefined ? null : Object.assign(new Error(why), { responseCode: 550 }));
      },
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', async () => {
          const to = session.envelope.rcptTo.map(({ address }) => address);
          const letter = received(Buffer.concat(chunks).toString('utf8'), to);
          try {
            await this.onLetter(letter);
            this.letters.push(letter);
            done();
          } catch (error) {
            done(error as Error);
          }
        });
      },
    });
    this.server.on('error', () => {});
  }

  static async start(options: ConstructorParameters<typeof SMTPServer>[0] = {}): Promise<MailServer> {
    const made = new MailServer(options);
    await new Promise<void>((resolve) => void made.server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

function received(raw: string, to: readonly string[]): Received {
  const end = raw.indexOf('\r\n\r\n');
  const headers: Record<string, string> = {};
  for (const line of raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const [name = '', ...value] = line.split(':');
    const key = name.toLowerCase();
    const text = value.join(':').trim();
    headers[key] = headers[key] === undefined ? text : `${headers[key]}\n${text}`;
  }
  const body = raw.slice(end + 4);
  const text = headers['content-transfer-encoding'] === 'quoted-printable' ? unquoted(body) : body;
  return { to, headers, text: text.replace(/\r\n/g, '\n') };
}

function unquoted(body: string): string {
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
