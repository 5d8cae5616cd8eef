import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const CACHE = path.join(process.env['TESTYARD_LAB'] ?? '/var/cache/testyard-lab', 'packages');
/** Indices change; a package of one version does not. */
const INDEX_LASTS_MS = 6 * 3_600_000;
const PATIENCE_MS = 120_000;
/** The mirror's answers that are worth telling a host as they are. */
const MISSING = 404;

/**
 * A proxy for the package managers of light hosts: it fetches from the mirrors that this machine itself uses, and from
 * nowhere else, and keeps what it fetched. What a test wants from the network beside packages it cannot have.
 */
export class PackageProxy {
  private readonly server: Server;
  private readonly coming = new Map<string, Promise<string | number>>();

  private constructor(
    readonly address: string,
    /** As lines of a list of sources. */
    readonly sources: readonly string[],
    private readonly mirrors: ReadonlySet<string>,
  ) {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async open(): Promise<PackageProxy> {
    const { stdout } = await exec('apt-get', [
      ...['indextargets', '--format', 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)'],
      ...['Created-By: Packages', 'Origin: Debian'],
    ]);
    const sources = [...new Set(stdout.trim().split('\n'))].filter((line) => line.startsWith('deb http://'));
    const mirrors = new Set(sources.map((line) => new URL(line.split(' ')[1] ?? '').host));
    if (sources.length === 0) throw new Error('apt knows no Debian source over http on this machine');
    // Set aside for documentation (RFC 5737): no real network is hidden by it.
    const proxy = new PackageProxy(`198.51.100.${1 + (process.pid % 250)}`, sources, mirrors);
    await mkdir(CACHE, { recursive: true });
    await exec('ip', ['addr', 'add', `${proxy.address}/32`, 'dev', 'lo']);
    await new Promise<void>((resolve, reject) => {
      proxy.server.once('error', reject);
      proxy.server.listen(0, proxy.address, resolve);
    });
    return proxy;
  }

  /** Shell lines that make a host's apt ask here. */
  get lines(): readonly string[] {
    const { port } = this.server.address() as AddressInfo;
    return [
      `echo 'Acquire::http::Proxy "http://${this.address}:${port}";' >/etc/apt/apt.conf.d/90proxy`,
      'apt-get update -q >/dev/null || :',
    ];
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await exec('ip', ['addr', 'del', `${this.address}/32`, 'dev', 'lo']);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = await this.find(request.url ?? '').catch(() => 502);
    if (typeof found === 'number') {
      response.writeHead(found, { 'content-length': 0 }).end();
      return;
    }
    const { size, mtime } = await stat(found);
    response.writeHead(200, { 'content-length': size, 'last-modified': mtime.toUTCString() });
    if (request.method === 'HEAD') response.end();
    else await pipeline(createReadStream(found), response).catch(() => response.destroy());
  }

  /** The file in the cache, or the status that says why there is none. */
  private async find(address: string): Promise<string | number> {
    if (!URL.canParse(address) || !this.mirrors.has(new URL(address).host)) return 403;
    const file = path.join(CACHE, createHash('sha256').update(address).digest('hex'));
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: 0 }));
    const lasts = /\.deb$|\/by-hash\//.test(address) ? Number.POSITIVE_INFINITY : INDEX_LASTS_MS;
    if (mtimeMs > 0 && Date.now() - mtimeMs < lasts) return file;
    // Several hosts that want the same wait for one download.
    const coming = this.coming.get(address) ?? fetched(address, file);
    this.coming.set(address, coming);
    return coming.finally(() => this.coming.delete(address));
  }
}

async function fetched(address: string, file: string): Promise<string | number> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get(address, { timeout: PATIENCE_MS }, resolve);
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject);
  });
  if (answer.statusCode !== 200) {
    answer.resume();
    return answer.statusCode === MISSING ? MISSING : 502;
  }
  const part = `${file}.${process.pid}`;
  try {
    await pipeline(answer, createWriteStream(part));
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
  return file;
}
