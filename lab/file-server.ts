import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { haveServiceAddress } from './service-address.js';

/** The files of a folder by HTTP, which can be out of order as servers are. */
export class FileServer {
  /** What was asked for, in order. */
  readonly asked: string[] = [];
  private server: Server | undefined;
  private port = 0;
  private slowMs = 0;

  private constructor(private readonly folder: string) {}

  static async start(folder: string): Promise<FileServer> {
    const server = new FileServer(folder);
    await server.up();
    return server;
  }

  get url(): string {
    return `http://${haveServiceAddress()}:${this.port}`;
  }

  /** Serves, at the address that it had before. */
  async up(): Promise<void> {
    const server = createServer((request, response) => {
      const name = decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/');
      this.asked.push(name);
      const file = path.join(this.folder, path.normalize(name));
      stat(file).then(
        (about) => {
          if (!about.isFile()) return void response.writeHead(404).end();
          const head = { 'content-length': about.size, 'last-modified': about.mtime.toUTCString() };
          response.writeHead(200, head);
          setTimeout(() => createReadStream(file).pipe(response), this.slowMs);
        },
        () => response.writeHead(404).end(),
      );
    });
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, haveServiceAddress(), resolve);
    });
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  /** Nothing answers at its address any more. */
  async down(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  /** Each file takes so much longer to begin. */
  slow(ms: number): void {
    this.slowMs = ms;
  }
}
