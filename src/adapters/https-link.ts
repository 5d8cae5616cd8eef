import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { BlobMissing } from '../ports/blobs.js';
import { GridLink } from '../protocol/grid-link.js';
import type {
  Claim,
  Claimed,
  Keep,
  Kept,
  Register,
  Registered,
  Renew,
  Renewed,
  Report,
  Reported,
} from '../protocol/messages.js';
import { LeaseDead, Refused } from '../protocol/terms.js';

/** Where the grid is and how an executor proves who it is. */
export interface HttpsLinkOptions {
  /** Address of the API, `https://grid.example:8443`; plain http only to this machine. */
  readonly base: string;
  readonly token: string;
  /** SHA-256 of the grid's certificate, 64 hex digits with or without colons; needed for https. */
  readonly fingerprint256?: string;
  /** How long an answer may take, beyond what a claim waits. */
  readonly timeoutMs?: number;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const MOST_ANSWER_BYTES = 256 * 1024 * 1024;

/** The grid over HTTPS, known by the fingerprint of its certificate. */
export class HttpsLink extends GridLink {
  private readonly base: URL;
  private readonly pinned: string;
  private readonly timeoutMs: number;
  private readonly agent: HttpAgent | HttpsAgent;
  /** Apart, so that long downloads hold up no report, and few at a time. */
  private readonly blobAgent: HttpAgent | HttpsAgent;

  constructor(private readonly options: HttpsLinkOptions) {
    super();
    this.base = new URL(options.base);
    this.pinned = digits(options.fingerprint256 ?? '');
    this.timeoutMs = options.timeoutMs ?? 30_000;
    const isPlain = this.base.protocol === 'http:';
    if (isPlain && !LOOPBACK.has(this.base.hostname)) {
      throw new Error(`${options.base}: without https a grid is only asked on this machine`);
    }
    if (!isPlain && this.base.protocol !== 'https:')
      throw new Error(`${options.base} is no address of a grid`);
    if (!isPlain && !/^[0-9a-f]{64}$/.test(this.pinned)) {
      throw new Error('the fingerprint of the certificate is the SHA-256 in 64 hex digits');
    }
    const agentOf = (maxSockets: number) => {
      const keep = { keepAlive: true, maxSockets, maxCachedSessions: 0 };
      return isPlain ? new HttpAgent(keep) : new HttpsAgent({ ...keep, rejectUnauthorized: false });
    };
    this.agent = agentOf(16);
    this.blobAgent = agentOf(4);
  }

  override register(request: Register): Promise<Registered> {
    return this.post('register', request, 0) as Promise<Registered>;
  }

  override claim(request: Claim): Promise<Claimed> {
    return this.post('claim', request, request.waitMs) as Promise<Claimed>;
  }

  override renew(request: Renew): Promise<Renewed> {
    return this.post('renew', request, 0) as Promise<Renewed>;
  }

  override report(request: Report): Promise<Reported> {
    return this.post('report', request, 0) as Promise<Reported>;
  }

  override keep(request: Keep): Promise<Kept> {
    return this.post('keep', request, 0) as Promise<Kept>;
  }

  override async release(lease: string, reason: string): Promise<void> {
    await this.post('release', { lease, reason }, 0);
  }

  override blob(lease: string, digest: string): Promise<Readable> {
    return new Promise((resolve, reject) => {
      const request = this.ask('GET', `blobs/${digest}?lease=${lease}`, this.blobAgent);
      // Of the socket, and so from when there is one: others may be fetching.
      request.setTimeout(this.timeoutMs, () =>
        request.destroy(new Error('the grid sends nothing of a blob')),
      );
      request.on('error', reject);
      request.once('response', (response) => {
        if (response.statusCode === 200) return resolve(response);
        gathered(request, response)
          .then((body) => {
            if (response.statusCode === 404) throw new BlobMissing(digest);
            readAnswer('blob', response.statusCode ?? 0, body);
            throw new Error(`the grid answered blob with ${response.statusCode}`);
          }, reject)
          .catch(reject);
      });
    });
  }

  /** Closes idle connections. */
  close(): void {
    this.agent.destroy();
    this.blobAgent.destroy();
  }

  private post(method: string, content: unknown, waitMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = this.ask('POST', method, this.agent, Buffer.from(JSON.stringify(content)));
      const deadline = setTimeout(
        () => request.destroy(new Error(`the grid did not answer ${method} in time`)),
        this.timeoutMs + waitMs,
      );
      request.once('close', () => clearTimeout(deadline));
      request.once('error', reject);
      request.once('response', (response) => {
        gathered(request, response)
          .then((body) => readAnswer(method, response.statusCode ?? 0, body))
          .then(resolve, reject);
      });
    });
  }

  /** Begins a request, which goes out once the grid is known to be the grid. */
  private ask(
    verb: 'GET' | 'POST',
    what: string,
    agent: HttpAgent | HttpsAgent,
    body?: Buffer,
  ): ClientRequest {
    const isPlain = this.base.protocol === 'http:';
    const ask = isPlain ? httpRequest : httpsRequest;
    const request = ask({
      host: this.base.hostname.replace(/^\[|\]$/g, ''),
      port: this.base.port || (isPlain ? 80 : 443),
      path: `${this.base.pathname.replace(/\/$/, '')}/executor/v1/${what}`,
      method: verb,
      agent,
      headers:
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length },
    });
    const send = () => {
      request.setHeader('authorization', `Bearer ${this.options.token}`);
      request.end(body);
    };
    if (isPlain) send();
    // The token goes out only when the certificate is known to be the grid's.
    else request.once('socket', (socket) => this.whenPinned(request, socket as TLSSocket, send));
    return request;
  }

  private whenPinned(request: ClientRequest, socket: TLSSocket, send: () => void): void {
    const check = () => {
      const shown = digits(socket.getPeerCertificate().fingerprint256 ?? '');
      if (shown === this.pinned) return send();
      const why = `the grid shows certificate ${shown || 'none'}, and ${this.pinned} is pinned`;
      request.destroy(new Refused(why, false));
    };
    if (socket.getPeerCertificate?.()?.fingerprint256 !== undefined) check();
    else socket.once('secureConnect', check);
  }
}

/** All of an answer. */
function gathered(request: ClientRequest, response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_ANSWER_BYTES) request.destroy(new Error('the answer of the grid is too long'));
      else chunks.push(chunk);
    });
    response.once('error', reject);
    response.once('end', () => resolve(Buffer.concat(chunks)));
  });
}

function digits(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}

function readAnswer(method: string, status: number, body: Buffer): unknown {
  const text = body.toString('utf8');
  if (status >= 200 && status < 300) return text === '' ? undefined : JSON.parse(text);
  const problem = readProblem(text);
  const said = problem.detail ?? problem.title ?? text.slice(0, 200);
  if (status === 409 && problem.type?.endsWith('/lease-dead')) throw new LeaseDead(said);
  const why = `the grid answered ${method} with ${status}: ${said}`;
  throw status === 401 || status === 403 ? new Refused(why, true) : new Error(why);
}

function readProblem(text: string): {
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
} {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
