import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** A letter as it came. */
interface Letter {
  readonly to: readonly string[];
  readonly raw: string;
}

/** Takes any letter on loopback, passes none on, and shows them on a page, the newest first. */
export class LabMail {
  readonly letters: Letter[] = [];
  private readonly smtp: SMTPServer;
  private readonly http: Server;

  private constructor() {
    this.smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const to = session.envelope.rcptTo.map(({ address }) => address);
          this.letters.push({ to, raw: Buffer.concat(chunks).toString('utf8') });
          done();
        });
      },
    });
    // A client that goes away in the middle is no reason to end.
    this.smtp.on('error', () => {});
    this.http = createServer((_, response) => {
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': "default-src 'none'",
      });
      response.end(this.page());
    });
  }

  static async start(): Promise<LabMail> {
    const mail = new LabMail();
    await Promise.all([
      new Promise<void>((resolve) => void mail.smtp.listen(0, '127.0.0.1', resolve)),
      new Promise<void>((resolve) => void mail.http.listen(0, '127.0.0.1', resolve)),
    ]);
    return mail;
  }

  /** Where letters go. */
  get smtpUrl(): string {
    return `smtp://127.0.0.1:${(this.smtp.server.address() as AddressInfo).port}`;
  }

  /** Where they are read. */
  get pageUrl(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.http.closeAllConnections();
    await Promise.all([
      new Promise<void>((resolve) => this.smtp.close(() => resolve())),
      new Promise<void>((resolve) => void this.http.close(() => resolve())),
    ]);
  }

  private page(): string {
    const letters = [...this.letters].reverse();
    const shown = letters.map(
      ({ to, raw }) => `<h2>to ${escaped(to.join(', '))}</h2><pre>${escaped(raw)}</pre>`,
    );
    const count = `${letters.length} ${letters.length === 1 ? 'letter' : 'letters'}`;
    return `<!doctype html><meta charset="utf-8"><title>${count}</title><h1>${count}</h1>${shown.join('<hr>')}`;
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
