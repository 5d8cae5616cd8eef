import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** A request as bytes: nothing of it is put right by a client. */
export interface Sent {
  readonly method: string;
  /** From the first slash on, encoded as it is to be sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  /** Sent in pieces, without saying how long it is. */
  readonly chunked?: boolean;
}

/** What came back. */
export interface Heard {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Of a stream only what came with its head. */
  readonly text: string;
}

/** An answer takes so long at most, on a machine that does other things too. */
const PATIENCE_MS = 20_000;

/** Sends it, and hangs up on an answer that is a stream. */
export function send(url: string, sent: Sent, agent: Agent): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const body = sent.body === undefined ? undefined : Buffer.from(sent.body);
    const length = body === undefined || sent.chunked ? {} : { 'content-length': String(body.length) };
    const headers = { ...length, ...sent.headers };
    const asked = request({ hostname, port, method: sent.method, path: sent.path, headers, agent });
    const late = setTimeout(
      () => asked.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)),
      PATIENCE_MS,
    );
    let status = 0;
    asked.once('response', (response) => {
      status = response.statusCode ?? 0;
      const done = (text: string) => {
        clearTimeout(late);
        resolve({ status, headers: response.headers, text });
      };
      if (/event-stream/.test(response.headers['content-type'] ?? '') || /follow=true/.test(sent.path)) {
        done('');
        response.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => done(Buffer.concat(chunks).toString()));
      response.once('error', reject);
    });
    asked.once('error', (error) => {
      clearTimeout(late);
      // A refusal may be said before all of a large body was read: then the rest of it finds nobody.
      if (status === 0) reject(error);
    });
    if (body !== undefined && sent.chunked) {
      for (let at = 0; at < body.length; at += 65_536) asked.write(body.subarray(at, at + 65_536));
    } else if (body !== undefined) asked.write(body);
    asked.end();
  });
}

/** Connections that are used again. */
export const connections = () => new Agent({ keepAlive: true, maxSockets: 4 });
