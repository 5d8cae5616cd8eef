import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import type { Package } from './lava-packages.js';

const exec = promisify(execFile);

/** What one host is offered: packages, and how the mirror fails it. */
export interface Offer {
  readonly packages: readonly Package[];
  /** The index knows packages that the mirror does not have, or gives other bytes. */
  readonly pool?: 'gone' | 'damaged';
  /** The text that definitions fetch is not there. */
  readonly withoutCorpus?: boolean;
  /** Everything is answered with this. */
  readonly status?: number;
}

/** A mirror on an address of its own, so that a host can lose the way to it and be reached all the same. */
export class Mirror {
  private readonly offers = new Map<string, Offer>();
  private readonly server: Server;

  private constructor(readonly address: string) {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  static async open(): Promise<Mirror> {
    // Set aside for documentation (RFC 5737): no real network is hidden by it.
    const mirror = new Mirror(`203.0.113.${1 + (process.pid % 250)}`);
    await exec('ip', ['addr', 'add', `${mirror.address}/32`, 'dev', 'lo']);
    await new Promise<void>((resolve, reject) => {
      mirror.server.once('error', reject);
      mirror.server.listen(0, mirror.address, resolve);
    });
    return mirror;
  }

  /** Makes an offer under a name, and gives its address. */
  offer(name: string, offer: Offer): string {
    this.offers.set(name, offer);
    return `http://${this.address}:${(this.server.address() as AddressInfo).port}/${name}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await exec('ip', ['addr', 'del', `${this.address}/32`, 'dev', 'lo']);
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const [, name = '', ...rest] = decodeURIComponent(request.url ?? '').split('/');
    const offer = this.offers.get(name);
    const bytes =
      offer === undefined ? undefined : bytesOf(offer, rest.filter((part) => part !== '.').join('/'));
    const status = offer?.status ?? (bytes === undefined ? 404 : 200);
    const body = status === 200 ? (bytes ?? Buffer.alloc(0)) : Buffer.from(`${status}\n`);
    response.writeHead(status, { 'content-length': body.length, 'content-type': 'application/octet-stream' });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

function bytesOf({ packages, pool, withoutCorpus }: Offer, file: string): Buffer | undefined {
  if (file === 'corpus.txt') return withoutCorpus ? undefined : CORPUS;
  if (file === 'Packages') return index(packages);
  if (file === 'Release') {
    const bytes = index(packages);
    const sum = createHash('sha256').update(bytes).digest('hex');
    return Buffer.from(
      `Origin: Harbour\nDate: ${new Date().toUTCString()}\nSHA256:\n ${sum} ${bytes.length} Packages\n`,
    );
  }
  const found = packages.find((one) => `pool/${one.file}` === file);
  if (found === undefined || pool === 'gone') return undefined;
  return pool === 'damaged' ? Buffer.alloc(found.bytes.length, 'x') : found.bytes;
}

function index(packages: readonly Package[]): Buffer {
  return Buffer.from(packages.map(({ stanza, file }) => `${stanza}\nFilename: ./pool/${file}\n\n`).join(''));
}

/** Forty lines of eight words. */
const CORPUS = Buffer.from(
  Array.from({ length: 40 }, (_, line) => `line ${line} of the text that is counted\n`).join(''),
);
