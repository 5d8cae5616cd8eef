import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { Failure } from './failure.js';

/**
 * The number under which this user of this machine works on a host: another than any that a grid gives its hosts, and
 * always the same, so that what an interrupted run has left there is ended by the next one.
 */
export function seatOf(host: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([hostname(), userInfo().uid, host]))
    .digest();
  return String(9_000_000_000_000 + digest.readUIntBE(0, 5));
}

/**
 * Keeps a second `testyard run` of the same user from the host, which would end what the first one has running
 * there. It is given back by the function that comes back, and by the kernel when this process ends.
 */
export function takeSeat(host: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      const why = isTaken
        ? `another 'testyard run' of yours works on ${host}: wait until it has ended`
        : error.message;
      reject(new Failure(why));
    });
    // An abstract name: no file is left behind.
    server.listen(`\0testyard-run-${seatOf(host)}`, () => {
      server.unref();
      resolve(() => server.close());
    });
  });
}
